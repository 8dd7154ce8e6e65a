//! Puts a copy back in place of a database that cannot be used. What was there is kept.
//!
//! A copy is older than what it replaces. So nothing is good again that may have been used since: codes up
//! to now count as used, and recovery codes are void.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags, params};
use twofactor::UnixTime;

use crate::directory::{self, StateDir};
use crate::rows::secs;
use crate::{StateError, Store, backup, schema};

/// What was put back.
#[derive(Debug)]
pub struct Restored {
    /// The copy.
    pub copy: PathBuf,
    /// What it replaced, if there was anything, under its new name.
    pub aside: Option<PathBuf>,
    /// Newer copies that cannot be used either.
    pub skipped: Vec<PathBuf>,
}

/// Why nothing was put back.
#[derive(Debug, thiserror::Error)]
pub enum NotRestored {
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// There is nothing wrong, and nobody has named a copy.
    #[error(
        "the database is not damaged, and nothing was done; to put back a copy all the same, name it"
    )]
    NotDamaged,
    /// No copy is of any use.
    #[error("there is no copy in {} that could be used", backups.display())]
    NoCopy {
        /// Where they would be.
        backups: PathBuf,
    },
}

/// Puts back `copy`, or the newest one that is good where the database is not. The daemon must not run.
///
/// # Errors
/// Nothing was put back; what was there is as it was, save that it may have been set aside.
pub fn restore(
    state_dir: &Path,
    copy: Option<&Path>,
    now: UnixTime,
) -> Result<Restored, NotRestored> {
    // Made by nobody but a daemon: the lock would make it.
    fs::metadata(state_dir).map_err(StateError::io(state_dir))?;
    let dir = StateDir::lock(state_dir)?;
    if copy.is_none() && is_good(state_dir) {
        return Err(NotRestored::NotDamaged);
    }
    let candidates = match copy {
        Some(copy) => vec![copy.to_owned()],
        None => copies(&dir, now).map_err(StateError::io(&dir.backups()))?,
    };
    let mut skipped = Vec::new();
    for candidate in candidates {
        match prepare(&dir, &candidate, now) {
            Ok(()) => {
                let aside = put_back(&dir, now)?;
                return Ok(Restored {
                    copy: candidate,
                    aside,
                    skipped,
                });
            }
            Err(error) if copy.is_some() => return Err(error.into()),
            Err(_) => skipped.push(candidate),
        }
    }
    let backups = dir.backups();
    Err(NotRestored::NoCopy { backups })
}

fn is_good(state_dir: &Path) -> bool {
    let opened = Store::beside(state_dir, None).and_then(Store::into_writer);
    opened.is_ok() || matches!(opened, Err(StateError::Older { .. }))
}

/// The copies that this crate makes, the newest first. Those of a time to come are the last: a clock that was
/// ahead made them, so that nobody knows how old they are; or the clock is behind, and all are of that kind.
fn copies(dir: &StateDir, now: UnixTime) -> io::Result<Vec<PathBuf>> {
    // One is made each day, so that a day does not matter.
    const TOLERATED: Duration = Duration::from_hours(24);
    let now = SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_secs(now.as_secs()).saturating_add(TOLERATED))
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let mut copies: Vec<(bool, SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(dir.backups())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_ours = name.starts_with("daily-") || name.starts_with("before-migration-");
        if is_ours && name.ends_with(".db") {
            let made = fs::symlink_metadata(&path)?.modified()?;
            copies.push((made <= now, made, path));
        }
    }
    copies.sort();
    Ok(copies.into_iter().rev().map(|(.., path)| path).collect())
}

fn unfinished(dir: &StateDir) -> PathBuf {
    dir.database().with_extension("new")
}

/// Makes the database that will be put back, under another name, durable and looked through.
fn prepare(dir: &StateDir, copy: &Path, now: UnixTime) -> Result<(), StateError> {
    let new = unfinished(dir);
    let bytes = fs::read(copy).map_err(StateError::io(copy))?;
    directory::write_private(&new, &bytes)?;
    let made = age(dir, &new, now);
    if made.is_err() {
        let _ = fs::remove_file(&new);
    }
    made
}

fn age(dir: &StateDir, new: &Path, now: UnixTime) -> Result<(), StateError> {
    let sqlite = |error| StateError::from_sqlite(new, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut conn = Connection::open_with_flags(new, flags).map_err(sqlite)?;
    let version = schema::readable_version(&conn, dir)?;
    schema::check_whole(&conn, new)?;
    let change = conn.transaction().map_err(sqlite)?;
    let now = secs(now);
    let floors = "UPDATE devices SET floor = max(floor, ?1)";
    change.execute(floors, params![now]).map_err(sqlite)?;
    if version > 1 {
        let pending = "UPDATE devices SET pending_floor = max(pending_floor, ?1)";
        change.execute(pending, params![now]).map_err(sqlite)?;
        let void = "DELETE FROM recovery_codes; DELETE FROM recovery_sets; DELETE FROM bypasses";
        change.execute_batch(void).map_err(sqlite)?;
    }
    change.commit().map_err(sqlite)?;
    conn.close().map_err(|(_, error)| sqlite(error))
}

/// The old files go first, all three of them: a copy beside a strange -wal becomes a mixture of both.
/// Where the machine stops in between, the database is lost, and not a new one.
fn put_back(dir: &StateDir, now: UnixTime) -> Result<Option<PathBuf>, StateError> {
    let database = dir.database();
    backup::make_directory(dir)?;
    let mut aside = dir.backups().join(format!("replaced-{now}.db"));
    while aside.exists() {
        aside = with_end(&aside.with_extension(""), "-again.db");
    }
    let mut was_there = false;
    for end in ["-wal", "-shm", ""] {
        let (from, to) = (with_end(&database, end), with_end(&aside, end));
        match fs::rename(&from, &to) {
            Ok(()) => was_there = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StateError::io(&from)(error)),
        }
    }
    directory::sync_parent(&aside)?;
    fs::rename(unfinished(dir), &database).map_err(StateError::io(&database))?;
    directory::sync_parent(&database)?;
    Ok(was_there.then_some(aside))
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(end);
    path.into()
}
