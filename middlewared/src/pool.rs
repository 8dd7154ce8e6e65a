//! A few threads for work that takes long or waits for somebody else: look-ups in the user database,
//! costly hashes. It touches no state, so neither connections nor the writer wait behind it.
//!
//! A look-up may hang for as long as it likes. So hashes have a thread of their own, and the doors
//! cannot take the last one for look-ups, which is root's way back.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use api::CallError;
use nix::errno::Errno;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How many threads there are for light jobs.
const LIGHT: usize = 2;

/// How many of them doors may take.
const LIGHT_AT_DOORS: usize = LIGHT - 1;

/// How many jobs of a lane and a load wait at most; whoever comes then is told to come again. Strangers
/// who type what could be recovery codes must not fill the place of those who are looked up.
const WAITING: usize = 64;

/// How many passwords are asked about at a time. Who guesses waits for each "no", and should not keep the
/// others from theirs.
const PASSWORDS: usize = 32;

/// How many wait for that: everybody signs in at nine o'clock.
const WAITING_PASSWORDS: usize = 512;

/// How long a caller waits at most. A user database that hangs cannot be interrupted, and keeps its
/// thread; but nobody else has to hang with it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whose turn it is when both wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Root's own calls.
    Administration,
    /// Those for whom a verdict is asked, who may be strangers.
    Doors,
}

impl Lane {
    pub(crate) const fn of(is_door: bool) -> Self {
        if is_door {
            Self::Doors
        } else {
            Self::Administration
        }
    }
}

/// How much of the machine a job takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Next to nothing, but perhaps for long.
    Light,
    /// So much memory that there is one at a time.
    Heavy,
    /// Another process, which is asked about a password.
    Password,
}

impl Load {
    /// How many of a lane may wait.
    const fn most_waiting(self) -> usize {
        match self {
            Self::Light | Self::Heavy => WAITING,
            Self::Password => WAITING_PASSWORDS,
        }
    }
}

/// The threads, and who waits for them. They end when nobody does.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Desk>>);

#[derive(Default)]
struct Desk {
    administration: VecDeque<Job>,
    doors: VecDeque<Job>,
    running: Vec<(Lane, Load)>,
}

struct Job {
    lane: Lane,
    load: Load,
    /// Gone when the caller waits no more.
    caller: Weak<()>,
    run: Box<dyn FnOnce() + Send>,
}

impl Pool {
    /// Hands in a job. What comes back is its result, at some time, or nothing if it took too long.
    ///
    /// # Errors
    /// Too many wait already.
    pub(crate) fn submit<T, F>(
        &self,
        lane: Lane,
        load: Load,
        run: F,
    ) -> Result<impl Future<Output = Option<Result<T, CallError>>> + Send + use<T, F>, CallError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, CallError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let caller = Arc::new(());
        let job = Job {
            lane,
            load,
            caller: Arc::downgrade(&caller),
            run: Box::new(move || {
                // A panic drops the sender, which is an answer too.
                let _ = catch_unwind(AssertUnwindSafe(|| answer.send(run())));
            }),
        };
        self.enqueue(job)?;
        Ok(async move {
            let answered = timeout(PATIENCE, answered).await.ok()?;
            drop(caller);
            Some(answered.unwrap_or_else(|_| Err(bug())))
        })
    }

    fn enqueue(&self, job: Job) -> Result<(), CallError> {
        let mut desk = self.desk();
        let waiting = match job.lane {
            Lane::Administration => &mut desk.administration,
            Lane::Doors => &mut desk.doors,
        };
        // Whoever waited too long has been told so, and does not come back for it.
        waiting.retain(Job::is_wanted);
        let is_alike = |other: &&Job| other.load == job.load;
        if waiting.iter().filter(is_alike).count() >= job.load.most_waiting() {
            return Err(busy());
        }
        waiting.push_back(job);
        if let Some(job) = desk.next() {
            let pool = self.clone();
            spawn_blocking(move || pool.work(job));
        }
        Ok(())
    }

    /// What one thread does: this job, and whatever waits then.
    fn work(&self, mut job: Job) {
        loop {
            let done = (job.lane, job.load);
            (job.run)();
            let Some(next) = self.desk().after(done) else {
                return;
            };
            job = next;
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn is_wanted(&self) -> bool {
        self.caller.strong_count() > 0
    }
}

impl Desk {
    /// The next job that may run now.
    fn next(&mut self) -> Option<Job> {
        let Self {
            administration,
            doors,
            running,
        } = self;
        let may_run = |job: &Job| job.is_wanted() && has_room(running, job.lane, job.load);
        let job = [administration, doors].into_iter().find_map(|lane| {
            let at = lane.iter().position(may_run)?;
            lane.remove(at)
        })?;
        running.push((job.lane, job.load));
        Some(job)
    }

    /// The next one, where one has ended. Its place is one place, so there are never two.
    fn after(&mut self, done: (Lane, Load)) -> Option<Job> {
        let at = self.running.iter().position(|job| *job == done);
        at.map(|at| self.running.swap_remove(at));
        self.next()
    }
}

/// Whether one more may run beside these.
fn has_room(running: &[(Lane, Load)], lane: Lane, load: Load) -> bool {
    let of_load = running.iter().filter(|job| job.1 == load).count();
    let of_both = running.iter().filter(|job| **job == (lane, load)).count();
    match (load, lane) {
        (Load::Heavy, _) => of_load == 0,
        (Load::Password, _) => of_load < PASSWORDS,
        (Load::Light, Lane::Administration) => of_load < LIGHT,
        (Load::Light, Lane::Doors) => of_load < LIGHT && of_both < LIGHT_AT_DOORS,
    }
}

fn bug() -> CallError {
    CallError::internal("This call met a bug; nothing was changed")
}

fn busy() -> CallError {
    CallError::refused(
        Errno::EBUSY,
        "middlewared is busy; nothing was changed. Try again",
    )
}

/// What a call is told whose job took too long.
pub(crate) fn too_long() -> CallError {
    let message = format!(
        "This took over {} s; perhaps this machine's user database does not answer. Nothing was \
         changed. Try again",
        PATIENCE.as_secs()
    );
    CallError::refused(Errno::ETIMEDOUT, message)
}

#[cfg(test)]
mod tests;
