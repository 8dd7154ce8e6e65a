//! What permits to skip the second factor for a time: bypasses and exemptions. Each has an end, a
//! reason, and a record.

use rusqlite::params;
use twofactor::{Boot, BootId, Bypass, Fingerprint, UnixTime};

use crate::rows::{Fields, Query, number, secs};
use crate::{ReadTx, StoreError, WriteTx};

/// A bypass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BypassRecord {
    /// Never used again for another bypass.
    pub id: i64,
    /// For whom; `None` for everybody.
    pub uid: Option<u32>,
    /// Until when, in which boot, and how often.
    pub bypass: Bypass,
    /// Why it was given.
    pub reason: String,
    /// When it was given.
    pub created: UnixTime,
}

/// An exemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExemptionRecord {
    /// Never used again for another exemption.
    pub id: i64,
    /// For whom.
    pub uid: u32,
    /// The key that it holds for alone, if not for all that the account proves.
    pub key: Option<Fingerprint>,
    /// The first second at which a code is needed again.
    pub until: UnixTime,
    /// Why it was given.
    pub reason: String,
    /// When it was given.
    pub created: UnixTime,
}

const BYPASS: &str = "bypass";
pub(crate) const EXEMPTION: &str = "exemption";

const BYPASSES: Query = Query {
    record: BYPASS,
    sql: "SELECT id, uid, until, boot_id, boot_until, uses_left, reason, created FROM bypasses \
        ORDER BY id",
};

const BYPASS_BY_ID: Query = Query {
    record: BYPASS,
    sql: "SELECT id, uid, until, boot_id, boot_until, uses_left, reason, created FROM bypasses \
        WHERE id = ?1",
};

pub(crate) const BYPASSES_FOR: Query = Query {
    record: BYPASS,
    sql: "SELECT id, uid, until, boot_id, boot_until, uses_left, reason, created FROM bypasses \
        WHERE uid = ?1 OR uid IS NULL ORDER BY uid IS NULL, id",
};

const EXEMPTIONS: Query = Query {
    record: EXEMPTION,
    sql: "SELECT id, uid, until, reason, created, key, key_until FROM exemptions ORDER BY id",
};

const EXEMPTION_BY_ID: Query = Query {
    record: EXEMPTION,
    sql: "SELECT id, uid, until, reason, created, key, key_until FROM exemptions \
        WHERE id = ?1",
};

pub(crate) const EXEMPT_UNTIL: Query = Query {
    record: EXEMPTION,
    sql: "SELECT max(until) FROM exemptions WHERE uid = ?1",
};

pub(crate) const KEY_EXEMPT_UNTIL: Query = Query {
    record: EXEMPTION,
    sql: "SELECT max(key_until) FROM exemptions WHERE uid = ?1 AND key = ?2",
};

impl ReadTx<'_> {
    /// All bypasses, also those that are over and not yet removed.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn bypasses(&self) -> Result<Vec<BypassRecord>, StoreError> {
        self.all(&BYPASSES, [], bypass)
    }

    /// One bypass.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn bypass(&self, id: i64) -> Result<Option<BypassRecord>, StoreError> {
        self.one(&BYPASS_BY_ID, [id], bypass)
    }

    /// The bypasses that an account may use, its own before those for everybody, which are all that an
    /// account without a record has; also those that are over and not yet removed.
    ///
    /// # Errors
    /// One of them cannot be read: then none of them permits anything.
    pub fn bypasses_for(&self, uid: Option<u32>) -> Result<Vec<BypassRecord>, StoreError> {
        self.all(&BYPASSES_FOR, [uid], bypass)
    }

    /// All exemptions, also those that are over and not yet removed.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn exemptions(&self) -> Result<Vec<ExemptionRecord>, StoreError> {
        self.all(&EXEMPTIONS, [], exemption)
    }

    /// One exemption.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn exemption(&self, id: i64) -> Result<Option<ExemptionRecord>, StoreError> {
        self.one(&EXEMPTION_BY_ID, [id], exemption)
    }

    /// The latest end of an account's exemptions, which may have passed. Those for one key are not
    /// among them.
    ///
    /// # Errors
    /// It cannot be read: then the account is not exempt.
    pub fn exempt_until(&self, uid: u32) -> Result<Option<UnixTime>, StoreError> {
        self.only(&EXEMPT_UNTIL, [uid], |row| row.maybe_time(0))
    }

    /// The same of those for this key.
    ///
    /// # Errors
    /// It cannot be read: then the key is not exempt.
    pub fn key_exempt_until(
        &self,
        uid: u32,
        key: Fingerprint,
    ) -> Result<Option<UnixTime>, StoreError> {
        let params = params![uid, key.to_string()];
        self.only(&KEY_EXEMPT_UNTIL, params, |row| row.maybe_time(0))
    }
}

impl WriteTx<'_> {
    /// Stores a bypass, for one account or for everybody. Its id.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_bypass(
        &mut self,
        uid: Option<u32>,
        bypass: &Bypass,
        reason: &str,
    ) -> Result<i64, StoreError> {
        const SQL: &str = "INSERT INTO bypasses \
            (uid, until, boot_id, boot_until, uses_left, reason, created) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let Bypass {
            until,
            boot_until,
            uses_left,
        } = bypass;
        self.insert(
            SQL,
            params![
                uid,
                secs(*until),
                boot_until.id.0,
                number(boot_until.secs),
                uses_left,
                reason,
                secs(self.now()),
            ],
        )
    }

    /// Counts a use of a bypass.
    ///
    /// # Errors
    /// No use was left, or it cannot be written: then it permits nothing.
    pub fn use_bypass(&mut self, id: i64) -> Result<(), StoreError> {
        const SQL: &str =
            "UPDATE bypasses SET uses_left = uses_left - 1 WHERE id = ?1 AND uses_left > 0";
        match self.write(SQL, [id])? {
            0 => Err(StoreError::Damaged { record: BYPASS }),
            _ => Ok(()),
        }
    }

    /// Removes a bypass. Whether there was one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn delete_bypass(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(self.write("DELETE FROM bypasses WHERE id = ?1", [id])? > 0)
    }

    /// Stores an exemption. Its id.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_exemption(
        &mut self,
        uid: u32,
        until: UnixTime,
        reason: &str,
    ) -> Result<i64, StoreError> {
        const SQL: &str =
            "INSERT INTO exemptions (uid, until, reason, created) VALUES (?1, ?2, ?3, ?4)";
        self.insert(SQL, params![uid, secs(until), reason, secs(self.now())])
    }

    /// Has an exemption hold for this key alone.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn bind_exemption(&mut self, id: i64, key: Fingerprint) -> Result<(), StoreError> {
        // Release 2 knows no keys. What it knows says that the exemption is over.
        const SQL: &str = "UPDATE exemptions SET key = ?2, key_until = until, until = 0 \
            WHERE id = ?1 AND key IS NULL";
        match self.write(SQL, params![id, key.to_string()])? {
            0 => Err(StoreError::Damaged { record: EXEMPTION }),
            _ => Ok(()),
        }
    }

    /// Removes an exemption. Whether there was one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn delete_exemption(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(self.write("DELETE FROM exemptions WHERE id = ?1", [id])? > 0)
    }
}

fn bypass(row: &Fields<'_>) -> Result<BypassRecord, StoreError> {
    let boot_secs: i64 = row.get(4)?;
    Ok(BypassRecord {
        id: row.get(0)?,
        uid: row.get(1)?,
        bypass: Bypass {
            until: row.time(2)?,
            boot_until: Boot {
                id: BootId(row.get(3)?),
                secs: row.valid(u64::try_from(boot_secs).ok())?,
            },
            uses_left: row.get(5)?,
        },
        reason: row.get(6)?,
        created: row.time(7)?,
    })
}

pub(crate) fn exemption(row: &Fields<'_>) -> Result<ExemptionRecord, StoreError> {
    let key: Option<String> = row.get(5)?;
    let key = key.map(|key| row.valid(Fingerprint::parse(&key)));
    let key = key.transpose()?;
    Ok(ExemptionRecord {
        id: row.get(0)?,
        uid: row.get(1)?,
        key,
        until: match key {
            Some(_) => row.time(6)?,
            None => row.time(2)?,
        },
        reason: row.get(3)?,
        created: row.time(4)?,
    })
}
