//! Recovery codes: sets of hashes with one salt each. The old set counts until the new one is
//! confirmed as saved.

use rusqlite::{Params, params};
use twofactor::{LookupHash, RECOVERY_CODES, Salt, UnixTime};

use crate::rows::{Fields, Query, number, secs};
use crate::{ReadTx, StoreError, WriteTx};

/// A set of recovery codes of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoverySet {
    /// Never used again for another set.
    pub id: i64,
    /// Whose it is.
    pub uid: u32,
    /// The salt of all its hashes.
    pub salt: Salt,
    /// When it was made.
    pub created: UnixTime,
    /// When somebody confirmed that it is written down; before, it opens nothing.
    pub saved: Option<UnixTime>,
    /// The hashes by position; `None` is used.
    pub codes: Vec<Option<LookupHash>>,
}

impl RecoverySet {
    /// How many codes are not used.
    #[must_use]
    pub fn left(&self) -> usize {
        self.codes.iter().flatten().count()
    }
}

const RECORD: &str = "recovery codes";

pub(crate) const SAVED: Query = Query {
    record: RECORD,
    sql: "SELECT id, uid, salt, created, saved FROM recovery_sets \
        WHERE uid = ?1 AND saved IS NOT NULL ORDER BY id DESC LIMIT 1",
};

pub(crate) const UNSAVED: Query = Query {
    record: RECORD,
    sql: "SELECT id, uid, salt, created, saved FROM recovery_sets \
        WHERE uid = ?1 AND saved IS NULL ORDER BY id DESC LIMIT 1",
};

pub(crate) const CODES: Query = Query {
    record: RECORD,
    sql: "SELECT position, hash, used FROM recovery_codes WHERE set_id = ?1 ORDER BY position",
};

pub(crate) const LEFT: Query = Query {
    record: RECORD,
    sql: "SELECT count(*) FROM recovery_codes WHERE used IS NULL AND set_id = \
        (SELECT max(id) FROM recovery_sets WHERE uid = ?1 AND saved IS NOT NULL)",
};

/// The two statements that remove sets with their codes.
macro_rules! delete_sets {
    ($which:literal) => {
        [
            concat!(
                "DELETE FROM recovery_codes WHERE set_id IN (SELECT id FROM recovery_sets ",
                $which,
                ")"
            ),
            concat!("DELETE FROM recovery_sets ", $which),
        ]
    };
}

const UNSAVED_SETS: [&str; 2] = delete_sets!("WHERE uid = ?1 AND saved IS NULL");
const OLDER_SETS: [&str; 2] = delete_sets!("WHERE uid = ?1 AND id < ?2");
const ALL_SETS: [&str; 2] = delete_sets!("WHERE uid = ?1");

impl ReadTx<'_> {
    /// The set of an account that counts: one that is saved.
    ///
    /// # Errors
    /// It cannot be read: then no recovery code is right.
    pub fn recovery_set(&self, uid: u32) -> Result<Option<RecoverySet>, StoreError> {
        self.set(&SAVED, uid)
    }

    /// The set of an account that nobody has confirmed as saved yet.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn unsaved_recovery_set(&self, uid: u32) -> Result<Option<RecoverySet>, StoreError> {
        self.set(&UNSAVED, uid)
    }

    /// How many recovery codes an account has left, of those that count.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn recovery_codes_left(&self, uid: u32) -> Result<u32, StoreError> {
        self.only(&LEFT, [uid], |row| row.get(0))
    }

    fn set(&self, which: &Query, uid: u32) -> Result<Option<RecoverySet>, StoreError> {
        let Some(mut set) = self.one(which, [uid], empty_set)? else {
            return Ok(None);
        };
        let codes = self.all(&CODES, [set.id], code)?;
        // A position that is missing would shift those after it.
        let is_whole = (1..=RECOVERY_CODES).contains(&codes.len())
            && codes
                .iter()
                .enumerate()
                .all(|(at, (position, _))| at == *position);
        if !is_whole {
            return Err(StoreError::Damaged { record: RECORD });
        }
        set.codes = codes.into_iter().map(|(_, hash)| hash).collect();
        Ok(Some(set))
    }
}

impl WriteTx<'_> {
    /// Stores a set that is to be confirmed as saved, in place of one that never was. Its id.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_recovery_set(
        &mut self,
        uid: u32,
        salt: &Salt,
        hashes: &[LookupHash],
    ) -> Result<i64, StoreError> {
        const SET: &str = "INSERT INTO recovery_sets (uid, salt, created) VALUES (?1, ?2, ?3)";
        const CODE: &str =
            "INSERT INTO recovery_codes (set_id, position, hash) VALUES (?1, ?2, ?3)";
        self.delete_sets(&UNSAVED_SETS, [uid])?;
        let id = self.insert(SET, params![uid, salt.0, secs(self.now())])?;
        for (position, hash) in hashes.iter().enumerate() {
            self.write(CODE, params![id, number(position), hash.0])?;
        }
        Ok(id)
    }

    /// Makes a set the one that counts, and removes the older. Whose it is, if there is such a set;
    /// confirming one twice changes nothing.
    ///
    /// # Errors
    /// It cannot be written: then the older set still counts.
    pub fn confirm_recovery_set(&mut self, id: i64) -> Result<Option<u32>, StoreError> {
        const CONFIRM: Query = Query {
            record: RECORD,
            sql: "UPDATE recovery_sets SET saved = ifnull(saved, ?2) WHERE id = ?1 RETURNING uid",
        };
        let confirmed = params![id, secs(self.now())];
        let uid: Option<u32> = self.returning(&CONFIRM, confirmed, |row| row.get(0))?;
        if let Some(uid) = uid {
            self.delete_sets(&OLDER_SETS, [i64::from(uid), id])?;
        }
        Ok(uid)
    }

    /// Uses up a code of a set; its hash is overwritten.
    ///
    /// # Errors
    /// It was used already, or it cannot be written: then the code must not count as accepted.
    pub fn use_recovery_code(&mut self, set_id: i64, position: usize) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE recovery_codes SET used = ?3, hash = x'' \
            WHERE set_id = ?1 AND position = ?2 AND used IS NULL";
        match self.write(SQL, params![set_id, number(position), secs(self.now())])? {
            0 => Err(StoreError::Damaged { record: RECORD }),
            _ => Ok(()),
        }
    }

    /// Removes all sets of an account.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn void_recovery_codes(&mut self, uid: u32) -> Result<(), StoreError> {
        self.delete_sets(&ALL_SETS, [uid])
    }

    fn delete_sets(
        &self,
        statements: &[&str; 2],
        params: impl Params + Copy,
    ) -> Result<(), StoreError> {
        for sql in statements {
            self.write(sql, params)?;
        }
        Ok(())
    }
}

fn empty_set(row: &Fields<'_>) -> Result<RecoverySet, StoreError> {
    Ok(RecoverySet {
        id: row.get(0)?,
        uid: row.get(1)?,
        salt: Salt(row.get(2)?),
        created: row.time(3)?,
        saved: row.maybe_time(4)?,
        codes: Vec::new(),
    })
}

/// A position, and the hash unless it is used.
fn code(row: &Fields<'_>) -> Result<(usize, Option<LookupHash>), StoreError> {
    let position: u32 = row.get(0)?;
    let position = row.valid(usize::try_from(position).ok())?;
    match row.maybe_time(2)? {
        Some(_) => Ok((position, None)),
        None => Ok((position, Some(LookupHash(row.get(1)?)))),
    }
}
