//! From a request to its answer: finds the method, and runs it where its kind belongs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use api::{
    Access, Answer, Burden, CallError, Caller, Identity, Prepared, Reading, Session, Sessions,
    SlowCall, Started, Work, WriteCall,
};
use store::{Peer, Reader};

use crate::glass;
use crate::pool::{self, Lane, Load, Pool};
use crate::queue::Queue;
use crate::rpc::{self, Id, Request};

/// The reply to a request whose answer has to wait for the pool or the writer.
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
    identity: RwLock<Arc<Identity>>,
    pool: Pool,
    writes: Queue,
    sessions: Arc<Sessions>,
}

impl Service {
    pub(crate) fn new(
        reader: Reader,
        identity: Identity,
        writes: Queue,
        sessions: Arc<Sessions>,
    ) -> Self {
        Self {
            reader: Mutex::new(reader),
            identity: RwLock::new(Arc::new(identity)),
            pool: Pool::default(),
            writes,
            sessions,
        }
    }

    pub(crate) const fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    pub(crate) const fn writes(&self) -> &Queue {
        &self.writes
    }

    /// Changes how the machine names itself from now on.
    pub(crate) fn set_identity(&self, identity: Identity) {
        *self
            .identity
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
    }

    fn identity(&self) -> Arc<Identity> {
        let identity = self.identity.read();
        Arc::clone(&identity.unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a request of a peer who may use the socket; whether this method is for whoever is there is
    /// decided by [`api::Method::prepare`].
    pub(crate) fn call(&self, session: &mut Session, peer: Peer, request: Request) -> Reply {
        let Request { id, method, params } = request;
        let Some(method) = api::find(&method) else {
            // The name is the caller's text, so it does not go to the log.
            tracing::debug!(pid = peer.pid, "unknown method");
            return Reply::Now(rpc::unknown_method(&id));
        };
        tracing::debug!(method = method.name, pid = peer.pid, "call");
        let access = session.access(method.name, clock::since_boot().as_secs());
        let caller = Caller {
            peer: acting(peer, &access),
            identity: self.identity(),
            access,
        };
        match method.prepare(&caller.access, params) {
            Err(error) => refuse(&id, error),
            Ok(Prepared::Session(run)) => now(&id, || run(session, &caller.access)),
            Ok(Prepared::Read(run)) => now(&id, || self.read(&caller.access, run)),
            Ok(Prepared::Write(call)) => self.write(id, call, caller),
            Ok(Prepared::Slow(call)) => self.work(id, call, caller),
            Ok(Prepared::OfSession(take)) => match caught(|| take(session)) {
                Ok(call) => self.work(id, call, caller),
                Err(error) => refuse(&id, error),
            },
        }
    }

    fn write(&self, id: Id, call: WriteCall, caller: Caller) -> Reply {
        let answer = self.writes.submit(call, caller);
        Reply::Later(Box::pin(async move { rpc::reply(&id, &answer.await) }))
    }

    fn work(&self, id: Id, call: SlowCall, caller: Caller) -> Reply {
        let started = caught(|| self.read(&caller.access, |read| call.start(read)));
        let worked = match started {
            Ok(Started::Answered(result)) => return Reply::Now(rpc::reply(&id, &Ok(result))),
            Ok(Started::Ready(call)) => return self.write(id, call, caller),
            Ok(Started::Work(work)) => hand_in(&self.pool, work),
            Err(error) => Err(error),
        };
        let worked = match worked {
            Ok(worked) => worked,
            Err(error) => return refuse(&id, error),
        };
        let (pool, writes) = (self.pool.clone(), self.writes.clone());
        // A task of its own, since what changes state is not given up when its client goes away.
        let answer = tokio::spawn(async move {
            let mut started = worked.await?;
            loop {
                started = match started {
                    Started::Answered(result) => return Ok(result),
                    Started::Ready(call) => return writes.submit(call, caller).await,
                    Started::Work(work) => hand_in(&pool, work)?.await?,
                };
            }
        });
        Reply::Later(Box::pin(async move {
            let answer = answer.await.unwrap_or_else(|_| Err(bug()));
            rpc::reply(&id, &answer)
        }))
    }

    fn read<T>(
        &self,
        access: &Access,
        run: impl FnOnce(&Reading<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let identity = self.identity();
        // A panic leaves the reader as it was: its snapshot ends when it is dropped.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let clocks = clock::clocks();
        reader.obey(glass::find(clocks.boot.id));
        reader.read(&clocks, |tx| {
            run(&Reading {
                tx,
                identity: &identity,
                clocks,
                access,
            })
        })
    }
}

/// Who does what comes by a connection: on the web whoever is signed in, through the process that connected.
fn acting(peer: Peer, access: &Access) -> Peer {
    match access.uid() {
        None => peer,
        Some(uid) => Peer {
            uid,
            login_uid: Some(uid),
            ..peer
        },
    }
}

/// Has work done, or what stands for it if that takes too long.
fn hand_in(
    pool: &Pool,
    mut work: Work,
) -> Result<impl Future<Output = Result<Started, CallError>> + Send + use<>, CallError> {
    let lane = Lane::of(work.is_door());
    let load = match work.burden() {
        Burden::Light => Load::Light,
        Burden::Heavy => Load::Heavy,
        Burden::Password => Load::Password,
    };
    let otherwise = work.otherwise();
    let worked = pool.submit(lane, load, || work.run())?;
    Ok(async move {
        match worked.await {
            Some(started) => started,
            None => otherwise.ok_or_else(pool::too_long),
        }
    })
}

/// Runs what does not wait.
fn now(id: &Id, run: impl FnOnce() -> Answer) -> Reply {
    Reply::Now(rpc::reply(id, &caught(run)))
}

fn refuse(id: &Id, error: CallError) -> Reply {
    Reply::Now(rpc::reply(id, &Err(error)))
}

/// A panic is an error of this call alone.
fn caught<T>(run: impl FnOnce() -> Result<T, CallError>) -> Result<T, CallError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(bug()))
}

fn bug() -> CallError {
    CallError::internal("This call met a bug")
}
