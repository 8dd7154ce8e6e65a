//! How a slow call comes to the writer.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::kinds::{Reading, Slow, Stage};
use super::send;
use super::writing::{WriteCall, Writing};
use crate::CallError;

/// A slow call whose params are valid.
pub struct SlowCall {
    start: Box<StartSlow>,
}

type StartSlow = dyn FnOnce(&Reading<'_>) -> Result<Started, CallError> + Send;

impl SlowCall {
    pub(super) fn new<M: Slow>(method: M) -> Self {
        let start = |read: &Reading<'_>| {
            if let Some(output) = method.at_once(read)? {
                return send(&output).map(Started::Answered);
            }
            let stage = method.prepare(read)?;
            next(Arc::new(method), stage)
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

/// Work that touches no state and may take long.
pub struct Work {
    is_door: bool,
    is_heavy: bool,
    otherwise: Option<Box<Started>>,
    run: Box<dyn FnOnce() -> Result<Started, CallError> + Send>,
}

impl Work {
    /// Whether it is for a verdict; else it is administration, which goes first.
    #[must_use]
    pub const fn is_door(&self) -> bool {
        self.is_door
    }

    /// Whether it takes so much memory that it is done one at a time.
    #[must_use]
    pub const fn is_heavy(&self) -> bool {
        self.is_heavy
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

fn next<M: Slow>(method: Arc<M>, stage: Stage<M::Job, M::Found>) -> Result<Started, CallError> {
    let (job, is_heavy) = match stage {
        Stage::Ready(found) => {
            return match method.unwritten(&found) {
                Some(output) => send(&output).map(Started::Answered),
                None => Ok(Started::Ready(finish(method, found))),
            };
        }
        Stage::Work(job) => (job, false),
        Stage::Heavy(job) => (job, true),
    };
    let otherwise = match M::otherwise(&job) {
        Some(stage) => Some(Box::new(next(Arc::clone(&method), stage)?)),
        None => None,
    };
    Ok(Started::Work(Work {
        is_door: M::IS_DOOR,
        is_heavy,
        otherwise,
        run: Box::new(|| next(method, M::work(job)?)),
    }))
}

fn finish<M: Slow>(method: Arc<M>, found: M::Found) -> WriteCall {
    WriteCall {
        method: M::NAME,
        is_door: M::IS_DOOR,
        is_way_back: method.is_way_back(),
        run: Box::new(move |write: &mut Writing<'_, '_>| {
            method.finish(&found, write).and_then(|o| send(&o))
        }),
    }
}
