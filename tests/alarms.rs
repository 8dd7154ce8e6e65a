//! What somebody should know who could not see it happen: told as an alert, and at the next login of the
//! account and of root.
#![cfg(feature = "system")]

use serde_json::{Value, json};

use crate::site::{Site, login, wrong_code};

/// The lines that a login with the code of now is shown.
fn told(site: &mut Site, name: &str, code: &str) -> String {
    let answer = site.ask(&login(name).code(code));
    assert_eq!(answer["verdict"], "ACCEPTED", "{answer}");
    answer["warnings"].to_string()
}

/// The next alert of this kind, with whose it is.
fn alert(subscriber: &mut testkit::Socket, kind: &str) -> Value {
    loop {
        let fields = subscriber.event()["params"]["fields"].clone();
        if fields["kind"] == kind {
            return fields;
        }
    }
}

fn listen(site: &Site) -> testkit::Socket {
    let mut subscriber = site.daemon.connect();
    subscriber.call("core.subscribe", json!(["auth.twofactor.alert"]));
    subscriber
}

/// A new device is told to its owner and to root, once each.
#[test]
fn a_new_device() {
    let mut site = Site::new();
    let mut subscriber = listen(&site);
    let [alice, root] = site.enrol_with_root("alice");
    assert_eq!(alert(&mut subscriber, "DEVICE_ADDED")["username"], "alice");
    let now = site.now();
    let lines = told(&mut site, "alice", &alice.code(now));
    assert!(
        lines.contains("30 s ago: 'alice' has a new device 'phone'"),
        "{lines}"
    );
    assert!(lines.contains("tell your administrator"), "{lines}");
    let lines = told(&mut site, "root", &root.code(now));
    assert!(
        lines.contains("30 s ago, alice: 'alice' has a new device 'phone'"),
        "{lines}"
    );
    site.pass(30);
    let now = site.now();
    assert_eq!(told(&mut site, "alice", &alice.code(now)), "[]");
    assert_eq!(told(&mut site, "root", &root.code(now)), "[]");
}

/// Whoever has proven nothing is told nothing, and takes nothing from those who have.
#[test]
fn a_stranger_with_a_code_is_told_nothing() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let now = site.now();
    let answer = site.ask(&login("alice").unproven().code(&phone.code(now)));
    assert_eq!(
        (&answer["verdict"], &answer["warnings"]),
        (&json!("ACCEPTED"), &json!([]))
    );
    site.pass(30);
    let now = site.now();
    assert!(told(&mut site, "alice", &phone.code(now)).contains("'phone'"));
}

/// A right code typed twice: from the same place it is a double click, from another one an alarm.
#[test]
fn a_code_used_from_two_places() {
    let mut site = Site::new();
    let [phone, root] = site.enrol_with_root("alice");
    let (now, mut subscriber) = (site.now(), listen(&site));
    let code = login("alice").code(&phone.code(now));
    assert_eq!(site.verdict(&code), "ACCEPTED");
    let kept = |site: &Site| site.number("SELECT count(*) FROM notices WHERE kind = 'CODE_REUSED'");
    for later in [0, 2, 5] {
        site.set(now + later);
        assert_eq!(site.verdict(&code), "REPLAYED");
    }
    assert_eq!(kept(&site), 0);
    assert_eq!(site.verdict(&code.from("203.0.113.9")), "REPLAYED");
    assert_eq!(kept(&site), 1);
    let fields = alert(&mut subscriber, "CODE_REUSED");
    assert_eq!(
        (&fields["username"], &fields["source"]),
        (&json!("alice"), &json!("203.0.113.9"))
    );
    site.set(now + 30);
    for (name, phone) in [("alice", &phone), ("root", &root)] {
        let lines = told(&mut site, name, &phone.code(now + 30));
        assert!(
            lines.contains("from 203.0.113.9: somebody else has seen it"),
            "{name}: {lines}"
        );
    }
}

/// The code of a step that was passed over was perhaps never typed: no alarm.
#[test]
fn an_older_code_from_elsewhere_is_no_alarm() {
    let mut site = Site::new();
    site.call("auth.twofactor.update", json!([{"window": 1}]));
    let phone = site.enrol("alice");
    let now = site.now();
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
    let before = login("alice")
        .code(&phone.code(now - 30))
        .from("203.0.113.9");
    assert_eq!(site.verdict(&before), "REPLAYED");
    assert_eq!(
        site.number("SELECT count(*) FROM notices WHERE kind = 'CODE_REUSED'"),
        0
    );
}

/// Wrong codes after a right password: the owner's own line, and root's.
#[test]
fn wrong_codes_after_a_password() {
    let mut site = Site::new();
    let [phone, root] = site.enrol_with_root("alice");
    let wrong = wrong_code(&[&phone, &root], 6, site.now());
    site.guess_wrong(&login("alice").code(&wrong).from("203.0.113.9"), 5);
    let now = site.now();
    let lines = told(&mut site, "root", &root.code(now));
    assert!(
        lines.contains("alice: 5 wrong codes after a right password"),
        "{lines}"
    );
    let lines = told(&mut site, "alice", &phone.code(now));
    assert!(
        lines.contains("5 wrong codes were typed since your last login"),
        "{lines}"
    );
}

/// Somebody who turns it off for a moment does not go unseen; nor does sshd that stops to ask.
#[test]
fn off_for_a_moment_and_a_drift() {
    let mut site = Site::new();
    let [_, root] = site.enrol_with_root("alice");
    site.daemon.unenrolled("ALLOW");
    for enabled in [false, true] {
        site.call("auth.twofactor.update", json!([{"enabled": enabled}]));
    }
    let report = json!([{"ready": false, "mode": null, "doors": [], "findings": []}]);
    site.call("auth.twofactor.ssh.report", report);
    let now = site.now();
    let lines = told(&mut site, "root", &root.code(now));
    for words in ["is off for everybody", "sshd asks for codes no longer"] {
        assert!(lines.contains(words), "{words}: {lines}");
    }
}

/// Many accounts do not fill root's screen.
#[test]
fn a_crowd_is_cut() {
    let mut site = Site::new();
    site.enrol_all(["bob", "carol", "dave", "erin", "frank"]);
    let [_, root] = site.enrol_with_root("alice");
    let now = site.now();
    let answer = site.ask(&login("root").code(&root.code(now)));
    let lines = answer["warnings"].as_array().unwrap();
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert_eq!(lines[5], "2 more like that: midclt 2fa log");
}
