//! What a method is: its kind, and how its params become a call that is ready to run.

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use store::{AuditEntry, Peer, ReadTx, WriteTx};

use crate::event::Event;
use crate::params::{Params, RawParams};
use crate::{CallError, Session};

/// A result, ready to be sent.
pub type Answer = Result<Box<RawValue>, CallError>;

/// What the kinds of methods share.
pub(crate) trait Declared: Params + JsonSchema + Send + 'static {
    /// The full name.
    const NAME: &'static str;
    /// The result.
    type Output: Serialize + JsonSchema;
}

/// A method that concerns the connection, or nothing at all.
pub(crate) trait OnSession: Declared {
    fn call(self, session: &mut Session) -> Result<Self::Output, CallError>;
}

/// A method that only reads.
pub(crate) trait Read: Declared {
    fn call(self, read: &Reading<'_>) -> Result<Self::Output, CallError>;
}

/// A method that changes state. It may run more than once before its changes are kept, so it changes
/// nothing but the transaction.
pub(crate) trait Write: Declared {
    /// Whether recovery may run it without the daemon: it must do no harm when done twice.
    const OFFLINE: bool = false;

    /// Whether this call is somebody's way back in, which may use the space kept for that.
    fn is_way_back(&self) -> bool {
        false
    }

    fn call(&self, write: &mut Writing<'_, '_>) -> Result<Self::Output, CallError>;
}

/// How the machine names itself on a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who issued the secret.
    pub issuer: String,
    /// What follows `hostname@`.
    pub product: String,
}

/// What a read may use.
pub struct Reading<'a> {
    /// The state.
    pub tx: &'a ReadTx<'a>,
    /// How this machine names itself.
    pub identity: &'a Identity,
}

/// What a write may use.
pub(crate) struct Writing<'a, 'tx> {
    pub(crate) tx: &'a mut WriteTx<'tx>,
    peer: Peer,
    method: &'static str,
    events: Vec<Event>,
    outcome: Option<&'static str>,
}

impl Writing<'_, '_> {
    /// Writes down who did this, and what came of it, in the same transaction.
    pub(crate) fn audit(&mut self, outcome: &'static str) -> Result<(), CallError> {
        self.outcome = Some(outcome);
        let entry = AuditEntry {
            peer: self.peer,
            method: self.method,
            outcome,
            subject: None,
        };
        Ok(self.tx.audit(&entry)?)
    }

    /// Tells subscribers, once the change is durable.
    pub(crate) fn emit(&mut self, event: Event) {
        self.events.push(event);
    }
}

/// The outcome of a write that is durable.
#[derive(Debug)]
pub struct Done {
    /// The result, to be sent to the caller.
    pub result: Box<RawValue>,
    /// What subscribers are told.
    pub events: Vec<Event>,
    /// What the audit says, if this was worth an entry; for the log.
    pub outcome: Option<&'static str>,
}

/// A call whose params are valid.
pub enum Prepared {
    /// Runs on the connection.
    Session(Box<dyn FnOnce(&mut Session) -> Answer + Send>),
    /// Runs on a snapshot of the state.
    Read(Box<dyn FnOnce(&Reading<'_>) -> Answer + Send>),
    /// Runs on the writer.
    Write(WriteCall),
}

/// A write whose params are valid; it waits for the writer.
pub struct WriteCall {
    method: &'static str,
    is_way_back: bool,
    run: Box<RunWrite>,
}

type RunWrite = dyn Fn(&mut Writing<'_, '_>) -> Answer + Send;

impl WriteCall {
    /// The method's name.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// Whether it may use the space that is kept for recovery.
    #[must_use]
    pub const fn is_way_back(&self) -> bool {
        self.is_way_back
    }

    /// Runs it as a part of a batch.
    ///
    /// # Errors
    /// The method refused, or the state could not be used. What it wrote must then be undone.
    pub fn run(&self, tx: &mut WriteTx<'_>, peer: Peer) -> Result<Done, CallError> {
        let mut write = Writing {
            tx,
            peer,
            method: self.method,
            events: Vec::new(),
            outcome: None,
        };
        let result = (self.run)(&mut write)?;
        Ok(Done {
            result,
            events: write.events,
            outcome: write.outcome,
        })
    }
}

/// What a method may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only the connection.
    Session,
    /// The state, without changing it.
    Read,
    /// The state.
    Write,
}

impl Kind {
    /// Its name in the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// One entry of the method table.
pub struct Method {
    /// The full name: namespace, dot, method.
    pub name: &'static str,
    /// What it may touch.
    pub kind: Kind,
    /// Whether recovery may run it without the daemon: it is idempotent.
    pub offline: bool,
    prepare: fn(RawParams) -> Result<Prepared, CallError>,
    params: fn() -> Schema,
    result: fn() -> Schema,
}

impl Method {
    pub(crate) const fn session<M: OnSession>() -> Self {
        Self::new::<M>(Kind::Session, false, |params| {
            let method = M::decode(params)?;
            Ok(Prepared::Session(Box::new(move |session| {
                method.call(session).and_then(|o| send(&o))
            })))
        })
    }

    pub(crate) const fn read<M: Read>() -> Self {
        Self::new::<M>(Kind::Read, false, |params| {
            let method = M::decode(params)?;
            Ok(Prepared::Read(Box::new(move |read| {
                method.call(read).and_then(|o| send(&o))
            })))
        })
    }

    pub(crate) const fn write<M: Write>() -> Self {
        Self::new::<M>(Kind::Write, M::OFFLINE, |params| {
            let method = M::decode(params)?;
            let is_way_back = method.is_way_back();
            let run = move |write: &mut Writing<'_, '_>| method.call(write).and_then(|o| send(&o));
            Ok(Prepared::Write(WriteCall {
                method: M::NAME,
                is_way_back,
                run: Box::new(run),
            }))
        })
    }

    const fn new<M: Declared>(
        kind: Kind,
        offline: bool,
        prepare: fn(RawParams) -> Result<Prepared, CallError>,
    ) -> Self {
        let (params, result) = (
            schema::<M> as fn() -> Schema,
            schema::<M::Output> as fn() -> Schema,
        );
        Self {
            name: M::NAME,
            kind,
            offline,
            prepare,
            params,
            result,
        }
    }

    /// Decodes the params, which validates them.
    ///
    /// # Errors
    /// All that is wrong with the params, in the caller's order.
    pub fn prepare(&self, params: RawParams) -> Result<Prepared, CallError> {
        (self.prepare)(params)
    }

    /// The schema of the params struct; its description is the method's documentation.
    #[must_use]
    pub fn params_schema(&self) -> Schema {
        (self.params)()
    }

    /// The schema of the result.
    #[must_use]
    pub fn result_schema(&self) -> Schema {
        (self.result)()
    }
}

fn schema<T: JsonSchema>() -> Schema {
    schema_for!(T)
}

fn send(output: &impl Serialize) -> Answer {
    to_raw_value(output).map_err(|_| CallError::internal("the result cannot be written as JSON"))
}

/// Whether `a` sorts before `b`, byte by byte, for the compiler to check the table with.
#[expect(
    clippy::indexing_slicing,
    reason = "both are indexed below their lengths"
)]
pub(crate) const fn is_before(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return a[at] < b[at];
        }
        at += 1;
    }
    a.len() < b.len()
}

/// Whether `a` and `b` are the same, for the compiler.
pub(crate) const fn is_same(a: &str, b: &str) -> bool {
    !is_before(a, b) && !is_before(b, a)
}

/// What comes before the last dot of a method's name.
#[expect(clippy::indexing_slicing, reason = "indexed below the length")]
pub(crate) const fn namespace_of(name: &str) -> &str {
    let mut dot = name.len();
    while dot > 0 {
        dot -= 1;
        if name.as_bytes()[dot] == b'.' {
            break;
        }
    }
    name.split_at(dot).0
}
