//! One-time invites for a first device, as hashes.

use rusqlite::params;
use twofactor::{LookupHash, UnixTime};

use crate::rows::{Fields, Query, secs};
use crate::{ReadTx, StoreError, WriteTx};

/// An invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteRecord {
    /// Never used again for another invite.
    pub id: i64,
    /// Who is invited.
    pub uid: u32,
    /// What the typed invite is compared with.
    pub hash: LookupHash,
    /// The first second at which it is over.
    pub until: UnixTime,
    /// When it was issued.
    pub created: UnixTime,
}

const INVITES: Query = Query {
    record: "invite",
    sql: "SELECT id, uid, hash, until, created FROM invites ORDER BY id",
};

const BY_ID: Query = Query {
    record: "invite",
    sql: "SELECT id, uid, hash, until, created FROM invites WHERE id = ?1",
};

pub(crate) const INVITES_FOR: Query = Query {
    record: "invite",
    sql: "SELECT id, uid, hash, until, created FROM invites WHERE uid = ?1 ORDER BY id",
};

impl ReadTx<'_> {
    /// All invites, also those that are over and not yet removed.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn invites(&self) -> Result<Vec<InviteRecord>, StoreError> {
        self.all(&INVITES, [], invite)
    }

    /// One invite.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn invite(&self, id: i64) -> Result<Option<InviteRecord>, StoreError> {
        self.one(&BY_ID, [id], invite)
    }

    /// The invites of an account, also those that are over and not yet removed.
    ///
    /// # Errors
    /// One of them cannot be read: then none of them is right.
    pub fn invites_for(&self, uid: u32) -> Result<Vec<InviteRecord>, StoreError> {
        self.all(&INVITES_FOR, [uid], invite)
    }
}

impl WriteTx<'_> {
    /// Stores an invite. Its id.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_invite(
        &mut self,
        uid: u32,
        hash: &LookupHash,
        until: UnixTime,
    ) -> Result<i64, StoreError> {
        const SQL: &str = "INSERT INTO invites (uid, hash, until, created) VALUES (?1, ?2, ?3, ?4)";
        self.insert(SQL, params![uid, hash.0, secs(until), secs(self.now())])
    }

    /// Removes an invite, also by using it. Whether there was one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn delete_invite(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(self.write("DELETE FROM invites WHERE id = ?1", [id])? > 0)
    }

    /// Removes all invites of an account, also those that cannot be read. How many there were.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn delete_invites_of(&mut self, uid: u32) -> Result<usize, StoreError> {
        self.write("DELETE FROM invites WHERE uid = ?1", [uid])
    }
}

fn invite(row: &Fields<'_>) -> Result<InviteRecord, StoreError> {
    Ok(InviteRecord {
        id: row.get(0)?,
        uid: row.get(1)?,
        hash: LookupHash(row.get(2)?),
        until: row.time(3)?,
        created: row.time(4)?,
    })
}
