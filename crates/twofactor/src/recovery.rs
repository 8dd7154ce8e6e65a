//! Look-up secrets (NIST SP 800-63B §5.1.2), and how people type them.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// 80 bits.
const BYTES: usize = 10;
/// The base32 symbols of 80 bits, and the check character before them.
const SYMBOLS: usize = 17;
/// Room for `K-ABCD-EFGH-IJKL-MNOP`.
const TEXT_BYTES: usize = 21;
/// A typed text longer than this is not looked at. It leaves ample room for spaces and dashes.
const MAX_TYPED_BYTES: usize = 64;

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

    pub(crate) fn bytes(&self) -> &[u8; BYTES] {
        &self.0
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LookupSecret, MAX_TYPED_BYTES, crc5};

    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    fn bytes_of(typed: &str) -> Option<[u8; 10]> {
        LookupSecret::parse(typed).map(|secret| secret.0)
    }

    fn text_of(bytes: [u8; 10]) -> String {
        LookupSecret::generate(bytes).to_text().to_string()
    }

    /// Made with Python's base64 and a polynomial division.
    #[test]
    fn texts() {
        let cases = [
            ([0; 10], "O-AAAA-AAAA-AAAA-AAAA"),
            ([0xff; 10], "U-7777-7777-7777-7777"),
            ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "3-AAAQ-EAYE-AUDA-OCAJ"),
            (*b"0123456789", "M-GAYT-EMZU-GU3D-OOBZ"),
            (
                [0, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf],
                "W-ABCD-EFGH-IJKL-MNOP",
            ),
        ];
        for (bytes, text) in cases {
            assert_eq!(text_of(bytes), text);
            assert_eq!(bytes_of(text), Some(bytes), "{text}");
        }
        // The check value of the catalogue of CRCs.
        assert_eq!(crc5(b"123456789"), 0);
    }

    #[test]
    fn reads_what_people_type() {
        let padded = format!("{:>MAX_TYPED_BYTES$}", "MGAYTEMZUGU3DOOBZ");
        let cases = [
            "M-GAYT-EMZU-GU3D-OOBZ",
            "m-gayt-emzu-gu3d-oobz",
            "MGAYTEMZUGU3DOOBZ",
            "M GAYT EMZU GU3D OOBZ",
            "M--GAYT - EMZU-GU3D-O O B Z",
            "\tM-GAYT-EMZU-GU3D-OOBZ\r\n",
            "M-GAYT-EMZU-GU3D-008Z",
            "m-gayt-emzu-gu3d-0obz",
            &padded,
        ];
        for typed in cases {
            assert_eq!(bytes_of(typed), Some(*b"0123456789"), "{typed:?}");
        }
        assert_eq!(
            bytes_of("W-A8CD-EFGH-1JKL-MN0P"),
            bytes_of("W-ABCD-EFGH-IJKL-MNOP")
        );
    }

    #[test]
    fn refuses_everything_else() {
        let too_long = format!(
            "{:>width$}",
            "MGAYTEMZUGU3DOOBZ",
            width = MAX_TYPED_BYTES + 1
        );
        let cases = [
            "",
            "-",
            "123456",
            "12345678",
            "M",
            "GAYTEMZUGU3DOOBZ",
            "M-GAYT-EMZU-GU3D-OOB",
            "M-GAYT-EMZU-GU3D-OOBZA",
            "M-GAYT-EMZU-GU3D-OOBZ M-GAYT-EMZU-GU3D-OOBZ",
            "M-GAYT-EMZU-GU3D-OOB9",
            "M-GAYT-EMZU-GU3D-OOB=",
            "M_GAYT_EMZU_GU3D_OOBZ",
            "M\tGAYT\tEMZU\tGU3D\tOOBZ",
            "M\u{2013}GAYT\u{2013}EMZU\u{2013}GU3D\u{2013}OOBZ",
            "M-GAYT-EMZU-GU3D-OOB\u{ff3a}",
            "M-GAYT-EMZU-GU3D-OOBZ\0",
            &too_long,
        ];
        for typed in cases {
            assert_eq!(bytes_of(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn hides() {
        let secret = LookupSecret::generate(*b"0123456789");
        assert_eq!(format!("{secret:?}"), "LookupSecret(..)");
        assert_eq!(secret, secret.clone());
        assert_ne!(secret, LookupSecret::generate(*b"0123456788"));
    }

    /// The ways in which `symbol` can be typed.
    fn lookalikes(symbol: u8) -> Vec<u8> {
        let mut ways = vec![symbol, symbol.to_ascii_lowercase()];
        let digits = [(b'O', b'0'), (b'I', b'1'), (b'B', b'8')];
        ways.extend(
            digits
                .iter()
                .filter(|pair| pair.0 == symbol)
                .map(|pair| pair.1),
        );
        ways
    }

    proptest! {
        #[test]
        fn round_trip_however_it_is_typed(bytes: [u8; 10], choice: [u8; 17], dashes: [bool; 17]) {
            let text = text_of(bytes);
            prop_assert_eq!(bytes_of(&text), Some(bytes));
            let mut typed = String::new();
            let symbols = text.bytes().filter(|symbol| *symbol != b'-');
            for ((symbol, choice), dash) in symbols.zip(choice).zip(dashes) {
                let ways = lookalikes(symbol);
                typed.push(char::from(ways[usize::from(choice) % ways.len()]));
                typed.push_str(if dash { "-" } else { " " });
            }
            prop_assert_eq!(bytes_of(&typed), Some(bytes), "{}", typed);
        }

        /// All 527 single wrong symbols and all 136 pairs that changed places, check character
        /// included, for each secret.
        #[test]
        fn the_check_character_finds_every_slip(bytes: [u8; 10]) {
            let right: Vec<u8> = text_of(bytes).replace('-', "").into_bytes();
            let read = |symbols: &[u8]| bytes_of(std::str::from_utf8(symbols).unwrap());
            for place in 0..right.len() {
                let mut wrong = right.clone();
                for symbol in ALPHABET {
                    wrong[place] = *symbol;
                    prop_assert_eq!(read(&wrong).is_some(), wrong == right, "{:?}", wrong);
                }
                for other in 0..place {
                    let mut swapped = right.clone();
                    swapped.swap(place, other);
                    prop_assert_eq!(read(&swapped).is_some(), swapped == right, "{:?}", swapped);
                }
            }
        }

        /// One text in 32 of the right form passes, and no more.
        #[test]
        fn one_first_symbol_of_32_is_right(rest in "[A-Z2-7]{16}") {
            let right = ALPHABET
                .iter()
                .filter(|first| bytes_of(&format!("{}{rest}", char::from(**first))).is_some());
            prop_assert_eq!(right.count(), 1);
        }

        #[test]
        fn no_text_panics(text in ".*|[A-Za-z0-9 -]{0,30}") {
            if let Some(secret) = LookupSecret::parse(&text) {
                let shown = secret.to_text();
                prop_assert_eq!(LookupSecret::parse(&shown), Some(secret));
            }
        }
    }
}
