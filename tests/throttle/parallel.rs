//! Many at the same moment: budgets are exact, and nobody is refused for the crowd.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};
use testkit::{Daemon, Socket};

use crate::site::{Login, Phone, Site, login, uid_of, verdict_of, wrong_code};
use crate::support::request;

/// Sends these logins without waiting, as many as a connection may have in flight. The answers.
fn all_at_once(socket: &mut Socket, logins: &[Login]) -> Vec<Value> {
    for (id, login) in (1..).zip(logins) {
        let call = request(id, "auth.twofactor.authenticate", login.params());
        socket.send(&call);
    }
    logins
        .iter()
        .map(|_| {
            let reply = socket.recv();
            let result = reply.get("result");
            result.unwrap_or_else(|| panic!("refused: {reply}")).clone()
        })
        .collect()
}

/// Each of these on a connection of its own, all at the same moment. The answers.
fn together(daemon: &Daemon, connections: &[Vec<Login>]) -> Vec<Value> {
    let start = Barrier::new(connections.len());
    thread::scope(|scope| {
        let running: Vec<_> = connections
            .iter()
            .map(|logins| {
                let (mut socket, start) = (daemon.connect(), &start);
                scope.spawn(move || {
                    start.wait();
                    all_at_once(&mut socket, logins)
                })
            })
            .collect();
        let answers = running.into_iter().map(|one| one.join().unwrap());
        answers.flatten().collect()
    })
}

/// With her uid, so that nobody has to be looked up.
fn alice() -> Login {
    login("alice").with("uid", uid_of("alice"))
}

/// 20 codes on each of 50 connections: five of them are judged, and all that follows from it is exact.
#[test]
fn a_thousand_parallel_guesses_from_one_source_get_five_judged() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let now = site.now();
    let guesses: Vec<_> = (0..50)
        .map(|connection| {
            let number = |guess| format!("{:06}", connection * 20 + guess);
            let code = |guess| Some(number(guess)).filter(|code| *code != phone.code(now));
            (0..20)
                .map(|guess| code(guess).unwrap_or_else(|| wrong_code(&[&phone], 6, now)))
                .map(|code| alice().code(&code))
                .collect()
        })
        .collect();
    let answers = together(&site.daemon, &guesses);
    let count = |verdict: &str| {
        answers
            .iter()
            .filter(|one| one["verdict"] == verdict)
            .count()
    };
    assert_eq!((count("WRONG"), count("LOCKED")), (5, 995));
    let waits = answers
        .iter()
        .filter(|one| one["retry_after"] == 30)
        .count();
    assert_eq!(waits, 995, "each of them is told how long");
    assert_eq!(
        site.number("SELECT failures FROM streaks WHERE account = 71001"),
        5
    );
    let status = site.call("auth.twofactor.status", json!([]));
    let row = json!({"username": "alice", "source": "198.51.100.7", "retry_after": 30});
    assert_eq!(status["locks"], json!([row]));
    let filter = json!([{"username": "alice", "outcome": "wrong"}]);
    let rows = site.call("auth.twofactor.audit", filter);
    let counted = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["count"].as_u64().unwrap());
    assert_eq!(counted.sum::<u64>(), 5, "{rows}");
    // The owner, elsewhere, has heard nothing of it.
    let elsewhere = login("alice").code(&phone.code(now)).from("192.0.2.1");
    assert_eq!(site.verdict(&elsewhere), "ACCEPTED");
}

/// The same code, from everywhere at once: one of them gets in.
#[test]
fn of_a_hundred_parallel_logins_with_one_code_one_is_accepted() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    for _ in 0..5 {
        let code = phone.code(site.now());
        let logins: Vec<_> = (0..20)
            .map(|number| {
                let door = alice().code(&code).from(&format!("192.0.2.{number}"));
                vec![door; 5]
            })
            .collect();
        let answers = together(&site.daemon, &logins);
        let accepted = answers
            .iter()
            .filter(|one| one["verdict"] == "ACCEPTED")
            .count();
        let replayed = answers
            .iter()
            .filter(|one| one["verdict"] == "REPLAYED")
            .count();
        assert_eq!((accepted, replayed), (1, 99));
        site.pass(30);
    }
}

/// A bypass with three uses, and thirty who come at once.
#[test]
fn of_thirty_parallel_logins_a_bypass_lets_in_as_many_as_it_has_uses() {
    let mut site = Site::new();
    site.enrol("alice");
    let bypass = json!([{"username": "alice", "uses": 3, "reason": "a lost phone"}]);
    site.call("auth.twofactor.bypass.create", bypass);
    let answers = together(&site.daemon, &[(); 6].map(|()| vec![alice(); 5]));
    let bypassed = answers
        .iter()
        .filter(|one| one["verdict"] == "BYPASSED")
        .count();
    assert_eq!(bypassed, 3);
}

/// The original admitted 3 to 5 of 12: its lock file had no wait. Here nobody is turned away, with or
/// without a uid that saves the daemon a question to the system.
#[test]
fn twelve_and_fifty_valid_logins_at_once_are_all_accepted() {
    let names: Vec<String> = (0..50).map(|number| format!("user{number}")).collect();
    let accounts: Vec<(&str, u32)> = names.iter().map(String::as_str).zip(72_000..).collect();
    let mut site = Site::with(Daemon::builder().accounts(&accounts));
    let phones: Vec<Phone> = names.iter().map(|name| site.issue(name, "phone")).collect();
    for phone in &phones {
        site.confirm(phone);
    }
    for (crowd, has_uid) in [(12, true), (50, true), (12, false), (50, false)] {
        site.pass(30);
        let doors = accounts.iter().zip(&phones).take(crowd);
        let logins: Vec<_> = doors
            .map(|((name, uid), phone)| {
                let door = login(name).code(&phone.code(site.now())).from("192.0.2.1");
                vec![if has_uid {
                    door.with("uid", *uid)
                } else {
                    door
                }]
            })
            .collect();
        let answers = together(&site.daemon, &logins);
        assert_eq!(answers.len(), crowd);
        for answer in &answers {
            assert_eq!(
                verdict_of(answer),
                "ACCEPTED",
                "{crowd} {has_uid}: {answer}"
            );
        }
    }
}
