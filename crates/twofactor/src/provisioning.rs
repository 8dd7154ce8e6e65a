//! The URI that a QR code carries into an authenticator.

use std::fmt::{self, Write as _};

use zeroize::Zeroizing;

use crate::{Algorithm, Device, Digits, TimeStep};

/// A provisioning URI, `otpauth://totp/Issuer:label?secret=…`. It contains the secret: whoever has
/// it has the device.
///
/// Wiped on drop and never printed: there is no `Display`, and `Debug` hides it.
pub struct ProvisioningUri(Zeroizing<String>);

impl ProvisioningUri {
    /// The URI of a device, byte for byte as pyotp's `provisioning_uri(name=label,
    /// issuer_name=issuer)` makes it, because the original answers with it: the defaults (SHA-1, 6
    /// digits, 30 s) are left out, an empty issuer too, and an empty label becomes `Secret`.
    ///
    /// The form is that of the [Key URI Format], the escaping that of Python's `quote` and
    /// `urlencode`, with `%20` for a space.
    ///
    /// [Key URI Format]: https://github.com/google/google-authenticator/wiki/Key-Uri-Format
    #[must_use]
    pub fn new(issuer: &str, label: &str, device: &Device) -> ProvisioningUri {
        let secret = device.secret.to_base32();
        let label = if label.is_empty() { "Secret" } else { label };

        // Room for everything, since a string that grows leaves its old copy behind unwiped: the
        // fixed parts have 76 bytes at most, and escaping makes three bytes of one.
        let room = 80 + secret.len() + 3 * (2 * issuer.len() + label.len());
        let mut uri = Zeroizing::new(String::with_capacity(room));

        uri.push_str("otpauth://totp/");
        if !issuer.is_empty() {
            push_escaped(&mut uri, issuer, Place::Path);
            uri.push(':');
        }
        push_escaped(&mut uri, label, Place::Path);
        uri.push_str("?secret=");
        uri.push_str(&secret);
        if !issuer.is_empty() {
            uri.push_str("&issuer=");
            push_escaped(&mut uri, issuer, Place::Query);
        }
        push_parameters(&mut uri, device);
        ProvisioningUri(uri)
    }

    /// The text of the URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProvisioningUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProvisioningUri(..)")
    }
}

/// The parameters that differ from the defaults, in pyotp's order.
fn push_parameters(uri: &mut String, device: &Device) {
    if device.algorithm != Algorithm::default() {
        uri.push_str("&algorithm=");
        uri.push_str(device.algorithm.as_str());
    }
    if device.digits != Digits::default() {
        // Writing to a `String` cannot fail.
        let _ = write!(uri, "&digits={}", device.digits.get());
    }
    if device.step != TimeStep::default() {
        let _ = write!(uri, "&period={}", device.step.as_secs());
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the `?`, where `/` stays as it is.
    Path,
    /// A parameter's value, where `/` is escaped.
    Query,
}

/// Percent-encodes all but the unreserved characters of RFC 3986 §2.3.
fn push_escaped(uri: &mut String, text: &str, place: Place) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                uri.push(char::from(byte));
            }
            b'/' if place == Place::Path => uri.push('/'),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Secret, UnixTime};

    /// A device with everything different from the defaults, and so with the longest URI.
    fn device() -> Device {
        Device {
            secret: Secret::from_bytes(&[0xff; 64]).unwrap(),
            algorithm: Algorithm::Sha512,
            digits: Digits::new(8).unwrap(),
            step: TimeStep::from_secs(u32::MAX).unwrap(),
            floor: UnixTime::EPOCH,
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        let uri = ProvisioningUri::new("\u{7f}", "a\tb\r\n\0", &device());
        let start = "otpauth://totp/%7F:a%09b%0D%0A%00?secret=";
        assert!(uri.as_str().starts_with(start), "{}", uri.as_str());
    }

    /// A string that grew would have left a copy of the secret in freed memory.
    #[test]
    fn the_text_never_moves() {
        let (issuer, label) = ("\u{e4}".repeat(100), "\u{1f511}".repeat(100));
        let uri = ProvisioningUri::new(&issuer, &label, &device());
        let room = 80 + 103 + 3 * (2 * issuer.len() + label.len());
        assert!(uri.0.len() <= room, "{} > {room}", uri.0.len());
        assert_eq!(uri.0.capacity(), room);
    }

    #[test]
    fn debug_hides_the_secret() {
        let device = device();
        let uri = ProvisioningUri::new("iXsystems", "nas", &device);
        assert_eq!(format!("{uri:?}"), "ProvisioningUri(..)");
        assert!(format!("{device:?}").starts_with("Device { secret: Secret(..), "));
    }
}
