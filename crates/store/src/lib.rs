//! Remembers: the only crate that touches the state directory.
//!
//! State is one SQLite database (WAL, `synchronous=FULL`) in a private directory, with secrets
//! sealed under a master key that is kept elsewhere. Reads and writes are distinct types, so a
//! method that was declared as a read cannot write: [`Reader`] hands out a [`ReadTx`], and only the
//! one [`Writer`] hands out a [`WriteTx`]. This crate knows no JSON and no sockets.
#![forbid(unsafe_code)]

mod accounts;
mod audit;
mod backup;
mod ballast;
mod devices;
mod directory;
pub mod entropy;
mod error;
mod expiry;
mod invites;
mod key;
mod latest;
mod moved;
mod names;
mod notices;
mod overriding;
mod overview;
mod permits;
mod policy;
mod recovery;
mod restore;
mod rows;
mod schema;
mod seal;
mod settings;
mod skews;
mod ssh;
mod throttle;
mod trial;
mod tx;
mod writer;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use breakglass::Override;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use twofactor::Clocks;

pub use accounts::AccountRecord;
pub use audit::{AuditEntry, AuditFilter, AuditRow, Peer, Subject};
pub use backup::Copy;
pub use devices::{DeviceRecord, NewDevice, StoredDevice};
pub use error::{StateError, StoreError};
pub use invites::InviteRecord;
pub use notices::{Audience, Notice};
pub use overview::{AccountCounts, CodesLeft, DeviceShapes};
pub use permits::{BypassRecord, ExemptionRecord};
pub use recovery::RecoverySet;
pub use restore::{NotRestored, Restored, restore};
pub use skews::SkewedDevice;
pub use ssh::SshdReport;
pub use throttle::{Attempt, StoredStreak};
pub use trial::{TrialFate, TrialRecord, TrialState};
pub use tx::{ReadTx, WriteTx};
pub use writer::{Ran, Reserve, Writer};

use directory::StateDir;
use seal::Sealer;
use tx::Moment;

/// The opened state of a machine. Its directory is locked against a second daemon until this and
/// everything made from it is dropped, unless it was opened beside one.
pub struct Store {
    dir: Arc<StateDir>,
    sealer: Arc<Sealer>,
    writer: Connection,
}

impl Store {
    /// Opens the state in `dir`, creating directory, database and master key where there are none.
    ///
    /// `credentials` is systemd's `$CREDENTIALS_DIRECTORY`: a master key found there is used in
    /// place of the key file. A store whose key is missing opens all the same; see
    /// [`Store::degraded`].
    ///
    /// # Errors
    /// Whatever makes the state unsafe to use or impossible to read: another daemon, a foreign
    /// owner, a damaged or lost or newer database. Nothing is reset or replaced on any of them.
    /// Damage in the midst of a database is found by [`Store::into_writer`].
    pub fn open(dir: &Path, credentials: Option<&Path>) -> Result<Self, StateError> {
        let dir = Arc::new(StateDir::lock(dir)?);
        match Self::open_locked(&dir, credentials) {
            // SQLite needs room for -wal and -shm before it can even read.
            Err(StateError::DiskFull { .. }) if dir.ballast().release() => {
                Self::open_locked(&dir, credentials)
            }
            opened => opened,
        }
    }

    fn open_locked(dir: &Arc<StateDir>, credentials: Option<&Path>) -> Result<Self, StateError> {
        let database = dir.database();
        dir.create_database()?;
        let mut conn = connect(dir)?;
        let sealer = if schema::is_blank(&conn, &database)? {
            dir.check_nothing_lost()?;
            let key = key::for_new_store(dir, credentials)?;
            schema::create(&mut conn, &database, &key.id())?;
            key::keep(dir)?;
            Sealer::Ready(key)
        } else {
            schema::check_and_migrate(&mut conn, dir)?;
            key::for_existing_store(dir, credentials, &schema::key_id(&conn, &database)?)?
        };
        names::ensure_key(&conn, &database)?;
        dir.check_files()?;
        dir.ballast().ensure();
        Ok(Self {
            dir: Arc::clone(dir),
            sealer: Arc::new(sealer),
            writer: conn,
        })
    }

    /// Opens the state that there is, beside a daemon that runs, hangs, or was never started: SQLite
    /// lets a second process write. What only the holder of the lock may do is not done: nothing is
    /// made, nothing is migrated.
    ///
    /// # Errors
    /// As [`Store::open`], and [`StateError::Older`].
    pub fn beside(dir: &Path, credentials: Option<&Path>) -> Result<Self, StateError> {
        let dir = Arc::new(StateDir::beside(dir)?);
        match Self::open_beside(&dir, credentials) {
            Err(StateError::DiskFull { .. }) if dir.ballast().release() => {
                Self::open_beside(&dir, credentials)
            }
            opened => opened,
        }
    }

    fn open_beside(dir: &Arc<StateDir>, credentials: Option<&Path>) -> Result<Self, StateError> {
        let database = dir.database();
        let conn = connect(dir)?;
        schema::check_is_current(&conn, dir)?;
        let key_id = schema::key_id(&conn, &database)?;
        let sealer = key::for_existing_store(dir, credentials, &key_id)?;
        Ok(Self {
            dir: Arc::clone(dir),
            sealer: Arc::new(sealer),
            writer: conn,
        })
    }

    /// A reader of what is stored where SQLite can open nothing, since it makes two files before it
    /// reads: on a read-only filesystem. The database is copied to `place`, a private directory in
    /// memory, and read there.
    ///
    /// # Errors
    /// As [`Store::beside`].
    pub fn read_copy(
        dir: &Path,
        credentials: Option<&Path>,
        place: &Path,
    ) -> Result<Reader, StateError> {
        let dir = StateDir::beside(dir)?;
        let database = dir.database();
        for end in ["", "-wal"] {
            let mut name = std::ffi::OsString::from(&database);
            name.push(end);
            let bytes = match std::fs::read(&name) {
                Err(error) if end == "-wal" && error.kind() == ErrorKind::NotFound => continue,
                read => read.map_err(StateError::io(Path::new(&name)))?,
            };
            let copy = place.join(format!("middlewared.db{end}"));
            directory::write_private(&copy, &bytes)?;
        }
        let conn = connect_to(&place.join("middlewared.db"), dir.patience())?;
        schema::check_is_current(&conn, &dir)?;
        let key_id = schema::key_id(&conn, &database)?;
        let sealer = key::for_existing_store(&dir, credentials, &key_id)?;
        Ok(Reader {
            conn,
            sealer: Arc::new(sealer),
            found: None,
        })
    }

    /// Why secrets cannot be read or made, if so. Settings can still be read and changed.
    #[must_use]
    pub fn degraded(&self) -> Option<&str> {
        self.sealer.missing()
    }

    /// Another connection for reads.
    ///
    /// # Errors
    /// SQLite cannot open the database again.
    pub fn reader(&self) -> Result<Reader, StateError> {
        Ok(Reader {
            conn: connect(&self.dir)?,
            sealer: Arc::clone(&self.sealer),
            found: None,
        })
    }

    /// Turns this into the one writer, once all of the database was looked through: what is damaged is
    /// never written to. That takes the longer, the more is stored.
    ///
    /// # Errors
    /// The database is damaged, or cannot be read.
    pub fn into_writer(self) -> Result<Writer, StateError> {
        schema::check_whole(&self.writer, &self.dir.database())?;
        Ok(Writer::new(self.writer, self.sealer, self.dir))
    }
}

/// A connection that can only read.
pub struct Reader {
    conn: Connection,
    sealer: Arc<Sealer>,
    found: Option<Override>,
}

impl Reader {
    /// From now on every read is under this override, which the caller has found, or under none.
    pub fn obey(&mut self, found: Option<Override>) {
        self.found = found;
    }

    /// Runs `read` on one snapshot of the database, as it is now: what another process committed
    /// before this call is seen by it. By `clocks` a trial is on or over.
    ///
    /// # Errors
    /// The database cannot be read, or whatever `read` returns.
    pub fn read<T, E: From<StoreError>>(
        &mut self,
        clocks: &Clocks,
        read: impl FnOnce(&ReadTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _snapshot = Snapshot::take(&self.conn)?;
        let moment = Moment {
            boot: clocks.boot,
            found: self.found.as_ref(),
        };
        read(&ReadTx::new(&self.conn, &self.sealer, moment))
    }
}

/// A read transaction, rolled back when dropped, also by a panic.
///
/// What rusqlite has for it prepares both statements anew each time.
struct Snapshot<'a>(&'a Connection);

impl<'a> Snapshot<'a> {
    fn take(conn: &'a Connection) -> Result<Self, StoreError> {
        if !conn.is_autocommit() {
            // The last one could not be rolled back.
            conn.execute_batch("ROLLBACK")?;
        }
        conn.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(conn))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // If this fails, the next one sees to it.
        let _ = self
            .0
            .prepare_cached("ROLLBACK")
            .and_then(|mut rollback| rollback.execute([]));
    }
}

fn connect(dir: &StateDir) -> Result<Connection, StateError> {
    connect_to(&dir.database(), dir.patience())
}

fn connect_to(path: &Path, patience: Duration) -> Result<Connection, StateError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Connection::open_with_flags(path, flags)
        .and_then(|conn| configure(&conn, patience).map(|()| conn))
        .map_err(|source| StateError::from_sqlite(path, source))
}

fn configure(conn: &Connection, patience: Duration) -> rusqlite::Result<()> {
    conn.busy_timeout(patience)?;
    // The first statement that reads the file: anything but a database fails here.
    conn.pragma_update(None, "journal_mode", "wal")?;
    // NORMAL lost acknowledged commits in a power cut; FULL lost none.
    conn.pragma_update(None, "synchronous", "full")?;
    // Old secrets and codes are overwritten, not just unlinked.
    conn.pragma_update(None, "secure_delete", true)?;
    // 1 MiB of log at most, which is what the ballast is sized for.
    conn.pragma_update(None, "wal_autocheckpoint", ballast::LOG_PAGES)?;
    // 256 KiB of pages is plenty for keyed reads.
    conn.pragma_update(None, "cache_size", -256)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    // All that a door runs, and room for what an administrator runs in between.
    conn.set_prepared_statement_cache_capacity(64);
    // Keyed look-ups have one plan. Without this, SQLite plans anew whenever a parameter is bound,
    // which costs four times the look-up itself.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

#[cfg(test)]
mod tests;
