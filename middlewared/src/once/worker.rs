//! The second process: it runs as the owner of the state, opens it, and makes the call.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use api::{
    Access, Answer, Burden, CallError, Caller, Done, Method, Prepared, Reading, Started, Work,
    WriteCall,
};
use store::{Ran, Reader, Reserve, StateError, Store, Writer};

use super::reply::Reply;
use super::{Request, raw};
use crate::{glass, logging, pool};

/// How long the user database may take: somebody waits at a console.
const LOOK_UP: Duration = Duration::from_millis(500);

/// Where systemd keeps the master key while the unit runs, for whoever is its user.
const CREDENTIALS: &str = "/run/credentials/middlewared.service";

/// Makes the call.
pub(super) fn work(method: &'static Method, request: Request) -> Reply {
    let caller = Caller {
        peer: request.peer(),
        identity: Arc::new(request.identity()),
        access: Access::root(),
    };
    let Request {
        params,
        state_dir,
        generation,
        ..
    } = request;
    let answered = catch_unwind(AssertUnwindSafe(|| {
        let Some(params) = raw(params) else {
            return Reply::error(&CallError::refused(
                nix::errno::Errno::EINVAL,
                "Params are a JSON array",
            ));
        };
        match method.prepare(&caller.access, params) {
            Ok(prepared) => answer(prepared, &state_dir, &caller, generation),
            Err(error) => Reply::error(&error),
        }
    }));
    // What was half done is gone with its transaction.
    answered.unwrap_or_else(|_| Reply::state_failed(&CallError::internal("This call met a bug")))
}

fn answer(prepared: Prepared, state_dir: &Path, caller: &Caller, generation: Option<u64>) -> Reply {
    let mut memory = None;
    let opened = open(state_dir).and_then(|store| Ok((store.reader()?, store)));
    let (reader, store) = match opened {
        Ok((reader, store)) => (reader, Ok(store)),
        Err(error) => {
            let place = memory.insert(Scratch::new());
            match place.read_copy(state_dir) {
                Some(reader) => (reader, Err(unusable(&error))),
                None => return Reply::state_failed(&unusable(&error)),
            }
        }
    };
    let mut desk = Desk {
        reader,
        store: Some(store),
        caller,
        generation,
    };
    Reply::of(desk.answer(prepared))
}

/// A state of an older release is brought up to date, if no daemon has it.
fn open(state_dir: &Path) -> Result<Store, StateError> {
    match Store::beside(state_dir, credentials()) {
        Err(StateError::Older { .. }) => Store::open(state_dir, credentials()),
        opened => opened,
    }
}

fn credentials() -> Option<&'static Path> {
    let credentials = Path::new(CREDENTIALS);
    credentials.exists().then_some(credentials)
}

fn unusable(error: &StateError) -> CallError {
    CallError::refused(error.errno(), error.to_string())
}

/// A private directory in memory, or in whatever can be written, that goes with this value.
struct Scratch(Option<PathBuf>);

impl Scratch {
    fn new() -> Self {
        let name = format!("middlewared-once-{}", std::process::id());
        let mut places = ["/dev/shm", "/run", "/tmp"].map(|place| Path::new(place).join(&name));
        // What is there already is somebody else's.
        let made = places
            .iter_mut()
            .find(|place| DirBuilder::new().mode(0o700).create(place).is_ok());
        Self(made.map(std::mem::take))
    }

    fn read_copy(&self, state_dir: &Path) -> Option<Reader> {
        Store::read_copy(state_dir, credentials(), self.0.as_deref()?).ok()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(place) = &self.0 {
            let _ = fs::remove_dir_all(place);
        }
    }
}

struct Desk<'a> {
    reader: Reader,
    /// Until it is made the writer; or why it cannot be written.
    store: Option<Result<Store, CallError>>,
    caller: &'a Caller,
    generation: Option<u64>,
}

impl Desk<'_> {
    fn answer(&mut self, prepared: Prepared) -> Answer {
        let started = match prepared {
            Prepared::Session(_) | Prepared::OfSession(_) => {
                return Err(CallError::internal("there is no connection"));
            }
            Prepared::Read(run) => return self.read(run),
            Prepared::Write(call) => return self.write(call),
            Prepared::Slow(call) => self.read(|read| call.start(read)),
        };
        let mut started = started?;
        loop {
            started = match started {
                Started::Answered(result) => return Ok(result),
                Started::Ready(call) => return self.write(call),
                Started::Work(work) => patiently(work)?,
            };
        }
    }

    fn read<T>(
        &mut self,
        run: impl FnOnce(&Reading<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let clocks = clock::clocks();
        self.reader.obey(glass::find(clocks.boot.id));
        let identity = &self.caller.identity;
        self.reader.read(&clocks, |tx| {
            run(&Reading {
                tx,
                identity,
                clocks,
                access: &self.caller.access,
            })
        })
    }

    /// Writes it, and before it what an override says that could not be stored until now.
    fn write(&mut self, call: WriteCall) -> Answer {
        let Some(store) = self.store.take() else {
            return Err(CallError::internal("written twice"));
        };
        let mut writer: Writer = store?.into_writer().map_err(|error| unusable(&error))?;
        let clocks = clock::clocks();
        writer.obey(glass::find(clocks.boot.id));
        let reserve = if call.is_way_back() {
            Reserve::MayUse
        } else {
            Reserve::Keep
        };
        let calls = [api::take_in(), call];
        let ran = writer.batch(&clocks, reserve, &calls, |call, tx| {
            let done = call.run(tx, self.caller)?;
            if let Some(generation) = self.generation {
                tx.take_overrides(generation)?;
            }
            Ok::<_, CallError>(done)
        });
        let ran = ran.map_err(|error| CallError::undone(&error))?;
        let mut answer = Err(CallError::internal("nothing was done"));
        for (call, ran) in calls.iter().zip(ran) {
            answer = match ran {
                Ran::Returned(done) => done.and_then(|done| self.tell(call, done)),
                Ran::Panicked => Err(CallError::internal("This call met a bug")),
            };
        }
        answer
    }

    /// What the daemon would log.
    fn tell(&self, call: &WriteCall, done: Done) -> Answer {
        if let Some(outcome) = done.outcome {
            let (method, peer) = (call.method(), self.caller.peer);
            tracing::warn!(
                method,
                outcome,
                uid = peer.uid,
                pid = peer.pid,
                login_uid = peer.login_uid,
                "done without the daemon, which did not answer"
            );
        }
        done.alerts.iter().for_each(logging::alert);
        done.result
    }
}

/// Has work done, or what stands for it if that takes too long. What takes memory takes no longer than it
/// takes.
fn patiently(mut work: Work) -> Result<Started, CallError> {
    if work.burden() == Burden::Heavy {
        return work.run();
    }
    let otherwise = work.otherwise();
    let (done, doing) = mpsc::channel();
    thread::spawn(move || done.send(work.run()));
    match doing.recv_timeout(LOOK_UP) {
        Ok(started) => started,
        Err(_) => otherwise.ok_or_else(pool::too_long),
    }
}
