//! The latest time that was ever seen, kept through restarts.
//!
//! Dates that permit something (grace, exemption, bypass) are judged by the later of it and the
//! clock, so that a clock that is set back does not bring them back. It is stored once a minute; what
//! the writer saw since then counts until this process ends.

use rusqlite::params;
use twofactor::{PENDING_SECS, UnixTime};

use crate::rows::{Query, secs};
use crate::{ReadTx, StoreError, WriteTx};

/// How far behind it may be: a write of every batch would cost more than a minute of a permission.
const LAG_SECS: i64 = 60;

const DAY_SECS: u64 = 86_400;

/// What counts from a time that may be ahead of the clock, and how long it can last from now.
const LONGEST: [(&str, u64); 8] = [
    (
        "UPDATE accounts SET grace_until = ?1 WHERE grace_until > ?1",
        90 * DAY_SECS,
    ),
    (
        "UPDATE exemptions SET until = ?1 WHERE until > ?1",
        366 * DAY_SECS,
    ),
    (
        "UPDATE exemptions SET key_until = ?1 WHERE key_until > ?1",
        366 * DAY_SECS,
    ),
    (
        "UPDATE invites SET until = ?1 WHERE until > ?1",
        7 * DAY_SECS,
    ),
    (
        "UPDATE devices SET pending_until = ?1 WHERE pending_until > ?1",
        PENDING_SECS,
    ),
    ("UPDATE bypasses SET until = ?1 WHERE until > ?1", DAY_SECS),
    ("UPDATE known_sources SET last = ?1 WHERE last > ?1", 0),
    // Not what was granted: what was counted, which would be forgotten only after that time.
    ("UPDATE account_levels SET last = ?1 WHERE last > ?1", 0),
];

pub(crate) const LATEST: Query = Query {
    record: "latest time",
    sql: "SELECT value FROM meta WHERE name = 'latest'",
};

impl ReadTx<'_> {
    /// The latest wall-clock time that was seen, at most a minute behind.
    ///
    /// # Errors
    /// It cannot be read: then nothing that ends may permit anything.
    pub fn latest(&self) -> Result<UnixTime, StoreError> {
        self.only(&LATEST, [], |row| row.time(0))
    }
}

impl WriteTx<'_> {
    /// The time that dates which permit something are judged by: the later of the clock and the
    /// latest time that was seen.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn today(&self) -> Result<UnixTime, StoreError> {
        let seen = self.effects().seen.get();
        Ok(self.latest()?.max(seen).max(self.now()))
    }

    /// Forgets that there was a later time than now: a clock was ahead, and is right again.
    ///
    /// What was granted meanwhile counts from that time, and would permit something until it has
    /// come: it ends as if the longest that there is were granted now.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn reset_latest(&mut self) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO meta (name, value) VALUES ('latest', ?1) \
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.write(SQL, [secs(self.now())])?;
        for (shorten, longest) in LONGEST {
            let end = self.now().saturating_add_secs(longest);
            self.write(shorten, [secs(end)])?;
        }
        self.effects().seen.set(self.now());
        Ok(())
    }

    /// Notes that the clock was found behind this latest time. Whether that is news: it is so once for each
    /// latest time, which stands still while the clock is behind.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn note_behind(&mut self, latest: UnixTime) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO meta (name, value) VALUES ('behind', ?1) \
            ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value";
        Ok(self.write(SQL, [secs(latest)])? > 0)
    }

    /// Remembers the time of this batch, for good if it is later by enough. A damaged value stays as
    /// it is, since nobody knows how late it was.
    pub(crate) fn note_time(&mut self) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE meta SET value = ?1 \
            WHERE name = 'latest' AND typeof(value) = 'integer' AND value BETWEEN 0 AND ?1 - ?2";
        let seen = &self.effects().seen;
        seen.set(seen.get().max(self.now()));
        self.write(SQL, params![secs(self.now()), LAG_SECS])
            .map(drop)
    }
}
