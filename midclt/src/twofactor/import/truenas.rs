//! A backup of TrueNAS's configuration: `freenas-v1.db`, alone or in an archive with `pwenc_secret`, the
//! key of the secrets in it. Up to 22.12 the machine has one secret, which is root's here; later each
//! account has its own.

use aes::Aes256;
use ctr::Ctr64BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::google::is_secret;
use super::sqlite::{Database, MAGIC, Row, Table};
use super::{Found, Known, tar};
use crate::failure::Failure;

/// The table of 22.12, and those of later releases.
const MACHINE: &str = "system_twofactorauthentication";
const OF_ACCOUNTS: &str = "account_twofactor_user_auth";
const ACCOUNTS: &str = "account_bsdusers";

/// The names in the archive.
const DATABASE: &str = "freenas-v1.db";
const KEY: &str = "pwenc_secret";

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 8;

/// What a secret is filled up with before it is encrypted.
const PADDING: u8 = b'{';

/// Why nothing is taken over, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    why: String,
    cure: &'static [&'static str],
}

impl Refused {
    fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            cure: &[],
        }
    }

    /// What a person reads who gave this file.
    pub(super) fn failure(&self, file: &str) -> Failure {
        let cure = self.cure.iter().map(|line| format!("midclt: {line}"));
        Failure::told(format!("midclt: {file}: {}", self.why)).with(cure)
    }
}

/// Whether it looks like such a backup.
pub(super) fn is_backup(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) || tar::is_archive(bytes)
}

/// What is in a backup; `key` is what was given besides.
pub(super) fn parse(bytes: &[u8], key: Option<&[u8]>) -> Result<Found, Refused> {
    let why = |why: &str| Refused::new(why);
    let (bytes, packed) = if tar::is_archive(bytes) {
        let database = tar::file(bytes, DATABASE).map_err(why)?;
        let database = database.ok_or_else(|| why("the archive has no freenas-v1.db"))?;
        (database, tar::file(bytes, KEY).map_err(why)?)
    } else {
        (bytes, None)
    };
    let database = Database::open(bytes).map_err(why)?;
    let table = |name| database.table(name).map_err(why);
    let machine = table(MACHINE)?;
    let machine = machine.ok_or_else(|| why("it is no configuration of TrueNAS 20.10 or later"))?;
    let sealed = if machine.has("secret") {
        of_machine(&machine)
    } else {
        let (secrets, people) = (table(OF_ACCOUNTS)?, table(ACCOUNTS)?);
        of_accounts(&machine, secrets.as_ref(), people.as_ref())
    };
    let mut found = Found::default();
    if sealed.is_empty() {
        found.remarks.push("nobody has a secret in it".to_owned());
        return Ok(found);
    }
    if machine.rows().any(|row| row.integer("window") > Some(0)) {
        let remark = "its window is not taken over: the window is this machine's";
        found.remarks.push(remark.to_owned());
    }
    let cipher = Cipher::new(key.or(packed))?;
    for sealed in sealed {
        found.known.push(cipher.opened(sealed)?);
    }
    Ok(found)
}

/// A device whose secret is still encrypted.
struct Sealed {
    user: String,
    secret: String,
    otp_digits: Option<u32>,
    interval: Option<u32>,
}

impl Sealed {
    /// From the row that has the secret, and one that has the rest where that one has not.
    fn new(user: &str, row: &Row<'_>, rest: Option<&Row<'_>>) -> Option<Self> {
        let secret = row.text("secret").filter(|secret| !secret.is_empty())?;
        let number = |column| {
            let number = row.integer(column);
            let number = number.or_else(|| rest?.integer(column))?;
            u32::try_from(number).ok()
        };
        Some(Self {
            user: user.to_owned(),
            secret: secret.to_owned(),
            otp_digits: number("otp_digits"),
            interval: number("interval"),
        })
    }
}

/// As 22.12 and earlier have it.
fn of_machine(machine: &Table) -> Vec<Sealed> {
    let sealed = |row: Row<'_>| Sealed::new("root", &row, None);
    machine.rows().filter_map(sealed).collect()
}

/// As later releases have it. Accounts of a directory service have no row of their own.
fn of_accounts(machine: &Table, secrets: Option<&Table>, accounts: Option<&Table>) -> Vec<Sealed> {
    let (Some(secrets), Some(accounts)) = (secrets, accounts) else {
        return Vec::new();
    };
    let rest = machine.rows().next();
    let sealed = |row: Row<'_>| {
        let id = row.integer("user_id")?;
        let account = accounts.rows().find(|account| account.id == id)?;
        Sealed::new(account.text("bsdusr_username")?, &row, rest.as_ref())
    };
    secrets.rows().filter_map(sealed).collect()
}

/// What the secrets are encrypted with: AES-256 in counter mode, each after a nonce of its own.
struct Cipher(Zeroizing<[u8; KEY_BYTES]>);

impl Cipher {
    fn new(key: Option<&[u8]>) -> Result<Self, Refused> {
        let key = key.ok_or_else(|| Refused {
            why: "its secrets are encrypted, and the key is not in it".to_owned(),
            cure: &[
                "save the backup again with its password secret seed, or give the key:",
                "--key FILE, a copy of /data/pwenc_secret of that TrueNAS",
            ],
        })?;
        let key = <[u8; KEY_BYTES]>::try_from(key).map_err(|_| {
            let length = key.len();
            Refused::new(format!(
                "the key has {length} bytes, not the {KEY_BYTES} of a pwenc_secret"
            ))
        })?;
        Ok(Self(Zeroizing::new(key)))
    }

    fn opened(&self, sealed: Sealed) -> Result<Known, Refused> {
        let secret = self.secret(&sealed.secret).ok_or_else(|| Refused {
            why: format!("the key does not open the secret of '{}'", sealed.user),
            cure: &["it is the pwenc_secret of another TrueNAS, or of another time"],
        })?;
        Ok(Known {
            user: Some(sealed.user),
            secret,
            algorithm: None,
            otp_digits: sealed.otp_digits,
            interval: sealed.interval,
        })
    }

    /// The nonce, and then the secret in base32 and its padding. Any key makes something of it; what is
    /// no base32 was made by another.
    fn secret(&self, sealed: &str) -> Option<String> {
        let mut sealed = Zeroizing::new(BASE64.decode(sealed.as_bytes()).ok()?);
        let (nonce, secret) = sealed.split_at_mut_checked(NONCE_BYTES)?;
        // The counter of PyCryptodome starts at 1.
        let mut counter = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        counter.get_mut(..NONCE_BYTES)?.copy_from_slice(nonce);
        Ctr64BE::<Aes256>::new(&(*self.0).into(), &counter.into()).apply_keystream(secret);
        let length = secret.iter().rposition(|byte| *byte != PADDING)? + 1;
        let text = std::str::from_utf8(secret.get(..length)?).ok()?;
        is_secret(text).then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `PyCryptodome`: the key of bytes 0 to 31, the nonce of bytes 0 to 7.
    const SEALED: &str = "AAECAwQFBgeVGUZtpT0kUlxi5gaOqmySUn8tHwl4MF35lofsFe9Hng==";

    #[test]
    fn a_secret_opens_with_its_key_alone() {
        let key: Vec<u8> = (0..32).collect();
        let cipher = Cipher::new(Some(&key)).ok().unwrap();
        assert_eq!(cipher.secret(SEALED).as_deref(), Some("JBSWY3DPEHPK3PXP"));
        for damaged in ["", "AAECAwQFBgc=", "AAEC", "not base64!", &SEALED[..20]] {
            assert_eq!(cipher.secret(damaged), None, "{damaged}");
        }
        let other = Cipher::new(Some(&[9; 32])).ok().unwrap();
        assert_eq!(other.secret(SEALED), None);
        for length in [0, 31, 33] {
            assert!(Cipher::new(Some(&vec![7; length])).is_err(), "{length}");
        }
    }
}
