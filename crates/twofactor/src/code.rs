//! The code that somebody types.

use std::fmt::{self, Write as _};

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Digits;

/// Room for the longest code ([`Digits`] ends at 8).
const MAX_DIGITS: usize = 8;

/// A typed text longer than this is no code and is not looked at. It leaves ample room for the
/// spaces that people and telephones put around and between the digits.
const MAX_TYPED_BYTES: usize = 64;

/// A one-time code of 6 to 8 decimal digits (RFC 4226 §5.3).
///
/// Wiped on drop, compared in constant time, and never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Code {
    /// ASCII digits, followed by zero bytes where the code is shorter. The zero bytes make codes of
    /// different lengths unequal without a comparison of lengths.
    ascii: [u8; MAX_DIGITS],
    length: usize,
}

impl Code {
    /// Reads what somebody typed or pasted: exactly `digits` ASCII digits.
    ///
    /// Spaces between the digits are dropped, because authenticators show `123 456`. ASCII white
    /// space around the code is dropped too, because it comes with pasting. Anything else is
    /// `None`: no other script's digits and no Unicode normalisation, since two texts for one code
    /// are two chances to use it (CVE-2025-55003).
    #[must_use]
    pub fn parse(typed: &str, digits: Digits) -> Option<Code> {
        if typed.len() > MAX_TYPED_BYTES {
            return None;
        }
        let mut code = Code::empty();
        for &byte in typed.as_bytes().trim_ascii() {
            match byte {
                b'0'..=b'9' => code.push(byte)?,
                b' ' => {}
                _ => return None,
            }
        }
        (code.length == usize::from(digits.get())).then_some(code)
    }

    /// The code that totp-rs made.
    pub(crate) fn generated(token: &totp_rs::Token) -> Code {
        let mut code = Code::empty();
        // The writer refuses a ninth digit. No token has one, and the shortened code that would be
        // left equals nothing that can be typed for this device: the answer would be "no".
        let _ = write!(Appender(&mut code), "{token}");
        code
    }

    /// No digits at all, which is what no device makes.
    pub(crate) fn empty() -> Code {
        Code {
            ascii: [0; MAX_DIGITS],
            length: 0,
        }
    }

    fn push(&mut self, digit: u8) -> Option<()> {
        *self.ascii.get_mut(self.length)? = digit;
        self.length += 1;
        Some(())
    }
}

impl ConstantTimeEq for Code {
    fn ct_eq(&self, other: &Code) -> Choice {
        self.ascii.as_slice().ct_eq(other.ascii.as_slice())
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Code) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// Lets totp-rs write its digits into a code without a `String` that nobody would wipe.
struct Appender<'a>(&'a mut Code);

impl fmt::Write for Appender<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes()
            .try_for_each(|digit| self.0.push(digit))
            .ok_or(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Code, MAX_TYPED_BYTES};
    use crate::Digits;

    fn parse(typed: &str, digits: u8) -> Option<Code> {
        Code::parse(typed, Digits::new(digits).unwrap())
    }

    #[test]
    fn reads_what_people_type() {
        let padded = format!("{:>MAX_TYPED_BYTES$}", "123456");
        let cases = [
            "123456",
            "123 456",
            "12 34 56",
            "1 2 3 4 5 6",
            "123  456",
            " 123456",
            "123456 ",
            "123456\n",
            "\t123 456\r\n",
            &padded,
        ];
        for typed in cases {
            assert_eq!(parse(typed, 6), parse("123456", 6), "{typed:?}");
            assert!(parse(typed, 6).is_some(), "{typed:?}");
            assert!(parse(typed, 7).is_none(), "{typed:?}");
        }
        for (typed, digits) in [("000000", 6), ("0123456", 7), ("01234567", 8)] {
            assert!(parse(typed, digits).is_some(), "{typed}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        let too_long = format!("{:>width$}", "123456", width = MAX_TYPED_BYTES + 1);
        let cases = [
            "",
            " ",
            "12345",
            "1234567",
            "123456789012345678901234567890",
            "+12345",
            "-12345",
            "12345a",
            "0x1234",
            "123-456",
            "123\t456",
            "123\n456",
            "123.456",
            "None",
            "null",
            "123\u{a0}456",
            "\u{a0}123456",
            "123456\0",
            // Digits, but not ASCII's: full-width, Arabic-Indic, superscript, and one among others.
            "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}",
            "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}",
            "\u{b2}\u{b2}\u{b2}\u{b2}\u{b2}\u{b2}",
            "12345\u{ff16}",
            "12345\u{666}",
            &too_long,
        ];
        for typed in cases {
            assert!(parse(typed, 6).is_none(), "{typed:?}");
        }
    }

    #[test]
    fn compares_all_digits() {
        let code = parse("123456", 6);
        assert_eq!(code, parse("123456", 6));
        for other in ["023456", "123457", "123356"] {
            assert_ne!(code, parse(other, 6), "{other}");
        }
        assert_ne!(code, parse("1234560", 7));
        assert_ne!(parse("000000", 6), parse("0000000", 7));
    }

    #[test]
    fn debug_hides_the_digits() {
        assert_eq!(format!("{:?}", parse("123456", 6).unwrap()), "Code(..)");
    }

    proptest! {
        #[test]
        fn parse_reads_digits_or_nothing(typed in ".*|[0-9 ]{0,12}", digits in 6_u8..=8) {
            let plain: String = typed.trim_ascii().chars().filter(|c| *c != ' ').collect();
            let is_code = plain.len() == usize::from(digits)
                && plain.bytes().all(|byte| byte.is_ascii_digit())
                && typed.len() <= MAX_TYPED_BYTES;
            prop_assert_eq!(parse(&typed, digits).is_some(), is_code);
            if is_code {
                prop_assert_eq!(parse(&typed, digits), parse(&plain, digits));
            }
        }
    }
}
