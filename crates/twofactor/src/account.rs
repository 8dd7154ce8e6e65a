//! Who somebody is: a Unix account, and whose budget an attempt is charged to.

use std::fmt;

use sha2::{Digest, Sha256};

/// A longer name is none. Linux allows 32 bytes, directories (LDAP, AD) some more.
const MAX_NAME_BYTES: usize = 256;

/// How many levels all the names share that belong to no account.
const UNKNOWN_LEVELS: u64 = 1024;

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

/// What the names of no account are hashed with: random, and the same as long as anything that was
/// counted is kept. Without it anybody could find two names that are charged together, and would see
/// from the waits of the one whether there is an account of the other.
#[derive(Clone, Copy)]
pub struct NameKey(pub [u8; 16]);

/// Whose budget an attempt is charged to.
///
/// A name of no account has failures in a row of its own, as an account has, so that a guesser cannot
/// tell from the waits whether an account exists. Levels, which are never evicted, they share: 1,024,
/// so that a flood of invented names takes no more room than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountKey {
    /// The account with this uid.
    Known(u32),
    /// Any other name, as 63 bits of its hash.
    Unknown(u64),
}

impl AccountKey {
    /// The budget of a name that belongs to no account.
    #[must_use]
    pub fn unknown(name: &str, key: &NameKey) -> AccountKey {
        // The key has one length, and of the hash only a part is used, and none of it is shown.
        let hash = Sha256::new().chain_update(key.0).chain_update(name);
        let bits = (hash.finalize().iter().take(8))
            .fold(0, |bits: u64, byte| bits << 8 | u64::from(*byte));
        AccountKey::Unknown(bits >> 1)
    }

    /// Whose level it is charged to: its own, or the one that this name shares with others.
    #[must_use]
    pub fn of_level(self) -> AccountKey {
        match self {
            AccountKey::Known(_) => self,
            AccountKey::Unknown(hash) => AccountKey::Unknown(hash % UNKNOWN_LEVELS),
        }
    }

    /// The key as one number to store: the uid, or -1 and below for unknown names.
    #[must_use]
    pub fn to_i64(self) -> i64 {
        match self {
            AccountKey::Known(uid) => i64::from(uid),
            // The complement of what is not negative is negative, -1 - hash: never a uid.
            AccountKey::Unknown(hash) => !i64::try_from(hash).unwrap_or(i64::MAX),
        }
    }

    /// Reads what [`to_i64`](AccountKey::to_i64) wrote. `None` for every other number.
    #[must_use]
    pub fn from_i64(number: i64) -> Option<AccountKey> {
        if number < 0 {
            return Some(AccountKey::Unknown((!number).cast_unsigned()));
        }
        u32::try_from(number).ok().map(AccountKey::Known)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{AccountKey, AccountName, NameKey, UNKNOWN_LEVELS};

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
            (AccountKey::Unknown(u64::MAX >> 1), i64::MIN),
        ];
        for (key, number) in cases {
            assert_eq!(key.to_i64(), number);
            assert_eq!(AccountKey::from_i64(number), Some(key));
        }
        for number in [4_294_967_296, i64::MAX] {
            assert_eq!(AccountKey::from_i64(number), None, "{number}");
        }
    }

    const KEY: NameKey = NameKey([7; 16]);

    fn nobodies(key: NameKey) -> impl Iterator<Item = AccountKey> {
        (0..20_000).map(move |number| AccountKey::unknown(&format!("nobody{number}"), &key))
    }

    #[test]
    fn unknown_names_share_1024_levels_and_no_failures_in_a_row() {
        let names: HashSet<AccountKey> = nobodies(KEY).collect();
        assert_eq!(names.len(), 20_000);
        for name in &names {
            assert_eq!(AccountKey::from_i64(name.to_i64()), Some(*name));
        }
        let levels: HashSet<i64> = names.iter().map(|name| name.of_level().to_i64()).collect();
        // Each has about 20 of the names; an empty one has the odds of 1 to 300,000.
        assert_eq!(levels.len(), usize::try_from(UNKNOWN_LEVELS).unwrap());
        assert!(levels.iter().all(|level| (-1024..0).contains(level)));
        assert_eq!(
            AccountKey::unknown("x", &KEY),
            AccountKey::unknown("x", &KEY)
        );
        let root = AccountKey::Known(0);
        assert_eq!(root.of_level(), root);
    }

    /// With a hash that everybody can compute, a name that shares the waits of another shows by them
    /// whether the other one is an account.
    #[test]
    fn who_shares_a_budget_cannot_be_computed_without_the_key() {
        let mut key = KEY;
        for byte in 0..16 {
            key.0[byte] ^= 1;
            let same = nobodies(KEY)
                .zip(nobodies(key))
                .filter(|(here, there)| here == there);
            assert_eq!(same.count(), 0, "byte {byte}");
            // Names that share a level on one machine share none on another, but by chance (1 of 1,024).
            let of_first = |key| {
                let first = AccountKey::unknown("nobody0", &key).of_level();
                let share = nobodies(key).enumerate();
                let share = share.filter(move |(_, name)| name.of_level() == first);
                share.map(|(number, _)| number).collect::<HashSet<usize>>()
            };
            let both = of_first(KEY).intersection(&of_first(key)).count();
            assert!(both <= 3, "byte {byte}: {both} names");
        }
    }
}
