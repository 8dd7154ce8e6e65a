//! A flood of wrong codes for names that nobody has.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::{Value, json};
use testkit::{Daemon, Socket};

use crate::site::{Site, login, uid_of, verdict_of};
use crate::support::request;

const CALLS: u64 = 20_000;
const SOURCES: u64 = 1_000;
const NAMES: u64 = 10_000;
const CONNECTIONS: u64 = 10;
/// How many calls a connection has in flight. All together are fewer than may wait for the system to
/// look up a name, so that each is judged.
const IN_FLIGHT: u64 = 6;

/// Every source asks about twenty names, every name is asked about twice.
fn guess(number: u64) -> Value {
    let source = number % SOURCES;
    let door = login(&format!("nobody-{}", number % NAMES))
        .unproven()
        .code(&format!("{:06}", number * 49 % 1_000_000));
    door.from(&format!("203.0.{}.{}", source / 250, source % 250))
        .params()
}

/// One connection's part of the flood, as fast as it is answered.
fn pour(daemon: &Daemon, part: u64, answered: &AtomicU64) -> HashSet<String> {
    let mut socket = daemon.connect();
    let mut verdicts = HashSet::new();
    let mut hear = |socket: &mut Socket| {
        let reply = socket.recv();
        let answer = reply
            .get("result")
            .unwrap_or_else(|| panic!("refused: {reply}"));
        verdicts.insert(verdict_of(answer));
        answered.fetch_add(1, Ordering::Relaxed);
    };
    for number in 0..CALLS / CONNECTIONS {
        if number >= IN_FLIGHT {
            hear(&mut socket);
        }
        let params = guess(number * CONNECTIONS + part);
        socket.send(&request(number, "auth.twofactor.authenticate", params));
    }
    for _ in 0..IN_FLIGHT {
        hear(&mut socket);
    }
    verdicts
}

/// Nobody with a code is refused for it, root is answered meanwhile, and nothing grows but what has a
/// bound.
#[test]
fn a_flood_for_unknown_names_grows_no_table_and_refuses_nobody_else() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let accounts = site.number("SELECT count(*) FROM accounts");
    let audited = site.number("SELECT count(*) FROM audit");
    let (answered, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let began = site.now();
    let (mut logins, mut root_calls) = (0, 0);
    thread::scope(|scope| {
        let (daemon, answered) = (&site.daemon, &answered);
        let flood: Vec<_> = (0..CONNECTIONS)
            .map(|part| scope.spawn(move || pour(daemon, part, answered)))
            .collect();
        let root = scope.spawn(|| root_is_answered(daemon, &is_over));
        // A login at each eighth of the flood.
        while flood.iter().any(|part| !part.is_finished()) {
            if answered.load(Ordering::Relaxed) >= logins * CALLS / 8 && logins < 8 {
                let at = began + 30 * (logins + 1);
                daemon.clock().freeze_at(at);
                let door = login("alice")
                    .with("uid", uid_of("alice"))
                    .code(&phone.code(at));
                let answer = site
                    .socket
                    .call("auth.twofactor.authenticate", door.params());
                assert_eq!(answer["verdict"], "ACCEPTED", "{logins}");
                logins += 1;
            }
            thread::yield_now();
        }
        is_over.store(true, Ordering::Relaxed);
        root_calls = root.join().unwrap();
        for part in flood {
            let verdicts = part.join().unwrap();
            assert!(verdicts.contains("WRONG"), "{verdicts:?}");
        }
    });
    assert_eq!(answered.into_inner(), CALLS);
    assert!(
        logins >= 4 && root_calls > 0,
        "{logins} logins, {root_calls} calls of root"
    );
    assert_eq!(site.number("SELECT count(*) FROM accounts"), accounts);
    let bounded = |table: &str, most: i64| {
        let found = site.number(&format!("SELECT count(*) FROM {table}"));
        assert!(found <= most, "{table} has {found} rows");
    };
    bounded("account_levels", 1_024 + accounts);
    bounded("source_levels", 1_000);
    bounded("streaks", 50_000);
    bounded("known_sources", 1);
    // A row of each source and minute, the logins', and what was there before.
    bounded("audit", audited + 1_000 * 5 + 8 * 2);
    let named = site.number("SELECT count(*) FROM audit WHERE account LIKE 'nobody%'");
    assert_eq!(named, 0, "people type passwords where a name belongs");
    assert!(
        !site.daemon.log().contains("nobody-"),
        "nor does the log have them"
    );
}

/// Root's reads and changes are answered, not refused, however many wait.
fn root_is_answered(daemon: &Daemon, is_over: &AtomicBool) -> u64 {
    let mut socket = daemon.connect();
    let mut calls = 0;
    while !is_over.load(Ordering::Relaxed) {
        assert_eq!(socket.call("core.ping", json!([])), "pong");
        let row = socket.call("auth.twofactor.config", json!([]));
        assert_eq!(row["enabled"], true);
        let days = json!([{"grace_days": 1 + calls % 90}]);
        let policy = socket.call("auth.twofactor.policy.update", days);
        assert_eq!(policy["grace_days"], 1 + calls % 90);
        calls += 1;
    }
    calls
}
