//! The key that names of no account are hashed with, for the throttle. It is no secret from root, and is
//! not sealed: without it the throttle would depend on the master key.

use std::path::Path;

use rusqlite::Connection;
use twofactor::{AccountKey, NameKey};

use crate::rows::Query;
use crate::{ReadTx, StateError, StoreError, entropy};

pub(crate) const KEY: Query = Query {
    record: "key of unknown names",
    sql: "SELECT value FROM meta WHERE name = 'name_key'",
};

impl ReadTx<'_> {
    /// Whose budget a name is charged to that belongs to no account.
    ///
    /// # Errors
    /// It cannot be read: then no code for such a name may be judged.
    pub fn unknown_name(&self, name: &str) -> Result<AccountKey, StoreError> {
        let key = self.only(&KEY, [], |row| row.get(0))?;
        Ok(AccountKey::unknown(name, &NameKey(key)))
    }
}

/// Makes the key where there is none: in a new store, after a migration, and after damage. What was
/// counted under another key is then forgotten, of names that nobody has.
pub(crate) fn ensure_key(conn: &Connection, path: &Path) -> Result<(), StateError> {
    const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM meta WHERE name = 'name_key' \
        AND typeof(value) = 'blob' AND length(value) = 16)";
    const PUT: &str = "INSERT OR REPLACE INTO meta (name, value) VALUES ('name_key', ?1)";
    let ensured = conn.query_row(IS_THERE, [], |row| row.get(0));
    // Looked at first, since a start should not depend on being able to write.
    if ensured.map_err(|error| StateError::from_sqlite(path, error))? {
        return Ok(());
    }
    let key = entropy::random::<16>().map_err(|_| StateError::NoRandomness)?;
    conn.execute(PUT, [key])
        .map(drop)
        .map_err(|error| StateError::from_sqlite(path, error))
}
