//! Copies of the database beside it: one a day, and one before each migration.
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

/// Makes today's copy where there is none yet. Whether one was made.
pub(crate) fn daily(conn: &Connection, dir: &StateDir, now: UnixTime) -> Result<bool, StateError> {
    let database = dir.database();
    let day = day_of(conn, now).map_err(|error| StateError::from_sqlite(&database, error))?;
    let target = dir.backups().join(format!("{DAILY}{day}.db"));
    if target.exists() {
        return Ok(false);
    }
    copy(conn, dir, &target)?;
    remove_old(dir).map_err(StateError::io(&dir.backups()))?;
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

fn copy(conn: &Connection, dir: &StateDir, target: &Path) -> Result<(), StateError> {
    let backups = dir.backups();
    match DirBuilder::new().mode(0o700).create(&backups) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(StateError::io(&backups)(error));
        }
        _ => {}
    }
    let unfinished = target.with_extension("new");
    // Truncated and private before SQLite opens it.
    directory::write_private(&unfinished, b"")?;
    copy_pages(conn, &unfinished).map_err(|error| StateError::from_sqlite(&unfinished, error))?;
    File::open(&unfinished)
        .and_then(|file| file.sync_all())
        .map_err(StateError::io(&unfinished))?;
    fs::rename(&unfinished, target).map_err(StateError::io(target))?;
    directory::sync_parent(target)
}

fn copy_pages(conn: &Connection, target: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(target)?;
    Backup::new(conn, &mut copy)?.run_to_completion(1024, Duration::ZERO, None)?;
    // A single file that needs no -wal beside it.
    copy.pragma_update(None, "journal_mode", "delete")
}

fn day_of(conn: &Connection, now: UnixTime) -> rusqlite::Result<String> {
    let secs = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    // NULL beyond the year 9999: then one copy under a name of its own.
    let day: Option<String> =
        conn.query_row("SELECT date(?1, 'unixepoch')", [secs], |row| row.get(0))?;
    Ok(day.unwrap_or_else(|| "unknown-day".to_owned()))
}

fn remove_old(dir: &StateDir) -> io::Result<()> {
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
    daily.sort();
    daily
        .iter()
        .rev()
        .skip(KEPT_DAYS)
        .try_for_each(fs::remove_file)
}
