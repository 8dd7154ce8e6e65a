//! The first two lines of a file: what it is, and how its key is made.

use std::str::FromStr;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::Error;

pub(crate) const SALT_BYTES: usize = 32;
pub(crate) const NONCE_BYTES: usize = 24;

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

const BEGIN: &str = "middlewared two-factor export ";
const END: &str = "; to open it: midclt 2fa restore FILE";

/// Longer than both lines can be.
const MOST_BYTES: usize = 512;

/// How a key is made of a passphrase. The numbers of a file decide how much memory and time its reader
/// spends, before anything of it is proven: so they are within bounds, or it is not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; SALT_BYTES],
    pub(crate) nonce: [u8; NONCE_BYTES],
}

impl Head {
    /// For a new file: RFC 9106 §4, the second choice, on one lane.
    pub(crate) fn new(random: &[u8; SALT_BYTES + NONCE_BYTES]) -> Self {
        let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
        let (first, rest) = random.split_at(SALT_BYTES);
        salt.copy_from_slice(first);
        nonce.copy_from_slice(rest);
        Self {
            memory_kib: 65_536,
            passes: 3,
            lanes: 1,
            salt,
            nonce,
        }
    }

    pub(crate) fn to_text(&self) -> String {
        format!(
            "{BEGIN}{VERSION}{END}\nargon2id m={} t={} p={} salt={} nonce={}\n",
            self.memory_kib,
            self.passes,
            self.lanes,
            HEXLOWER.encode(&self.salt),
            HEXLOWER.encode(&self.nonce)
        )
    }

    /// The head of a file, its text, and what follows.
    pub(crate) fn parse(file: &[u8]) -> Result<(Self, &[u8], &[u8]), Error> {
        let first = line(file)?;
        let version = version(first)?;
        if version != VERSION {
            return Err(Error::Newer { version });
        }
        let second = line(file.get(first.len() + 1..).unwrap_or_default());
        let second = second.map_err(|_| Error::Numbers)?;
        let head = Self::numbers(second).ok_or(Error::Numbers)?;
        let length = first.len() + second.len() + 2;
        let (text, rest) = file.split_at_checked(length).ok_or(Error::Numbers)?;
        Ok((head, text, rest))
    }

    fn numbers(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        if words.next() != Some("argon2id") {
            return None;
        }
        let mut value = |name: &str| words.next()?.strip_prefix(name);
        let head = Self {
            memory_kib: number(value("m=")?).filter(|kib| (19_456..=262_144).contains(kib))?,
            passes: number(value("t=")?).filter(|passes| (1..=10).contains(passes))?,
            lanes: number(value("p=")?).filter(|lanes| (1..=4).contains(lanes))?,
            salt: bytes(value("salt=")?)?,
            nonce: bytes(value("nonce=")?)?,
        };
        words.next().is_none().then_some(head)
    }

    pub(crate) fn key(&self, passphrase: &str) -> Result<Zeroizing<[u8; 32]>, Error> {
        let mut key = Zeroizing::new([0; 32]);
        // Numbers and lengths are in Argon2's range: nothing but memory can be missing.
        Params::new(self.memory_kib, self.passes, self.lanes, None)
            .and_then(|params| {
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
                    passphrase.as_bytes(),
                    &self.salt,
                    &mut *key,
                )
            })
            .map_err(|_| Error::NoMemory {
                mebibytes: self.memory_kib / 1024,
            })?;
        Ok(key)
    }
}

/// The first line, without its end.
fn line(text: &[u8]) -> Result<&str, Error> {
    let beginning = text.get(..MOST_BYTES.min(text.len())).unwrap_or_default();
    let end = beginning.iter().position(|byte| *byte == b'\n');
    let line = end.and_then(|end| beginning.get(..end));
    let line = line.and_then(|line| std::str::from_utf8(line).ok());
    line.ok_or(Error::Foreign)
}

/// What follows the number is another release's business, unless it is ours.
fn version(line: &str) -> Result<u32, Error> {
    let rest = line.strip_prefix(BEGIN).ok_or(Error::Foreign)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    let version = number(digits.unwrap_or_default()).ok_or(Error::Foreign)?;
    match version {
        0 => Err(Error::Foreign),
        VERSION if rest != format!("{VERSION}{END}") => Err(Error::Foreign),
        version => Ok(version),
    }
}

/// A number as it is written here: no sign, no zero before it.
fn number(text: &str) -> Option<u32> {
    let number = u32::from_str(text).ok()?;
    (number.to_string() == text).then_some(number)
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
    bytes.try_into().ok()
}
