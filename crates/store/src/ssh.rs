//! What sshd and PAM were last found to do. It is told by whoever looked; nothing here looks.

use rusqlite::params;
use twofactor::UnixTime;

use crate::rows::{Query, secs};
use crate::{ReadTx, StoreError, WriteTx};

/// What sshd and PAM were found to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshdReport {
    /// When it was told.
    pub at: UnixTime,
    /// Whether they ask as they should.
    pub ready: bool,
    /// The rest, as the caller of [`WriteTx::put_sshd_report`] had it.
    pub report: String,
}

pub(crate) const REPORT: Query = Query {
    record: "report about sshd",
    sql: "SELECT at, ready, report FROM sshd_report WHERE slot = 1",
};

impl ReadTx<'_> {
    /// The newest report about sshd.
    ///
    /// # Errors
    /// It cannot be read: then nobody knows what sshd does.
    pub fn sshd_report(&self) -> Result<Option<SshdReport>, StoreError> {
        self.one(&REPORT, [], |row| {
            Ok(SshdReport {
                at: row.time(0)?,
                ready: row.flag(1)?,
                report: row.get(2)?,
            })
        })
    }
}

impl WriteTx<'_> {
    /// Replaces the report about sshd.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_sshd_report(&mut self, ready: bool, report: &str) -> Result<(), StoreError> {
        const SQL: &str =
            "INSERT OR REPLACE INTO sshd_report (slot, at, ready, report) VALUES (1, ?1, ?2, ?3)";
        self.write(SQL, params![secs(self.now()), ready, report])
            .map(drop)
    }
}
