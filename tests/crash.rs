//! `kill -9` in a loop: what was acknowledged is there, what was accepted is used up.
//!
//! The daemon is killed at ever different moments while several clients wait for answers. An answer
//! is a promise, so after each restart every answer that came is held against the state.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Daemon, Socket, binaries};
use tungstenite::Message;

use crate::support::{audit, database, enable, good_codes, request};

const ROUNDS: u64 = 40;

/// One client of a daemon that may be killed at any moment.
struct Client {
    socket: Option<Socket>,
    /// Whether a call was cut off: it may have happened or not.
    cut_off: bool,
}

impl Client {
    fn connect(path: &Path) -> Self {
        Self {
            socket: Socket::try_connect(path).ok(),
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
            let reply: Value = serde_json::from_str(&text).unwrap();
            assert!(reply.get("result").is_some(), "{reply}");
            return Some(reply["result"].clone());
        }
        self.socket = None;
        self.cut_off = true;
        None
    }
}

/// Lets clients work until the daemon is killed after a while that differs from round to round.
fn kill_in_the_middle<T: Send>(
    daemon: &mut Daemon,
    round: u64,
    clients: Vec<Box<dyn FnOnce() -> T + Send + '_>>,
) -> Vec<T> {
    thread::scope(|scope| {
        let running: Vec<_> = clients
            .into_iter()
            .map(|client| scope.spawn(client))
            .collect();
        thread::sleep(Duration::from_micros(2_000 + round * 7_919 % 12_000));
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
fn renew_use_and_change(path: &Path, ssh: bool) -> Promised {
    let mut client = Client::connect(path);
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

#[test]
fn every_acknowledged_change_survives_kill_9() {
    let mut daemon = Daemon::start();
    enable(&mut daemon.connect());
    let (mut renewals, mut changes) = (0, 0);
    let mut rounds_with_work = 0;
    for round in 0..ROUNDS {
        let path = daemon.socket().to_owned();
        let guess = || {
            // Others write too, so that batches hold calls of several.
            let mut client = Client::connect(&path);
            while client
                .call("auth.twofactor.verify", json!(["000000"]))
                .is_some()
            {}
            Promised::default()
        };
        let worker = || renew_use_and_change(&path, changes % 2 == 1);
        let promised = kill_in_the_middle(
            &mut daemon,
            round,
            vec![Box::new(worker), Box::new(guess), Box::new(guess)],
        );
        daemon.restart();
        let promised = &promised[0];
        rounds_with_work += u64::from(promised.changes > 0);
        let state = daemon.state_dir();
        let (renewed, changed) = (count(&state, "renewed"), count(&state, "changed"));
        // At most the one call that was cut off may have happened beside.
        let one_more = |promised, found| promised == found || promised + 1 == found;
        assert!(
            one_more(renewals + promised.renewals, renewed),
            "round {round}: renewals"
        );
        assert!(
            one_more(changes + promised.changes, changed),
            "round {round}: changes"
        );
        let mut socket = daemon.connect();
        let row = socket.call("auth.twofactor.config", json!([]));
        assert_eq!(
            row["services"]["ssh"],
            changed % 2 == 1,
            "round {round}: the last change"
        );
        if let Some((at, secret, used)) = &promised.secret
            && renewals + at == renewed
        {
            assert_eq!(
                row["secret"],
                json!(secret),
                "round {round}: the acknowledged secret"
            );
            let used_up = used
                .as_ref()
                .is_none_or(|code| !crate::support::verify(&mut socket, code));
            assert!(
                used_up,
                "round {round}: an accepted code was accepted again"
            );
        }
        (renewals, changes) = (renewed, changed);
    }
    assert!(
        rounds_with_work > ROUNDS / 2,
        "{rounds_with_work} rounds did something before the kill"
    );
    assert_whole(&daemon.state_dir());
}

/// Clients race for the codes of one frozen moment, over a kill and a restart: each code is accepted
/// at most once, ever, whoever asks.
#[cfg(feature = "system")]
#[test]
fn no_code_is_accepted_twice_over_kill_9() {
    use crate::support::codes_around;
    use std::collections::BTreeMap;
    let mut daemon = Daemon::builder().fake_clock().start();
    daemon.clock().freeze_at(1_900_000_000);
    let secret = enable(&mut daemon.connect());
    let (mut accepted_before_a_kill, mut cut_off) = (0, 0);
    for round in 0..ROUNDS {
        let time = 1_900_000_000 + 900 * round;
        daemon.clock().freeze_at(time);
        let codes = codes_around(&secret, time);
        let path = daemon.socket().to_owned();
        let race = || {
            let mut client = Client::connect(&path);
            let mut accepted = Vec::new();
            for code in &codes {
                if client.call("auth.twofactor.verify", json!([code])) == Some(json!(true)) {
                    accepted.push(code.clone());
                }
            }
            (accepted, client.cut_off)
        };
        let raced = kill_in_the_middle(
            &mut daemon,
            round,
            vec![
                Box::new(race),
                Box::new(race),
                Box::new(race),
                Box::new(race),
            ],
        );
        daemon.restart();
        let mut times: BTreeMap<&str, u32> = BTreeMap::new();
        for (accepted, was_cut_off) in &raced {
            cut_off += u64::from(*was_cut_off);
            for code in accepted {
                *times.entry(code).or_default() += 1;
            }
        }
        accepted_before_a_kill += times.len();
        // Once more, all of them, and now the clock stands still for the dead as for the living.
        let again = race();
        assert!(!again.1);
        for code in &again.0 {
            *times.entry(code).or_default() += 1;
        }
        let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "round {round}: accepted twice: {twice:?}");
    }
    assert!(
        accepted_before_a_kill > 50,
        "only {accepted_before_a_kill} codes were accepted"
    );
    assert!(
        cut_off > ROUNDS,
        "only {cut_off} clients were cut off: kill earlier"
    );
    assert_whole(&daemon.state_dir());
}

/// A machine that loses power while it is set up starts from nothing the next time, or from a whole
/// store; never from a half one that needs somebody's hand.
#[test]
fn a_first_start_may_be_killed_at_any_moment() {
    let mut killed_early = 0;
    for round in 0..ROUNDS {
        let place = TempDir::new().unwrap();
        let (state, socket) = (place.path().join("state"), place.path().join("s"));
        let mut first = Command::new(binaries::middlewared())
            .arg("--state-dir")
            .arg(&state)
            .arg("--socket")
            .arg(&socket)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_micros(1_000 + 600 * round));
        killed_early += u64::from(!socket.exists());
        first.kill().unwrap();
        first.wait().unwrap();
        let daemon = Daemon::builder().state_dir(&state).start();
        let mut client = daemon.connect();
        assert_eq!(client.call("auth.two_factor_auth", json!([])), false);
        let secret = enable(&mut client);
        assert!(crate::support::verify(&mut client, &good_codes(&secret)[9]));
        assert_whole(&state);
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
    let stop = AtomicBool::new(false);
    let served: Vec<u64> = thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut served = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let mut client = Client::connect(&path);
                        while client
                            .call("auth.twofactor.verify", json!(["000000"]))
                            .is_some()
                        {
                            served += 1;
                            if stop.load(Ordering::Relaxed) {
                                break;
                            }
                        }
                    }
                    served
                })
            })
            .collect();
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(20));
            daemon.kill9();
            daemon.restart();
        }
        stop.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    assert!(served.iter().all(|served| *served > 0), "{served:?}");
    let wrong = count(&daemon.state_dir(), "wrong");
    let told: u64 = served.iter().sum();
    assert!(
        wrong >= told,
        "{told} answers, and {wrong} guesses written down"
    );
}

fn assert_whole(state_dir: &Path) {
    let verdict: String = database(state_dir)
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}
