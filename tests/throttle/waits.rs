//! An account and a source: five wrong codes, then a wait that doubles.

use serde_json::{Value, json};

use crate::site::{DAY, Site, login, wrong_code};

/// The waits after 5, 6, 7 … failures in a row, in seconds.
const WAITS: [u64; 9] = [30, 60, 120, 240, 480, 960, 1920, 3600, 3600];

/// Each wait lets one attempt through, and a wrong one begins the next; neither a restart nor a
/// power cut shortens any.
#[test]
fn five_wrong_codes_begin_a_wait_that_doubles_up_to_an_hour_over_restarts() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let wrong = login("alice").code(&wrong_code(&[&phone], 6, site.now()));
    site.guess_wrong(&wrong, 5);
    for (round, wait) in WAITS.into_iter().enumerate() {
        match round % 3 {
            0 => {}
            1 => site.cut_power(),
            _ => site.restart(),
        }
        let good = login("alice").code(&phone.code(site.now()));
        for door in [&good, &wrong, &login("alice")] {
            let answer = site.ask(door);
            assert_eq!(
                (&answer["verdict"], &answer["retry_after"]),
                (&json!("LOCKED"), &json!(wait))
            );
        }
        site.pass(wait - 1);
        let answer = site.ask(&login("alice").code(&phone.code(site.now())));
        assert_eq!(
            (&answer["verdict"], &answer["retry_after"]),
            (&json!("LOCKED"), &json!(1))
        );
        site.pass(1);
        // One attempt, not five.
        assert_eq!(site.verdict(&login("alice")), "CODE_REQUIRED", "{wait}");
        site.guess_wrong(&wrong, 1);
    }
    site.pass(3600);
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
    // It is forgiven: five more are free.
    site.guess_wrong(&wrong, 5);
    assert_eq!(site.verdict(&wrong), "LOCKED");
}

/// A streak without a failure for a day is over.
#[test]
fn a_day_without_a_failure_ends_the_streak() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let wrong = login("alice").code(&wrong_code(&[&phone], 6, site.now()));
    site.guess_wrong(&wrong, 4);
    site.pass(DAY - 1);
    site.guess_wrong(
        &login("alice").code(&wrong_code(&[&phone], 6, site.now())),
        1,
    );
    assert_eq!(site.verdict(&wrong), "LOCKED", "the fifth");
    site.pass(DAY);
    site.guess_wrong(
        &login("alice").code(&wrong_code(&[&phone], 6, site.now())),
        5,
    );
}

/// Whoever is locked out is listed, with how long, and root lets them in again.
#[test]
fn status_shows_the_lock_and_unlock_ends_it() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let wrong = login("alice").code(&wrong_code(&[&phone], 6, site.now()));
    let locks = |site: &mut Site| site.call("auth.twofactor.status", json!([]))["locks"].clone();
    site.guess_wrong(&wrong, 4);
    assert_eq!(locks(&mut site), json!([]));
    site.guess_wrong(&wrong, 1);
    let listed = locks(&mut site);
    let row = json!({"username": "alice", "source": "198.51.100.7", "retry_after": 30});
    assert_eq!(listed, json!([row]));
    let unlocked = site.call("auth.twofactor.unlock", json!(["alice"]));
    assert_eq!(unlocked["failures_forgiven"], 5);
    assert_eq!(locks(&mut site), json!([]));
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
    let again = site.call("auth.twofactor.unlock", json!(["alice"]));
    assert_eq!(again["failures_forgiven"], 0);
}

/// The policy makes the throttle stricter, and nothing makes it weaker.
#[test]
fn the_policy_can_only_tighten_the_throttle() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    for (field, value) in [
        ("free_failures", 6),
        ("free_failures", 0),
        ("first_wait", 29),
        ("first_wait", 0),
        ("longest_wait", 60),
        ("known_days", 365),
        ("source_failures", 21),
        ("account_failures", 101),
        ("account_failures", 0),
    ] {
        let change = json!([{"throttle": {field: value}}]);
        let error = site.refused("auth.twofactor.policy.update", change);
        assert_eq!(error["code"], -32602, "{field} {value}");
    }
    let change = json!([{"throttle": {"free_failures": 3, "first_wait": 60}}]);
    let policy = site.call("auth.twofactor.policy.update", change);
    assert_eq!(policy["throttle"]["free_failures"], 3);
    let other = &policy["throttle"]["source_failures"];
    assert_eq!(*other, 20, "what is not named stays");
    let wrong = login("alice").code(&wrong_code(&[&phone], 6, site.now()));
    site.guess_wrong(&wrong, 3);
    let answer = site.ask(&wrong);
    assert_eq!(
        (&answer["verdict"], &answer["retry_after"]),
        (&json!("LOCKED"), &json!(60))
    );
}

/// "12 failed codes since your last login: your password is known".
#[test]
fn wrong_codes_after_a_right_password_are_told_at_the_next_login() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    site.call("core.subscribe", json!(["auth.twofactor.alert"]));
    let wrong = wrong_code(&[&phone], 6, site.now());
    for (source, times) in [("192.0.2.1", 5), ("192.0.2.2", 4)] {
        site.guess_wrong(&login("alice").code(&wrong).from(source), times);
    }
    // What nobody had a password for is no sign that the password is known.
    let early = login("alice").code(&wrong).from("192.0.2.3").unproven();
    site.guess_wrong(&early, 3);
    let answer = site.ask(&login("alice").code(&phone.code(site.now())));
    assert_eq!(answer["verdict"], "ACCEPTED");
    let warnings = answer["warnings"].to_string();
    assert!(
        warnings.contains("9 wrong codes were typed since your last login"),
        "{warnings}"
    );
    let alert = site.socket.event();
    let fields = &alert["params"]["fields"];
    assert_eq!(fields["username"], "alice", "{alert}");
    site.pass(30);
    let answer = site.ask(&login("alice").code(&phone.code(site.now())));
    assert_eq!(
        (&answer["verdict"], &answer["warnings"]),
        (&json!("ACCEPTED"), &json!([]))
    );
}

/// A replay of a right code is no guess: it burns nothing, locks nobody, and says when to try again.
#[test]
fn a_replay_is_not_counted_and_names_the_next_code() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    site.pass(7);
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
    for _ in 0..20 {
        let answer = site.ask(&login("alice").code(&phone.code(site.now())));
        assert_eq!(
            (&answer["verdict"], &answer["retry_after"]),
            (&json!("REPLAYED"), &json!(23))
        );
    }
    site.pass(23);
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
    let answer = site.ask(&login("alice"));
    assert_eq!(answer["retry_after"], Value::Null);
}
