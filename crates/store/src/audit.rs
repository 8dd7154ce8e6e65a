//! Who did what, written in the same transaction as the change. A ring of 100,000 rows, in which a
//! flood of the same refusal takes one row a minute.

use rusqlite::params;

use twofactor::UnixTime;

use crate::rows::{Fields, Query, secs};
use crate::{ReadTx, StoreError, WriteTx};

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
    /// Whom it was about, if anybody.
    pub subject: Option<Subject<'a>>,
}

/// Whom an entry is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject<'a> {
    /// An account by its stored name. Never a name that belongs to no account: people type their
    /// passwords there.
    pub account: Option<&'a str>,
    /// The service that asked, as PAM names it.
    pub service: Option<&'a str>,
    /// Where the attempt came from.
    pub source: Option<&'a str>,
}

/// Which entries are wanted; those that are `None` do not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About this account.
    pub account: Option<String>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// Of this method.
    pub method: Option<String>,
    /// Of this service.
    pub service: Option<String>,
    /// At this time or later.
    pub since: Option<UnixTime>,
    /// Before this time.
    pub until: Option<UnixTime>,
    /// Older than the entry with this id.
    pub before: Option<i64>,
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Rises with each entry.
    pub id: i64,
    /// When it happened (first).
    pub at: UnixTime,
    /// Who asked (first).
    pub peer: Peer,
    /// The method's name.
    pub method: String,
    /// What came of it.
    pub outcome: String,
    /// The account it was about.
    pub account: Option<String>,
    /// The service that asked (first).
    pub service: Option<String>,
    /// Where the attempt came from.
    pub source: Option<String>,
    /// How often it happened.
    pub count: u32,
}

const RECORD: &str = "audit entry";

/// Newest first. The ring bounds how much of it a filter has to pass over.
const ENTRIES: Query = Query {
    record: RECORD,
    sql: "SELECT id, at, uid, pid, login_uid, method, outcome, account, service, source, count \
        FROM audit WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR account = ?2) \
        AND (?3 IS NULL OR outcome = ?3) AND (?4 IS NULL OR method = ?4) \
        AND (?5 IS NULL OR service = ?5) AND (?6 IS NULL OR at >= ?6) \
        AND (?7 IS NULL OR at < ?7) ORDER BY id DESC LIMIT ?8",
};

impl ReadTx<'_> {
    /// Entries, the newest first, at most `limit`.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn audit_entries(
        &self,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let AuditFilter {
            account,
            outcome,
            method,
            service,
            since,
            until,
            before,
        } = filter;
        let (since, until) = (since.map(secs), until.map(secs));
        self.all(
            &ENTRIES,
            params![
                before, account, outcome, method, service, since, until, limit
            ],
            entry,
        )
    }
}

impl WriteTx<'_> {
    /// Writes one entry.
    ///
    /// # Errors
    /// It cannot be written: then the change that it tells of must not happen either.
    pub fn audit(&mut self, entry: &AuditEntry<'_>) -> Result<(), StoreError> {
        self.put_entry(entry, None)
    }

    /// Writes one entry, or counts it on the one of the same method, outcome, account and source
    /// within this minute: for what strangers can do as often as they like.
    ///
    /// # Errors
    /// It cannot be written: then the change that it tells of must not happen either.
    pub fn audit_coalesced(&mut self, entry: &AuditEntry<'_>) -> Result<(), StoreError> {
        self.put_entry(entry, Some(secs(self.now()) / 60))
    }

    fn put_entry(&self, entry: &AuditEntry<'_>, minute: Option<i64>) -> Result<(), StoreError> {
        const PUT: Query = Query {
            record: RECORD,
            sql: "INSERT INTO audit \
                (at, uid, pid, login_uid, method, outcome, account, service, source, minute) \
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
                ON CONFLICT (minute, ifnull(source, ''), ifnull(account, ''), method, outcome) \
                WHERE minute IS NOT NULL DO UPDATE SET count = min(count + 1, 4294967295) \
                RETURNING id, count",
        };
        let (peer, subject) = (&entry.peer, entry.subject.unwrap_or_default());
        let values = params![
            secs(self.now()),
            peer.uid,
            peer.pid,
            peer.login_uid,
            entry.method,
            entry.outcome,
            subject.account,
            subject.service,
            subject.source,
            minute,
        ];
        let put = self.returning(&PUT, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (id, count): (i64, u32) = put.ok_or(StoreError::Damaged { record: RECORD })?;
        if count > 1 {
            return Ok(());
        }
        self.write("DELETE FROM audit WHERE id <= ?1", [id - KEPT])
            .map(drop)
    }
}

fn entry(row: &Fields<'_>) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        id: row.get(0)?,
        at: row.time(1)?,
        peer: Peer {
            uid: row.get(2)?,
            pid: row.get(3)?,
            login_uid: row.get(4)?,
        },
        method: row.get(5)?,
        outcome: row.get(6)?,
        account: row.get(7)?,
        service: row.get(8)?,
        source: row.get(9)?,
        count: row.get(10)?,
    })
}
