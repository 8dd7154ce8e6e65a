//! The least that a durable code can cost: one row changed and committed by SQLite, as the store does.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::accounts::Accounts;

/// A database like the daemon's, with one device in it.
#[derive(Debug)]
pub(super) struct Commits {
    connection: Connection,
    floor: i64,
    _directory: TempDir,
}

impl Commits {
    pub(super) fn new() -> Result<Self> {
        let directory = TempDir::with_prefix("middlewared-bench-")?;
        let state = directory.path().join("state");
        Accounts::create(&state, 1)?;
        let connection = Connection::open(state.join("middlewared.db"))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        Ok(Self {
            connection,
            floor: 1,
            _directory: directory,
        })
    }

    /// Changes what an accepted code changes in the device's row, durably.
    pub(super) fn commit(&mut self) -> Result<Duration> {
        let began = Instant::now();
        let sql = "UPDATE devices SET last_used = ?1, floor = ?2 WHERE id = 1";
        let mut update = self.connection.prepare_cached(sql)?;
        let changed = update.execute(params![self.floor, self.floor])?;
        let duration = began.elapsed();
        ensure!(changed == 1, "the device is gone");
        self.floor += 1;
        Ok(duration)
    }
}
