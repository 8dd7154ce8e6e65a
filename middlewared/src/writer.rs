//! The writer thread: runs what is waiting in one transaction, then answers all of it.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use api::{Access, Aftermath, Answer, CallError, Caller, Done, Event, Identity, WriteCall};
use nix::unistd::getuid;
use store::{Copy, Peer, Ran, Reserve, StateError, Store, WriteTx, Writer};
use tokio::sync::{broadcast, mpsc, oneshot};
use twofactor::Clocks;

use crate::aftermath::{self, Later};
use crate::queue::{Incoming, Job, Order, Queue};
use crate::{glass, logging};

/// How many calls share one commit at most.
const BATCH: usize = 64;

/// How often it is looked whether a copy of the state is due.
pub(crate) const HOUSEKEEPING: Duration = Duration::from_mins(10);

/// A durable change, to be told to subscribers.
pub(crate) type Events = broadcast::Sender<Arc<Event>>;

/// The writer, as the rest of the daemon has it.
pub(crate) struct Running {
    /// Where writes are handed in.
    pub(crate) queue: Queue,
    /// What is to be looked at after an answer.
    pub(crate) aftermaths: mpsc::Receiver<Aftermath>,
    /// Ends when every copy of the queue is dropped.
    pub(crate) thread: JoinHandle<Result<(), StateError>>,
}

/// Starts the thread. It first looks for damage, and ends if there is any: then nothing was written.
/// Else it ends, and closes the store, when every copy of the queue is dropped.
pub(crate) fn start(store: Store, identity: Identity) -> anyhow::Result<Running> {
    let (queue, incoming) = Queue::new()?;
    let (later, aftermaths) = aftermath::channel();
    let told = Told {
        events: queue.events(),
        later,
    };
    let thread = thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || work(store, identity, incoming, told))
        .context("the writer thread cannot be started")?;
    Ok(Running {
        queue,
        aftermaths,
        thread,
    })
}

/// Who is told of what has become durable.
struct Told {
    events: Events,
    later: Later,
}

fn work(
    store: Store,
    identity: Identity,
    mut incoming: Incoming,
    told: Told,
) -> Result<(), StateError> {
    let mut desk = Desk {
        writer: store.into_writer()?,
        told,
        caller: itself(Arc::new(identity)),
        due: None,
        changed: false,
        copied: None,
    };
    while let Some(first) = incoming.wait(desk.due) {
        let mut jobs = Vec::new();
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                Order::Run(job) => jobs.push(job),
                order => {
                    desk.run(std::mem::take(&mut jobs));
                    desk.see_to(order);
                }
            }
            next = if jobs.len() < BATCH {
                incoming.next()
            } else {
                None
            };
        }
        desk.run(jobs);
        desk.copy_if_changed();
    }
    Ok(())
}

/// The writer, and what it knows of today's copy.
struct Desk {
    writer: Writer,
    told: Told,
    /// For whom it does what nobody asked for.
    caller: Caller,
    /// When something falls due by itself. This clock stands still while the machine sleeps; that only
    /// makes it late, since what falls due has its own.
    due: Option<Instant>,
    /// Subscribers were told of something that the newest copy does not have.
    changed: bool,
    /// When a copy was last tried because of a change.
    copied: Option<Instant>,
}

impl Desk {
    /// Runs a batch, and answers when it is durable. What root's override says comes before it: so it is
    /// a part of the state before anything else becomes one.
    fn run(&mut self, mut jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let clocks = clock::clocks();
        let found = glass::find(clocks.boot.id);
        self.writer.obey(found.clone());
        let Some(found) = found else {
            return self.run_all(&clocks, jobs);
        };
        let (answer, mut taken_in) = oneshot::channel();
        jobs.insert(0, self.own_job(api::take_in(), answer));
        self.run_all(&clocks, jobs);
        if matches!(taken_in.try_recv(), Ok(Ok(taken_in)) if taken_in.get() == "true") {
            glass::remove(clocks.boot.id, &found);
        }
    }

    fn run_all(&mut self, clocks: &Clocks, jobs: Vec<Job>) {
        let may_use = jobs.iter().any(|job| job.call.is_way_back());
        let reserve = if may_use {
            Reserve::MayUse
        } else {
            Reserve::Keep
        };
        let ran = self.writer.batch(clocks, reserve, &jobs, |job, tx| {
            job.call.run(tx, &job.caller)
        });
        match ran {
            Ok(ran) => {
                for (job, ran) in jobs.into_iter().zip(ran) {
                    let told = answer(job, ran, (&self.told, clocks.boot.secs));
                    self.changed |= told.changed;
                    let due = told.wake_in.map(|left| Instant::now() + left);
                    self.due = [self.due, due].into_iter().flatten().min();
                }
            }
            Err(error) => {
                tracing::error!(%error, calls = jobs.len(), "nothing could be written");
                for Job { call, answer, .. } in jobs {
                    // What it holds is free before anybody hears of it.
                    drop(call);
                    let _ = answer.send(Err(CallError::undone(&error)));
                }
            }
        }
    }

    fn see_to(&mut self, order: Order) {
        match order {
            Order::LookAfter => self.look_after(),
            Order::KeepHouse => {
                self.forget_what_is_over();
                self.look_after();
                if self.changed {
                    self.copy_if_changed();
                } else {
                    self.keep_house(Copy::Daily);
                }
            }
            Order::Beat(done) => drop(done.send(())),
            Order::Run(_) => {}
        }
    }

    /// Tells of what is over by itself, and asks when that will be so of what is not.
    fn look_after(&mut self) {
        self.due = None;
        // If it fails, that is in the log, and the next housekeeping tries again.
        self.run(vec![self.own_job(api::upkeep(), oneshot::channel().0)]);
    }

    fn own_job(&self, call: WriteCall, answer: oneshot::Sender<Answer>) -> Job {
        Job {
            call,
            caller: self.caller.clone(),
            answer,
        }
    }

    /// What has an end is judged by it when it matters; this only makes room.
    fn forget_what_is_over(&mut self) {
        let forget = |(): &(), tx: &mut WriteTx<'_>| tx.delete_expired();
        let ran = self
            .writer
            .batch(&clock::clocks(), Reserve::Keep, &[()], forget);
        match ran.map(|mut ran| ran.pop()) {
            Ok(Some(Ran::Returned(Ok(rows)))) if rows > 0 => {
                tracing::info!(rows, "forgot what is over");
            }
            Ok(Some(Ran::Returned(Err(error)))) | Err(error) => {
                tracing::warn!(%error, "what is over could not be forgotten");
            }
            // A panic has been logged.
            Ok(_) => {}
        }
    }

    /// Makes a copy that has the newest change, but does not let a stream of changes make a stream
    /// of copies: the next housekeeping makes up for it.
    fn copy_if_changed(&mut self) {
        let is_time = self.copied.is_none_or(|at| at.elapsed() >= HOUSEKEEPING);
        if self.changed && is_time {
            // Also when it fails: it is tried again at the next housekeeping, not after each change.
            self.copied = Some(Instant::now());
            self.keep_house(Copy::Fresh);
        }
    }

    fn keep_house(&mut self, due: Copy) {
        match self.writer.keep_house(clock::now(), due) {
            Ok(true) => {
                tracing::info!("made a copy of the state");
                self.changed = false;
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "no copy of the state could be made"),
        }
    }
}

/// The daemon, as a caller of its own.
pub(crate) fn itself(identity: Arc<Identity>) -> Caller {
    Caller {
        peer: Peer {
            uid: getuid().as_raw(),
            pid: i32::try_from(std::process::id()).unwrap_or(0),
            login_uid: None,
        },
        identity,
        access: Access::root(),
    }
}

/// What came of a call, besides its answer.
#[derive(Default)]
struct Outcome {
    /// Subscribers were told of a change.
    changed: bool,
    /// When something falls due.
    wake_in: Option<Duration>,
}

/// Answers one call of a durable batch.
fn answer(job: Job, ran: Ran<Result<Done, CallError>>, (told, now): (&Told, u64)) -> Outcome {
    let Job {
        call,
        caller: Caller { peer, access, .. },
        answer,
    } = job;
    let method = call.method();
    // What it holds, such as the place of a login, is free before anybody hears of it.
    drop(call);
    let mut of_it = Outcome::default();
    let mut after = None;
    let result = match ran {
        Ran::Returned(Ok(Done {
            result,
            events,
            alerts,
            outcome,
            wake_in,
            session,
            aftermath,
        })) => {
            if let Some(change) = session {
                access.apply(change, now);
            }
            if let Some(outcome) = outcome {
                let Peer {
                    uid,
                    pid,
                    login_uid,
                } = peer;
                tracing::info!(method, outcome, uid, pid, login_uid, "done");
            }
            alerts.iter().for_each(logging::alert);
            after = aftermath;
            of_it = Outcome {
                changed: events.iter().any(Event::is_change),
                wake_in,
            };
            for event in events {
                // Nobody listens: fine.
                let _ = told.events.send(Arc::new(event));
            }
            result
        }
        Ran::Returned(Err(error)) => {
            // The message may repeat a name that somebody typed; what is for the log does not.
            tracing::info!(method, pid = peer.pid, error = %error.for_log(), "refused");
            Err(error)
        }
        Ran::Panicked => Err(CallError::internal(
            "This call met a bug; nothing was changed",
        )),
    };
    let _ = answer.send(result);
    if let Some(aftermath) = after {
        // Busy: it is left.
        let _ = told.later.try_send(aftermath);
    }
    of_it
}
