//! How a slow call comes to the writer.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::kinds::{Reading, Slow, Stage};
use super::writing::{WriteCall, Writing};
use super::{is_own, send};
use crate::CallError;

/// A slow call whose params are valid.
pub struct SlowCall {
    start: Box<StartSlow>,
}

type StartSlow = dyn FnOnce(&Reading<'_>) -> Result<Started, CallError> + Send;

impl SlowCall {
    pub(super) fn new<M: Slow>(method: M, is_door: bool) -> Self {
        let start = move |read: &Reading<'_>| {
            // Only the writer makes sure that it is the caller's own account.
            if !is_own(M::RIGHT)
                && let Some(output) = method.at_once(read)?
            {
                return send(&output).map(Started::Answered);
            }
            let stage = method.prepare(read)?;
            let call = Call {
                method: Arc::new(method),
                is_door,
            };
            next(call, stage)
        };
        Self {
            start: Box::new(start),
        }
    }

    /// Says what there is to do, if anything.
    ///
    /// # Errors
    /// The method refused, or the state could not be read.
    pub fn start(self, read: &Reading<'_>) -> Result<Started, CallError> {
        (self.start)(read)
    }
}

/// What is left of a slow call.
pub enum Started {
    /// Nothing.
    Answered(Box<RawValue>),
    /// Only to be written.
    Ready(WriteCall),
    /// To be worked on before that.
    Work(Work),
}

/// What work takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Burden {
    /// Next to nothing, but perhaps for long.
    Light,
    /// So much memory that it is done one at a time.
    Heavy,
    /// Another process that checks a password, which whoever is at the network has it do.
    Password,
}

/// Work that touches no state and may take long.
pub struct Work {
    is_door: bool,
    burden: Burden,
    otherwise: Option<Box<Started>>,
    run: Box<dyn FnOnce() -> Result<Started, CallError> + Send>,
}

impl Work {
    /// Whether it is for a verdict; else it is administration, which goes first.
    #[must_use]
    pub const fn is_door(&self) -> bool {
        self.is_door
    }

    /// What it takes.
    #[must_use]
    pub const fn burden(&self) -> Burden {
        self.burden
    }

    /// What there is to do instead if this takes too long; without it, the call fails then.
    pub fn otherwise(&mut self) -> Option<Started> {
        self.otherwise.take().map(|started| *started)
    }

    /// Does the work. What comes of it is for the writer, or more work, perhaps of the other kind.
    ///
    /// # Errors
    /// The work could not be done.
    pub fn run(self) -> Result<Started, CallError> {
        (self.run)()
    }
}

/// A method, and where it waits.
struct Call<M> {
    method: Arc<M>,
    is_door: bool,
}

impl<M> Clone for Call<M> {
    fn clone(&self) -> Self {
        Self {
            method: Arc::clone(&self.method),
            is_door: self.is_door,
        }
    }
}

fn next<M: Slow>(call: Call<M>, stage: Stage<M::Job, M::Found>) -> Result<Started, CallError> {
    let (job, burden) = match stage {
        Stage::Ready(found) => {
            return match call.method.unwritten(&found) {
                Some(output) if !is_own(M::RIGHT) => send(&output).map(Started::Answered),
                _ => Ok(Started::Ready(finish(call, found))),
            };
        }
        Stage::Work(job) => (job, Burden::Light),
        Stage::Heavy(job) => (job, Burden::Heavy),
        Stage::Ask(job) => (job, Burden::Password),
    };
    let otherwise = match M::otherwise(&job) {
        Some(stage) => Some(Box::new(next(call.clone(), stage)?)),
        None => None,
    };
    Ok(Started::Work(Work {
        is_door: call.is_door,
        burden,
        otherwise,
        run: Box::new(|| next(call, M::work(job)?)),
    }))
}

fn finish<M: Slow>(call: Call<M>, found: M::Found) -> WriteCall {
    let Call { method, is_door } = call;
    WriteCall {
        method: M::NAME,
        is_own: is_own(M::RIGHT),
        is_door,
        is_way_back: method.is_way_back(),
        run: Box::new(move |write: &mut Writing<'_, '_>| {
            method.finish(&found, write).and_then(|o| send(&o))
        }),
    }
}
