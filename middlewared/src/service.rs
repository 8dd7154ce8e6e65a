//! From a request to its answer: finds the method, and runs it where its kind belongs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError, RwLock};

use api::{Answer, CallError, Identity, Prepared, Reading, Session};
use store::{Peer, Reader};

use crate::rpc::{self, Id, Request};
use crate::writer::Queue;

/// The reply to a request whose answer has to wait for the writer.
pub(crate) type Later = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// What comes of a request.
pub(crate) enum Reply {
    /// Its reply; none for a notification.
    Now(Option<String>),
    /// A promise of it.
    Later(Later),
}

/// What every connection shares.
pub(crate) struct Service {
    reader: Mutex<Reader>,
    identity: RwLock<Identity>,
    writes: Queue,
}

impl Service {
    pub(crate) fn new(reader: Reader, identity: Identity, writes: Queue) -> Self {
        Self {
            reader: Mutex::new(reader),
            identity: RwLock::new(identity),
            writes,
        }
    }

    pub(crate) const fn writes(&self) -> &Queue {
        &self.writes
    }

    /// Changes how the machine names itself from now on.
    pub(crate) fn set_identity(&self, identity: Identity) {
        *self
            .identity
            .write()
            .unwrap_or_else(PoisonError::into_inner) = identity;
    }

    /// Runs a request of a peer who may.
    pub(crate) fn call(&self, session: &mut Session, peer: Peer, request: Request) -> Reply {
        let Request { id, method, params } = request;
        let Some(method) = api::find(&method) else {
            // The name is the caller's text, so it does not go to the log.
            tracing::debug!(pid = peer.pid, "unknown method");
            return Reply::Now(rpc::unknown_method(&id));
        };
        tracing::debug!(method = method.name, pid = peer.pid, "call");
        match method.prepare(params) {
            Err(error) => Reply::Now(rpc::reply(&id, &Err(error))),
            Ok(Prepared::Session(run)) => now(&id, || run(session)),
            Ok(Prepared::Read(run)) => now(&id, || self.read(run)),
            Ok(Prepared::Write(call)) => {
                let answer = self.writes.submit(call, peer);
                Reply::Later(Box::pin(async move { rpc::reply(&id, &answer.await) }))
            }
        }
    }

    fn read(&self, run: impl FnOnce(&Reading<'_>) -> Answer) -> Answer {
        // A panic leaves the reader as it was: its snapshot ends when it is dropped.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = self.identity.read().unwrap_or_else(PoisonError::into_inner);
        reader.read(|tx| {
            run(&Reading {
                tx,
                identity: &identity,
            })
        })
    }
}

/// Runs what does not wait. A panic in it is an error of this call alone.
fn now(id: &Id, run: impl FnOnce() -> Answer) -> Reply {
    let answer = catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(CallError::internal("This call met a bug")));
    Reply::Now(rpc::reply(id, &answer))
}
