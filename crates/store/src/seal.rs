//! Sealing of secrets, one record at a time.
//!
//! XChaCha20-Poly1305 under the master key, with a random nonce (192 bits: safe to draw at random,
//! draft-irtf-cfrg-xchacha §2) and the record's purpose and id as associated data, so that a sealed
//! secret cannot be moved to another record. Layout: version (1 byte), nonce (24), ciphertext, tag.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::{StoreError, entropy};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// By how much a sealed value is longer than what is sealed: version, nonce and tag.
pub(crate) const OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + 16;

/// What a sealed value is, and where it belongs.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Table and column.
    pub(crate) purpose: &'static str,
    /// The record's id.
    pub(crate) id: i64,
}

impl Place {
    fn associated_data(self) -> Vec<u8> {
        let mut data = self.purpose.as_bytes().to_vec();
        data.push(0);
        data.extend(self.id.to_le_bytes());
        data
    }
}

/// The master key, ready for use.
pub(crate) struct Key(XChaCha20Poly1305);

impl Key {
    pub(crate) fn new(bytes: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(bytes.into()))
    }

    /// Names the key without telling anything about it: the tag of an empty message under a nonce
    /// that is used for nothing else.
    pub(crate) fn id(&self) -> Vec<u8> {
        let payload = Payload {
            msg: b"",
            aad: b"middlewared key id",
        };
        // Encrypting nothing cannot exceed the cipher's limit; an empty id would match no store.
        self.0
            .encrypt(&XNonce::default(), payload)
            .unwrap_or_default()
    }

    fn seal(&self, place: Place, clear: &[u8]) -> Result<Vec<u8>, StoreError> {
        let nonce = entropy::random::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: clear,
            aad: &place.associated_data(),
        };
        let sealed = self.0.encrypt(&nonce.into(), payload);
        let sealed = sealed.map_err(|_| StoreError::Damaged {
            record: place.purpose,
        })?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    fn open(&self, place: Place, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (version, rest) = sealed.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        if *version != VERSION {
            return None;
        }
        let payload = Payload {
            msg: sealed,
            aad: &place.associated_data(),
        };
        self.0
            .decrypt(nonce.into(), payload)
            .ok()
            .map(Zeroizing::new)
    }
}

/// Seals and opens, or says why it cannot.
pub(crate) enum Sealer {
    /// With the key that this store was made with.
    Ready(Key),
    /// Without it.
    Missing {
        /// What is wrong with the key.
        reason: String,
    },
}

impl Sealer {
    pub(crate) fn missing(&self) -> Option<&str> {
        match self {
            Self::Ready(_) => None,
            Self::Missing { reason } => Some(reason),
        }
    }

    pub(crate) fn seal(&self, place: Place, clear: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.key()?.seal(place, clear)
    }

    pub(crate) fn open(
        &self,
        place: Place,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let opened = self.key()?.open(place, sealed);
        opened.ok_or(StoreError::Damaged {
            record: place.purpose,
        })
    }

    fn key(&self) -> Result<&Key, StoreError> {
        match self {
            Self::Ready(key) => Ok(key),
            Self::Missing { reason } => Err(StoreError::NoKey {
                reason: reason.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place = Place {
        purpose: "devices.secret",
        id: 7,
    };

    #[test]
    fn a_sealed_secret_opens_only_in_its_place_with_its_key() {
        let key = Key::new(&[1; 32]);
        let sealed = key.seal(HERE, b"secret").unwrap();
        assert_eq!(key.open(HERE, &sealed).unwrap().as_slice(), b"secret");
        assert!(key.open(Place { id: 8, ..HERE }, &sealed).is_none());
        assert!(
            key.open(
                Place {
                    purpose: "other",
                    ..HERE
                },
                &sealed
            )
            .is_none()
        );
        assert!(Key::new(&[2; 32]).open(HERE, &sealed).is_none());
    }

    #[test]
    fn a_changed_or_cut_seal_does_not_open() {
        let key = Key::new(&[1; 32]);
        let sealed = key.seal(HERE, b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(HERE, &changed).is_none(), "byte {at}");
            assert!(key.open(HERE, &sealed[..at]).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn sealing_twice_gives_different_bytes_and_ids_tell_keys_apart() {
        let key = Key::new(&[1; 32]);
        assert_ne!(key.seal(HERE, b"x").unwrap(), key.seal(HERE, b"x").unwrap());
        assert_eq!(key.id(), Key::new(&[1; 32]).id());
        assert_ne!(key.id(), Key::new(&[2; 32]).id());
    }
}
