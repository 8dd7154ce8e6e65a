//! The file itself: who may have written it, and how it is written whole or not at all.

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::{BootId, DIRECTORY, FILE, Malformed, Override};

/// The largest file that is read.
const MAX_BYTES: u64 = 4096;

/// The file while it is being written.
const NEW: &str = "override.new";

/// Write permission for anybody but the owner.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Where the override is, and whose it has to be.
#[derive(Clone, Debug)]
pub struct Place {
    directory: PathBuf,
    owner: u32,
}

/// Why an override is ignored, or could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The directory belongs to somebody else, or others may write to it.
    #[error("the directory of the override is not root's alone")]
    Directory,
    /// A link, a directory, a device.
    #[error("the override is no plain file")]
    NoFile,
    /// The file belongs to somebody else, or others may write to it.
    #[error("the override is not root's alone")]
    NotRoots,
    /// It has a second name, somewhere.
    #[error("the override has more than one link")]
    Links,
    /// More than any override has.
    #[error("the override is larger than 4 KiB")]
    TooLarge,
    /// It was written before the last reboot.
    #[error("the override is of another boot")]
    OtherBoot,
    /// Its text cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

impl Place {
    /// Where the packaged programs look, and root's.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(Path::new(DIRECTORY), 0)
    }

    /// Another place, and another owner: for tests.
    #[must_use]
    pub fn new(directory: &Path, owner: u32) -> Self {
        let directory = directory.to_owned();
        Self { directory, owner }
    }

    /// The override that holds in this boot; `None` where there is none.
    ///
    /// # Errors
    /// There is something, but it is to be ignored.
    pub fn read(&self, boot: BootId) -> Result<Option<Override>, Trouble> {
        let directory = match self.open() {
            Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        // O_NONBLOCK: opening a fifo would wait for a writer.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = match openat(&directory, FILE, flags | OFlag::O_CLOEXEC, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT) => return Ok(None),
            // What O_NOFOLLOW says of a symbolic link, and open(2) of a socket.
            Err(Errno::ELOOP | Errno::ENXIO) => return Err(Trouble::NoFile),
            Err(errno) => return Err(errno.into()),
        };
        self.judge(&file.metadata()?)?;
        let mut text = String::new();
        let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
        match read {
            Ok(length) if length as u64 > MAX_BYTES => return Err(Trouble::TooLarge),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(Malformed.into());
            }
            read => read?,
        };
        let (written_in, decided) = Override::of_text(&text)?;
        if written_in != boot.to_string() {
            return Err(Trouble::OtherBoot);
        }
        Ok(Some(decided))
    }

    /// Writes an override for this boot in place of an earlier one, durably. Makes the directory if
    /// it is missing.
    ///
    /// # Errors
    /// [`Trouble::Directory`] and [`Trouble::Malformed`], or what the system refused.
    pub fn write(&self, boot: BootId, decided: &Override) -> Result<(), Trouble> {
        let text = decided.to_text(boot)?;
        match DirBuilder::new().mode(0o700).create(&self.directory) {
            // Whatever the umask is: the daemon, which is not root, looks into it.
            Ok(()) => fs::set_permissions(&self.directory, Permissions::from_mode(0o755))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
        let directory = self.open()?;
        remove(&directory, NEW)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        let mode = Mode::from_bits_truncate(0o644);
        let mut file = File::from(openat(&directory, NEW, flags | OFlag::O_CLOEXEC, mode)?);
        // Whatever the umask is, again.
        fchmod(&file, mode)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        renameat(&directory, NEW, &directory, FILE)?;
        directory.sync_all()?;
        Ok(())
    }

    /// Ends the override; whether there was a file.
    ///
    /// # Errors
    /// [`Trouble::Directory`], or what the system refused.
    pub fn remove(&self) -> Result<bool, Trouble> {
        let directory = match self.open() {
            Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        let was_there = remove(&directory, FILE)?;
        directory.sync_all()?;
        Ok(was_there)
    }

    /// The directory, if it is one that only the owner can write to.
    fn open(&self) -> Result<File, Trouble> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened: OwnedFd = match openat(AT_FDCWD, &self.directory, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(Errno::ELOOP | Errno::ENOTDIR) => return Err(Trouble::Directory),
            Err(errno) => return Err(errno.into()),
        };
        let directory = File::from(opened);
        if !self.is_owners_alone(&directory.metadata()?) {
            return Err(Trouble::Directory);
        }
        Ok(directory)
    }

    fn judge(&self, file: &Metadata) -> Result<(), Trouble> {
        if !file.is_file() {
            return Err(Trouble::NoFile);
        }
        if !self.is_owners_alone(file) {
            return Err(Trouble::NotRoots);
        }
        if file.nlink() != 1 {
            return Err(Trouble::Links);
        }
        if file.len() > MAX_BYTES {
            return Err(Trouble::TooLarge);
        }
        Ok(())
    }

    fn is_owners_alone(&self, metadata: &Metadata) -> bool {
        metadata.uid() == self.owner && metadata.mode() & WRITABLE_BY_OTHERS == 0
    }
}

/// Removes a file; whether it was there.
fn remove(directory: &File, name: &str) -> Result<bool, Trouble> {
    match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests;
