//! The forms of files, and which of them a file looks like.

use std::borrow::Cow;

use clap::ValueEnum;

use super::truenas::Refused;
use super::{Found, config, google, oath, otpauth, truenas};

/// The forms of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A users file of liboath
    Oath,
    /// A file of google-authenticator
    Google,
    /// Lines of otpauth:// URIs
    Otpauth,
    /// The answer of auth.twofactor.config
    Config,
    /// A backup of TrueNAS's configuration
    Truenas,
}

impl Format {
    /// The form that a file looks like.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if truenas::is_backup(bytes) {
            return Some(Self::Truenas);
        }
        let text = text(bytes);
        let first = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        if first.starts_with('{') {
            Some(Self::Config)
        } else if first.to_ascii_lowercase().starts_with("otpauth://") {
            Some(Self::Otpauth)
        } else if first.starts_with('#') || first.starts_with("HOTP") {
            Some(Self::Oath)
        } else if google::is_secret(first) {
            Some(Self::Google)
        } else {
            None
        }
    }

    /// What is in a file; `key` is that of a backup.
    pub(super) fn parse(self, bytes: &[u8], key: Option<&[u8]>) -> Result<Found, Refused> {
        let text = text(bytes);
        Ok(match self {
            Self::Oath => oath::parse(&text),
            Self::Google => google::parse(&text),
            Self::Otpauth => otpauth::parse(&text),
            Self::Config => config::parse(&text),
            Self::Truenas => truenas::parse(bytes, key)?,
        })
    }
}

/// A text of another encoding has the same secrets.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_line() {
        for (text, expected) in [
            ("\n{\"secret\": \"A\"}", Some(Format::Config)),
            ("otpauth://totp/x?secret=A", Some(Format::Otpauth)),
            ("OTPAUTH://totp/x?secret=A", Some(Format::Otpauth)),
            ("# a comment\nHOTP/T30 a - 00", Some(Format::Oath)),
            ("HOTP\ta\t-\t00", Some(Format::Oath)),
            ("JBSWY3DPEHPK3PXP\n\" TOTP_AUTH", Some(Format::Google)),
            ("SQLite format 3\0", Some(Format::Truenas)),
            ("hello there", None),
            ("", None),
        ] {
            assert_eq!(Format::of(text.as_bytes()), expected, "{text:?}");
        }
    }
}
