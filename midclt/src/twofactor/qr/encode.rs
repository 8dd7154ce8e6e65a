//! From the URI to the smallest code that holds it.
//!
//! qrcode's own choice of modes depends on the letters of the secret, and is at times longer than
//! no choice at all: whether a code fitted on a console was a matter of luck.

use qrcode::bits::Bits;
use qrcode::{EcLevel, QrCode, QrResult, Version};

/// The lowest error correction: a screen has no scratches, and a larger code would not fit.
const LEVEL: EcLevel = EcLevel::L;

/// The code, or none where the URI is too long for any.
pub(super) fn encode(uri: &str) -> Option<QrCode> {
    (1..=40).find_map(|version| {
        let mut bits = Bits::new(Version::Normal(version));
        push(&mut bits, uri)
            .and_then(|()| QrCode::with_bits(bits, LEVEL))
            .ok()
    })
}

/// Bytes, but for the secret: in base32 it is alphanumeric, which takes 5.5 bits a letter.
fn push(bits: &mut Bits, uri: &str) -> QrResult<()> {
    let (front, secret, back) = around_secret(uri).unwrap_or((uri, "", ""));
    bits.push_byte_data(front.as_bytes())?;
    if !secret.is_empty() {
        bits.push_alphanumeric_data(secret.as_bytes())?;
        bits.push_byte_data(back.as_bytes())?;
    }
    bits.push_terminator(LEVEL)
}

fn around_secret(uri: &str) -> Option<(&str, &str, &str)> {
    let start = uri.find("?secret=")? + "?secret=".len();
    let (front, rest) = uri.split_at_checked(start)?;
    let is_base32 = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    let end = rest.find(|c| !is_base32(c)).unwrap_or(rest.len());
    let (secret, back) = rest.split_at_checked(end)?;
    Some((front, secret, back))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNLUCKY: &str = "HJDU2Q7IAO2GBS4KW2RWF3GD2GKMXYZS";

    fn version(uri: &str) -> Option<i16> {
        match encode(uri)?.version() {
            Version::Normal(version) | Version::Micro(version) => Some(version),
        }
    }

    #[test]
    fn the_size_is_no_matter_of_luck() {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF";
        let digits = "23456723456723456723456723456723";
        let mixed = "A2B3C4D5E6F7A2B3C4D5E6F7A2B3C4D5";
        for secret in [UNLUCKY, letters, digits, mixed] {
            let uri = |host: &str| {
                format!(
                    "otpauth://totp/middlewared:{host}%40Linux?secret={secret}&issuer=middlewared"
                )
            };
            // Version 5 fits on 80x24.
            assert_eq!(version(&uri("twelve-chars")), Some(5), "{secret}");
            assert_eq!(version(&uri("a-name-of-19-letter")), Some(5), "{secret}");
            assert_eq!(version(&uri("a-name-of-20-letters")), Some(6), "{secret}");
        }
    }

    #[test]
    fn any_text_is_encoded() {
        let check = |uri: &str, expected: Option<i16>| assert_eq!(version(uri), expected, "{uri}");
        check("", Some(1));
        check("no secret", Some(1));
        check("otpauth://totp/x?secret=", Some(2));
        check("otpauth://totp/x?secret=ABC", Some(2));
        check("otpauth://totp/x?secret=abc&x=ü", Some(2));
        check(&"x".repeat(2_953), Some(40));
        check(&"x".repeat(2_954), None);
    }
}
