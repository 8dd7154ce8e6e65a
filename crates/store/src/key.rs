//! The master key: from systemd's credentials, else a file that is made only with a new store.
//!
//! The key of a new store is written as `middlewared.key.new`, and takes its real name only after
//! the database that knows its id is durable. So `middlewared.key` without a database means that
//! the database was lost, never that the machine stopped while making both.

use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use crate::directory::{self, StateDir};
use crate::seal::{Key, Sealer};
use crate::{StateError, entropy};

/// The credential's name in the unit (`LoadCredentialEncrypted=middlewared.key`).
const CREDENTIAL: &str = "middlewared.key";

/// The key for a store that is about to be created.
pub(crate) fn for_new_store(dir: &StateDir, credentials: Option<&Path>) -> Result<Key, StateError> {
    if let Some(key) = credentials
        .map(|dir| dir.join(CREDENTIAL))
        .filter(|path| path.exists())
    {
        return read(&key).ok_or(StateError::WrongKind {
            path: key,
            expected: "32-byte master key",
        });
    }
    let bytes = Zeroizing::new(entropy::random::<32>().map_err(|_| StateError::NoRandomness)?);
    directory::write_private(&dir.new_key_file(), &*bytes)?;
    directory::sync_parent(&dir.new_key_file())?;
    Ok(Key::new(&bytes))
}

/// Gives the key of a store that is now durable its real name.
pub(crate) fn keep(dir: &StateDir) -> Result<(), StateError> {
    let (new, kept) = (dir.new_key_file(), dir.key_file());
    if new.exists() {
        fs::rename(&new, &kept).map_err(StateError::io(&kept))?;
        directory::sync_parent(&kept)?;
    }
    Ok(())
}

/// The key of a store that says which one it was sealed with. A missing or different one is not an
/// error: recovery must not need it. A second one is never made.
pub(crate) fn for_existing_store(
    dir: &StateDir,
    credentials: Option<&Path>,
    key_id: &[u8],
) -> Result<Sealer, StateError> {
    let credential = credentials.map(|dir| dir.join(CREDENTIAL));
    let places = credential
        .into_iter()
        .chain([dir.key_file(), dir.new_key_file()]);
    let mut reason = format!("the master key {} is missing", dir.key_file().display());
    for place in places.filter(|place| place.exists()) {
        match read(&place) {
            Some(key) if key.id() == key_id => {
                if place == dir.new_key_file() {
                    keep(dir)?;
                }
                return Ok(Sealer::Ready(key));
            }
            Some(_) => {
                reason = format!("{} is not the key that sealed this state", place.display());
            }
            None => reason = format!("{} does not hold a 32-byte master key", place.display()),
        }
    }
    Ok(Sealer::Missing { reason })
}

fn read(path: &Path) -> Option<Key> {
    let bytes = Zeroizing::new(fs::read(path).ok()?);
    Some(Key::new(bytes.as_slice().try_into().ok()?))
}
