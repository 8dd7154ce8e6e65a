//! What counts as one source, and what one source may do to others.

use serde_json::json;

use crate::site::{Site, login, wrong_code};

/// Sources that are one, and whether the last of them is another.
const SAME: &[(&str, &[&str], &str)] = &[
    (
        "an IPv6 network",
        &["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"],
        "2001:db8:1:3::1",
    ),
    (
        "an IPv4 address in IPv6",
        &["192.0.2.1", "::ffff:192.0.2.1"],
        "192.0.2.2",
    ),
    (
        "a zone",
        &["fe80::1%eth0", "fe80::1%wlan0", "fe80::1"],
        "fe80:0:0:1::1",
    ),
    (
        "PTR names, which are the attacker's to choose",
        &[
            "a.example.org",
            "b.example.org",
            "192.0.2.9.example.org",
            "localhost",
            "192.0.2.9 ",
        ],
        "192.0.2.9",
    ),
    ("nowhere", &["", "", ""], "127.0.0.1"),
];

#[test]
fn one_network_one_address_and_all_names_are_one_source_each() {
    let mut site = Site::new();
    for (what, same, other) in SAME {
        let phone = site.issue("alice", "phone");
        site.confirm(&phone);
        site.pass(30);
        let wrong = wrong_code(&[&phone], 6, site.now());
        for source in same.iter().cycle().take(5) {
            site.guess_wrong(&login("alice").code(&wrong).from(source), 1);
        }
        let good = phone.code(site.now());
        for source in *same {
            let door = login("alice").code(&good).from(source);
            assert_eq!(site.verdict(&door), "LOCKED", "{what}: {source:?}");
        }
        let door = login("alice").code(&good).from(other);
        assert_eq!(site.verdict(&door), "ACCEPTED", "{what}: {other}");
        site.call("user.unset_2fa_secret", json!(["alice"]));
        // Longer than a source's own wait, though it forgets 20 failures in a day.
        site.pass(86_400);
    }
}

/// No source at all is this machine.
#[test]
fn an_absent_a_null_and_an_empty_source_are_this_machine() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let wrong = wrong_code(&[&phone], 6, site.now());
    let local = [
        login("alice").without("source"),
        login("alice").with("source", serde_json::Value::Null),
        login("alice").from(""),
    ];
    for door in local.iter().cycle().take(5) {
        site.guess_wrong(&door.clone().code(&wrong), 1);
    }
    for door in &local {
        assert_eq!(site.verdict(door), "LOCKED");
    }
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED", "elsewhere");
}

/// Five guesses at each of many accounts: the source is closed at 20, and nobody else is.
#[test]
fn a_source_has_twenty_failures_over_all_accounts() {
    let mut site = Site::new();
    let [alice, bob, carol, dave, erin] = site.enrol_all(["alice", "bob", "carol", "dave", "erin"]);
    let wrong = wrong_code(&[&alice, &bob, &carol, &dave, &erin], 6, site.now());
    let spray = "203.0.113.66";
    for name in ["alice", "bob", "carol", "nobody-here"] {
        let door = login(name).unproven().code(&wrong).from(spray);
        site.guess_wrong(&door, 5);
    }
    let answer = site.ask(&login("erin").code(&erin.code(site.now())).from(spray));
    assert_eq!(
        (&answer["verdict"], &answer["retry_after"]),
        (&json!("LOCKED"), &json!(30))
    );
    for (name, phone) in [("alice", &alice), ("erin", &erin)] {
        assert_eq!(site.log_in(name, phone), "ACCEPTED", "{name}, elsewhere");
    }
    // After the wait, one guess more; then the wait is twice as long.
    site.pass(30);
    site.guess_wrong(&login("erin").code(&wrong).from(spray), 1);
    let answer = site.ask(&login("dave").from(spray));
    assert_eq!(
        (&answer["verdict"], &answer["retry_after"]),
        (&json!("LOCKED"), &json!(60))
    );
    site.pass(60);
    let door = login("dave").code(&dave.code(site.now())).from(spray);
    assert_eq!(site.verdict(&door), "ACCEPTED");
}

/// Whoever has an account of their own must not wash the source clean with it.
#[test]
fn a_success_forgives_only_its_own_account_and_source() {
    let mut site = Site::new();
    let [alice, bob, mallory] = site.enrol_all(["alice", "bob", "frank"]);
    let wrong = wrong_code(&[&alice, &bob, &mallory], 6, site.now());
    let from = "203.0.113.66";
    let mut guesses = 0;
    // Three guesses at somebody, then a login of one's own.
    for name in [
        "alice",
        "bob",
        "carol",
        "dave",
        "erin",
        "root",
        "nobody-here",
    ] {
        for _ in 0..3 {
            match site
                .verdict(&login(name).code(&wrong).from(from).unproven())
                .as_str()
            {
                "WRONG" => guesses += 1,
                "LOCKED" => {}
                other => panic!("{name}: {other}"),
            }
        }
        if guesses < 20 {
            let own = login("frank").code(&mallory.code(site.now())).from(from);
            assert_eq!(site.verdict(&own), "ACCEPTED");
            site.pass(30);
        }
    }
    // What is forgotten in those few minutes, 20 a day, is less than one.
    assert_eq!(guesses, 20, "a source has 20, whatever it does in between");
    for phone in [&alice, &bob] {
        let name = if phone.id == alice.id { "alice" } else { "bob" };
        assert_eq!(site.log_in(name, phone), "ACCEPTED", "from elsewhere");
    }
}

/// One local user must not slow the others on this machine.
#[test]
fn this_machine_has_no_budget_over_all_accounts() {
    let mut site = Site::new();
    let names = ["alice", "bob", "carol", "dave", "erin", "frank"];
    let phones = site.enrol_all(names);
    let all: Vec<_> = phones.iter().collect();
    let wrong = wrong_code(&all, 6, site.now());
    for name in &names[..5] {
        site.guess_wrong(&login(name).code(&wrong).without("source"), 5);
    }
    let frank = login("frank").without("source");
    site.guess_wrong(&frank.clone().code(&wrong), 1);
    let good = phones[5].code(site.now());
    assert_eq!(site.verdict(&frank.code(&good)), "ACCEPTED");
}
