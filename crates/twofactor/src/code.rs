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

    fn empty() -> Code {
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
