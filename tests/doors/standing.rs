//! Whether a code is asked for at all.

use serde_json::{Value, json};

use crate::site::{DAY, Login, START, Site, login};

/// Off is off for whoever stands there, and asks for nothing; ssh has a switch of its own.
#[test]
fn off_asks_nobody_and_ssh_off_asks_at_the_other_doors() {
    let mut site = Site::new();
    site.enrol("alice");
    let doors: Vec<Login> = ["alice", "bob", "root", "nobody-here"]
        .into_iter()
        .flat_map(|name| [login(name), login(name).unproven()])
        .collect();
    for (changes, sshd, cockpit) in [
        (json!({"services": {"ssh": false}}), "off", "on"),
        (json!({"enabled": false}), "off", "off"),
        (json!({"services": {"ssh": true}}), "off", "off"),
        (json!({"enabled": true}), "on", "on"),
    ] {
        // Turned on while somebody would be locked out, it is refused.
        site.daemon.unenrolled("ALLOW");
        site.call("auth.twofactor.update", json!([changes]));
        site.daemon.unenrolled("DENY");
        for (service, state) in [("sshd", sshd), ("cockpit", cockpit)] {
            for door in &doors {
                let verdict = site.verdict(&door.clone().with("service", service));
                let is_off = verdict == "NOT_REQUIRED";
                assert_eq!(
                    is_off,
                    state == "off",
                    "{changes} {service} {door:?}: {verdict}"
                );
            }
        }
    }
    let row = site.call("auth.twofactor.config", json!([]));
    assert_eq!(row["enabled"], true);
}

/// Without a device: refused, unless the policy says otherwise; and only after the first factor.
#[test]
fn not_enrolled_is_an_explicit_policy() {
    let mut site = Site::new();
    site.enrol("alice");
    site.issue("carol", "pending");
    for (unenrolled, verdict) in [
        ("DENY", "NOT_ENROLLED"),
        ("ALLOW", "NOT_REQUIRED"),
        ("DENY", "NOT_ENROLLED"),
    ] {
        site.daemon.unenrolled(unenrolled);
        let row = site.call("auth.twofactor.policy.config", json!([]));
        assert_eq!(row["unenrolled"], unenrolled);
        for (name, expected) in [
            ("alice", "CODE_REQUIRED"),
            ("bob", verdict),
            ("carol", verdict),
        ] {
            assert_eq!(site.verdict(&login(name)), expected, "{name} {unenrolled}");
            let early = site.verdict(&login(name).unproven());
            assert_eq!(
                early, "CODE_REQUIRED",
                "{name} {unenrolled}, nothing proven"
            );
        }
    }
    let told = site.ask(&login("bob"));
    let message = told["message"].as_str().unwrap();
    assert!(message.contains("midclt 2fa device add bob"), "{message}");
}

/// A date that permits ends at its second, and a clock that is set back does not bring it back.
#[test]
fn grace_and_exemptions_end_on_their_date_and_a_clock_set_back_does_not_revive_them() {
    let mut site = Site::new();
    site.enrol("alice");
    let at = site.now();
    let graced = site.call(
        "auth.twofactor.grace.create",
        json!([{"username": "bob", "days": 2}]),
    );
    assert_eq!(graced["until"], at + 2 * DAY);
    for name in ["alice", "bob", "carol"] {
        let exemption = json!([{"username": name, "until": at + DAY, "reason": "a new phone"}]);
        site.call("auth.twofactor.exemption.create", exemption);
    }
    let mut expect = |time: u64, alice: &str, bob: &str, carol: &str| {
        site.set(time);
        let found = ["alice", "bob", "carol"].map(|name| site.verdict(&login(name)));
        assert_eq!(found, [alice, bob, carol], "{time}");
    };
    expect(at, "EXEMPT", "EXEMPT", "EXEMPT");
    expect(at + DAY - 1, "EXEMPT", "EXEMPT", "EXEMPT");
    expect(at + DAY, "CODE_REQUIRED", "NOT_REQUIRED", "NOT_ENROLLED");
    expect(at, "CODE_REQUIRED", "NOT_REQUIRED", "NOT_ENROLLED");
    expect(
        at + 2 * DAY - 1,
        "CODE_REQUIRED",
        "NOT_REQUIRED",
        "NOT_ENROLLED",
    );
    // What was seen within the last minute is not stored yet; it counts until a restart.
    let later = at + 2 * DAY;
    for time in [
        later,
        later - 1,
        at,
        later + 60,
        later,
        at,
        START - 300 * DAY,
    ] {
        expect(time, "CODE_REQUIRED", "NOT_ENROLLED", "NOT_ENROLLED");
    }
    // Nor does a restart, which reads the latest time that was ever seen.
    site.restart();
    for name in ["bob", "carol"] {
        assert_eq!(site.verdict(&login(name)), "NOT_ENROLLED", "{name}");
    }
    for collection in ["exemption", "grace"] {
        let listed = site.call(&format!("auth.twofactor.{collection}.query"), json!([]));
        assert_eq!(listed, json!([]), "{collection}");
    }
}

/// What is taken away is gone at once.
#[test]
fn grace_and_exemptions_can_be_taken_back() {
    let mut site = Site::new();
    let until = site.now() + DAY;
    let exemption = json!([{"username": "bob", "until": until, "reason": "a new phone"}]);
    let row = site.call("auth.twofactor.exemption.create", exemption);
    assert_eq!(
        (&row["username"], &row["until"], &row["reason"]),
        (&json!("bob"), &json!(until), &json!("a new phone"))
    );
    site.call(
        "auth.twofactor.grace.create",
        json!([{"username": "carol"}]),
    );
    let status = site.call("auth.twofactor.status", json!([]));
    assert_eq!(status["exemptions"], json!([row]));
    assert_eq!(status["grace"][0]["username"], "carol");
    assert_eq!(status["grace"][0]["until"], site.now() + 14 * DAY);
    assert_eq!(site.verdict(&login("bob")), "EXEMPT");
    assert_eq!(site.verdict(&login("carol")), "NOT_REQUIRED");
    site.call("auth.twofactor.exemption.delete", json!([row["id"]]));
    site.call("auth.twofactor.grace.delete", json!(["carol"]));
    for name in ["bob", "carol"] {
        assert_eq!(site.verdict(&login(name)), "NOT_ENROLLED", "{name}");
    }
}

/// Exempt before bypassed before a code before grace: a use of a bypass is spent only where it is
/// what opened the door.
#[test]
fn what_permits_is_looked_at_in_one_order() {
    let mut site = Site::new();
    let grace = json!([{"username": "alice"}]);
    site.call("auth.twofactor.grace.create", grace);
    site.enrol("alice");
    let until = site.now() + DAY;
    assert_eq!(
        site.verdict(&login("alice")),
        "CODE_REQUIRED",
        "a device beats grace"
    );
    let bypass = json!([{"username": "alice", "uses": 2, "reason": "a lost phone"}]);
    site.call("auth.twofactor.bypass.create", bypass);
    let exemption = json!([{"username": "alice", "until": until, "reason": "a new phone"}]);
    let exemption = site.call("auth.twofactor.exemption.create", exemption);
    for _ in 0..3 {
        assert_eq!(site.verdict(&login("alice")), "EXEMPT");
    }
    site.call("auth.twofactor.exemption.delete", json!([exemption["id"]]));
    for verdict in ["BYPASSED", "BYPASSED", "CODE_REQUIRED"] {
        assert_eq!(site.verdict(&login("alice")), verdict);
    }
}

/// Before a password or key is proven, nothing that permits is of use, and nothing is used up.
#[test]
fn nothing_permits_before_the_first_factor_is_proven() {
    let mut site = Site::new();
    let until = site.now() + DAY;
    site.call(
        "auth.twofactor.grace.create",
        json!([{"username": "alice"}]),
    );
    let exemption = json!([{"username": "bob", "until": until, "reason": "a new phone"}]);
    site.call("auth.twofactor.exemption.create", exemption);
    for username in [json!("carol"), Value::Null] {
        let bypass = json!([{"username": username, "reason": "a lost phone"}]);
        site.call("auth.twofactor.bypass.create", bypass);
    }
    let unproven = |name| {
        [
            login(name).unproven(),
            login(name).with("factor", Value::Null),
            login(name).with("factor", ""),
        ]
    };
    for name in ["alice", "bob", "carol", "dave", "root"] {
        for door in unproven(name) {
            assert_eq!(site.verdict(&door), "CODE_REQUIRED", "{door:?}");
        }
    }
    let uses: i64 = site.number("SELECT sum(uses_left) FROM bypasses");
    assert_eq!(uses, 2, "no use was spent");
    assert_eq!(site.verdict(&login("bob")), "EXEMPT");
}

/// An absence or an unknown word never lowers the requirement.
#[test]
fn an_unknown_factor_proves_nothing() {
    let mut site = Site::new();
    site.call("auth.twofactor.grace.create", json!([{"username": "bob"}]));
    for factor in ["password", "publickey:ssh-ed25519 AAAA"] {
        let door = login("bob").with("factor", factor);
        assert_eq!(site.verdict(&door), "NOT_REQUIRED", "{factor}");
    }
    for factor in [
        "nothing",
        "none",
        "PASSWORD",
        "passwords",
        "publickey",
        "key",
        " ",
    ] {
        let door = login("bob").with("factor", factor);
        let reply = site
            .socket
            .rpc("auth.twofactor.authenticate", door.params());
        let verdict = reply["result"]["verdict"].as_str();
        assert!(
            matches!(verdict, None | Some("CODE_REQUIRED")),
            "{factor}: {reply}"
        );
    }
}
