//! Space set aside while there is some, so that a full disk alone never stops an unlock.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::posix_fallocate;

/// How many pages of 4 KiB the write-ahead log grows to before it is folded into the database.
pub(crate) const LOG_PAGES: i64 = 256;

/// The log at its largest, its index (-shm, 32 KiB) and some slack.
const SIZE: i64 = LOG_PAGES * 4096 + 128 * 1024;

/// A file that does nothing but take up space.
pub(crate) struct Ballast {
    path: PathBuf,
}

impl Ballast {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes up the space again, where there is enough. Whether it is taken.
    pub(crate) fn ensure(&self) -> bool {
        if self.is_full() {
            return true;
        }
        let filled = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)
            .and_then(|file| posix_fallocate(&file, 0, SIZE).map_err(Into::into));
        if let Err(error) = &filled {
            tracing::warn!(%error, "no space for the reserve that an unlock on a full disk needs");
            self.release();
        }
        filled.is_ok()
    }

    /// Gives the space back. Whether there was any.
    pub(crate) fn release(&self) -> bool {
        let was_full = self.is_full();
        // Emptied, not removed: it is also a trace that there was a store.
        let emptied = OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&self.path);
        was_full && emptied.is_ok()
    }

    fn is_full(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.len() >= SIZE.unsigned_abs())
    }
}
