//! Clocks that were wrong: a dead battery, a bad time server, somebody's hand.

use serde_json::json;

use crate::site::{DAY, Site, login, wrong_code};

const YEARS: u64 = 10 * 365 * DAY;

/// What was counted in a future that did not come is waited for an hour at most.
#[test]
fn a_clock_in_the_future_and_back_makes_nobody_wait_longer_than_an_hour() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let right = site.now();
    // Failures of alice's, and of how many accounts from there besides: each a wait of its own.
    for (failures, others) in [(5, 0), (12, 0), (5, 3)] {
        site.set(right + YEARS);
        let wrong = wrong_code(&[&phone], 6, site.now());
        for name in ["alice", "bob", "carol", "dave"].iter().take(1 + others) {
            let door = login(name).unproven().code(&wrong);
            for _ in 0..failures {
                if site.verdict(&door) == "LOCKED" {
                    site.pass(3600);
                    site.guess_wrong(&door, 1);
                }
            }
        }
        for (back, restarts) in [(right, false), (right + 10, true)] {
            site.set(back);
            if restarts {
                site.restart();
            }
            let answer = site.ask(&login("alice"));
            let wait = answer["retry_after"].as_u64().unwrap();
            assert!(wait <= 3600, "{failures} {others}: {answer}");
            site.pass(wait);
            let wrong = wrong_code(&[&phone], 6, site.now());
            let verdict = site.verdict(&login("alice").code(&wrong));
            assert_eq!(verdict, "WRONG", "it is judged again");
        }
        site.call("auth.twofactor.unlock", json!(["alice"]));
    }
}

/// The hard stop is no wait: whichever way the clock was wrong, it stays until it is forgotten on time
/// or ended by root; and it closes none of the ways around it.
#[test]
fn a_clock_that_was_wrong_ends_no_hard_stop_and_closes_no_way_around_it() {
    for attacked_in in ["the future", "the present"] {
        let mut site = Site::new();
        let phone = site.enrol("alice");
        let right = site.now();
        if attacked_in == "the future" {
            site.set(right + YEARS);
        }
        let wrong = wrong_code(&[&phone], 6, site.now());
        for number in 0..20 {
            let door = login("alice").code(&wrong);
            site.guess_wrong(&door.from(&format!("203.0.113.{number}")), 5);
        }
        // A dead battery starts in 1970; the right time comes by the network.
        for time in [1000, right] {
            site.set(time);
            assert_eq!(
                site.log_in("alice", &phone),
                "LOCKED",
                "{attacked_in} {time}"
            );
        }
        let local = login("alice").without("source");
        let code = phone.code(right);
        assert_eq!(
            site.verdict(&local.code(&code)),
            "ACCEPTED",
            "{attacked_in}"
        );
        site.pass(30);
        site.call("auth.twofactor.unlock", json!(["alice"]));
        assert_eq!(site.log_in("alice", &phone), "ACCEPTED", "{attacked_in}");
    }
}

/// A clock that is set back does not shorten a wait either.
#[test]
fn a_clock_set_back_ends_no_wait() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let at = site.now();
    let wrong = login("alice").code(&wrong_code(&[&phone], 6, at));
    site.guess_wrong(&wrong, 5);
    for back in [1, 60, 3600, DAY, 300 * DAY] {
        site.set(at - back);
        let answer = site.ask(&wrong);
        assert_eq!(answer["verdict"], "LOCKED", "{back}");
        let wait = answer["retry_after"].as_u64().unwrap();
        assert!((1..=3600).contains(&wait), "{back}: {wait}");
    }
}

/// A code of the future that was accepted burns what is before it. `unlock` opens the present again,
/// but only on a clock that somebody keeps right.
#[test]
fn a_floor_in_the_future_is_reset_by_unlock_on_a_synchronised_clock_only() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let right = site.now();
    site.set(right + YEARS);
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
    site.set(right);
    let answer = site.ask(&login("alice").code(&phone.code(right)));
    assert_eq!(answer["verdict"], "REPLAYED");
    let status = site.call("auth.twofactor.status", json!([]));
    let is_synchronised = status["clock"]["synchronised"].as_bool().unwrap();
    let unlocked = site.call("auth.twofactor.unlock", json!(["alice"]));
    assert_eq!(unlocked["clock_synchronised"], is_synchronised);
    assert_eq!(unlocked["floors_reset"], u64::from(is_synchronised));
    let verdict = if is_synchronised {
        "ACCEPTED"
    } else {
        "REPLAYED"
    };
    assert_eq!(site.log_in("alice", &phone), verdict);
    // Either way somebody with a new device gets in.
    let new = site.issue("alice", "tablet");
    site.confirm(&new);
    site.pass(30);
    assert_eq!(site.log_in("alice", &new), "ACCEPTED");
}

/// A time in a future that did not come makes no address strange that the owner uses now.
#[test]
fn after_a_clock_that_was_ahead_the_owner_s_address_is_known_again() {
    let mut site = Site::new();
    let right = site.now();
    site.set(right + YEARS);
    assert_eq!(site.verdict(&login("alice")), "NOT_ENROLLED");
    site.set(right);
    let phone = site.enrol("alice");
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
    site.pass(30);
    let wrong = wrong_code(&[&phone], 6, site.now());
    for number in 0..20 {
        let door = login("alice")
            .code(&wrong)
            .from(&format!("203.0.113.{number}"));
        site.guess_wrong(&door, 5);
    }
    let code = phone.code(site.now());
    let new = login("alice").code(&code).from("192.0.2.1");
    assert_eq!(site.verdict(&new), "LOCKED");
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
}
