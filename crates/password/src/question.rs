//! The question: a name, a password and an address, each ended by a 0 byte.

use std::ffi::CString;
use std::net::IpAddr;

/// Bytes of a question.
pub(crate) const LONGEST: usize = 16_384;

/// Bytes of a name, as everywhere here.
const LONGEST_NAME: usize = 256;

/// Bytes of a password: `PAM_MAX_RESP_SIZE` with its 0 byte.
const LONGEST_PASSWORD: usize = 511;

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: CString,
    /// Where whoever typed it is, as the web service tells.
    pub(crate) address: Option<IpAddr>,
}

impl<'a> Question<'a> {
    /// Reads it. What can be no name or no password is none.
    pub(crate) fn parse(asked: &'a [u8]) -> Option<Self> {
        if asked.len() > LONGEST {
            return None;
        }
        let text = str::from_utf8(asked).ok()?.strip_suffix('\0')?;
        let fields: Vec<&str> = text.split('\0').collect();
        let [name, password, address] = fields.as_slice() else {
            return None;
        };
        let is_name = (1..=LONGEST_NAME).contains(&name.len())
            && !name.contains(|c: char| c == '/' || c.is_control());
        let is_password = (1..=LONGEST_PASSWORD).contains(&password.len());
        (is_name && is_password).then_some(())?;
        Some(Self {
            name,
            password: CString::new(*password).ok()?,
            address: address.parse().ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_three_fields() {
        let question = Question::parse(b"alice\0correct horse\x00192.0.2.1\0").unwrap();
        assert_eq!(question.name, "alice");
        assert_eq!(question.password.as_bytes(), b"correct horse");
        assert_eq!(question.address, "192.0.2.1".parse().ok());
        let nowhere = Question::parse(b"alice\0x\0\0").unwrap();
        assert_eq!(nowhere.address, None);
    }

    #[test]
    fn what_is_no_question_is_none() {
        let long = [b"alice\0".as_slice(), &[b'x'; 512], b"\0\0"].concat();
        let too_long = [b"alice\0x\0".as_slice(), &[b'1'; LONGEST], b"\0"].concat();
        for asked in [
            &b""[..],
            b"\0\0\0",
            b"alice\0\0\0",
            b"\0x\0\0",
            b"alice\0x\0",
            b"alice\0x\0y\0z\0",
            b"alice\0x\0y",
            b"a/b\0x\0\0",
            b"a\nb\0x\0\0",
            b"\xff\0x\0\0",
            &long,
            &too_long,
        ] {
            assert!(Question::parse(asked).is_none(), "{asked:?}");
        }
    }
}
