//! What is looked at after an answer has gone out, when there is time for it: one at a time, off the
//! writer. Where more comes than can be looked at, it is left: nobody waits for it.

use std::time::Duration;

use api::{Aftermath, Caller};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::queue::Queue;

/// How many may wait at most; the next ones are not looked at.
const MOST: usize = 4;

/// The answer is on its way meanwhile, and whoever measures what comes next measures nothing of this.
const PAUSE: Duration = Duration::from_secs(1);

/// Where the writer leaves it.
pub(crate) type Later = mpsc::Sender<Aftermath>;

/// Both ends.
pub(crate) fn channel() -> (Later, mpsc::Receiver<Aftermath>) {
    mpsc::channel(MOST)
}

/// Looks at what comes, for as long as the daemon runs.
pub(crate) async fn look(mut left: mpsc::Receiver<Aftermath>, writes: Queue, caller: Caller) {
    while let Some(aftermath) = left.recv().await {
        sleep(PAUSE).await;
        // A panic has been logged.
        if let Ok(Some(call)) = spawn_blocking(|| aftermath.run()).await {
            let _ = writes.submit(call, caller.clone()).await;
        }
    }
}
