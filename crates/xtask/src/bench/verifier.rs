//! What a code costs: durable, in a crowd, among many accounts, and for whom there is none.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::accounts::{self, Accounts, WINDOW};
use super::caller::{Caller, request};
use super::commits::Commits;
use super::figure::{Figure, Target, median_ms};
use super::figures::{BUSY_CLIENTS, SETTLE, STARTS};
use super::load::{Dialogue, Requests, answers_per_second};
use super::server::{Kind, Place, Programs};
use super::{Options, memory, wire};

/// How often root's secret is renewed, since each gives only so many codes at once.
const RENEWALS: usize = 40;
const FEW: u32 = 10;
const MANY: u32 = 10_000;
/// As many as a few accounts have codes.
const LOGINS: usize = 170;
const GUESSES: u64 = 1000;

const AUTHENTICATE: &str = "auth.twofactor.authenticate";

/// Every code is a fresh one and accepted; between two codes there is one bare commit.
pub(super) fn verify(programs: &Programs, _: &Options) -> Result<Vec<Figure>> {
    let place = Place::new(Kind::Middlewared, programs)?;
    let (_daemon, _) = place.start()?;
    let (mut root, mut commits) = (Caller::connect(&place.socket())?, Commits::new()?);
    let on = json!([{"enabled": true, "window": WINDOW}]);
    root.call("auth.twofactor.update", &on)?;
    let (mut our_times, mut bare_times) = (Vec::new(), Vec::new());
    for _ in 0..RENEWALS {
        root.call("auth.twofactor.renew_secret", &json!([]))?;
        let (config, _) = root.call("auth.twofactor.config", &json!([]))?;
        let secret = config.get("secret").and_then(Value::as_str);
        for token in accounts::codes(secret.context("root has no secret")?) {
            let (accepted, time) = root.call("auth.twofactor.verify", &json!([token]))?;
            ensure!(accepted == true, "a fresh code was refused");
            our_times.push(time);
            bare_times.push(commits.commit()?);
        }
    }
    Ok(vec![Figure {
        name: "auth.twofactor.verify, accepted, one client",
        unit: "ms",
        ours: median_ms(our_times),
        peer: Some(("bare SQLite commit", median_ms(bare_times))),
        target: Target::RatioAtMost(1.5),
    }])
}

/// Logins of as many accounts as there are, each with a fresh code.
pub(super) fn group_commit(programs: &Programs, options: &Options) -> Result<Vec<Figure>> {
    let place = Place::new(Kind::Middlewared, programs)?;
    let accounts = Arc::new(Accounts::create(&place.state(), MANY)?);
    let (_daemon, _) = place.start()?;
    let next = move || {
        Ok(wire::frame(&request(
            AUTHENTICATE,
            &json!([accounts.login()?]),
        )))
    };
    let login = Dialogue {
        opening: Some((wire::UPGRADE, wire::complete_head)),
        requests: Requests::Each(Arc::new(next)),
        complete: wire::complete_frame,
        check: |answer| {
            let text = String::from_utf8_lossy(answer);
            ensure!(
                text.contains(r#""ACCEPTED""#),
                "a login was refused: {text}"
            );
            Ok(())
        },
    };
    let turn = Duration::from_secs(options.seconds) / 6;
    let (mut crowd, mut alone) = (0.0, 0.0);
    for _ in 0..3 {
        crowd += answers_per_second(&place.socket(), &login, BUSY_CLIENTS, turn)?;
        alone += answers_per_second(&place.socket(), &login, 1, turn)?;
    }
    Ok(vec![Figure {
        name: "accepted logins, 50 clients",
        unit: "/s",
        ours: crowd / 3.0,
        peer: Some(("one client", alone / 3.0)),
        target: Target::RatioAtLeast(4.0),
    }])
}

pub(super) fn many_accounts(programs: &Programs, _: &Options) -> Result<Vec<Figure>> {
    let (big, small) = (
        Place::new(Kind::Middlewared, programs)?,
        Place::new(Kind::Middlewared, programs)?,
    );
    let (many, few) = (
        Accounts::create(&big.state(), MANY)?,
        Accounts::create(&small.state(), FEW)?,
    );
    let idle = idle_memory(&big)?;
    let (mut big_starts, mut small_starts) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        big_starts.push(big.start()?.1);
        small_starts.push(small.start()?.1);
    }
    let (_big_daemon, _small_daemon) = (big.start()?, small.start()?);
    let (mut at_big, mut at_small) = (
        Caller::connect(&big.socket())?,
        Caller::connect(&small.socket())?,
    );
    let (mut big_times, mut small_times) = (Vec::new(), Vec::new());
    for _ in 0..LOGINS {
        big_times.push(log_in(&mut at_big, &many)?);
        small_times.push(log_in(&mut at_small, &few)?);
    }
    let row = |name, many, few| Figure {
        name,
        unit: "ms",
        ours: median_ms(many),
        peer: Some(("10 accounts", median_ms(few))),
        target: Target::RatioAtMost(1.3),
    };
    Ok(vec![
        row(
            "accepted login among 10,000 accounts",
            big_times,
            small_times,
        ),
        row("first reply, 10,000 accounts", big_starts, small_starts),
        Figure {
            name: "idle memory, 10,000 accounts, RSS",
            unit: "MiB",
            ours: idle,
            peer: None,
            target: Target::AtMost(12.0),
        },
    ])
}

/// In MiB, of the second start, as for a store without accounts.
fn idle_memory(place: &Place<'_>) -> Result<f64> {
    drop(place.start()?);
    let (running, _) = place.start()?;
    thread::sleep(SETTLE);
    Ok(memory::of(running.pid())?.rss / 1024.0)
}

/// How long an accepted login takes.
pub(super) fn log_in(door: &mut Caller, accounts: &Accounts) -> Result<Duration> {
    let (answer, time) = door.call(AUTHENTICATE, &json!([accounts.login()?]))?;
    let verdict = answer.get("verdict");
    ensure!(
        verdict == Some(&json!("ACCEPTED")),
        "a login was refused: {answer}"
    );
    Ok(time)
}

/// A stranger's wrong codes, in turns for accounts and for names that there are not. As from PAM, only
/// the accounts come with their uid. The user database knows none of them, so that how it differs
/// between a hit and a miss, which is for everybody to see who asks it, is not measured.
pub(super) fn equal_work(programs: &Programs, _: &Options) -> Result<Vec<Figure>> {
    let place = Place::new(Kind::Middlewared, programs)?;
    let accounts = Accounts::create(&place.state(), MANY)?;
    let (_daemon, _) = place.start()?;
    let mut door = Caller::connect(&place.socket())?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..GUESSES {
        let (name, uid) = accounts.name(number)?;
        let account = json!({
            "username": name,
            "uid": uid,
            "token": "000000",
            "service": "sshd",
            "source": source(1, number),
        });
        let stranger = json!({
            "username": format!("stranger{number}"),
            "token": "000000",
            "service": "sshd",
            "source": source(2, number),
        });
        known.push(door.call(AUTHENTICATE, &json!([account]))?);
        unknown.push(door.call(AUTHENTICATE, &json!([stranger]))?);
    }
    Ok(vec![Figure {
        name: "a wrong code for an account",
        unit: "ms",
        ours: median_ms(times(&known)?),
        peer: Some(("for an unknown name", median_ms(times(&unknown)?))),
        target: Target::RatioWithin(1.1),
    }])
}

/// No address twice, since a wait is not what is measured.
fn source(net: u8, number: u64) -> String {
    let [.., high, low] = number.to_be_bytes();
    format!("10.{net}.{high}.{low}")
}

/// The times of what was judged wrong. One guess in a million is right.
fn times(answers: &[(Value, Duration)]) -> Result<Vec<Duration>> {
    let wrong = Some(&json!("WRONG"));
    let judged = answers
        .iter()
        .filter(|(answer, _)| answer.get("verdict") == wrong);
    let times: Vec<_> = judged.map(|(_, time)| *time).collect();
    ensure!(times.len() * 10 > answers.len() * 9, "{answers:?}");
    Ok(times)
}
