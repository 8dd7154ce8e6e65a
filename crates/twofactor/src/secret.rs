//! The key that the machine and an authenticator share.

use std::fmt;
use std::sync::LazyLock;

use data_encoding::{BASE32_NOPAD, DecodeKind, Encoding};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

/// 80 bits, 16 base32 characters: what older systems made and still have in use.
const MIN_BYTES: usize = 10;
/// 512 bits: as long as the largest hash, and no key should be longer (RFC 6238 §5.1).
const MAX_BYTES: usize = 64;
/// 128 bits: RFC 4226 §4 R6.
const STRONG_BYTES: usize = 16;
/// A longer text is refused unread. The longest secret has 103 symbols; the rest is for separators.
const MAX_BASE32_BYTES: usize = 256;

/// Base32 (RFC 4648 §6) as people paste it: in any case, in groups, without padding.
///
/// Bits that are left over after the last whole byte are dropped, set or not. pyotp, oathtool and
/// the authenticators do the same, so both sides still hold the same key; to refuse here would keep
/// out a secret that works everywhere else.
static PASTED: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = BASE32_NOPAD.specification();
    spec.translate.from.push_str("abcdefghijklmnopqrstuvwxyz");
    spec.translate.to.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    spec.ignore.push_str(" \t\r\n-");
    spec.check_trailing_bits = false;
    #[expect(
        clippy::expect_used,
        reason = "the specification is constant, and a test decodes with it"
    )]
    spec.encoding()
        .expect("base32 with lower case and separators is a valid encoding")
});

/// The shared key K of an authenticator (RFC 4226 §4), 10 to 64 bytes.
///
/// Wiped on drop, compared in constant time (only a difference in length shows), and never printed:
/// there is no `Display`, and `Debug` hides it. It lives on the heap, so that moving it leaves no
/// copies behind.
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// A secret from its raw bytes.
    ///
    /// # Errors
    /// [`SecretError::TooShort`] under 10 bytes, [`SecretError::TooLong`] over 64.
    pub fn from_bytes(bytes: &[u8]) -> Result<Secret, SecretError> {
        match bytes.len() {
            0..MIN_BYTES => Err(SecretError::TooShort),
            MIN_BYTES..=MAX_BYTES => Ok(Secret(Zeroizing::new(bytes.into()))),
            _ => Err(SecretError::TooLong),
        }
    }

    /// A secret from base32 (RFC 4648 §6) as people paste it: upper or lower case, with spaces, line
    /// ends or dashes between groups, with or without `=` at the end. How many `=` there are tells
    /// nothing and is not checked; nor are set bits after the last whole byte, which pyotp and
    /// oathtool drop too.
    ///
    /// # Errors
    /// [`SecretError::NotBase32`] at the first other character, [`SecretError::Incomplete`] if no
    /// whole number of bytes has this many characters, and the errors of
    /// [`from_bytes`](Secret::from_bytes). None of them repeats a part of the text.
    pub fn from_base32(text: &str) -> Result<Secret, SecretError> {
        if text.len() > MAX_BASE32_BYTES {
            return Err(SecretError::TooLong);
        }
        let symbols = text.trim_ascii_end().trim_end_matches('=');
        let mut bytes = Zeroizing::new([0; MAX_BASE32_BYTES]);
        let room = PASTED
            .decode_len(symbols.len())
            .ok()
            .and_then(|length| bytes.get_mut(..length))
            .ok_or(SecretError::Incomplete)?;
        let length =
            PASTED
                .decode_mut(symbols.as_bytes(), room)
                .map_err(|partial| match partial.error.kind {
                    DecodeKind::Symbol => SecretError::NotBase32 {
                        position: characters_before(symbols, partial.error.position) + 1,
                    },
                    _ => SecretError::Incomplete,
                })?;
        Secret::from_bytes(bytes.get(..length).unwrap_or_default())
    }

    /// A new secret of 160 bits, the length that RFC 4226 §4 R6 recommends.
    ///
    /// `random` comes from the operating system's random source and is used for nothing else.
    #[must_use]
    pub fn generate(random: [u8; 20]) -> Secret {
        let random = Zeroizing::new(random);
        Secret(Zeroizing::new(random.as_slice().into()))
    }

    /// The raw key.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as authenticators take it: base32 (RFC 4648 §6), upper case, without padding.
    #[must_use]
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0))
    }

    /// Whether the key has fewer than the 128 bits of RFC 4226 §4 R6, so that a warning is due.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.0.len() < STRONG_BYTES
    }
}

fn characters_before(text: &str, byte: usize) -> usize {
    text.char_indices()
        .take_while(|(start, _)| *start < byte)
        .count()
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why something is no secret. The texts can be shown: they repeat nothing of what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SecretError {
    /// Fewer than 10 bytes.
    #[error("the secret is too short: at least 80 bits (16 base32 characters) are needed")]
    TooShort,
    /// More than 64 bytes, or a text far longer than any secret.
    #[error("the secret is too long: at most 512 bits (103 base32 characters) are possible")]
    TooLong,
    /// A character that base32 does not have.
    #[error("character {position} is not base32 (the letters A to Z and the digits 2 to 7)")]
    NotBase32 {
        /// Where it stands in the text, counted in characters from 1, spaces included.
        position: usize,
    },
    /// The text ends in the middle of a byte, as when a part of it was not copied.
    #[error("the secret is incomplete: base32 never has this number of characters")]
    Incomplete,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_BASE32_BYTES, Secret, SecretError};

    fn decoded(text: &str) -> Result<Vec<u8>, SecretError> {
        Secret::from_base32(text).map(|secret| secret.bytes().to_vec())
    }

    #[test]
    fn base32_as_people_paste_it() {
        let cases = [
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
            "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
            "gezd-gnbv-gy3t-qojq-gezd-gnbv-gy3t-qojq",
            "  GEZDGNBVGY3TQOJQ\r\n\tGEZDGNBVGY3TQOJQ\n",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ======\n",
        ];
        for text in cases {
            assert_eq!(
                decoded(text),
                Ok(b"12345678901234567890".to_vec()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn every_possible_length_of_the_last_group() {
        let cases = [
            ("GAYTEMZUGU3DOOBZ", "0123456789"),
            ("GAYTEMZUGU3DOOBZME", "0123456789a"),
            ("GAYTEMZUGU3DOOBZME======", "0123456789a"),
            ("GAYTEMZUGU3DOOBZMFRA", "0123456789ab"),
            ("GAYTEMZUGU3DOOBZMFRA====", "0123456789ab"),
            ("GAYTEMZUGU3DOOBZMFRGG", "0123456789abc"),
            ("GAYTEMZUGU3DOOBZMFRGG===", "0123456789abc"),
            ("GAYTEMZUGU3DOOBZMFRGGZA", "0123456789abcd"),
            ("GAYTEMZUGU3DOOBZMFRGGZA=", "0123456789abcd"),
            ("GAYTEMZUGU3DOOBZMFRGGZDF", "0123456789abcde"),
            // Set bits after the last byte, and a wrong number of `=`: dropped, as pyotp does.
            ("GAYTEMZUGU3DOOBZMF", "0123456789a"),
            ("GAYTEMZUGU3DOOBZMH", "0123456789a"),
            ("GAYTEMZUGU3DOOBZMFRGGZB", "0123456789abcd"),
            ("GAYTEMZUGU3DOOBZME=", "0123456789a"),
            ("GAYTEMZUGU3DOOBZME=======", "0123456789a"),
        ];
        for (text, bytes) in cases {
            assert_eq!(decoded(text), Ok(bytes.into()), "{text}");
        }
        for missing in [
            "GAYTEMZUGU3DOOBZM",
            "GAYTEMZUGU3DOOBZMFR",
            "GAYTEMZUGU3DOOBZMFRGGZ",
        ] {
            assert_eq!(decoded(missing), Err(SecretError::Incomplete), "{missing}");
        }
    }

    #[test]
    fn refuses_with_a_position_and_nothing_of_the_text() {
        let cases = [
            ("0EZDGNBVGY3TQOJQ", 1),
            ("GEZDGNBVGY3TQOJ1", 16),
            ("GEZD GN8V GY3T QOJQ", 8),
            ("GEZDGNBVGY3TQOJ9", 16),
            ("GEZDGNBV=GY3TQOJQ", 9),
            ("GEZD_GNBVGY3TQOJQ", 5),
            ("  \u{e4}EZDGNBVGY3TQOJQ", 3),
            ("GEZD\u{a0}GNBVGY3TQOJQ", 5),
            ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ \u{1f511}", 34),
            ("GEZDGNBVGY3TQOJ\0", 16),
            ("otpauth://totp/nas?secret=GEZDGNBVGY3TQOJQ", 8),
        ];
        for (text, position) in cases {
            let error = decoded(text).unwrap_err();
            assert_eq!(error, SecretError::NotBase32 { position }, "{text:?}");
            let expected = format!(
                "character {position} is not base32 (the letters A to Z and the digits 2 to 7)"
            );
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn ten_to_64_bytes() {
        for length in 0..=100_usize {
            let bytes = vec![0x5a; length];
            let secret = Secret::from_bytes(&bytes);
            match length {
                0..10 => assert_eq!(secret, Err(SecretError::TooShort), "{length}"),
                10..=64 => assert_eq!(secret.unwrap().bytes(), bytes, "{length}"),
                _ => assert_eq!(secret, Err(SecretError::TooLong), "{length}"),
            }
        }
        for text in ["", " ", "====", "-", "GEZDGNBVGY3TQ"] {
            assert_eq!(decoded(text), Err(SecretError::TooShort), "{text:?}");
        }
        assert_eq!(decoded(&"A".repeat(103)), Ok(vec![0; 64]));
        for length in [104, MAX_BASE32_BYTES, MAX_BASE32_BYTES + 1, 1 << 20] {
            assert_eq!(
                decoded(&"A".repeat(length)),
                Err(SecretError::TooLong),
                "{length}"
            );
        }
    }

    #[test]
    fn weak_means_under_128_bits() {
        for (length, weak) in [
            (10, true),
            (15, true),
            (16, false),
            (20, false),
            (64, false),
        ] {
            assert_eq!(
                Secret::from_bytes(&vec![1; length]).unwrap().is_weak(),
                weak,
                "{length}"
            );
        }
    }

    #[test]
    fn generated_from_exactly_the_given_bytes() {
        let secret = Secret::generate(*b"12345678901234567890");
        assert_eq!(secret.bytes(), b"12345678901234567890");
        assert_eq!(
            secret.to_base32().as_str(),
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
        assert!(!secret.is_weak());
    }

    #[test]
    fn compares_and_hides() {
        let secret = Secret::generate([7; 20]);
        assert_eq!(secret, secret.clone());
        assert_ne!(secret, Secret::generate([8; 20]));
        assert_ne!(secret, Secret::from_bytes(&[7; 19]).unwrap());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    proptest! {
        #[test]
        fn base32_round_trip(bytes in prop::collection::vec(any::<u8>(), 10..=64), group in 1_usize..9) {
            let secret = Secret::from_bytes(&bytes).unwrap();
            let text = secret.to_base32();
            prop_assert_eq!(&decoded(&text).unwrap(), &bytes);

            let symbols: Vec<char> = text.to_lowercase().chars().collect();
            let groups: Vec<String> = symbols.chunks(group).map(|c| c.iter().collect()).collect();
            if groups.join(" ").len() <= MAX_BASE32_BYTES {
                prop_assert_eq!(&decoded(&groups.join(" ")).unwrap(), &bytes);
            }
        }

        #[test]
        fn no_text_panics(text in ".*|[A-Z2-7 =-]{0,130}") {
            if let Err(SecretError::NotBase32 { position }) = decoded(&text) {
                let culprit = text.chars().nth(position - 1).unwrap();
                prop_assert!(!matches!(culprit, 'a'..='z' | 'A'..='Z' | '2'..='7' | ' ' | '-'));
            }
        }
    }
}
