//! Who somebody is: a Unix account, and whose budget an attempt is charged to.

use std::fmt;

use sha2::{Digest, Sha256};

/// A longer name is none. Linux allows 32 bytes, directories (LDAP, AD) some more.
const MAX_NAME_BYTES: usize = 256;

/// How many budgets all the names share that belong to no account.
const UNKNOWN_BUCKETS: u16 = 1024;

/// The canonical name of a Unix account: 1 to 256 bytes without `/` and control characters.
///
/// Canonical means "as getpwnam(3) returns it", because PAM hands over what was typed (`ALICE`).
/// State is never kept in files of this name (CVE-2023-42456); the rules are here so that a name
/// can stand in a line of a log or a provisioning URI.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

impl AccountName {
    /// `None` for the empty name, one over 256 bytes, and one with a `/` or a control character.
    #[must_use]
    pub fn new(name: &str) -> Option<AccountName> {
        let is_name = (1..=MAX_NAME_BYTES).contains(&name.len())
            && !name.contains(|c: char| c == '/' || c.is_control());
        is_name.then(|| AccountName(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A Unix account: its uid and its canonical name, both as getpwnam(3) returned them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user id; 0 is root.
    pub uid: u32,
    /// The canonical name.
    pub name: AccountName,
}

/// Whose budget an attempt is charged to.
///
/// Names of no account share 1,024 budgets, so that a flood of invented names takes no more room
/// than that, and a guesser cannot tell from the waits whether an account exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountKey {
    /// The account with this uid.
    Known(u32),
    /// One of the 1,024 budgets of all other names.
    Unknown(u16),
}

impl AccountKey {
    /// The budget of a name that belongs to no account.
    #[must_use]
    pub fn unknown(name: &str) -> AccountKey {
        let [high, low, ..]: [u8; 32] = Sha256::digest(name).into();
        AccountKey::Unknown(u16::from_be_bytes([high, low]) % UNKNOWN_BUCKETS)
    }

    /// The key as one number to store: the uid, or -1 and below for unknown names.
    #[must_use]
    pub fn to_i64(self) -> i64 {
        match self {
            AccountKey::Known(uid) => i64::from(uid),
            AccountKey::Unknown(bucket) => -1 - i64::from(bucket),
        }
    }

    /// Reads what [`to_i64`](AccountKey::to_i64) wrote. `None` for every other number.
    #[must_use]
    pub fn from_i64(number: i64) -> Option<AccountKey> {
        if let Ok(uid) = u32::try_from(number) {
            return Some(AccountKey::Known(uid));
        }
        let bucket = u16::try_from(number.checked_neg()?.checked_sub(1)?).ok()?;
        (bucket < UNKNOWN_BUCKETS).then_some(AccountKey::Unknown(bucket))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{AccountKey, AccountName, UNKNOWN_BUCKETS};

    #[test]
    fn names() {
        let longest = "n".repeat(256);
        for name in [
            "root",
            "a",
            "www-data",
            "DOMAIN\\alice",
            "ünal",
            "a b",
            &longest,
        ] {
            assert_eq!(AccountName::new(name).unwrap().as_str(), name);
            assert_eq!(AccountName::new(name).unwrap().to_string(), name);
        }
    }

    /// CVE-2023-42456: a state file named by a user name.
    #[test]
    fn a_name_is_no_path_and_no_line_of_a_log() {
        let too_long = "n".repeat(257);
        let too_many_bytes = "ü".repeat(129);
        let cases = [
            "",
            "/",
            "../root",
            "a/b",
            "root\n",
            "a\0b",
            "\u{7f}",
            "a\u{85}b",
            "\x1b[2J",
            &too_long,
            &too_many_bytes,
        ];
        for name in cases {
            assert_eq!(AccountName::new(name), None, "{name:?}");
        }
    }

    #[test]
    fn keys_as_numbers() {
        let cases = [
            (AccountKey::Known(0), 0),
            (AccountKey::Known(1000), 1000),
            (AccountKey::Known(u32::MAX), 4_294_967_295),
            (AccountKey::Unknown(0), -1),
            (AccountKey::Unknown(1023), -1024),
        ];
        for (key, number) in cases {
            assert_eq!(key.to_i64(), number);
            assert_eq!(AccountKey::from_i64(number), Some(key));
        }
        for number in [-1025, -65_537, 4_294_967_296, i64::MIN, i64::MAX] {
            assert_eq!(AccountKey::from_i64(number), None, "{number}");
        }
    }

    #[test]
    fn unknown_names_share_1024_budgets() {
        let budgets: HashSet<AccountKey> = (0..20_000)
            .map(|number| AccountKey::unknown(&format!("nobody{number}")))
            .collect();
        // Each budget has about 20 of the names; an empty one has the odds of 1 to 300,000.
        assert_eq!(budgets.len(), usize::from(UNKNOWN_BUCKETS));
        for budget in budgets {
            assert_eq!(AccountKey::from_i64(budget.to_i64()), Some(budget));
        }
        assert_eq!(AccountKey::unknown("x"), AccountKey::unknown("x"));
    }
}
