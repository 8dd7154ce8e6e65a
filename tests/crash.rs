//! `kill -9` in a loop: what was acknowledged is there, what was accepted is used up.
//!
//! The daemon is killed at ever different moments while several clients wait for answers. An answer
//! is a promise, so after each restart every answer that came is held against the state.

#[cfg(feature = "system")]
mod accounts;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Daemon, Socket, binaries};
use tungstenite::Message;

use crate::support::{audit, database, enable, eventually, good_codes, request, stray_guess};

const ROUNDS: u64 = 40;

/// One client of a daemon that may be killed at any moment.
struct Client<'a> {
    socket: Option<Socket>,
    /// How many answers all clients have got.
    answers: &'a AtomicU64,
    /// Whether a call was cut off: it may have happened or not.
    cut_off: bool,
}

impl<'a> Client<'a> {
    fn connect(path: &Path, answers: &'a AtomicU64) -> Self {
        Self {
            socket: Socket::try_connect(path).ok(),
            answers,
            cut_off: false,
        }
    }

    /// The result of a call; none where the daemon was killed before it answered.
    fn call(&mut self, method: &str, params: Value) -> Option<Value> {
        let socket = self.socket.as_mut()?;
        let sent = socket
            .websocket()
            .send(Message::text(request(1, method, params)));
        let answer = sent.is_ok().then(|| socket.recv_message());
        if let Some(Ok(Message::Text(text))) = answer {
            self.answers.fetch_add(1, Ordering::Relaxed);
            let reply: Value = serde_json::from_str(&text).unwrap();
            assert!(reply.get("result").is_some(), "{reply}");
            return Some(reply["result"].clone());
        }
        self.socket = None;
        self.cut_off = true;
        None
    }
}

/// What a client does until it is cut off, and what it was told.
type Work<'a, T> = Box<dyn FnOnce() -> T + Send + 'a>;

/// Lets clients work until they have got some answers, a number that differs from round to round,
/// and kills the daemon while they wait for more.
fn kill_in_the_middle<T: Send>(
    daemon: &mut Daemon,
    round: u64,
    answers: &AtomicU64,
    clients: Vec<Work<'_, T>>,
) -> Vec<T> {
    let enough = answers.load(Ordering::Relaxed) + 5 + round * 7 % 41;
    thread::scope(|scope| {
        let running: Vec<_> = clients
            .into_iter()
            .map(|client| scope.spawn(client))
            .collect();
        while answers.load(Ordering::Relaxed) < enough
            && running.iter().any(|one| !one.is_finished())
        {
            thread::sleep(Duration::from_micros(100));
        }
        daemon.kill9();
        running
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    })
}

fn count(state_dir: &Path, outcome: &str) -> u64 {
    audit(state_dir)
        .iter()
        .filter(|(_, found)| found == outcome)
        .count()
        .try_into()
        .unwrap()
}

/// What one renewing client was promised.
#[derive(Default)]
struct Promised {
    renewals: u64,
    /// The newest secret that it saw, with how many renewals that were, and its used code.
    secret: Option<(u64, String, Option<String>)>,
    /// Changes of `services.ssh`.
    changes: u64,
}

/// Renews, looks at the new secret, uses one of its codes up, turns ssh over, until it is cut off.
fn renew_use_and_change(path: &Path, answers: &AtomicU64, ssh: bool) -> Promised {
    let mut client = Client::connect(path, answers);
    let mut promised = Promised::default();
    let mut ssh = ssh;
    loop {
        if client
            .call("auth.twofactor.renew_secret", json!([]))
            .is_none()
        {
            return promised;
        }
        promised.renewals += 1;
        let Some(row) = client.call("auth.twofactor.config", json!([])) else {
            return promised;
        };
        let secret = row["secret"].as_str().unwrap().to_owned();
        let code = good_codes(&secret).remove(9);
        promised.secret = Some((promised.renewals, secret, None));
        let Some(verdict) = client.call("auth.twofactor.verify", json!([code])) else {
            return promised;
        };
        assert_eq!(verdict, true);
        promised.secret.as_mut().unwrap().2 = Some(code);
        ssh = !ssh;
        if client
            .call("auth.twofactor.update", json!([{"services": {"ssh": ssh}}]))
            .is_none()
        {
            return promised;
        }
        promised.changes += 1;
    }
}

/// Writes too, so that batches hold calls of several.
fn guess(path: &Path, answers: &AtomicU64) -> Promised {
    static GUESSES: AtomicU64 = AtomicU64::new(0);
    let mut client = Client::connect(path, answers);
    let mut guess = || {
        let number = GUESSES.fetch_add(1, Ordering::Relaxed);
        client.call("auth.twofactor.authenticate", stray_guess(number))
    };
    while let Some(answer) = guess() {
        assert_eq!(answer["verdict"], "WRONG");
    }
    Promised::default()
}

/// The one change before all others, of the policy.
const FIRST: u64 = 1;

/// Whether ssh asks after so many changes, the first one and others that turn it over.
const fn is_on_after(changes: u64) -> bool {
    (changes - FIRST) % 2 == 1
}

/// Holds a promise against the state, which had so many renewals and changes before. How many it has
/// now: at most the one call that was cut off may have happened beside those acknowledged.
fn check(daemon: &Daemon, (renewals, changes): (u64, u64), promised: &Promised) -> (u64, u64) {
    let state = daemon.state_dir();
    let [all_renewals, all_changes] = ["renewed", "changed"].map(|outcome| count(&state, outcome));
    let one_more = |told, found| told == found || told + 1 == found;
    assert!(
        one_more(renewals + promised.renewals, all_renewals),
        "renewals were lost"
    );
    assert!(
        one_more(changes + promised.changes, all_changes),
        "changes were lost"
    );
    let mut socket = daemon.connect();
    let row = socket.call("auth.twofactor.config", json!([]));
    assert_eq!(
        row["services"]["ssh"],
        is_on_after(all_changes),
        "the last change"
    );
    if let Some((at, secret, used)) = &promised.secret
        && renewals + at == all_renewals
    {
        assert_eq!(row["secret"], json!(secret), "the acknowledged secret");
        if let Some(code) = used {
            assert!(
                !crate::support::verify(&mut socket, code),
                "an accepted code, once more"
            );
        }
    }
    (all_renewals, all_changes)
}

#[test]
fn every_acknowledged_change_survives_kill_9() {
    let mut daemon = Daemon::start();
    enable(&mut daemon.connect());
    daemon.prepare_for_ssh();
    let answers = AtomicU64::new(0);
    let mut known = (0, FIRST);
    let mut rounds_with_work = 0;
    for round in 0..ROUNDS {
        let path = daemon.socket().to_owned();
        let is_on = is_on_after(known.1);
        let clients: Vec<Work<'_, Promised>> = vec![
            Box::new(|| renew_use_and_change(&path, &answers, is_on)),
            Box::new(|| guess(&path, &answers)),
            Box::new(|| guess(&path, &answers)),
        ];
        let promised = kill_in_the_middle(&mut daemon, round, &answers, clients);
        daemon.restart();
        rounds_with_work += u64::from(promised[0].changes > 0);
        known = check(&daemon, known, &promised[0]);
    }
    assert!(
        rounds_with_work > ROUNDS / 2,
        "{rounds_with_work} rounds did something at all"
    );
    assert_whole(&daemon.state_dir());
}

/// Clients race for the codes of one frozen moment, over a kill and a restart: each code is
/// accepted at most once, ever, whoever asks.
#[cfg(feature = "system")]
#[test]
fn no_code_is_accepted_twice_over_kill_9() {
    let mut daemon = Daemon::builder().fake_clock().start();
    let answers = AtomicU64::new(0);
    let start = 1_900_000_000;
    daemon.clock().freeze_at(start);
    let secret = enable(&mut daemon.connect());
    let (mut before_a_kill, mut cut_off) = (0, 0);
    for round in 0..ROUNDS {
        let time = start + 900 * round;
        daemon.clock().freeze_at(time);
        let codes = crate::support::codes_around(&secret, time);
        let path = daemon.socket().to_owned();
        let clients =
            [(); 4].map(|()| -> Work<'_, Raced> { Box::new(|| race(&path, &answers, &codes)) });
        let mut raced = kill_in_the_middle(&mut daemon, round, &answers, clients.into());
        before_a_kill += raced
            .iter()
            .map(|(accepted, _)| accepted.len())
            .sum::<usize>();
        cut_off += raced.iter().filter(|(_, was_cut_off)| *was_cut_off).count();
        daemon.restart();
        // Once more, all of them: the clock stands still for the dead as for the living.
        raced.push(race(&path, &answers, &codes));
        for code in &codes {
            let times = raced
                .iter()
                .filter(|(accepted, _)| accepted.contains(code))
                .count();
            assert!(
                times <= 1,
                "round {round}: {code} was accepted {times} times"
            );
        }
    }
    assert!(
        before_a_kill > 50,
        "only {before_a_kill} codes were accepted before a kill"
    );
    assert!(
        cut_off > 20,
        "only {cut_off} clients were cut off: kill earlier"
    );
    assert_whole(&daemon.state_dir());
}

/// What one client had accepted, and whether it was cut off.
#[cfg(feature = "system")]
type Raced = (Vec<String>, bool);

#[cfg(feature = "system")]
fn race(path: &Path, answers: &AtomicU64, codes: &[String]) -> Raced {
    let mut client = Client::connect(path, answers);
    let accepted = codes
        .iter()
        .filter(|code| client.call("auth.twofactor.verify", json!([code])) == Some(json!(true)))
        .cloned()
        .collect();
    (accepted, client.cut_off)
}

/// What comes into being at a first start, in its order.
const STAGES: [&str; 8] = [
    "state",
    "state/lock",
    "state/middlewared.db",
    "state/middlewared.key.new",
    "state/middlewared.db-wal",
    "state/middlewared.key",
    "state/ballast",
    "s",
];

/// A machine that loses power while it is set up starts from nothing the next time, or from a whole
/// store; never from a half one that needs somebody's hand.
#[test]
fn a_first_start_may_be_killed_at_any_moment() {
    let mut killed_early = 0;
    for stage in STAGES {
        for micros in [0, 100, 300, 1000, 3000] {
            let place = TempDir::new().unwrap();
            let state = place.path().join("state");
            let mut first = Command::new(binaries::middlewared())
                .arg("--state-dir")
                .arg(&state)
                .arg("--socket")
                .arg(place.path().join("s"))
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // What is renamed at once may never be seen; then the socket is.
            while ![stage, "s"]
                .iter()
                .any(|name| place.path().join(name).exists())
            {
                assert!(first.try_wait().unwrap().is_none(), "ended before {stage}");
            }
            thread::sleep(Duration::from_micros(micros));
            killed_early += u32::from(!place.path().join("s").exists());
            first.kill().unwrap();
            first.wait().unwrap();
            let daemon = Daemon::builder().state_dir(&state).start();
            let mut client = daemon.connect();
            assert_eq!(client.call("auth.two_factor_auth", json!([])), false);
            let secret = enable(&mut client);
            assert!(crate::support::verify(&mut client, &good_codes(&secret)[9]));
            assert_whole(&state);
        }
    }
    assert!(
        killed_early > 5,
        "only {killed_early} were killed before they were ready"
    );
}

/// Many clients wait when the daemon is killed, and more come while it starts: none of them hangs.
#[test]
fn clients_over_a_kill_are_cut_off_and_served_again() {
    let mut daemon = Daemon::start();
    enable(&mut daemon.connect());
    let path = daemon.socket().to_owned();
    let (stop, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    let come_again = || {
        while !stop.load(Ordering::Relaxed) {
            guess(&path, &answers);
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(come_again);
        }
        for _ in 0..5 {
            let before = answers.load(Ordering::Relaxed);
            eventually("answers after the start", || {
                answers.load(Ordering::Relaxed) > before + 50
            });
            daemon.kill9();
            daemon.restart();
        }
        stop.store(true, Ordering::Relaxed);
        daemon.kill9();
    });
    daemon.restart();
    let (told, found) = (answers.into_inner(), count(&daemon.state_dir(), "wrong"));
    assert!(
        found >= told,
        "{told} answers, and {found} guesses written down"
    );
}

fn assert_whole(state_dir: &Path) {
    let verdict: String = database(state_dir)
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}
