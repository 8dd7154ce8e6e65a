//! How each figure is measured, and what is promised.

use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::figure::{Figure, Target, median_ms};
use super::load::{Dialogue, Requests, answers_per_second};
use super::server::{Kind, Place, Programs};
use super::{Options, flood, login, memory, verifier, web, wire};

/// A measurement; one may give several figures.
type Measure = fn(&Programs, &Options) -> Result<Vec<Figure>>;

/// In the order of the table.
pub(super) const ALL: &[(&str, Measure)] = &[
    ("idle memory", idle_memory),
    ("idle client", idle_clients),
    ("unread calls", unread_calls),
    ("first reply", first_reply),
    ("throughput", throughput),
    ("command", commands),
    ("verify", verifier::verify),
    ("group commit", verifier::group_commit),
    ("many accounts", verifier::many_accounts),
    ("equal work", verifier::equal_work),
    ("flood", flood::flood),
    ("login", login::login),
    ("web, first byte", web::first_byte),
    ("web, idle pages", web::idle_pages),
    ("web, sign-ins", web::sign_ins),
];

const IDLE_CLIENTS: u16 = 1000;
const UNREAD_CALLS: usize = 200_000;
pub(super) const BUSY_CLIENTS: usize = 50;
pub(super) const STARTS: usize = 21;
const COMMANDS: usize = 201;
/// Long enough for whatever a server does after its first answer.
pub(super) const SETTLE: Duration = Duration::from_millis(500);

fn idle_memory(programs: &Programs, _: &Options) -> Result<Vec<Figure>> {
    let measure = |kind| {
        let place = Place::new(kind, programs)?;
        // The second start: an existing store, as on every start but the first.
        drop(place.start()?);
        let (running, _) = place.start()?;
        thread::sleep(SETTLE);
        memory::of(running.pid())
    };
    let (ours, redis) = (measure(Kind::Middlewared)?, measure(Kind::Redis)?);
    let row = |name, ours, redis, target| Figure {
        name,
        unit: "MiB",
        ours: ours / 1024.0,
        peer: Some(("redis-server", redis / 1024.0)),
        target,
    };
    Ok(vec![
        row("idle memory, RSS", ours.rss, redis.rss, Target::AtMost(8.0)),
        row(
            "idle memory, RSS",
            ours.rss,
            redis.rss,
            Target::RatioAtMost(0.8),
        ),
        row(
            "idle memory, PSS",
            ours.pss,
            redis.pss,
            Target::RatioAtMost(0.8),
        ),
    ])
}

fn idle_clients(programs: &Programs, _: &Options) -> Result<Vec<Figure>> {
    Ok(vec![Figure {
        name: "1,000 idle clients, each",
        unit: "KiB",
        ours: cost_of_a_client(Kind::Middlewared, programs)?,
        peer: Some(("redis-server", cost_of_a_client(Kind::Redis, programs)?)),
        target: Target::AtMost(28.0),
    }])
}

fn cost_of_a_client(kind: Kind, programs: &Programs) -> Result<f64> {
    let place = Place::new(kind, programs)?;
    let (running, _) = place.start()?;
    thread::sleep(SETTLE);
    let before = memory::of(running.pid())?;
    let mut clients = Vec::new();
    for _ in 0..IDLE_CLIENTS {
        let mut stream = UnixStream::connect(place.socket())?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        if kind == Kind::Middlewared {
            wire::upgrade(&mut stream)?;
        }
        clients.push(stream);
    }
    thread::sleep(SETTLE);
    let after = memory::of(running.pid())?;
    let gone = clients.iter().filter(|stream| is_closed(stream)).count();
    ensure!(
        gone == 0,
        "{gone} of {IDLE_CLIENTS} clients were disconnected"
    );
    Ok((after.rss - before.rss) / f64::from(IDLE_CLIENTS))
}

/// An idle connection has nothing to read; a closed one has its end.
fn is_closed(mut stream: &UnixStream) -> bool {
    let mut byte = [0];
    let open = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
    stream.set_nonblocking(true).is_err()
        || !std::io::Read::read(&mut stream, &mut byte).is_err_and(open)
}

fn unread_calls(programs: &Programs, _: &Options) -> Result<Vec<Figure>> {
    let place = Place::new(Kind::Middlewared, programs)?;
    let (running, _) = place.start()?;
    thread::sleep(SETTLE);
    let before = memory::of(running.pid())?.rss;
    let mut stream = UnixStream::connect(place.socket())?;
    wire::upgrade(&mut stream)?;
    let most = flood(&mut stream, || Ok(memory::of(running.pid())?.rss))?;
    // The replies wait for their reader: a closed connection would have cost nothing either.
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    wire::ask(&mut stream, &[], wire::complete_frame)?;
    // Whoever floods must not have stopped the others.
    let mut other = UnixStream::connect(place.socket())?;
    other.set_read_timeout(Some(Duration::from_secs(5)))?;
    wire::upgrade(&mut other)?;
    Ok(vec![Figure {
        name: "200,000 calls of 1 KiB, none read",
        unit: "MiB",
        ours: (most - before).max(0.0) / 1024.0,
        peer: None,
        target: Target::AtMost(16.0),
    }])
}

/// Writes calls until all are sent, or the server has taken nothing for two seconds. The
/// reply repeats the long id. Returns the most memory that was seen.
fn flood(stream: &mut UnixStream, rss: impl Fn() -> Result<f64>) -> Result<f64> {
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    let call = wire::frame(&wire::request(&"i".repeat(950), "core.ping"));
    let end = Instant::now() + Duration::from_secs(30);
    let mut most = rss()?;
    for number in 0..UNREAD_CALLS {
        let sent = stream.write_all(&call);
        if sent.is_err() || Instant::now() > end {
            break;
        }
        if number % 1000 == 0 {
            most = most.max(rss()?);
        }
    }
    thread::sleep(SETTLE);
    Ok(most.max(rss()?))
}

fn first_reply(programs: &Programs, _: &Options) -> Result<Vec<Figure>> {
    let ours = Place::new(Kind::Middlewared, programs)?;
    let redis = Place::new(Kind::Redis, programs)?;
    // Not counted: the first start of each makes the store and warms the page cache.
    drop((ours.start()?, redis.start()?));
    let (mut our_times, mut redis_times) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        our_times.push(ours.start()?.1);
        redis_times.push(redis.start()?.1);
    }
    Ok(vec![Figure {
        name: "first reply after exec",
        unit: "ms",
        ours: median_ms(our_times),
        peer: Some(("redis-server", median_ms(redis_times))),
        target: Target::RatioAtMost(1.0),
    }])
}

fn throughput(programs: &Programs, options: &Options) -> Result<Vec<Figure>> {
    let (ours, line) = (
        Place::new(Kind::Middlewared, programs)?,
        Place::new(Kind::Line, programs)?,
    );
    let (_our_daemon, _line_server) = (ours.start()?, line.start()?);
    let text = wire::request("1", "auth.twofactor.config");
    let call = Dialogue {
        opening: Some((wire::UPGRADE, wire::complete_head)),
        requests: Requests::Same(wire::frame(&text)),
        complete: wire::complete_frame,
        check: |_| Ok(()),
    };
    let echo = Dialogue {
        opening: None,
        requests: Requests::Same(format!("{text}\n").into_bytes()),
        complete: wire::complete_line,
        check: |_| Ok(()),
    };
    // In turns, so that a busy moment of the machine meets both.
    let turn = Duration::from_secs(options.seconds) / 3;
    let (mut our_rates, mut line_rates) = (0.0, 0.0);
    for _ in 0..3 {
        our_rates += answers_per_second(&ours.socket(), &call, BUSY_CLIENTS, turn)?;
        line_rates += answers_per_second(&line.socket(), &echo, BUSY_CLIENTS, turn)?;
    }
    Ok(vec![Figure {
        name: "50 clients on auth.twofactor.config",
        unit: "/s",
        ours: our_rates / 3.0,
        peer: Some(("tokio line server", line_rates / 3.0)),
        target: Target::RatioAtLeast(0.5),
    }])
}

fn commands(programs: &Programs, _: &Options) -> Result<Vec<Figure>> {
    let (ours, redis) = (
        Place::new(Kind::Middlewared, programs)?,
        Place::new(Kind::Redis, programs)?,
    );
    let (_daemon, _server) = (ours.start()?, redis.start()?);
    let mut ping = Command::new(&programs.midclt);
    ping.arg("-u")
        .arg(ours.socket())
        .args(["call", "core.ping"]);
    let mut redis_ping = Command::new(&programs.redis_cli);
    redis_ping.arg("-s").arg(redis.socket()).arg("ping");
    let mut unlock = Command::new(&programs.midclt);
    unlock.arg("-u").arg(ours.socket());
    unlock.args(["call", "auth.twofactor.update", r#"{"enabled":false}"#]);
    // Not counted: the first run of each warms the page cache.
    let _warm = (time(&mut ping)?, time(&mut redis_ping)?);
    let (mut our_times, mut redis_times) = (Vec::new(), Vec::new());
    for _ in 0..COMMANDS {
        our_times.push(time(&mut ping)?);
        redis_times.push(time(&mut redis_ping)?);
    }
    Ok(vec![
        Figure {
            name: "midclt call core.ping, whole process",
            unit: "ms",
            ours: median_ms(our_times),
            peer: Some(("redis-cli ping", median_ms(redis_times))),
            target: Target::RatioAtMost(0.25),
        },
        Figure {
            name: "the unlock line, whole process",
            unit: "ms",
            ours: median_ms(vec![time(&mut unlock)?]),
            peer: None,
            target: Target::AtMost(1000.0),
        },
    ])
}

/// One run of a command, from its start to its end.
fn time(command: &mut Command) -> Result<Duration> {
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let status = command.status()?;
    let duration = began.elapsed();
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(duration)
}
