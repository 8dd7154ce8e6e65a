//! Who changed what, written in the same transaction as the change. A ring of 100,000 rows.

use rusqlite::params;

use crate::{StoreError, WriteTx};

/// How many rows are kept.
const KEPT: i64 = 100_000;

/// The process at the other end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its user.
    pub uid: u32,
    /// Its process id.
    pub pid: i32,
    /// Who logged in to the session it runs in (`/proc/PID/loginuid`), if anybody did.
    pub login_uid: Option<u32>,
}

/// What happened. Never holds params, a secret or a code.
#[derive(Clone, Copy, Debug)]
pub struct AuditEntry<'a> {
    /// Who asked.
    pub peer: Peer,
    /// The method's name.
    pub method: &'static str,
    /// What came of it, in a few words.
    pub outcome: &'a str,
}

impl WriteTx<'_> {
    /// Writes one entry.
    ///
    /// # Errors
    /// It cannot be written: then the change that it tells of must not happen either.
    pub fn audit(&mut self, entry: &AuditEntry<'_>) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO audit (at, uid, pid, login_uid, method, outcome) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let AuditEntry {
            peer,
            method,
            outcome,
        } = entry;
        let at = i64::try_from(self.now().as_secs()).unwrap_or(i64::MAX);
        self.write(
            INSERT,
            params![at, peer.uid, peer.pid, peer.login_uid, method, outcome],
        )?;
        let oldest_kept = self.conn().last_insert_rowid() - KEPT;
        self.write("DELETE FROM audit WHERE id <= ?1", params![oldest_kept])
    }
}
