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
        if waiting.iter().filter(is_alike).count() >= WAITING {
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
        let running = [Administration, Doors].map(|lane| Held::submit(&pool, lane, Light));
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
        running[1].end();
        administration.wait();
        assert!(waiting.iter().all(|job| !job.runs()), "root goes first");
        administration.end();
        waiting[0].wait();
        for job in running.iter().take(1).chain(&waiting) {
            job.end();
        }
    }

    /// Look-ups that hang take neither root's way back nor the recovery codes.
    #[tokio::test]
    async fn look_ups_that_hang_at_the_doors_leave_a_thread_to_root_and_the_hashes_theirs() {
        let pool = Pool::default();
        let hanging = [(); 2].map(|()| Held::submit(&pool, Doors, Light));
        hanging[0].wait();
        let root = Held::submit(&pool, Administration, Light);
        root.wait();
        for lane in [Doors, Administration] {
            let hash = Held::submit(&pool, lane, Heavy);
            hash.wait();
            hash.end();
        }
        root.end();
        let again = Held::submit(&pool, Administration, Light);
        again.wait();
        assert!(!hanging[1].runs(), "one of the doors' at a time");
        for job in hanging.iter().chain([&again]) {
            job.end();
        }
    }

    /// Who has gone does not keep others from waiting.
    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_waited_too_long_makes_room() {
        let pool = Pool::default();
        let hanging = Held::submit(&pool, Doors, Light);
        hanging.wait();
        let crowd: Vec<_> = (0..WAITING)
            .map(|_| tokio::spawn(pool.submit(Doors, Light, || Ok(())).unwrap()))
            .collect();
        for late in crowd {
            // Some begin to wait only after a look at the clock.
            while !late.is_finished() {
                tokio::time::advance(PATIENCE + Duration::from_millis(1)).await;
            }
            assert!(late.await.unwrap().is_none());
        }
        let next = pool.submit(Doors, Light, || Ok(7)).unwrap();
        hanging.end();
        assert_eq!(next.await.unwrap().unwrap(), 7);
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

    /// Strangers who type what could be recovery codes keep nobody from being looked up, nor root from its
    /// own hash.
    #[tokio::test]
    async fn a_crowd_with_recovery_codes_leaves_room_for_those_with_codes() {
        let pool = Pool::default();
        let hashing = Held::submit(&pool, Doors, Heavy);
        hashing.wait();
        let crowd: Vec<_> = (0..WAITING)
            .map(|_| Held::submit(&pool, Doors, Heavy))
            .collect();
        assert!(pool.submit(Doors, Heavy, || Ok(())).is_err());
        let light = Held::submit(&pool, Doors, Light);
        light.wait();
        light.end();
        let root = Held::submit(&pool, Administration, Heavy);
        hashing.end();
        root.wait();
        for job in crowd.iter().chain([&root]) {
            job.end();
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_its_call_and_the_thread_goes_on() {
        let pool = Pool::default();
        for _ in 0..4 {
            let job = || -> Result<(), CallError> { panic!("a bug") };
            let answered = pool.submit(Doors, Heavy, job).unwrap().await;
            let error = answered.unwrap().unwrap_err();
            assert!(error.to_string().contains("met a bug"));
        }
        let next = pool.submit(Doors, Heavy, || Ok(7)).unwrap().await;
        assert_eq!(next.unwrap().unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_told_and_the_job_does_not_run_later() {
        let pool = Pool::default();
        let hanging = [(); LIGHT].map(|()| Held::submit(&pool, Administration, Light));
        hanging.iter().for_each(Held::wait);
        let (ran, runs) = mpsc::channel();
        let job = move || {
            ran.send(()).unwrap();
            Ok(())
        };
        let late = tokio::spawn(pool.submit(Doors, Light, job).unwrap());
        tokio::task::yield_now().await;
        tokio::time::advance(PATIENCE + Duration::from_millis(1)).await;
        assert!(late.await.unwrap().is_none());
        assert!(too_long().to_string().starts_with("This took over 20 s"));
        hanging.iter().for_each(Held::end);
        let next = pool.submit(Doors, Light, || Ok(())).unwrap().await;
        assert!(next.unwrap().is_ok());
        assert!(runs.recv().is_err(), "dropped without being run");
    }
}
