//! What only an export reads, and only its restore writes.
//!
//! What counts against an account never becomes less by a restore: of two counts the higher stays.

use rusqlite::params;
use twofactor::{AccountKey, Level, Streak, UnixTime};

use crate::permits::{EXEMPTION, exemption};
use crate::rows::{Query, number, secs};
use crate::throttle::{kind, level};
use crate::{Attempt, ExemptionRecord, ReadTx, StoreError, WriteTx};

pub(crate) const EXEMPTIONS_OF: Query = Query {
    record: EXEMPTION,
    sql: "SELECT id, uid, until, reason, created, key, key_until FROM exemptions \
        WHERE uid = ?1 ORDER BY id",
};

pub(crate) const LEVEL_OF: Query = Query {
    record: "throttle",
    sql: "SELECT parts, last FROM account_levels WHERE account = ?1",
};

pub(crate) const DEVICE_IDS: Query = Query {
    record: "device",
    sql: "SELECT id FROM devices WHERE uid = ?1",
};

impl ReadTx<'_> {
    /// The exemptions of an account, also those that are over and not yet removed.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn exemptions_of(&self, uid: u32) -> Result<Vec<ExemptionRecord>, StoreError> {
        self.all(&EXEMPTIONS_OF, [uid], exemption)
    }

    /// An account's failures from all its new sources, if there are any.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn account_level(&self, account: AccountKey) -> Result<Option<Level>, StoreError> {
        self.one(&LEVEL_OF, [account.of_level().to_i64()], |row| {
            level(row, 0)
        })
    }
}

impl WriteTx<'_> {
    /// Says when a device was made, and when a code of it was accepted last.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_history(
        &mut self,
        id: i64,
        created: UnixTime,
        last_used: Option<UnixTime>,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE devices SET created = ?2, last_used = ?3 WHERE id = ?1";
        self.write(SQL, params![id, secs(created), last_used.map(secs)])
            .map(drop)
    }

    /// Removes all devices of an account but these, also pending ones and those that cannot be read. Their
    /// ids.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn delete_devices_but(&mut self, uid: u32, kept: &[i64]) -> Result<Vec<i64>, StoreError> {
        let mut ids: Vec<i64> = self.all(&DEVICE_IDS, [uid], |row| row.get(0))?;
        ids.retain(|id| !kept.contains(id));
        for id in &ids {
            self.delete_device(*id)?;
        }
        Ok(ids)
    }

    /// Removes the exemptions of an account.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn delete_exemptions_of(&mut self, uid: u32) -> Result<(), StoreError> {
        self.write("DELETE FROM exemptions WHERE uid = ?1", [uid])
            .map(drop)
    }

    /// Has an account count at least as many wrong codes since its last login.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn raise_failures(
        &mut self,
        uid: u32,
        failures: u32,
        last_login: Option<UnixTime>,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE accounts SET \
            failures_since_login = max(failures_since_login, ?2), \
            last_login = nullif(max(ifnull(last_login, -1), ifnull(?3, -1)), -1) WHERE uid = ?1";
        self.write(SQL, params![uid, failures, last_login.map(secs)])
            .map(drop)
    }

    /// Has a row of failures be at least as long, and not end earlier.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn raise_streak(&mut self, attempt: &Attempt, streak: &Streak) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO streaks (account, source, kind, failures, last) \
            VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account, source, kind) DO UPDATE SET \
            failures = max(failures, excluded.failures), last = max(last, excluded.last)";
        let key = (attempt.account.to_i64(), attempt.source.to_string());
        self.count_insert(true);
        self.write(
            SQL,
            params![
                key.0,
                key.1,
                kind(attempt.budget),
                streak.failures,
                secs(streak.last)
            ],
        )
        .map(drop)
    }

    /// Has an account's level be at least as high, and sink no sooner.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn raise_level(&mut self, account: AccountKey, level: &Level) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO account_levels (account, parts, last) VALUES (?1, ?2, ?3) \
            ON CONFLICT (account) DO UPDATE SET \
            parts = max(parts, excluded.parts), last = max(last, excluded.last)";
        let account = account.of_level().to_i64();
        self.write(SQL, params![account, number(level.parts), secs(level.last)])
            .map(drop)
    }
}
