//! `auth.twofactor.audit`: who changed what, and who passed which door.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::{AuditFilter, AuditRow};

use crate::CallError;
use crate::access::{Proof, Right};
use crate::bounded::{Id, Line, Moment, Service, Username, Whole};
use crate::method::{Declared, Read, Reading};
use crate::params::{At, Field, Issues, decode_object, fields};

/// How many entries, where nobody says.
const USUAL: u32 = 100;

fields! {
    /// Lists what was done and what came of it, the newest first. The last 100,000 entries are kept.
    pub(crate) struct Audit {
        /// Which entries; the newest 100 if it is not given.
        audit_query: Option<Filter>,
    }
}

fields! {
    /// Which entries.
    pub(crate) struct Filter {
        /// Only those about this account.
        username: Option<Username>,
        /// Only those with this outcome, such as "wrong" or "disabled".
        outcome: Option<Line>,
        /// Only those of this method, by its full name.
        method: Option<Line>,
        /// Only those of this service, by its PAM name.
        service: Option<Service>,
        /// Only those of this second or later, since 1970, UTC.
        since: Option<Moment>,
        /// Only those before this second, since 1970, UTC.
        until: Option<Moment>,
        /// Only those that are older than the entry with this number: for the next page, the last
        /// number of the page before.
        before: Option<Id>,
        /// How many; 100 if it is not given.
        limit: Option<Whole<1, 1000>>,
    }
}

impl Field for Filter {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

/// Something that was done.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Entry {
    /// Its number; it rises with each entry.
    id: i64,
    /// When it happened, in seconds since 1970, UTC.
    at: u64,
    /// The user who asked.
    uid: u32,
    /// The process that asked.
    pid: i32,
    /// Who had logged in to the session that asked, if anybody had.
    login_uid: Option<u32>,
    /// The method.
    method: String,
    /// What came of it.
    outcome: String,
    /// The account that it was about, if any.
    username: Option<String>,
    /// The service that asked, for a door.
    service: Option<String>,
    /// Where somebody stood, for a door: an address, or "local".
    source: Option<String>,
    /// How often the same happened within that minute.
    count: u32,
}

impl Entry {
    fn new(row: AuditRow) -> Self {
        Self {
            id: row.id,
            at: row.at.as_secs(),
            uid: row.peer.uid,
            pid: row.peer.pid,
            login_uid: row.peer.login_uid,
            method: row.method,
            outcome: row.outcome,
            username: row.account,
            service: row.service,
            source: row.source,
            count: row.count,
        }
    }
}

impl Declared for Audit {
    const NAME: &'static str = "auth.twofactor.audit";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    type Output = Vec<Entry>;
}

impl Read for Audit {
    fn call(self, read: &Reading<'_>) -> Result<Vec<Entry>, CallError> {
        let (filter, limit) = match self.audit_query {
            Some(filter) => filter.split(),
            None => (AuditFilter::default(), USUAL),
        };
        let rows = read.tx.audit_entries(&filter, limit)?;
        Ok(rows.into_iter().map(Entry::new).collect())
    }
}

impl Filter {
    fn split(self) -> (AuditFilter, u32) {
        let filter = AuditFilter {
            account: self.username.map(|name| name.0.as_str().to_owned()),
            outcome: self.outcome.map(|outcome| outcome.0),
            method: self.method.map(|method| method.0),
            service: self.service.map(|service| service.as_str().to_owned()),
            since: self.since.map(|since| since.0),
            until: self.until.map(|until| until.0),
            before: self.before.map(|id| id.0),
        };
        (filter, self.limit.map_or(USUAL, |limit| limit.0))
    }
}
