//! Who runs, who waits, and who is told to come again.

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
