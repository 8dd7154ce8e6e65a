//! What a method is: its kind, and how its params become a call that is ready to run.

mod kinds;
mod slow;
mod writing;

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::params::RawParams;
use crate::{CallError, Session};

pub(crate) use kinds::{Declared, OfSession, OnAccount, OnSession, Read, Slow, Stage, Write};
pub use kinds::{Identity, Reading};
pub use slow::{SlowCall, Started, Work};
pub(crate) use writing::Writing;
pub use writing::{Caller, Done, WriteCall};

/// A result, ready to be sent.
pub type Answer = Result<Box<RawValue>, CallError>;

/// A call whose params are valid.
pub enum Prepared {
    /// Runs on the connection.
    Session(Box<dyn FnOnce(&mut Session) -> Answer + Send>),
    /// Runs on a snapshot of the state.
    Read(Box<dyn FnOnce(&Reading<'_>) -> Answer + Send>),
    /// Runs on the writer.
    Write(WriteCall),
    /// Is worked on first, and then runs on the writer.
    Slow(SlowCall),
    /// The same, with what was handed over on its connection.
    OfSession(Box<TakeFromSession>),
}

type TakeFromSession = dyn FnOnce(&mut Session) -> Result<SlowCall, CallError> + Send;

/// What a method may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only the connection.
    Session,
    /// The state, without changing it.
    Read,
    /// The state.
    Write,
    /// The state, after work that may take long.
    Slow,
}

impl Kind {
    /// Its name in the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Read => "read",
            Self::Write => "write",
            Self::Slow => "slow",
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
        Self::new::<M>(Kind::Session, |params| {
            let method = M::decode(params)?;
            Ok(Prepared::Session(Box::new(move |session| {
                method.call(session).and_then(|o| send(&o))
            })))
        })
    }

    pub(crate) const fn read<M: Read>() -> Self {
        Self::new::<M>(Kind::Read, |params| {
            let method = M::decode(params)?;
            Ok(Prepared::Read(Box::new(move |read| {
                method.call(read).and_then(|o| send(&o))
            })))
        })
    }

    pub(crate) const fn write<M: Write>() -> Self {
        Self::new::<M>(Kind::Write, |params| {
            let method = M::decode(params)?;
            let is_way_back = method.is_way_back();
            let run = move |write: &mut Writing<'_, '_>| method.call(write).and_then(|o| send(&o));
            Ok(Prepared::Write(WriteCall {
                method: M::NAME,
                is_door: M::IS_DOOR,
                is_way_back,
                run: Box::new(run),
            }))
        })
    }

    pub(crate) const fn slow<M: Slow>() -> Self {
        Self::new::<M>(Kind::Slow, |params| {
            Ok(Prepared::Slow(SlowCall::new(M::decode(params)?)))
        })
    }

    pub(crate) const fn of_session<M: OfSession>() -> Self {
        Self::new::<M>(Kind::Slow, |params| {
            let mut method = M::decode(params)?;
            Ok(Prepared::OfSession(Box::new(move |session| {
                method.take(session)?;
                Ok(SlowCall::new(method))
            })))
        })
    }

    pub(crate) const fn on_account<M: OnAccount>() -> Self {
        Self::slow::<M>()
    }

    const fn new<M: Declared>(
        kind: Kind,
        prepare: fn(RawParams) -> Result<Prepared, CallError>,
    ) -> Self {
        let (params, result) = (
            schema::<M> as fn() -> Schema,
            schema::<M::Output> as fn() -> Schema,
        );
        Self {
            name: M::NAME,
            kind,
            offline: M::OFFLINE,
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

pub(crate) fn send(output: &impl Serialize) -> Answer {
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
