//! Locks: what is exported, in one file that only its passphrase opens.
//!
//! Bytes in, bytes out. Random bytes are arguments, and nothing here knows what is in the file. A file
//! is text: a line for people, a line of numbers for the key, and the contents in base64.
//!
//! ```text
//! middlewared two-factor export 1; to open it: midclt 2fa restore FILE
//! argon2id m=65536 t=3 p=1 salt=000102…1f nonce=000102…17
//! pHzT4l…
//! ```
//!
//! The key is Argon2id's (RFC 9106) of the passphrase; the contents are sealed with XChaCha20-Poly1305
//! (draft-irtf-cfrg-xchacha), the first two lines being the associated data. So the file opens as it was
//! made, or not at all.
#![forbid(unsafe_code)]

mod head;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::{BASE64, BASE64_MIME};
use zeroize::Zeroizing;

use crate::head::Head;

/// Random bytes of a file: salt and nonce.
pub const RANDOM_BYTES: usize = head::SALT_BYTES + head::NONCE_BYTES;

/// The fewest characters of a passphrase. Whoever has the file can guess without end.
pub const LEAST_CHARACTERS: usize = 12;

/// The largest file that is opened.
pub const MOST_BYTES: usize = 128 << 20;

/// Characters of a line of base64.
const COLUMNS: usize = 76;

/// Why a file cannot be opened. None of them repeats anything of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is something else.
    #[error("this is no export of two-factor authentication")]
    Foreign,
    /// A later release made it.
    #[error("a newer release made it (version {version}); this one reads version 1")]
    Newer {
        /// Its version.
        version: u32,
    },
    /// Its second line is not one that any release writes: a key would cost too much, or too little.
    #[error("its second line is damaged: no key can be made with these numbers")]
    Numbers,
    /// The passphrase is another, or the file is not as it was made.
    #[error("the passphrase is wrong, or the file is damaged or cut off")]
    Shut,
    /// There is not enough memory for the key.
    #[error("making the key needs {mebibytes} MiB of memory, and they are not to be had")]
    NoMemory {
        /// How much.
        mebibytes: u32,
    },
}

/// Locks contents with a passphrase. `random` is used for nothing else.
///
/// # Errors
/// [`Error::NoMemory`].
pub fn lock(
    passphrase: &str,
    contents: &[u8],
    random: &[u8; RANDOM_BYTES],
) -> Result<String, Error> {
    let head = Head::new(random);
    let text = head.to_text();
    let payload = Payload {
        msg: contents,
        aad: text.as_bytes(),
    };
    let cipher = cipher(&head, passphrase)?;
    // Contents of any size that fits into memory can be sealed.
    let sealed = cipher.encrypt(&XNonce::from(head.nonce), payload);
    let sealed = BASE64.encode(&sealed.map_err(|_| Error::Shut)?);
    let mut file = text;
    let mut rest = sealed.as_str();
    while let Some((line, more)) = rest.split_at_checked(COLUMNS) {
        file.push_str(line);
        file.push('\n');
        rest = more;
    }
    if !rest.is_empty() {
        file.push_str(rest);
        file.push('\n');
    }
    Ok(file)
}

/// Says whether a file looks like an export that can be opened, without its passphrase.
///
/// # Errors
/// [`Error::Foreign`], [`Error::Newer`], [`Error::Numbers`].
pub fn look(file: &[u8]) -> Result<(), Error> {
    Head::parse(file).map(drop)
}

/// Opens a file with its passphrase.
///
/// # Errors
/// All that there are. What is wrong with the first two lines is said before a key is made.
pub fn open(passphrase: &str, file: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (head, text, rest) = Head::parse(file)?;
    let sealed = BASE64_MIME.decode(rest).map_err(|_| Error::Shut)?;
    let payload = Payload {
        msg: &sealed,
        aad: text,
    };
    let opened = cipher(&head, passphrase)?.decrypt(&XNonce::from(head.nonce), payload);
    opened.map(Zeroizing::new).map_err(|_| Error::Shut)
}

fn cipher(head: &Head, passphrase: &str) -> Result<XChaCha20Poly1305, Error> {
    let key = head.key(passphrase)?;
    Ok(XChaCha20Poly1305::new((&*key).into()))
}

#[cfg(test)]
mod tests;
