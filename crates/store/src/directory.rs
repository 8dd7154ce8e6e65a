//! The state directory: private, locked by one daemon, and never silently started anew.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::StateError;
use crate::ballast::Ballast;

/// How long a write waits for another process that holds the write lock.
const PATIENCE: Duration = Duration::from_secs(2);

/// The same for whoever works beside a daemon that hangs: somebody waits at a console.
const PATIENCE_BESIDE: Duration = Duration::from_millis(600);

/// The state directory and the names in it.
pub(crate) struct StateDir {
    path: PathBuf,
    /// Held for its flock(2), which ends with the process however it ends. None beside a daemon.
    lock: Option<File>,
}

impl StateDir {
    /// Creates the directory (0700) where there is none, checks it, and locks it.
    pub(crate) fn lock(path: &Path) -> Result<Self, StateError> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(StateError::io(path)(error));
            }
            _ => {}
        }
        check_private(path, Kind::Directory)?;
        let lock = lock_file(path)?;
        Ok(Self {
            path: path.to_owned(),
            lock: Some(lock),
        })
    }

    /// Checks the directory, and leaves the lock to the daemon. Makes nothing.
    pub(crate) fn beside(path: &Path) -> Result<Self, StateError> {
        check_private(path, Kind::Directory)?;
        let dir = Self {
            path: path.to_owned(),
            lock: None,
        };
        let database = dir.database();
        match fs::symlink_metadata(&database) {
            Ok(found) if found.len() > 0 => check_private(&database, Kind::File)?,
            // Missing or empty: lost, or not made yet, which is for the daemon to find out.
            _ => dir.check_nothing_lost()?,
        }
        Ok(dir)
    }

    /// How long SQLite waits for another process.
    pub(crate) const fn patience(&self) -> Duration {
        match self.lock {
            Some(_) => PATIENCE,
            None => PATIENCE_BESIDE,
        }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("middlewared.db")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.path.join("middlewared.key")
    }

    /// The key of a store whose first commit may not have happened yet.
    pub(crate) fn new_key_file(&self) -> PathBuf {
        self.path.join("middlewared.key.new")
    }

    pub(crate) fn backups(&self) -> PathBuf {
        backups_beside(&self.database())
    }

    pub(crate) fn ballast(&self) -> Ballast {
        Ballast::new(self.path.join("ballast"))
    }

    /// Creates an empty private file where there is no database yet, for SQLite to fill; its -wal
    /// and -shm inherit the mode.
    pub(crate) fn create_database(&self) -> Result<(), StateError> {
        let database = self.database();
        if let Ok(found) = fs::symlink_metadata(&database) {
            check_private(&database, Kind::File)?;
            // An empty file may be all that is left of a store. It is looked at before SQLite writes
            // its header into it.
            return match found.len() {
                0 => self.check_nothing_lost(),
                _ => Ok(()),
            };
        }
        self.check_nothing_lost()?;
        write_private(&database, b"")
    }

    /// Checks that a store may be created here. A database that is missing or blank while its key,
    /// ballast or copies are there was lost, and a lost one is never replaced by an empty one with
    /// the second factor off.
    pub(crate) fn check_nothing_lost(&self) -> Result<(), StateError> {
        let traces = [
            self.key_file(),
            self.ballast().path().to_owned(),
            self.backups(),
        ];
        match traces.into_iter().find(|trace| trace.exists()) {
            Some(trace) => {
                let database = self.database();
                Err(StateError::Lost { database, trace })
            }
            None => Ok(()),
        }
    }

    /// Checks that everything in the directory is ours alone.
    pub(crate) fn check_files(&self) -> Result<(), StateError> {
        let entries = fs::read_dir(&self.path).map_err(StateError::io(&self.path))?;
        for entry in entries {
            let path = entry.map_err(StateError::io(&self.path))?.path();
            // The directory may be a filesystem of its own, with what mke2fs(8) puts in each.
            if path.ends_with("lost+found") {
                continue;
            }
            let kind = if path == self.backups() {
                Kind::Directory
            } else {
                Kind::File
            };
            check_private(&path, kind)?;
        }
        Ok(())
    }
}

/// Where the copies of `database` are kept.
pub(crate) fn backups_beside(database: &Path) -> PathBuf {
    database.with_file_name("backups")
}

/// Creates `path` with mode 0600, writes `content`, and makes it durable.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), StateError> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(StateError::io(path))
}

/// Makes the names in the directory of `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StateError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    File::open(parent)
        .and_then(|dir| dir.sync_all())
        .map_err(StateError::io(parent))
}

#[derive(Clone, Copy)]
enum Kind {
    File,
    Directory,
}

fn check_private(path: &Path, kind: Kind) -> Result<(), StateError> {
    let found = fs::symlink_metadata(path).map_err(StateError::io(path))?;
    let (right, expected) = match kind {
        Kind::File => (found.is_file(), "regular file"),
        Kind::Directory => (found.is_dir(), "directory"),
    };
    if !right {
        return Err(StateError::WrongKind {
            path: path.to_owned(),
            expected,
        });
    }
    let us = nix::unistd::geteuid().as_raw();
    if found.uid() != us {
        let (path, owner) = (path.to_owned(), found.uid());
        return Err(StateError::ForeignOwner {
            path,
            owner,
            expected: us,
        });
    }
    match found.mode() & 0o7777 {
        mode if mode & 0o077 != 0 => Err(StateError::NotPrivate {
            path: path.to_owned(),
            mode,
        }),
        _ => Ok(()),
    }
}

fn lock_file(dir: &Path) -> Result<File, StateError> {
    let path = dir.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(StateError::io(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // The holder wrote its pid; unreadable is as good as unknown.
            let _ = file.read_to_string(&mut pid);
            let pid = if pid.trim().is_empty() {
                "unknown"
            } else {
                pid.trim()
            }
            .to_owned();
            return Err(StateError::InUse {
                dir: dir.to_owned(),
                pid,
            });
        }
        Err(TryLockError::Error(error)) => return Err(StateError::io(&path)(error)),
    }
    // Only a help for whoever meets the lock, so that a full disk must not stop the daemon here.
    let _ = file.set_len(0);
    let _ = writeln!(file, "{}", std::process::id());
    Ok(file)
}
