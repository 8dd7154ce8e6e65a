//! The database's schema, its versions, and who may read which.
//!
//! Migrations only add. `user_version` counts them; `min_reader_version` says down to which release
//! the file can still be read, so that a downgrade reads on as long as that is safe.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::directory::StateDir;
use crate::{StateError, backup};

/// One script per version, the first creating everything. Never change one that was released.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];

/// The oldest release that may read what this one writes.
///
/// Release 1 may, so that after a downgrade the settings can be read and the second factor turned
/// off. What it does not know only makes it stricter: it asks for a code in spite of exemption,
/// bypass and grace, and knows no recovery codes. It could have let a pending device in, and that is
/// why such a device is stored with a floor (see `devices.rs`) under which it refuses every code. It
/// does not throttle, and never did.
const MIN_READER_VERSION: i64 = 1;

/// The newest version that this release knows: the last of [`MIGRATIONS`].
const SUPPORTED: i64 = 4;

/// Whether nothing was ever committed to the database: a new file, or one whose creation was cut
/// short.
pub(crate) fn is_blank(conn: &Connection, path: &Path) -> Result<bool, StateError> {
    conn.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
    .map_err(|error| StateError::from_sqlite(path, error))
}

/// Creates the schema, sealed with the key of `key_id`, in one transaction.
pub(crate) fn create(conn: &mut Connection, path: &Path, key_id: &[u8]) -> Result<(), StateError> {
    migrate(conn, 0, Some(key_id)).map_err(|error| StateError::from_sqlite(path, error))
}

/// Checks that the database is ours to read, and brings it up to date, after a copy. One that is up to
/// date is not looked through here; see [`check_whole`].
pub(crate) fn check_and_migrate(conn: &mut Connection, dir: &StateDir) -> Result<(), StateError> {
    let path = dir.database();
    let found = check(conn, dir).map_err(|error| StateError::from_sqlite(&path, error))??;
    if found < SUPPORTED {
        check_whole(conn, &path)?;
        backup::before_migration(conn, dir, found)?;
        migrate(conn, found, None).map_err(|error| StateError::from_sqlite(&path, error))?;
    }
    record_root(conn).map_err(|error| StateError::from_sqlite(&path, error))
}

/// The version of a database that can be read, perhaps after a migration.
pub(crate) fn readable_version(conn: &Connection, dir: &StateDir) -> Result<i64, StateError> {
    check(conn, dir).map_err(|error| StateError::from_sqlite(&dir.database(), error))?
}

/// Checks that the database can be used as it is.
pub(crate) fn check_is_current(conn: &Connection, dir: &StateDir) -> Result<(), StateError> {
    let database = dir.database();
    if readable_version(conn, dir)? < SUPPORTED {
        return Err(StateError::Older { database });
    }
    Ok(())
}

/// Release 1 knows no accounts. Where it made a device after a downgrade, root would have one and be
/// nobody to this release, and so be refused.
fn record_root(conn: &Connection) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT OR IGNORE INTO accounts (uid, name, created) \
        SELECT 0, 'root', min(created) FROM devices WHERE uid = 0 HAVING count(*) > 0";
    let is_missing = "SELECT NOT EXISTS (SELECT 1 FROM accounts WHERE uid = 0)";
    // Looked at first, since a start should not depend on being able to write.
    if conn.query_row(is_missing, [], |row| row.get(0))? {
        conn.execute(SQL, [])?;
    }
    Ok(())
}

/// Looks through all of the database for damage: the more there is in it, the longer.
pub(crate) fn check_whole(conn: &Connection, path: &Path) -> Result<(), StateError> {
    let verdict: String = conn
        .pragma_query_value(None, "quick_check", |row| row.get(0))
        .map_err(|error| StateError::from_sqlite(path, error))?;
    match verdict.as_str() {
        "ok" => Ok(()),
        _ => Err(StateError::damaged(path, verdict)),
    }
}

/// The id of the key that this store was sealed with.
pub(crate) fn key_id(conn: &Connection, path: &Path) -> Result<Vec<u8>, StateError> {
    meta(conn, "key_id")
        .map_err(|error| StateError::from_sqlite(path, error))?
        .ok_or_else(|| StateError::damaged(path, "the id of its key is missing"))
}

fn check(conn: &Connection, dir: &StateDir) -> rusqlite::Result<Result<i64, StateError>> {
    let path = dir.database();
    let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found < 1 {
        return Ok(Err(StateError::damaged(&path, "it has no schema version")));
    }
    let needs: i64 = meta(conn, "min_reader_version")?.unwrap_or(i64::MAX);
    if found > SUPPORTED && needs > SUPPORTED {
        return Ok(Err(StateError::Newer {
            database: path,
            found,
            supported: SUPPORTED,
        }));
    }
    Ok(Ok(found))
}

fn migrate(conn: &mut Connection, from: i64, key_id: Option<&[u8]>) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    for (version, script) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > from) {
        tx.execute_batch(script)?;
        tx.pragma_update(None, "user_version", version)?;
    }
    let set = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)";
    tx.execute(set, params!["min_reader_version", MIN_READER_VERSION])?;
    if let Some(key_id) = key_id {
        tx.execute(set, params!["key_id", key_id])?;
    }
    tx.commit()
}

fn meta<T: rusqlite::types::FromSql>(conn: &Connection, name: &str) -> rusqlite::Result<Option<T>> {
    conn.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| {
        row.get(0)
    })
    .optional()
}
