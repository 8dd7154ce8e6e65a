//! Two threads for work that takes long or waits for somebody else: look-ups in the user database,
//! costly hashes. It touches no state, so neither connections nor the writer wait behind it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::CallError;
use nix::errno::Errno;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How many threads there are.
const THREADS: usize = 2;

/// How many jobs of a kind wait at most; whoever comes then is told to come again.
const WAITING: usize = 64;

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
    Light,
    /// So much memory that there is one at a time.
    Heavy,
}

/// The threads, and who waits for them. They end when nobody does.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Desk>>);

#[derive(Default)]
struct Desk {
    administration: VecDeque<Job>,
    doors: VecDeque<Job>,
    threads: usize,
    is_heavy_running: bool,
}

struct Job {
    load: Load,
    run: Box<dyn FnOnce() + Send>,
}

impl Pool {
    /// Hands in a job. What comes back is its result, at some time.
    ///
    /// # Errors
    /// Too many wait already.
    pub(crate) fn submit<T, F>(
        &self,
        lane: Lane,
        load: Load,
        run: F,
    ) -> Result<impl Future<Output = Result<T, CallError>> + Send + use<T, F>, CallError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, CallError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let run = Box::new(move || {
            // Whoever waited too long has been told so, and does not come back for it.
            if !answer.is_closed() {
                // A panic drops the sender, which is an answer too.
                let _ = catch_unwind(AssertUnwindSafe(|| answer.send(run())));
            }
        });
        self.enqueue(lane, Job { load, run })?;
        Ok(async move {
            match timeout(PATIENCE, answered).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(CallError::internal(
                    "This call met a bug; nothing was changed",
                )),
                Err(_) => Err(too_long()),
            }
        })
    }

    fn enqueue(&self, lane: Lane, job: Job) -> Result<(), CallError> {
        let mut desk = self.desk();
        let waiting = match lane {
            Lane::Administration => &mut desk.administration,
            Lane::Doors => &mut desk.doors,
        };
        if waiting.len() >= WAITING {
            return Err(busy());
        }
        waiting.push_back(job);
        if desk.threads < THREADS
            && let Some(job) = desk.next()
        {
            desk.threads += 1;
            let pool = self.clone();
            spawn_blocking(move || pool.work(job));
        }
        Ok(())
    }

    /// What one thread does: this job, and whatever waits then.
    fn work(&self, mut job: Job) {
        loop {
            (job.run)();
            let mut desk = self.desk();
            if job.load == Load::Heavy {
                desk.is_heavy_running = false;
            }
            let Some(next) = desk.next() else {
                desk.threads -= 1;
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

impl Desk {
    /// The next job that may run now.
    fn next(&mut self) -> Option<Job> {
        let may_run = |job: &Job| job.load == Load::Light || !self.is_heavy_running;
        let lanes = [&mut self.administration, &mut self.doors];
        let job = lanes.into_iter().find_map(|lane| {
            let at = lane.iter().position(may_run)?;
            lane.remove(at)
        })?;
        self.is_heavy_running |= job.load == Load::Heavy;
        Some(job)
    }
}

fn busy() -> CallError {
    CallError::refused(
        Errno::EBUSY,
        "middlewared is busy; nothing was changed. Try again",
    )
}

fn too_long() -> CallError {
    let message = format!(
        "This took over {} s; perhaps this machine's user database does not answer. Nothing was \
         changed. Try again",
        PATIENCE.as_secs()
    );
    CallError::refused(Errno::ETIMEDOUT, message)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A job that says that it runs, and ends when it is told to.
    struct Held {
        started: mpsc::Receiver<()>,
        end: mpsc::Sender<()>,
    }

    impl Held {
        fn submit(pool: &Pool, lane: Lane, load: Load) -> Self {
            let (starts, started) = mpsc::channel();
            let (end, ended) = mpsc::channel();
            let job = move || {
                starts.send(()).unwrap();
                ended.recv().unwrap();
                Ok(())
            };
            tokio::spawn(pool.submit(lane, load, job).unwrap());
            Self { started, end }
        }

        fn wait(&self) {
            self.started.recv_timeout(Duration::from_secs(20)).unwrap();
        }

        fn runs(&self) -> bool {
            self.started.try_recv().is_ok()
        }

        fn end(&self) {
            self.end.send(()).unwrap();
        }
    }

    use Lane::{Administration, Doors};
    use Load::{Heavy, Light};

    #[tokio::test]
    async fn two_run_and_64_wait_and_the_next_is_told_so() {
        let pool = Pool::default();
        let running = [(); 2].map(|()| Held::submit(&pool, Doors, Light));
        running.iter().for_each(Held::wait);
        let waiting: Vec<_> = (0..WAITING)
            .map(|_| Held::submit(&pool, Doors, Light))
            .collect();
        let refused = pool.submit(Doors, Light, || Ok(())).map(drop).unwrap_err();
        let text = serde_json::to_string(&refused.to_object()).unwrap();
        assert!(
            text.contains("[EBUSY] middlewared is busy; nothing was changed. Try again"),
            "{text}"
        );
        // The doors' crowd is not in root's way.
        let administration = Held::submit(&pool, Administration, Light);
        assert!(!administration.runs() && waiting.iter().all(|job| !job.runs()));
        running[0].end();
        administration.wait();
        assert!(waiting.iter().all(|job| !job.runs()), "root goes first");
        administration.end();
        waiting[0].wait();
        for job in running.iter().skip(1).chain(&waiting) {
            job.end();
        }
    }

    #[tokio::test]
    async fn heavy_jobs_run_one_at_a_time_and_keep_no_thread_from_light_ones() {
        let pool = Pool::default();
        let first = Held::submit(&pool, Doors, Heavy);
        first.wait();
        let second = Held::submit(&pool, Administration, Heavy);
        let light = Held::submit(&pool, Doors, Light);
        light.wait();
        light.end();
        let light = Held::submit(&pool, Doors, Light);
        light.wait();
        assert!(!second.runs(), "not beside the first");
        first.end();
        second.wait();
        second.end();
        light.end();
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_its_call_and_the_thread_goes_on() {
        let pool = Pool::default();
        for _ in 0..2 * THREADS {
            let job = || -> Result<(), CallError> { panic!("a bug") };
            let error = pool.submit(Doors, Heavy, job).unwrap().await.unwrap_err();
            assert!(error.to_string().contains("met a bug"));
        }
        assert_eq!(
            pool.submit(Doors, Heavy, || Ok(7)).unwrap().await.unwrap(),
            7
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_told_and_the_job_does_not_run_later() {
        let pool = Pool::default();
        let hanging = [(); THREADS].map(|()| Held::submit(&pool, Doors, Light));
        hanging.iter().for_each(Held::wait);
        let (ran, runs) = mpsc::channel();
        let job = move || {
            ran.send(()).unwrap();
            Ok(())
        };
        let late = tokio::spawn(pool.submit(Doors, Light, job).unwrap());
        tokio::task::yield_now().await;
        tokio::time::advance(PATIENCE + Duration::from_millis(1)).await;
        let error = late.await.unwrap().unwrap_err();
        assert!(error.to_string().starts_with("This took over 20 s"));
        hanging.iter().for_each(Held::end);
        let next = pool.submit(Doors, Light, || Ok(())).unwrap().await;
        assert!(next.is_ok());
        assert!(runs.recv().is_err(), "dropped without being run");
    }
}
