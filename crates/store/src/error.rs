//! What can go wrong with the state, by cause, each with its cure.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, statvfs};
use rusqlite::ErrorCode;

/// Why the state directory cannot be used. The daemon stops with this text; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A second daemon on the same state.
    #[error("{} is in use by another middlewared (pid {pid}); stop it first, or choose another --state-dir", dir.display())]
    InUse {
        /// The state directory.
        dir: PathBuf,
        /// The process that holds it, as it wrote itself down.
        pid: String,
    },
    /// A file or directory that somebody else owns.
    #[error("{} belongs to uid {owner}, and this process runs as uid {expected}; run it as the owner, or: chown {expected} {}", path.display(), path.display())]
    ForeignOwner {
        /// What belongs to somebody else.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The uid it should have.
        expected: u32,
    },
    /// A file or directory that others may enter.
    #[error("{} is open to others (mode {mode:04o}); if nobody else could have read it: chmod go-rwx {}", path.display(), path.display())]
    NotPrivate {
        /// What is open.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A path that is not of the kind it should be (a symbolic link, say).
    #[error("{} is not a {expected}; remove it or choose another --state-dir", path.display())]
    WrongKind {
        /// The path.
        path: PathBuf,
        /// What it should have been.
        expected: &'static str,
    },
    /// The database is gone while traces of it remain.
    #[error("{} is missing, but {} shows that there was one. To put back the newest good copy: middlewared restore. Or, to start anew with two-factor authentication off, move the whole of {} aside", database.display(), trace.display(), dir_of(database))]
    Lost {
        /// Where the database should be.
        database: PathBuf,
        /// What shows that there was one.
        trace: PathBuf,
    },
    /// The database cannot be read as ours.
    #[error("{} is damaged ({detail}); it was left as it is. To put back the newest good copy: middlewared restore", database.display())]
    Damaged {
        /// The database.
        database: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The database was written by a newer release that says that this one cannot read it.
    #[error("{} has schema version {found}, and this middlewared reads up to {supported}; install the newer release again, or put back the newest copy that can be read: middlewared restore", database.display())]
    Newer {
        /// The database.
        database: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest that this release knows.
        supported: i64,
    },
    /// The database is of an older release, and nobody has brought it up to date yet.
    #[error("{} is of an older release; the daemon brings it up to date when it starts", database.display())]
    Older {
        /// The database.
        database: PathBuf,
    },
    /// No room for SQLite's working files.
    #[error("no space left for {}; free some, then start again", path.display())]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// No permission to use or make something.
    #[error("this process (uid {uid}) may not use {}; give uid {uid} its directory (mode 0700), or choose another --state-dir", path.display())]
    NoPermission {
        /// What it is.
        path: PathBuf,
        /// Who may not use it.
        uid: u32,
    },
    /// Any other failure of the system. The text holds the reason, so it is no source: a chain would
    /// say it twice.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// Any other failure of SQLite, its reason in the text as well.
    #[error("{}: {reason}", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// SQLite's reason.
        reason: rusqlite::Error,
    },
    /// No random bytes for a new key.
    #[error("the kernel gave no random bytes; no key was made")]
    NoRandomness,
}

/// The directory of a path, for a message.
fn dir_of(path: &Path) -> std::path::Display<'_> {
    path.parent().unwrap_or(path).display()
}

impl StateError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| match reason.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull {
                path: path.to_owned(),
            },
            io::ErrorKind::PermissionDenied => Self::NoPermission {
                path: path.to_owned(),
                uid: nix::unistd::geteuid().as_raw(),
            },
            _ => Self::Io {
                path: path.to_owned(),
                reason,
            },
        }
    }

    pub(crate) fn from_sqlite(database: &Path, reason: rusqlite::Error) -> Self {
        match reason.sqlite_error_code() {
            _ if is_disk_full(&reason) => Self::DiskFull {
                path: database.to_owned(),
            },
            // It cannot make its -wal and -shm, and says only that it can open nothing.
            Some(ErrorCode::CannotOpen) if is_read_only(database) => Self::Io {
                path: database.to_owned(),
                reason: Errno::EROFS.into(),
            },
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::damaged(database, reason.to_string())
            }
            _ => Self::Sqlite {
                path: database.to_owned(),
                reason,
            },
        }
    }

    /// What kind of trouble it is, for programs.
    #[must_use]
    pub fn errno(&self) -> Errno {
        match self {
            Self::InUse { .. } => Errno::EBUSY,
            Self::ForeignOwner { .. } | Self::NotPrivate { .. } | Self::NoPermission { .. } => {
                Errno::EACCES
            }
            Self::DiskFull { .. } => Errno::ENOSPC,
            Self::Io { reason, .. } => reason.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
            Self::Sqlite { reason, .. } => match reason.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Errno::EBUSY,
                Some(ErrorCode::ReadOnly) => Errno::EROFS,
                _ => Errno::EIO,
            },
            Self::WrongKind { .. }
            | Self::Lost { .. }
            | Self::Damaged { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::NoRandomness => Errno::EIO,
        }
    }

    pub(crate) fn damaged(database: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged {
            database: database.to_owned(),
            detail: detail.into(),
        }
    }
}

/// Why a read or a write failed. A write that failed changed nothing, save where it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, also with the reserve.
    #[error(
        "the disk is full; nothing was changed. Free some space in the state directory's filesystem and try again"
    )]
    DiskFull,
    /// Another process holds the write lock.
    #[error("another process is writing to the state; nothing was changed. Try again")]
    Busy,
    /// The filesystem is read-only.
    #[error("the state is on a read-only filesystem; nothing was changed")]
    ReadOnly,
    /// A record does not hold what it should.
    #[error("the stored {record} cannot be read; nothing was changed. See the daemon's log")]
    Damaged {
        /// Which record.
        record: &'static str,
    },
    /// The uid or the name of an account is stored, each with another.
    #[error(
        "this account's uid or name is stored with another name or uid; nothing was changed. Forget the stored account first"
    )]
    OtherAccount,
    /// The master key is not there, or not the one that sealed the secrets.
    #[error(
        "secrets cannot be read or made: {reason}. Two-factor authentication can still be turned off"
    )]
    NoKey {
        /// What is wrong with the key.
        reason: String,
    },
    /// The kernel gave no random bytes.
    #[error("the kernel gave no random bytes; nothing was made")]
    NoRandomness,
    /// The disk failed at the very end: it may hold what was to be written, or not.
    #[error(
        "the disk failed while this was written ({0}); whether it was changed is not known before the next start. Look then"
    )]
    Unsure(rusqlite::Error),
    /// Any other failure of SQLite.
    #[error("the state cannot be used ({0}); nothing was changed")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            _ if is_disk_full(&error) => Self::DiskFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { record: "database" }
            }
            _ => Self::Sqlite(error),
        }
    }
}

fn is_read_only(path: &Path) -> bool {
    statvfs(path).is_ok_and(|found| found.flags().contains(FsFlags::ST_RDONLY))
}

fn is_disk_full(error: &rusqlite::Error) -> bool {
    // Where -shm cannot grow, SQLite speaks of an I/O error.
    const SHM_SIZE: i32 = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
    error
        .sqlite_error()
        .is_some_and(|error| error.code == ErrorCode::DiskFull || error.extended_code == SHM_SIZE)
}
