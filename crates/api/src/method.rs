//! What a method is: its kind, and how its params become a call that is ready to run.

mod kinds;
mod slow;
mod writing;

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::access::{Access, Right};
use crate::params::RawParams;
use crate::{CallError, Session};

pub(crate) use kinds::{
    Declared, OfSession, OnAccount, OnSession, Read, ReadOwn, Slow, Stage, Write,
};
pub use kinds::{Identity, Reading};
pub use slow::{Burden, SlowCall, Started, Work};
pub(crate) use writing::Writing;
pub use writing::{Aftermath, Caller, Done, WriteCall};

/// A result, ready to be sent.
pub type Answer = Result<Box<RawValue>, CallError>;

/// A call whose params are valid.
pub enum Prepared {
    /// Runs on the connection.
    Session(Box<RunOnSession>),
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
type RunOnSession = dyn FnOnce(&mut Session, &Access) -> Answer + Send;

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
    /// Who may call it.
    pub right: Right,
    prepare: fn(&Access, RawParams) -> Result<Prepared, CallError>,
    params: fn() -> Schema,
    result: fn() -> Schema,
}

impl Method {
    pub(crate) const fn session<M: OnSession>() -> Self {
        const { assert!(!is_own(M::RIGHT), "it acts on no account") };
        Self::new::<M>(Kind::Session, |access, params| {
            let method = admitted::<M>(access, params)?;
            Ok(Prepared::Session(Box::new(move |session, access| {
                method.call(session, access).and_then(|o| send(&o))
            })))
        })
    }

    pub(crate) const fn read<M: Read>() -> Self {
        const { assert!(!is_own(M::RIGHT), "then it is a ReadOwn") };
        Self::new::<M>(Kind::Read, |access, params| {
            let method = admitted::<M>(access, params)?;
            Ok(Prepared::Read(Box::new(move |read| {
                method.call(read).and_then(|o| send(&o))
            })))
        })
    }

    pub(crate) const fn read_own<M: ReadOwn>() -> Self {
        Self::new::<M>(Kind::Read, |access, params| {
            let method = admitted::<M>(access, params)?;
            Ok(Prepared::Read(Box::new(move |read| {
                let is_restricted = !read.access.is_administrator();
                let only = read.access.account().filter(|_| is_restricted);
                method.call(read, only).and_then(|o| send(&o))
            })))
        })
    }

    pub(crate) const fn write<M: Write>() -> Self {
        Self::new::<M>(Kind::Write, |access, params| {
            let method = admitted::<M>(access, params)?;
            let is_way_back = method.is_way_back();
            let run = move |write: &mut Writing<'_, '_>| method.call(write).and_then(|o| send(&o));
            Ok(Prepared::Write(WriteCall {
                method: M::NAME,
                is_own: is_own(M::RIGHT),
                is_door: M::IS_DOOR || !access.is_root(),
                is_way_back,
                run: Box::new(run),
            }))
        })
    }

    pub(crate) const fn slow<M: Slow>() -> Self {
        Self::new::<M>(Kind::Slow, |access, params| {
            let method = admitted::<M>(access, params)?;
            // The network never goes before root.
            let is_door = M::IS_DOOR || !access.is_root();
            Ok(Prepared::Slow(SlowCall::new(method, is_door)))
        })
    }

    pub(crate) const fn of_session<M: OfSession>() -> Self {
        Self::new::<M>(Kind::Slow, |access, params| {
            let mut method = admitted::<M>(access, params)?;
            let is_door = M::IS_DOOR || !access.is_root();
            Ok(Prepared::OfSession(Box::new(move |session| {
                method.take(session)?;
                Ok(SlowCall::new(method, is_door))
            })))
        })
    }

    pub(crate) const fn on_account<M: OnAccount>() -> Self {
        Self::slow::<M>()
    }

    const fn new<M: Declared>(
        kind: Kind,
        prepare: fn(&Access, RawParams) -> Result<Prepared, CallError>,
    ) -> Self {
        let (params, result) = (
            schema::<M> as fn() -> Schema,
            schema::<M::Output> as fn() -> Schema,
        );
        Self {
            name: M::NAME,
            kind,
            offline: M::OFFLINE,
            right: M::RIGHT,
            prepare,
            params,
            result,
        }
    }

    /// Whether this caller may call it; then decodes the params, which validates them.
    ///
    /// # Errors
    /// The caller may not; or all that is wrong with the params, in the caller's order.
    pub fn prepare(&self, access: &Access, params: RawParams) -> Result<Prepared, CallError> {
        (self.prepare)(access, params)
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

/// Decodes the params of a caller who may call. What others would be told of their params is nothing.
fn admitted<M: Declared>(access: &Access, params: RawParams) -> Result<M, CallError> {
    access.admit(M::RIGHT)?;
    let method = M::decode(params)?;
    access.admit(method.right())?;
    Ok(method)
}

/// Whether a method acts on an account that has to be the caller's own.
pub(crate) const fn is_own(right: Right) -> bool {
    matches!(right, Right::Own(_))
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
