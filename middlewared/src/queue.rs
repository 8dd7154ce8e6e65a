//! What waits for the writer, in two lanes: root's own calls never wait behind a crowd at the doors.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use api::{Answer, CallError, Caller, Event, WriteCall};
use nix::errno::Errno;
use tokio::runtime::Runtime;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::timeout_at;

use crate::pool::Lane;
use crate::writer::Events;

/// How many calls wait in a lane at most; whoever comes then waits outside.
const LONGEST: usize = 1024;

/// How many events a subscriber may be behind: as many as the waiting calls can make before it has
/// its turn, so that whoever reads them as they come misses none.
const EVENTS: usize = 2 * LONGEST;

/// A call, and whom to answer.
pub(crate) struct Job {
    pub(crate) call: WriteCall,
    pub(crate) caller: Caller,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// What the writer is told to do.
pub(crate) enum Order {
    Run(Job),
    KeepHouse,
    /// Something falls due.
    LookAfter,
    /// Answered when the writer comes to it.
    Beat(oneshot::Sender<()>),
}

/// Where writes are handed in.
#[derive(Clone)]
pub(crate) struct Queue {
    administration: mpsc::Sender<Order>,
    doors: mpsc::Sender<Order>,
    events: Events,
}

/// Where the writer takes them.
pub(crate) struct Incoming {
    /// Waits for both lanes and the clock at once; it has no sockets.
    runtime: Runtime,
    administration: mpsc::Receiver<Order>,
    doors: mpsc::Receiver<Order>,
}

impl Queue {
    /// Both ends.
    pub(crate) fn new() -> anyhow::Result<(Self, Incoming)> {
        let (administration, first) = mpsc::channel(LONGEST);
        let (doors, second) = mpsc::channel(LONGEST);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .context("the writer's runtime cannot be started")?;
        let queue = Self {
            administration,
            doors,
            events: broadcast::channel(EVENTS).0,
        };
        let incoming = Incoming {
            runtime,
            administration: first,
            doors: second,
        };
        Ok((queue, incoming))
    }

    /// Where the writer tells of changes.
    pub(crate) fn events(&self) -> Events {
        self.events.clone()
    }

    /// Events from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// Hands in a call. It keeps its place in its lane, and runs even if nobody waits for the answer
    /// any more.
    pub(crate) fn submit(
        &self,
        call: WriteCall,
        caller: Caller,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let lane = match Lane::of(call.is_door()) {
            Lane::Administration => &self.administration,
            Lane::Doors => &self.doors,
        };
        let (answer, answered) = oneshot::channel();
        let job = Job {
            call,
            caller,
            answer,
        };
        let full = match lane.try_send(Order::Run(job)) {
            Ok(()) => None,
            Err(
                mpsc::error::TrySendError::Full(order) | mpsc::error::TrySendError::Closed(order),
            ) => Some((lane.clone(), order)),
        };
        async move {
            if let Some((lane, order)) = full {
                // Closed means stopped: the answer's other end is dropped with the order.
                let _ = lane.send(order).await;
            }
            answered.await.unwrap_or_else(|_| Err(stopped()))
        }
    }

    /// Has today's copy made.
    pub(crate) async fn keep_house(&self) {
        let _ = self.administration.send(Order::KeepHouse).await;
    }

    /// Waits until the writer answers. Whether it is alive.
    pub(crate) async fn beat(&self) -> bool {
        let (done, waiting) = oneshot::channel();
        let _ = self.administration.send(Order::Beat(done)).await;
        waiting.await.is_ok()
    }
}

impl Incoming {
    /// The next order, when there is one, or when something falls due. `None`: there is nobody left to
    /// give any.
    pub(crate) fn wait(&mut self, due: Option<Instant>) -> Option<Order> {
        let (first, second) = (&mut self.administration, &mut self.doors);
        let order = async {
            tokio::select! {
                biased;
                Some(order) = first.recv() => Some(order),
                Some(order) = second.recv() => Some(order),
                else => None,
            }
        };
        self.runtime.block_on(async {
            match due {
                None => order.await,
                // What falls due holds up nobody who wants to stop.
                Some(due) => timeout_at(due.into(), order)
                    .await
                    .unwrap_or(Some(Order::LookAfter)),
            }
        })
    }

    /// The next order that waits already.
    pub(crate) fn next(&mut self) -> Option<Order> {
        let first = self.administration.try_recv();
        first.or_else(|_| self.doors.try_recv()).ok()
    }
}

fn stopped() -> CallError {
    CallError::refused(
        Errno::ESHUTDOWN,
        "middlewared is stopping; nothing was changed. Try again",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use api::{Access, Identity, Prepared, RawParams, Reading, Started};
    use futures_util::FutureExt;
    use serde_json::{Value, json};
    use store::{Peer, Reader, Store};
    use tempfile::TempDir;

    use super::*;

    struct Machine {
        reader: Reader,
        caller: Caller,
        _dir: TempDir,
    }

    impl Machine {
        fn new() -> Self {
            let dir = TempDir::new().unwrap();
            let store = Store::open(&dir.path().join("state"), None).unwrap();
            let peer = Peer {
                uid: 0,
                pid: 1,
                login_uid: None,
            };
            let identity = Arc::new(Identity {
                issuer: "middlewared".to_owned(),
                product: "Linux".to_owned(),
            });
            Self {
                reader: store.reader().unwrap(),
                caller: Caller {
                    peer,
                    identity,
                    access: Access::root(),
                },
                _dir: dir,
            }
        }

        /// A call that is ready for the writer.
        fn call(&mut self, name: &str, params: Vec<Value>) -> WriteCall {
            let method = api::find(name).unwrap();
            match method
                .prepare(&self.caller.access, RawParams::Positional(params))
                .unwrap()
            {
                Prepared::Write(call) => call,
                Prepared::Slow(call) => {
                    let identity = &self.caller.identity;
                    let clocks = clock::clocks();
                    let start = self.reader.read(&clocks, |tx| {
                        call.start(&Reading {
                            tx,
                            identity,
                            clocks,
                            access: &self.caller.access,
                        })
                    });
                    match start.unwrap() {
                        Started::Ready(call) => call,
                        _ => panic!("{name} does not write at once"),
                    }
                }
                _ => panic!("{name} does not write"),
            }
        }
    }

    fn name(order: &Order) -> &'static str {
        match order {
            Order::Run(job) => job.call.method(),
            _ => panic!("no call"),
        }
    }

    /// A stop during a trial waited for the trial's end.
    #[test]
    fn what_falls_due_does_not_hold_up_the_end() {
        let (queue, mut incoming) = Queue::new().unwrap();
        let due = Instant::now() + Duration::from_hours(1);
        let past = incoming.wait(Some(Instant::now()));
        assert!(matches!(past, Some(Order::LookAfter)));
        drop(queue);
        assert!(incoming.wait(Some(due)).is_none());
    }

    /// Both lanes are full before the writer looks at either.
    #[test]
    fn administration_overtakes_1000_calls_at_the_doors() {
        let mut machine = Machine::new();
        let (queue, mut incoming) = Queue::new().unwrap();
        let mut answers = Vec::new();
        for _ in 0..1000 {
            let call = machine.call("auth.twofactor.verify", vec![Value::Null]);
            answers.push(queue.submit(call, machine.caller.clone()));
        }
        let call = machine.call("auth.twofactor.update", vec![json!({})]);
        answers.push(queue.submit(call, machine.caller.clone()));
        let orders = std::iter::from_fn(|| incoming.next());
        let names: Vec<&str> = orders.map(|order| name(&order)).collect();
        assert_eq!(names.len(), 1001);
        assert_eq!(
            names[..2],
            ["auth.twofactor.update", "auth.twofactor.verify"]
        );
        // The writer is gone, and so are the orders: whoever waits is told so.
        drop(queue);
        assert!(incoming.wait(None).is_none());
        for answer in answers {
            let error = answer.now_or_never().unwrap().unwrap_err();
            assert!(error.to_string().contains("is stopping"));
        }
    }
}
