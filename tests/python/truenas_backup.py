"""Makes a configuration backup as TrueNAS does: truenas_backup.py DIRECTORY KIND SECRET DIGITS INTERVAL.

KIND is 22.12 (one secret, the machine's) or 23.10 (one for each account). It leaves freenas-v1.db,
pwenc_secret and backup.tar in the directory.
"""

import base64
import os
import sqlite3
import sys
import tarfile

from Crypto.Cipher import AES
from Crypto.Util import Counter

BLOCK = 32
PADDING = b"{"

# As SQLAlchemy and Alembic write them.
ACCOUNTS = """CREATE TABLE "account_bsdusers" (
    id INTEGER NOT NULL,
    bsdusr_uid INTEGER NOT NULL,
    bsdusr_username VARCHAR(16) DEFAULT 'User &' NOT NULL,
    bsdusr_unixhash VARCHAR(128) DEFAULT '*' NOT NULL,
    CONSTRAINT pk_account_bsdusers PRIMARY KEY (id)
)"""
MACHINE = {
    "22.12": """CREATE TABLE system_twofactorauthentication (
    id INTEGER NOT NULL,
    otp_digits INTEGER NOT NULL,
    secret VARCHAR(16),
    "window" INTEGER NOT NULL,
    interval INTEGER NOT NULL,
    services TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    PRIMARY KEY (id), CHECK (enabled IN (0, 1))
)""",
    "23.10": """CREATE TABLE "system_twofactorauthentication" (
    "id" INTEGER NOT NULL,
    "window" INTEGER NOT NULL,
    "services" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL,
    CONSTRAINT "pk_system_twofactorauthentication" PRIMARY KEY ("id")
)""",
}
OF_ACCOUNTS = """CREATE TABLE account_twofactor_user_auth (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    secret VARCHAR(16),
    user_id INTEGER,
    user_sid VARCHAR(255),
    interval INTEGER DEFAULT '30' NOT NULL,
    otp_digits INTEGER DEFAULT '6' NOT NULL,
    CONSTRAINT fk_user FOREIGN KEY(user_id) REFERENCES account_bsdusers (id) ON DELETE CASCADE
)"""


def sealed(key: bytes, text: str) -> str:
    nonce = os.urandom(8)
    plain = text.encode()
    plain += (BLOCK - len(plain) % BLOCK) * PADDING
    cipher = AES.new(key, AES.MODE_CTR, counter=Counter.new(64, prefix=nonce))
    return base64.b64encode(nonce + cipher.encrypt(plain)).decode()


def fill(db: sqlite3.Connection, kind: str, secret: str, digits: int, interval: int) -> None:
    # Much else is in such a file: pages before and after the ones that matter.
    db.execute("CREATE TABLE django_session (session_key VARCHAR(40) PRIMARY KEY, session_data TEXT)")
    rows = [(f"{number:040}", "x" * (number * 13 % 3000)) for number in range(400)]
    db.executemany("INSERT INTO django_session VALUES (?, ?)", rows)
    db.execute(ACCOUNTS)
    people = [(1, 0, "root"), (35, 71001, "alice"), (36, 71002, "bob")]
    db.executemany("INSERT INTO account_bsdusers (id, bsdusr_uid, bsdusr_username) VALUES (?, ?, ?)", people)
    db.execute(MACHINE[kind])
    if kind == "22.12":
        db.execute(
            "INSERT INTO system_twofactorauthentication VALUES (1, ?, ?, 1, ?, '{\"ssh\": true}', 1)",
            (digits, secret, interval),
        )
        return
    db.execute("INSERT INTO system_twofactorauthentication VALUES (1, 0, '{}', 1)")
    db.execute(OF_ACCOUNTS)
    insert = "INSERT INTO account_twofactor_user_auth (secret, user_id, user_sid, interval, otp_digits) VALUES (?, ?, ?, ?, ?)"
    db.executemany(
        insert,
        [
            (None, 1, None, 30, 6),
            (secret, 35, None, interval, digits),
            (secret, None, "S-1-5-21-1-2-3-1106", interval, digits),
        ],
    )


def main(directory: str, kind: str, secret: str, digits: str, interval: str) -> None:
    os.chdir(directory)
    key = os.urandom(BLOCK)
    with open("pwenc_secret", "wb") as file:
        file.write(key)
    db = sqlite3.connect("freenas-v1.db")
    fill(db, kind, sealed(key, secret), int(digits), int(interval))
    db.commit()
    db.close()
    with tarfile.open("backup.tar", "w") as tar:
        tar.add("freenas-v1.db")
        tar.add("pwenc_secret")


main(*sys.argv[1:])
