-- Accounts with several devices, and all that the one verifier remembers about them.
--
-- Release 1 still reads this file (see MIN_READER_VERSION), so what it does with it must be safe.

-- The latest wall-clock time that was seen. Dates that permit something are judged by the later of
-- it and the clock.
INSERT INTO meta (name, value) VALUES ('latest', 0);

-- Unix accounts that something is stored about. A name is stored once and belongs to one uid, so
-- that an account that was made again inherits nothing.
CREATE TABLE accounts (
    uid                  INTEGER PRIMARY KEY,
    record_version       INTEGER NOT NULL DEFAULT 1,
    name                 TEXT NOT NULL UNIQUE,
    -- Until when it needs no device.
    grace_until          INTEGER,
    -- Wrong codes after a proven password or key, since the last login.
    failures_since_login INTEGER NOT NULL DEFAULT 0,
    last_login           INTEGER,
    created              INTEGER NOT NULL
) STRICT;

CREATE INDEX accounts_in_grace ON accounts (grace_until) WHERE grace_until IS NOT NULL;

-- Release 1 knew one account.
INSERT INTO accounts (uid, name, created)
    SELECT 0, 'root', min(created) FROM devices WHERE uid = 0 HAVING count(*) > 0;

ALTER TABLE devices ADD COLUMN name TEXT NOT NULL DEFAULT 'phone';
-- NULL: active. Else the end of its enrolment.
ALTER TABLE devices ADD COLUMN pending_until INTEGER;
-- The floor while pending. Release 1 does not know pending devices, so that their floor, which it
-- does know, is the end of time: it refuses all their codes as used.
ALTER TABLE devices ADD COLUMN pending_floor INTEGER;
-- Which device goes when this one becomes active.
ALTER TABLE devices ADD COLUMN replaces INTEGER;

CREATE INDEX devices_pending ON devices (pending_until) WHERE pending_until IS NOT NULL;

-- Failures in a row. `account` is a uid, or -1 - N for the Nth bucket of unknown names; `kind` is
-- 0 for codes of devices and 1 for recovery codes. (Counters have no record_version: they are short-lived, and a
-- release that counts otherwise starts anew.)
CREATE TABLE streaks (
    account  INTEGER NOT NULL,
    source   TEXT NOT NULL,
    kind     INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    PRIMARY KEY (account, source, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX streaks_by_failures ON streaks (failures, last);

-- Failures of a source over all accounts, of each kind, and of an account over all unknown sources. Both
-- are forgotten steadily: `parts` is the level at `last`, 86,400 for each failure.
CREATE TABLE source_levels (
    source TEXT NOT NULL,
    kind   INTEGER NOT NULL,
    parts  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (source, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX source_levels_by_parts ON source_levels (parts, last);

CREATE TABLE account_levels (
    account INTEGER PRIMARY KEY,
    parts   INTEGER NOT NULL,
    last    INTEGER NOT NULL
) STRICT;

-- Where codes of an account were accepted, and when last. The writer keeps the newest eight.
CREATE TABLE known_sources (
    uid    INTEGER NOT NULL,
    source TEXT NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (uid, source)
) STRICT, WITHOUT ROWID;

-- Recovery codes, as hashes with one salt for a set. `saved` is NULL until somebody confirmed that
-- they are written down; until then the older set counts.
CREATE TABLE recovery_sets (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    record_version INTEGER NOT NULL DEFAULT 1,
    uid            INTEGER NOT NULL,
    salt           BLOB NOT NULL,
    created        INTEGER NOT NULL,
    saved          INTEGER
) STRICT;

CREATE INDEX recovery_sets_by_uid ON recovery_sets (uid);

CREATE TABLE recovery_codes (
    set_id   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    -- Empty once used.
    hash     BLOB NOT NULL,
    used     INTEGER,
    PRIMARY KEY (set_id, position)
) STRICT, WITHOUT ROWID;

-- Timed, counted permissions to skip the second factor; `uid` is NULL for everybody.
CREATE TABLE bypasses (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    record_version INTEGER NOT NULL DEFAULT 1,
    uid            INTEGER,
    until          INTEGER NOT NULL,
    -- The boot it dies with, and the second of it.
    boot_id        BLOB NOT NULL,
    boot_until     INTEGER NOT NULL,
    uses_left      INTEGER NOT NULL,
    reason         TEXT NOT NULL,
    created        INTEGER NOT NULL
) STRICT;

CREATE INDEX bypasses_by_uid ON bypasses (uid);

CREATE TABLE exemptions (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    record_version INTEGER NOT NULL DEFAULT 1,
    uid            INTEGER NOT NULL,
    until          INTEGER NOT NULL,
    reason         TEXT NOT NULL,
    created        INTEGER NOT NULL
) STRICT;

CREATE INDEX exemptions_by_uid ON exemptions (uid, until);

-- One-time invites for a first device, as hashes.
CREATE TABLE invites (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    record_version INTEGER NOT NULL DEFAULT 1,
    uid            INTEGER NOT NULL,
    hash           BLOB NOT NULL,
    until          INTEGER NOT NULL,
    created        INTEGER NOT NULL
) STRICT;

CREATE INDEX invites_by_uid ON invites (uid);

-- The one row of policy. Nothing in it is sealed.
CREATE TABLE policy (
    id                      INTEGER PRIMARY KEY CHECK (id = 1),
    record_version          INTEGER NOT NULL DEFAULT 1,
    -- Whether accounts without an active device are let in: DENY or ALLOW.
    unenrolled              TEXT NOT NULL DEFAULT 'DENY',
    grace_days              INTEGER NOT NULL DEFAULT 14,
    bypass_minutes_max      INTEGER NOT NULL DEFAULT 1440,
    bypass_uses_max         INTEGER NOT NULL DEFAULT 10,
    free_failures           INTEGER NOT NULL DEFAULT 5,
    first_wait_secs         INTEGER NOT NULL DEFAULT 30,
    source_failures         INTEGER NOT NULL DEFAULT 20,
    account_failures        INTEGER NOT NULL DEFAULT 100,
    account_forgets_per_day INTEGER NOT NULL DEFAULT 10,
    known_days              INTEGER NOT NULL DEFAULT 30
) STRICT;

INSERT INTO policy (id) VALUES (1);

ALTER TABLE audit ADD COLUMN account TEXT;
ALTER TABLE audit ADD COLUMN service TEXT;
ALTER TABLE audit ADD COLUMN source TEXT;
-- How often this happened.
ALTER TABLE audit ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
-- Set on entries that stand for all like them within this minute (counted from the epoch).
ALTER TABLE audit ADD COLUMN minute INTEGER;

CREATE UNIQUE INDEX audit_coalesced
    ON audit (minute, ifnull(source, ''), ifnull(account, ''), method, outcome)
    WHERE minute IS NOT NULL;
