//! Copies of the database beside it: one a day, a fresh one after changes, and one before each
//! migration. A store in which nothing ever happened has none, so that restoring the newest copy never
//! means starting anew.
//!
//! Copies are made online (SQLite's backup API) under another name and renamed when durable, so that
//! a copy that has its name is whole. They hold sealed secrets, never the key.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup;
use twofactor::UnixTime;

use crate::StateError;
use crate::directory::{self, StateDir};

/// How many daily copies are kept.
const KEPT_DAYS: usize = 7;

const DAILY: &str = "daily-";

/// When today's copy is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// If there is none yet.
    Daily,
    /// In place of the one there is: something changed that a restored copy should have.
    Fresh,
}

/// Makes today's copy where it is due. Whether one was made.
pub(crate) fn today(
    conn: &Connection,
    dir: &StateDir,
    now: UnixTime,
    due: Copy,
) -> Result<bool, StateError> {
    let database = dir.database();
    let sqlite = |error| StateError::from_sqlite(&database, error);
    let day = day_of(conn, now).map_err(sqlite)?;
    let target = dir.backups().join(format!("{DAILY}{day}.db"));
    let is_there = due == Copy::Daily && target.exists();
    if is_there || !was_used(conn).map_err(sqlite)? {
        return Ok(false);
    }
    copy(conn, dir, &target)?;
    remove_old(dir, &target).map_err(StateError::io(&dir.backups()))?;
    Ok(true)
}

/// Makes the copy that a failed or regretted upgrade goes back to.
pub(crate) fn before_migration(
    conn: &Connection,
    dir: &StateDir,
    version: i64,
) -> Result<(), StateError> {
    copy(
        conn,
        dir,
        &dir.backups()
            .join(format!("before-migration-from-{version}.db")),
    )
}

/// Makes the directory of the copies, if it is missing.
pub(crate) fn make_directory(dir: &StateDir) -> Result<(), StateError> {
    let backups = dir.backups();
    match DirBuilder::new().mode(0o700).create(&backups) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(StateError::io(&backups)(error))
        }
        _ => Ok(()),
    }
}

fn copy(conn: &Connection, dir: &StateDir, target: &Path) -> Result<(), StateError> {
    make_directory(dir)?;
    let unfinished = target.with_extension("new");
    let made = write_copy(conn, &unfinished)
        .and_then(|()| fs::rename(&unfinished, target).map_err(StateError::io(target)));
    if made.is_err() {
        // Half a copy is of no use, and its space may be needed.
        let _ = fs::remove_file(&unfinished);
    }
    made?;
    directory::sync_parent(target)
}

fn write_copy(conn: &Connection, path: &Path) -> Result<(), StateError> {
    // Truncated and private before SQLite opens it.
    directory::write_private(path, b"")?;
    copy_pages(conn, path).map_err(|error| StateError::from_sqlite(path, error))?;
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(StateError::io(path))
}

fn copy_pages(conn: &Connection, target: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(target)?;
    Backup::new(conn, &mut copy)?.run_to_completion(1024, Duration::ZERO, None)?;
    // A single file that needs no -wal beside it.
    copy.pragma_update(None, "journal_mode", "delete")
}

/// Whether there is anything worth a copy: a device, or a change that was audited.
fn was_used(conn: &Connection) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM devices) OR EXISTS (SELECT 1 FROM audit)";
    conn.query_row(SQL, [], |row| row.get(0))
}

fn day_of(conn: &Connection, now: UnixTime) -> rusqlite::Result<String> {
    let secs = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    // NULL beyond the year 9999: then one copy under a name of its own.
    let day: Option<String> =
        conn.query_row("SELECT date(?1, 'unixepoch')", [secs], |row| row.get(0))?;
    Ok(day.unwrap_or_else(|| "unknown-day".to_owned()))
}

/// Removes the oldest. None is newer than today's: one with a later name was made while a clock was ahead, or
/// the clock is behind now, and so it is older than all that have a name of before.
fn remove_old(dir: &StateDir, todays: &Path) -> io::Result<()> {
    let mut daily: Vec<PathBuf> = fs::read_dir(dir.backups())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            name.starts_with(DAILY) && path.extension().is_some_and(|ext| ext == "db")
        })
        .collect();
    daily.sort_by_cached_key(|path| (path.as_path() <= todays, path.clone()));
    daily
        .iter()
        .rev()
        .skip(KEPT_DAYS)
        .try_for_each(fs::remove_file)
}
