//! Strangers try codes for names that there are not, as fast as they are answered: what the others
//! notice of it, and how much of it is remembered.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;

use super::accounts::Accounts;
use super::caller::{Caller, request};
use super::figure::{Figure, Target, percentile_ms};
use super::figures::{BUSY_CLIENTS, SETTLE};
use super::load::{Dialogue, Requests, answers_per_second};
use super::server::{Kind, Place, Programs};
use super::verifier::log_in;
use super::{Options, memory, wire};

const SOURCES: u32 = 1000;
const ACCOUNTS: u32 = 50;
/// A guess a millisecond would be no flood.
const FEWEST_PER_SECOND: f64 = 1000.0;
/// Between two calls of root's.
const PAUSE: Duration = Duration::from_millis(2);
/// Between two logins beside the flood.
const LOGIN_PAUSE: Duration = Duration::from_millis(50);

/// What root calls meanwhile.
const ROOT_CALLS: [(&str, &str); 3] = [
    ("core.ping beside the flood, p99", "core.ping"),
    (
        "auth.twofactor.config beside the flood, p99",
        "auth.twofactor.config",
    ),
    (
        "auth.twofactor.update beside the flood, p99",
        "auth.twofactor.update",
    ),
];

pub(super) fn flood(programs: &Programs, options: &Options) -> Result<Vec<Figure>> {
    let place = Place::new(Kind::Middlewared, programs)?;
    let accounts = Accounts::create(&place.state(), ACCOUNTS)?;
    let (running, _) = place.start()?;
    thread::sleep(SETTLE);
    let (socket, pid) = (place.socket(), running.pid());
    let before = (memory::of(pid)?.rss, size(&place.state())?);
    let duration = Duration::from_secs(options.seconds);
    let end = Instant::now() + duration;
    let (most, times) = thread::scope(|scope| {
        let guesses =
            scope.spawn(|| answers_per_second(&socket, &strangers(), BUSY_CLIENTS, duration));
        let root = scope.spawn(|| root_calls(&socket, end));
        let logins = scope.spawn(|| log_in_until(&socket, &accounts, end));
        let most = most_memory(pid, end)?;
        let panicked = |_| anyhow!("a client panicked");
        let rate = guesses.join().map_err(panicked)??;
        ensure!(
            rate > FEWEST_PER_SECOND,
            "{rate} guesses a second are no flood"
        );
        logins.join().map_err(panicked)??;
        anyhow::Ok((most, root.join().map_err(panicked)??))
    })?;
    let grown = (most - before.0, size(&place.state())? - before.1);
    Ok(figures(grown, times))
}

fn figures((memory, disk): (f64, f64), times: [Vec<Duration>; 3]) -> Vec<Figure> {
    let grown = |name, kib: f64, limit| Figure {
        name,
        unit: "MiB",
        ours: kib.max(0.0) / 1024.0,
        peer: None,
        target: Target::AtMost(limit),
    };
    let mut figures = vec![
        grown("flood of wrong codes, RSS grown by", memory, 8.0),
        grown("flood of wrong codes, state grown by", disk, 16.0),
    ];
    figures.extend(
        ROOT_CALLS
            .iter()
            .zip(times)
            .map(|((name, _), times)| Figure {
                name,
                unit: "ms",
                ours: percentile_ms(times, 99),
                peer: None,
                target: Target::AtMost(50.0),
            }),
    );
    figures
}

/// Each guess is for another name, and comes from the next of a thousand addresses.
fn strangers() -> Dialogue {
    let guesses = AtomicU32::new(0);
    let next = move || {
        let guess = guesses.fetch_add(1, Ordering::Relaxed);
        let [_, _, high, low] = (guess % SOURCES).to_be_bytes();
        let login = json!([{
            "username": format!("stranger{guess}"),
            "token": "000000",
            "service": "sshd",
            "source": format!("10.0.{high}.{low}"),
        }]);
        Ok(wire::frame(&request("auth.twofactor.authenticate", &login)))
    };
    Dialogue {
        opening: Some((wire::UPGRADE, wire::complete_head)),
        requests: Requests::Each(Arc::new(next)),
        complete: wire::complete_frame,
        check: |answer| {
            let text = String::from_utf8_lossy(answer);
            let refused = ["WRONG", "LOCKED"]
                .iter()
                .any(|verdict| text.contains(verdict));
            ensure!(refused, "a stranger was answered otherwise: {text}");
            Ok(())
        },
    }
}

/// How long each of root's calls took.
fn root_calls(socket: &Path, end: Instant) -> Result<[Vec<Duration>; 3]> {
    let mut root = Caller::connect(socket)?;
    let mut times = [const { Vec::new() }; 3];
    while Instant::now() < end {
        for ((_, method), times) in ROOT_CALLS.iter().zip(&mut times) {
            let params = match *method {
                "auth.twofactor.update" => json!([{}]),
                _ => json!([]),
            };
            times.push(root.call(method, &params)?.1);
            thread::sleep(PAUSE);
        }
    }
    Ok(times)
}

/// Every login must be accepted: that is what is shown here.
fn log_in_until(socket: &Path, accounts: &Accounts, end: Instant) -> Result<()> {
    let mut door = Caller::connect(socket)?;
    while Instant::now() < end {
        log_in(&mut door, accounts).context("beside the flood")?;
        thread::sleep(LOGIN_PAUSE);
    }
    Ok(())
}

/// The most that the process held, in KiB.
fn most_memory(pid: u32, end: Instant) -> Result<f64> {
    let mut most = 0.0_f64;
    while Instant::now() < end {
        most = most.max(memory::of(pid)?.rss);
        thread::sleep(Duration::from_millis(20));
    }
    Ok(most)
}

/// What the files in a directory take, in KiB.
fn size(directory: &Path) -> Result<f64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let metadata = entry?.metadata()?;
        if metadata.is_file() {
            bytes += metadata.len();
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
    Ok(bytes as f64 / 1024.0)
}
