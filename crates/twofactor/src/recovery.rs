//! Look-up secrets (NIST SP 800-63B §5.1.2): recovery codes and invites.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// 80 bits.
const BYTES: usize = 10;
/// The base32 symbols of 80 bits, and the check character before them.
const SYMBOLS: usize = 17;
/// Room for `K-ABCD-EFGH-IJKL-MNOP`.
const TEXT_BYTES: usize = 21;
/// A typed text longer than this is not looked at. It leaves ample room for spaces and dashes.
const MAX_TYPED_BYTES: usize = 64;

/// How many recovery codes a set has.
pub const RECOVERY_CODES: usize = 10;

/// A look-up secret of 80 random bits: a recovery code, or an invite.
///
/// Shown and typed as 17 base32 symbols (RFC 4648 §6): `K-ABCD-EFGH-IJKL-MNOP`. The first is a check
/// character, so that a slip of the finger costs neither a judged attempt nor 30 ms of Argon2: it is
/// a CRC of 5 bits over the other 80, whose polynomial is primitive. It finds every wrong symbol and
/// every two that changed places. Wiped on drop, compared in constant time, and never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LookupSecret([u8; BYTES]);

impl LookupSecret {
    /// A new secret. `random` comes from the operating system's random source and is used for
    /// nothing else.
    #[must_use]
    pub fn generate(random: [u8; BYTES]) -> LookupSecret {
        let random = Zeroizing::new(random);
        LookupSecret(*random)
    }

    /// Reads what somebody typed or pasted.
    ///
    /// Upper or lower case; spaces, dashes and white space around it are dropped; `0`, `1` and `8`,
    /// which base32 does not have, are the `O`, `I` and `B` that they look like. Anything else, and
    /// a wrong check character, is `None`.
    #[must_use]
    pub fn parse(typed: &str) -> Option<LookupSecret> {
        if typed.len() > MAX_TYPED_BYTES {
            return None;
        }
        let mut symbols = Zeroizing::new([0_u8; SYMBOLS]);
        let mut room = symbols.iter_mut();
        for &byte in typed.as_bytes().trim_ascii() {
            if byte != b' ' && byte != b'-' {
                *room.next()? = symbol_value(byte)?;
            }
        }
        if room.next().is_some() {
            return None;
        }
        let (check, rest) = symbols.split_first()?;
        let mut bits = Zeroizing::new(0_u128);
        for symbol in rest {
            *bits = *bits << 5 | u128::from(*symbol);
        }
        let bytes = Zeroizing::new(bits.to_be_bytes());
        let secret = LookupSecret(*bytes.last_chunk()?);
        (secret.check_value() == *check).then_some(secret)
    }

    /// The secret as people get it: `K-ABCD-EFGH-IJKL-MNOP`.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let symbols = Zeroizing::new(BASE32_NOPAD.encode(&self.0));
        let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES));
        text.push(symbol_of(self.check_value()));
        for (position, symbol) in symbols.chars().enumerate() {
            if position % 4 == 0 {
                text.push('-');
            }
            text.push(symbol);
        }
        text
    }

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
                    &self.0,
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
        LookupHash(Sha256::digest(self.0).into())
    }

    fn check_value(&self) -> u8 {
        crc5(&self.0)
    }
}

impl PartialEq for LookupSecret {
    fn eq(&self, other: &LookupSecret) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for LookupSecret {}

impl fmt::Debug for LookupSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LookupSecret(..)")
    }
}

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

/// The five bits of a typed base32 symbol, or of a digit that looks like one.
fn symbol_value(byte: u8) -> Option<u8> {
    match byte.to_ascii_uppercase() {
        b'0' => symbol_value(b'O'),
        b'1' => symbol_value(b'I'),
        b'8' => symbol_value(b'B'),
        letter @ b'A'..=b'Z' => Some(letter - b'A'),
        digit @ b'2'..=b'7' => Some(digit - b'2' + 26),
        _ => None,
    }
}

/// The base32 symbol of five bits.
fn symbol_of(value: u8) -> char {
    match value {
        0..=25 => char::from(b'A' + value),
        _ => char::from(b'2' + (value & 31) - 26),
    }
}

/// CRC-5/EPC-C1G2 (ISO/IEC 18000-63): x^5 + x^3 + 1, from 01001, not reflected.
///
/// The polynomial is primitive, its order is 31. So it divides no error in one symbol (a burst of at
/// most five bits), and none of two symbols that changed places, which is d(x)·(x^5n + 1) with n from
/// 1 to 16. No branch and no table depends on the bits.
fn crc5(bytes: &[u8]) -> u8 {
    const POLYNOMIAL: u8 = 0b01001;
    let mut crc = 0b01001_u8;
    for byte in bytes {
        for bit in (0..8).rev() {
            let top = (crc >> 4) ^ (byte >> bit) & 1;
            crc = (crc << 1) & 0b11111 ^ POLYNOMIAL & 0_u8.wrapping_sub(top);
        }
    }
    crc
}
