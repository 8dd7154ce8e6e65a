//! What a phone needs of a provisioning URI: its QR code, as a picture that stands in the page and is never
//! a file, and the secret for typing.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

/// Light modules around it, as ISO/IEC 18004 wants them.
const QUIET: usize = 4;

/// An SVG of the text. None where it is too long.
pub(super) fn svg(text: &str) -> Option<Zeroizing<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let side = width + 2 * QUIET;
    let mut path = Zeroizing::new(String::new());
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (index % width + QUIET, index / width + QUIET);
            write!(path, "M{x} {y}h1v1h-1z").ok()?;
        }
    }
    let path = path.as_str();
    // Dark on light, in dark mode too: not every app reads the inverse.
    Some(Zeroizing::new(format!(
        "<svg class=\"qr\" role=\"img\" aria-label=\"QR code; the secret beside it says the same\" \
         viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
    )))
}

/// The parameter `secret` of a provisioning URI, in groups of four as people type it.
pub(super) fn secret_of(uri: &str) -> Zeroizing<String> {
    let parameters = uri.split_once('?').map_or("", |(_, parameters)| parameters);
    let found = parameters
        .split('&')
        .find_map(|pair| pair.strip_prefix("secret="));
    let mut shown = Zeroizing::new(String::with_capacity(64));
    for (index, letter) in found.unwrap_or_default().chars().enumerate() {
        if index > 0 && index % 4 == 0 {
            shown.push(' ');
        }
        shown.push(letter);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_quiet_zone_and_nothing_of_the_text() {
        let picture = svg("otpauth://totp/x?secret=ABCDEFGH").unwrap();
        assert!(picture.starts_with("<svg") && !picture.contains("ABCDEFGH"));
        let side = picture.split("viewBox=\"0 0 ").nth(1).unwrap();
        assert!(side.starts_with("37 37\""), "{side}");
        assert!(!picture.contains("M3 ") && picture.contains("M4 4"));
        assert!(svg(&"x".repeat(4000)).is_none());
    }

    #[test]
    fn the_secret_is_the_one_of_the_uri_in_groups() {
        let uri = "otpauth://totp/x:root?issuer=x&secret=ABCDEFGHIJ&digits=6";
        assert_eq!(secret_of(uri).as_str(), "ABCD EFGH IJ");
        assert_eq!(secret_of("otpauth://totp/x").as_str(), "");
    }
}
