//! What an administrator's overview needs. Unlike all other reads these look at whole tables, so that
//! no door may ask them.

use rusqlite::params;
use twofactor::{AccountKey, Level, Source, TimeStep, UnixTime};

use crate::rows::{Fields, Query, number, secs};
use crate::seal::OVERHEAD_BYTES;
use crate::throttle::{StoredStreak, level, stored_streak};
use crate::{ReadTx, StoreError};

/// How many accounts there are of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountCounts {
    /// Something is stored about them.
    pub known: u32,
    /// They have an active device.
    pub with_active_device: u32,
    /// They have pending devices only.
    pub pending_only: u32,
    /// They have an active device and no recovery code that counts.
    pub without_codes: u32,
}

/// How many recovery codes an account has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodesLeft {
    /// The account.
    pub uid: u32,
    /// Its codes that are not used.
    pub left: u32,
}

/// How codes of the devices look, all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceShapes {
    /// The longest time step of an active device; `None` where there is none.
    pub longest_step: Option<TimeStep>,
    /// Devices whose time step is outside 15 to 120 s, the advised range.
    pub odd_steps: u32,
    /// Devices whose secret has less than 128 bits (RFC 4226 §4 R6).
    pub weak_secrets: u32,
}

const SHAPES: Query = Query {
    record: "device",
    sql: "SELECT max(step_secs) FILTER (WHERE pending_until IS NULL), \
        count(*) FILTER (WHERE step_secs NOT BETWEEN 15 AND 120), \
        count(*) FILTER (WHERE length(secret) < ?1) FROM devices",
};

const ENROLLED: Query = Query {
    record: "device",
    sql: "SELECT DISTINCT uid FROM devices WHERE pending_until IS NULL",
};

const COUNTS: Query = Query {
    record: "overview",
    sql: "WITH active AS (SELECT DISTINCT uid FROM devices WHERE pending_until IS NULL) \
        SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM active), \
        (SELECT count(DISTINCT uid) FROM devices \
            WHERE pending_until > ?1 AND uid NOT IN active), \
        (SELECT count(*) FROM active WHERE NOT EXISTS (SELECT 1 FROM recovery_sets \
            JOIN recovery_codes ON set_id = recovery_sets.id \
            WHERE recovery_sets.uid = active.uid AND saved IS NOT NULL AND used IS NULL))",
};

const CODES_LEFT: Query = Query {
    record: "recovery codes",
    sql: "SELECT uid, count(*) FILTER (WHERE used IS NULL) AS unused FROM recovery_sets \
        JOIN recovery_codes ON set_id = recovery_sets.id WHERE saved IS NOT NULL \
        GROUP BY uid HAVING unused <= ?1 ORDER BY unused, uid LIMIT ?2",
};

/// In a flood nearly all are recent and nearly none has many failures: these are looked for.
const FAILING: Query = Query {
    record: "throttle",
    sql: "SELECT account, source, kind, failures, last FROM streaks \
        WHERE failures >= ?2 AND last > ?1 ORDER BY last DESC LIMIT ?3",
};

const SOURCES: Query = Query {
    record: "throttle",
    sql: "SELECT source, parts, last FROM source_levels WHERE parts > ?1 \
        ORDER BY last DESC LIMIT ?2",
};

const ACCOUNTS: Query = Query {
    record: "throttle",
    sql: "SELECT account, parts, last FROM account_levels WHERE parts > ?1 \
        ORDER BY parts DESC LIMIT ?2",
};

impl ReadTx<'_> {
    /// How many accounts there are. `today` decides which pending devices still count.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn account_counts(&self, today: UnixTime) -> Result<AccountCounts, StoreError> {
        self.only(&COUNTS, [secs(today)], |row| {
            Ok(AccountCounts {
                known: row.get(0)?,
                with_active_device: row.get(1)?,
                pending_only: row.get(2)?,
                without_codes: row.get(3)?,
            })
        })
    }

    /// How codes of the devices look. Works without the master key: a sealed secret is longer than
    /// the secret by a length that is always the same.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn device_shapes(&self) -> Result<DeviceShapes, StoreError> {
        const STRONG_BYTES: usize = 16;
        let sealed = number(STRONG_BYTES + OVERHEAD_BYTES);
        self.only(&SHAPES, [sealed], |row| {
            let longest: Option<u32> = row.get(0)?;
            let step = |secs| row.valid(TimeStep::from_secs(secs));
            Ok(DeviceShapes {
                longest_step: longest.map(step).transpose()?,
                odd_steps: row.get(1)?,
                weak_secrets: row.get(2)?,
            })
        })
    }

    /// The accounts that have an active device.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn enrolled_uids(&self) -> Result<Vec<u32>, StoreError> {
        self.all(&ENROLLED, [], |row| row.get(0))
    }

    /// Accounts that saved recovery codes and have at most so many left, the fewest first.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn few_recovery_codes(
        &self,
        at_most: u32,
        limit: u32,
    ) -> Result<Vec<CodesLeft>, StoreError> {
        self.all(&CODES_LEFT, params![at_most, limit], |row| {
            Ok(CodesLeft {
                uid: row.get(0)?,
                left: row.get(1)?,
            })
        })
    }

    /// Streaks of at least so many failures whose last was after a time, the newest first.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn failing(
        &self,
        after: UnixTime,
        failures: u32,
        limit: u32,
    ) -> Result<Vec<StoredStreak>, StoreError> {
        self.all(
            &FAILING,
            params![secs(after), failures, limit],
            stored_streak,
        )
    }

    /// Sources whose level was over so many parts at its last failure, the newest first.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn raised_sources(
        &self,
        over_parts: u64,
        limit: u32,
    ) -> Result<Vec<(Source, Level)>, StoreError> {
        self.all(&SOURCES, params![number(over_parts), limit], |row| {
            let source: String = row.get(0)?;
            Ok((row.valid(Source::from_stored(&source))?, level(row, 1)?))
        })
    }

    /// Accounts whose level was over so many parts at its last failure, the highest first.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn raised_accounts(
        &self,
        over_parts: u64,
        limit: u32,
    ) -> Result<Vec<(AccountKey, Level)>, StoreError> {
        self.all(
            &ACCOUNTS,
            params![number(over_parts), limit],
            |row: &Fields<'_>| {
                let account = AccountKey::from_i64(row.get(0)?);
                let of_level = account.filter(|account| *account == account.of_level());
                Ok((row.valid(of_level)?, level(row, 1)?))
            },
        )
    }
}
