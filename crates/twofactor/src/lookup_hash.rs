//! What is stored in place of a look-up secret.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use thiserror::Error;

use crate::LookupSecret;

/// How many recovery codes a set has.
pub const RECOVERY_CODES: usize = 10;

/// The salt of a set of recovery codes: 16 random bytes (RFC 9106 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

/// There is not enough memory to hash a recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("hashing a recovery code needs 19 MiB of memory, and they are not to be had")]
pub struct NoMemory;

/// What is stored in place of a look-up secret.
#[derive(Clone)]
pub struct LookupHash(pub [u8; 32]);

impl PartialEq for LookupHash {
    fn eq(&self, other: &LookupHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for LookupHash {}

impl fmt::Debug for LookupHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LookupHash(..)")
    }
}

/// Which unused code of a set it is: its position. Used ones are `None` and never found.
///
/// All are compared in constant time, whatever is found where.
#[must_use]
pub fn find(hashes: &[Option<LookupHash>], hash: &LookupHash) -> Option<usize> {
    let mut found = Choice::from(0);
    let mut place = 0_u64;
    for (position, stored) in (0_u64..).zip(hashes) {
        let is_unused = Choice::from(u8::from(stored.is_some()));
        let bytes = stored.as_ref().map_or(&[0; 32], |stored| &stored.0);
        let is_it = bytes.ct_eq(&hash.0) & is_unused;
        place.conditional_assign(&position, is_it);
        found |= is_it;
    }
    bool::from(found)
        .then(|| usize::try_from(place).ok())
        .flatten()
}

impl LookupSecret {
    /// The slow hash for recovery codes, which live for years: Argon2id (RFC 9106) with 19 MiB, two
    /// passes and one lane, about 30 ms.
    ///
    /// # Errors
    /// [`NoMemory`] if 19 MiB are not to be had.
    pub fn argon2id(&self, salt: &Salt) -> Result<LookupHash, NoMemory> {
        let mut hash = LookupHash([0; 32]);
        // The parameters and all lengths are constants in Argon2's range: nothing else can fail.
        Params::new(19_456, 2, 1, None)
            .and_then(|params| {
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
                    self.bytes(),
                    &salt.0,
                    &mut hash.0,
                )
            })
            .map_err(|_| NoMemory)?;
        Ok(hash)
    }

    /// The quick hash for invites, which live for hours: 80 random bits cannot be searched by then.
    #[must_use]
    pub fn sha256(&self) -> LookupHash {
        LookupHash(Sha256::digest(self.bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::{LookupHash, RECOVERY_CODES, Salt, find};
    use crate::LookupSecret;

    fn hex(hash: &LookupHash) -> String {
        HEXLOWER.encode(&hash.0)
    }

    /// The reference implementation says so: `printf 0123456789 |
    /// argon2 0123456789abcdef -id -t 2 -k 19456 -p 1 -l 32 -r`, and `printf 0123456789 | sha256sum`.
    #[test]
    fn hashes_as_others_do() {
        let secret = LookupSecret::generate(*b"0123456789");
        let slow = secret.argon2id(&Salt(*b"0123456789abcdef")).unwrap();
        assert_eq!(
            hex(&slow),
            "fcfd0a556da66f17d95bef49d6e938a3bf9f24324753af56ab1288f75ffffe03"
        );
        assert_eq!(
            hex(&secret.sha256()),
            "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
        );
        let other_salt = secret.argon2id(&Salt(*b"0123456789abcdeg")).unwrap();
        assert_ne!(slow, other_salt);
        assert_eq!(format!("{slow:?}"), "LookupHash(..)");
    }

    #[test]
    fn finds_only_unused_codes() {
        let hash = |number: u8| LookupHash([number; 32]);
        let mut set: Vec<_> = (1..).take(RECOVERY_CODES).map(|n| Some(hash(n))).collect();
        for (position, number) in (1..=10).enumerate() {
            assert_eq!(find(&set, &hash(number)), Some(position));
        }
        assert_eq!(find(&set, &hash(11)), None);
        let mut near = hash(3);
        near.0[31] ^= 1;
        assert_eq!(find(&set, &near), None);

        set[2] = None;
        assert_eq!(find(&set, &hash(3)), None);
        assert_eq!(find(&set, &hash(10)), Some(9));
        // A used code is not the code of zeros that stands in for it.
        assert_eq!(find(&set, &hash(0)), None);
        assert_eq!(find(&[], &hash(1)), None);
        assert_eq!(find(&[None], &hash(0)), None);
    }
}
