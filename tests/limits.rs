//! Sizes, numbers and slow clients: one hostile client never delays another.

mod connections;
mod queues;
mod slow;

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Daemon;

use crate::support::{WriteLock, audited, enable, eventually, request, stray_guess};

/// Resident memory of the daemon, in KiB.
fn resident_kib(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// compat.md §2.6: 20 admitted, the next one refused at once; reads are not among them.
#[test]
fn the_twenty_first_call_in_flight_is_refused() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    enable(&mut socket);
    let lock = WriteLock::take(&daemon);
    for id in 1..=23 {
        socket.send(&request(id, "auth.twofactor.authenticate", stray_guess(id)));
    }
    for id in 21..=23 {
        let refusal = json!({
            "jsonrpc": "2.0",
            "error": {
                "code": -32000,
                "message": "Maximum number of concurrent calls (20) has exceeded",
            },
            "id": id,
        });
        assert_eq!(socket.recv(), refusal);
    }
    assert_eq!(socket.call("core.ping", json!([])), "pong", "reads go on");
    // Other connections have places of their own.
    let mut other = daemon.connect();
    other.send(&request(1, "auth.twofactor.authenticate", stray_guess(24)));
    drop(lock);
    let mut answered: Vec<Value> = (0..20).map(|_| socket.recv()).collect();
    let is_wrong = |reply: &Value| reply["result"]["verdict"] == "WRONG";
    assert!(answered.iter().all(is_wrong), "{answered:?}");
    answered.sort_by_key(|reply| reply["id"].as_u64());
    assert!((1..=20).eq(answered.iter().filter_map(|reply| reply["id"].as_u64())));
    assert!(is_wrong(&other.recv()));
    assert_eq!(audited(&daemon.state_dir(), "wrong"), 21);
    let again = socket.rpc("auth.twofactor.authenticate", stray_guess(25));
    assert!(is_wrong(&again), "the places are free again");
}

/// A notification cannot be refused, so whoever sends too many has to wait.
#[test]
fn notifications_over_the_limit_wait_and_are_not_lost() {
    const MANY: u64 = 70;
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    enable(&mut socket);
    let lock = WriteLock::take(&daemon);
    for number in 0..MANY {
        let method = "auth.twofactor.authenticate";
        let params = stray_guess(number);
        let notification = json!({"jsonrpc": "2.0", "method": method, "params": params});
        socket.send(&notification.to_string());
    }
    socket.send(&request(1, "core.ping", json!([])));
    socket.assert_silent(Duration::from_millis(300));
    assert_eq!(
        daemon.connect().call("core.ping", json!([])),
        "pong",
        "nobody else waits"
    );
    drop(lock);
    assert_eq!(socket.recv()["result"], "pong");
    // The last twenty of them may still be on their way.
    let state = daemon.state_dir();
    let audited = || u64::try_from(audited(&state, "wrong")).unwrap();
    eventually("the last of them", || audited() >= MANY);
    assert_eq!(audited(), MANY);
    let again = socket.call("auth.twofactor.authenticate", stray_guess(MANY));
    assert_eq!(again["verdict"], "WRONG", "the places are free again");
}

#[test]
fn the_limit_of_open_files_is_raised_to_the_hard_one() {
    let daemon = Daemon::start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[3], words[4], "{line}");
    let mut many: Vec<_> = (0..400).map(|_| daemon.connect()).collect();
    for socket in &mut many {
        assert_eq!(socket.call("core.ping", json!([])), "pong");
    }
}
