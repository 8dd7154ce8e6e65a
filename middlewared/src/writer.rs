//! The writer thread: runs what is waiting in one transaction, then answers all of it.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use api::{Answer, CallError, Done, Event, WriteCall};
use nix::errno::Errno;
use store::{Copy, Peer, Ran, Reserve, Writer};
use tokio::sync::{broadcast, mpsc, oneshot};

/// How many calls wait at most; whoever comes then waits outside.
const QUEUE: usize = 1024;

/// How many calls share one commit at most.
const BATCH: usize = 64;

/// How often it is looked whether a copy of the state is due.
pub(crate) const HOUSEKEEPING: Duration = Duration::from_mins(10);

/// How many events a subscriber may be behind: as many as the waiting calls can make before it has
/// its turn, so that whoever reads them as they come misses none.
const EVENTS: usize = QUEUE;

/// A durable change, to be told to subscribers.
pub(crate) type Events = broadcast::Sender<Arc<Event>>;

struct Job {
    call: WriteCall,
    peer: Peer,
    answer: oneshot::Sender<Answer>,
}

enum Order {
    Run(Job),
    KeepHouse,
    /// Answered when everything before it is done.
    Beat(oneshot::Sender<()>),
}

/// Where writes are handed in.
#[derive(Clone)]
pub(crate) struct Queue {
    orders: mpsc::Sender<Order>,
    events: Events,
}

impl Queue {
    /// Starts the thread. It ends, and closes the store, when every copy of the queue is dropped.
    pub(crate) fn start(writer: Writer) -> anyhow::Result<(Self, JoinHandle<()>)> {
        let (orders, incoming) = mpsc::channel(QUEUE);
        let (events, _) = broadcast::channel(EVENTS);
        let queue = Self {
            orders,
            events: events.clone(),
        };
        let thread = thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || work(writer, incoming, events))
            .context("the writer thread cannot be started")?;
        Ok((queue, thread))
    }

    /// Events from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// Hands in a call. It keeps its place in the queue, and runs even if nobody waits for the
    /// answer any more.
    pub(crate) fn submit(
        &self,
        call: WriteCall,
        peer: Peer,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let full = match self.orders.try_send(Order::Run(Job { call, peer, answer })) {
            Ok(()) => None,
            Err(
                mpsc::error::TrySendError::Full(order) | mpsc::error::TrySendError::Closed(order),
            ) => Some((self.orders.clone(), order)),
        };
        async move {
            if let Some((orders, order)) = full {
                // Closed means stopped: the answer's other end is dropped with the order.
                let _ = orders.send(order).await;
            }
            answered.await.unwrap_or_else(|_| Err(stopped()))
        }
    }

    /// Has today's copy made.
    pub(crate) async fn keep_house(&self) {
        let _ = self.orders.send(Order::KeepHouse).await;
    }

    /// Waits until the thread has done everything that was handed in before: it is alive.
    pub(crate) async fn beat(&self) {
        let (done, waiting) = oneshot::channel();
        let _ = self.orders.send(Order::Beat(done)).await;
        let _ = waiting.await;
    }
}

fn work(writer: Writer, mut incoming: mpsc::Receiver<Order>, events: Events) {
    let mut desk = Desk {
        writer,
        events,
        changed: false,
        copied: None,
    };
    while let Some(first) = incoming.blocking_recv() {
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
                incoming.try_recv().ok()
            } else {
                None
            };
        }
        desk.run(jobs);
        desk.copy_if_changed();
    }
}

/// The writer, and what it knows of today's copy.
struct Desk {
    writer: Writer,
    events: Events,
    /// Subscribers were told of something that the newest copy does not have.
    changed: bool,
    /// When a copy was last tried because of a change.
    copied: Option<Instant>,
}

impl Desk {
    /// Runs a batch, and answers when it is durable.
    fn run(&mut self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let may_use = jobs.iter().any(|job| job.call.is_way_back());
        let reserve = if may_use {
            Reserve::MayUse
        } else {
            Reserve::Keep
        };
        let ran = self
            .writer
            .batch(&clock::clocks(), reserve, &jobs, |job, tx| {
                job.call.run(tx, job.peer)
            });
        match ran {
            Ok(ran) => {
                for (job, ran) in jobs.into_iter().zip(ran) {
                    self.changed |= answer(job, ran, &self.events);
                }
            }
            Err(error) => {
                tracing::error!(%error, calls = jobs.len(), "nothing could be written");
                for job in jobs {
                    let _ = job.answer.send(Err(CallError::undone(&error)));
                }
            }
        }
    }

    fn see_to(&mut self, order: Order) {
        match order {
            Order::KeepHouse if self.changed => self.copy_if_changed(),
            Order::KeepHouse => self.keep_house(Copy::Daily),
            Order::Beat(done) => drop(done.send(())),
            Order::Run(_) => {}
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

/// Answers one call of a durable batch. Whether subscribers were told of a change.
fn answer(job: Job, ran: Ran<Result<Done, CallError>>, events: &Events) -> bool {
    let Job { call, peer, answer } = job;
    let method = call.method();
    let mut changed = false;
    let result = match ran {
        Ran::Returned(Ok(Done {
            result,
            events: told,
            outcome,
        })) => {
            if let Some(outcome) = outcome {
                let Peer {
                    uid,
                    pid,
                    login_uid,
                } = peer;
                tracing::info!(method, outcome, uid, pid, login_uid, "done");
            }
            changed = !told.is_empty();
            for event in told {
                // Nobody listens: fine.
                let _ = events.send(Arc::new(event));
            }
            Ok(result)
        }
        Ran::Returned(Err(error)) => {
            tracing::info!(method, pid = peer.pid, %error, "refused");
            Err(error)
        }
        Ran::Panicked => Err(CallError::internal(
            "This call met a bug; nothing was changed",
        )),
    };
    let _ = answer.send(result);
    changed
}

fn stopped() -> CallError {
    CallError::refused(
        Errno::ESHUTDOWN,
        "middlewared is stopping; nothing was changed. Try again",
    )
}
