//! What people are told at their next login. One row for each account and kind, so that whoever makes
//! noise makes one line.

use rusqlite::params;
use twofactor::UnixTime;

use crate::rows::{Fields, Query, secs};
use crate::{ReadTx, StoreError, WriteTx};

/// A notice that concerns nobody in particular.
const NOBODY: i64 = -1;

/// Whose uid gets also the notices of all others.
const ROOT: u32 = 0;

/// Something that happened, and that somebody has not been told yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Rises with each.
    pub id: i64,
    /// Whom it concerns, if anybody in particular.
    pub uid: Option<u32>,
    /// When it happened (last).
    pub at: UnixTime,
    /// How often.
    pub count: u32,
    /// A sentence for people.
    pub message: String,
}

/// Who is told at the next login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The account, and uid 0.
    Both,
    /// uid 0 alone.
    Root,
}

const RECORD: &str = "notice";

pub(crate) const FOR_OWNER: Query = Query {
    record: RECORD,
    sql: "SELECT id, uid, at, count, message FROM notices WHERE uid = ?1 AND for_owner = 1 \
        ORDER BY at DESC",
};

pub(crate) const FOR_ROOT: Query = Query {
    record: RECORD,
    sql: "SELECT id, uid, at, count, message FROM notices WHERE for_root = 1 ORDER BY at DESC",
};

impl ReadTx<'_> {
    /// What this account has still to be told, the newest first; uid 0 also what concerns others.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn notices(&self, uid: u32) -> Result<Vec<Notice>, StoreError> {
        match uid {
            ROOT => self.all(&FOR_ROOT, [], notice),
            uid => self.all(&FOR_OWNER, [uid], notice),
        }
    }
}

impl WriteTx<'_> {
    /// Has an account, and uid 0, told at the next login.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_notice(
        &mut self,
        uid: Option<u32>,
        audience: Audience,
        kind: &str,
        message: &str,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO notices (uid, kind, at, message, for_owner, for_root) \
            VALUES (?1, ?2, ?3, ?4, ?5, 1) ON CONFLICT (uid, kind) DO UPDATE SET \
            count = iif(for_root, min(count + 1, 4294967295), 1), at = excluded.at, \
            message = excluded.message, for_owner = excluded.for_owner, for_root = 1";
        let for_owner = audience == Audience::Both && uid.is_some_and(|uid| uid != ROOT);
        let uid = uid.map_or(NOBODY, i64::from);
        let values = params![uid, kind, secs(self.now()), message, for_owner];
        self.write(SQL, values).map(drop)
    }

    /// Notes that this account has been told all that [`notices`](ReadTx::notices) has for it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn notices_told(&mut self, uid: u32) -> Result<(), StoreError> {
        const OWNER: &str = "UPDATE notices SET for_owner = 0 WHERE uid = ?1 AND for_owner = 1";
        const BY_ROOT: &str = "UPDATE notices SET for_root = 0 WHERE for_root = 1";
        const DONE: &str = "DELETE FROM notices WHERE for_root = 0 AND for_owner = 0";
        match uid {
            ROOT => self.write(BY_ROOT, [])?,
            uid => self.write(OWNER, [uid])?,
        };
        self.write(DONE, []).map(drop)
    }
}

fn notice(row: &Fields<'_>) -> Result<Notice, StoreError> {
    let uid: i64 = row.get(1)?;
    Ok(Notice {
        id: row.get(0)?,
        uid: match uid {
            NOBODY => None,
            uid => Some(row.valid(u32::try_from(uid).ok())?),
        },
        at: row.time(2)?,
        count: row.get(3)?,
        message: row.get(4)?,
    })
}
