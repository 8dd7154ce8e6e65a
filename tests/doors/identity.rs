//! An account is a uid and a name; neither inherits what the other had.

use std::fs;

use serde_json::json;

use crate::site::{ACCOUNTS, Site, login, uid_of};
use crate::support::{errno, reason};

/// A second name for a uid, and a name with another uid, are nobody.
#[test]
fn a_uid_and_a_name_that_do_not_belong_together_are_refused() {
    let mut site = Site::new();
    let [alice, bob] = site.enrol_all(["alice", "bob"]);
    let both = [&alice, &bob].map(|phone| phone.code(site.now()));
    let cases = [
        ("alice", uid_of("bob")),
        ("bob", uid_of("alice")),
        ("alice", 0),
        ("root", uid_of("alice")),
        ("toor", 0),
        ("alice", 65_534),
        ("ALICE", uid_of("alice")),
        ("alice ", uid_of("alice")),
        ("carol", uid_of("alice")),
    ];
    for (number, (name, uid)) in cases.into_iter().enumerate() {
        let from = format!("192.0.2.{number}");
        let door = login(name).with("uid", uid).from(&from);
        assert_eq!(site.verdict(&door), "NOT_ENROLLED", "{name} {uid}");
        for code in &both {
            let verdict = site.verdict(&door.clone().code(code));
            assert_eq!(verdict, "NOT_ENROLLED", "{name} {uid}");
            let verdict = site.verdict(&door.clone().unproven().code(code));
            assert_eq!(verdict, "WRONG", "{name} {uid}, nothing proven");
        }
    }
    // None of that used the codes up, or slowed their owners.
    for (name, code) in ["alice", "bob"].into_iter().zip(&both) {
        let door = login(name).with("uid", uid_of(name)).code(code);
        assert_eq!(site.verdict(&door), "ACCEPTED", "{name}");
    }
}

/// An exemption, a bypass and grace are no use to a name that was given to somebody else.
#[test]
fn a_mismatch_inherits_nothing_that_permits() {
    let mut site = Site::new();
    let until = site.now() + 3600;
    let exemption = json!([{"username": "alice", "until": until, "reason": "a new phone"}]);
    site.call("auth.twofactor.exemption.create", exemption);
    site.call(
        "auth.twofactor.grace.create",
        json!([{"username": "alice"}]),
    );
    for username in [json!("alice"), json!(null)] {
        let bypass = json!([{"username": username, "reason": "a lost phone"}]);
        site.call("auth.twofactor.bypass.create", bypass);
    }
    site.call(
        "auth.twofactor.policy.update",
        json!([{"unenrolled": "ALLOW"}]),
    );
    for (name, uid) in [("alice", 65_000), ("alicia", uid_of("alice"))] {
        let door = login(name).with("uid", uid);
        assert_eq!(site.verdict(&door), "NOT_ENROLLED", "{name} {uid}");
    }
    assert_eq!(site.verdict(&login("alice")), "EXEMPT");
}

/// A deleted account whose name is made again starts with nothing, and somebody has to say so.
#[test]
fn a_name_that_was_made_again_does_not_inherit() {
    let mut site = Site::new();
    let old = site.enrol("alice");
    // The system knows the name by another uid now.
    let again = |uid: u32| -> Vec<(&'static str, u32)> {
        let others = ACCOUNTS
            .iter()
            .copied()
            .filter(|(name, _)| *name != "alice");
        others.chain([("alice", uid)]).collect()
    };
    site.daemon.accounts().set(&again(71_999));
    assert_eq!(site.log_in("alice", &old), "NOT_ENROLLED");
    for (method, params) in [
        (
            "auth.twofactor.device.create",
            json!([{"username": "alice"}]),
        ),
        (
            "auth.twofactor.invite.create",
            json!([{"username": "alice"}]),
        ),
        (
            "auth.twofactor.grace.create",
            json!([{"username": "alice"}]),
        ),
        (
            "auth.twofactor.bypass.create",
            json!([{"username": "alice", "reason": "x"}]),
        ),
        (
            "auth.twofactor.exemption.create",
            json!([{"username": "alice", "until": site.now() + 60, "reason": "x"}]),
        ),
        ("auth.twofactor.recovery.generate", json!(["alice"])),
        ("user.renew_2fa_secret", json!(["alice", {}])),
    ] {
        let error = site.refused(method, params);
        assert_eq!(errno(&error), 17, "{method}: {error}");
        let cure = "user.unset_2fa_secret";
        assert!(reason(&error).contains(cure), "{method}: {error}");
    }
    site.call("user.unset_2fa_secret", json!(["alice"]));
    let new = site.enrol("alice");
    assert_eq!(site.log_in("alice", &new), "ACCEPTED");
    assert_eq!(site.log_in("alice", &old), "WRONG");
    assert_eq!(
        site.number("SELECT count(*) FROM accounts WHERE uid = 71001"),
        0
    );
}

/// CVE-2023-42456: a state file that was named by what somebody gave as a user name.
#[test]
fn names_are_validated_and_name_no_files() {
    let mut site = Site::new();
    let files = |site: &Site| {
        let mut names: Vec<_> = fs::read_dir(site.daemon.state_dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            // The day's copy, which comes by itself.
            .filter(|name| name != "backups")
            .collect();
        names.sort();
        names
    };
    let before = files(&site);
    let long = "x".repeat(257);
    for name in [
        "",
        "../../root",
        "a/b",
        "a\nb",
        "a\u{0}b",
        "\u{1b}[2J",
        "-",
        &long,
    ] {
        let reply = site
            .socket
            .rpc("auth.twofactor.authenticate", login(name).params());
        let verdict = reply["result"]["verdict"].as_str();
        assert!(
            matches!(verdict, None | Some("NOT_ENROLLED")),
            "{name:?}: {reply}"
        );
        for (method, params) in [
            ("auth.twofactor.device.create", json!([{"username": name}])),
            ("auth.twofactor.grace.create", json!([{"username": name}])),
            ("auth.twofactor.unlock", json!([name])),
            ("user.renew_2fa_secret", json!([name, {}])),
        ] {
            site.refused(method, params);
        }
    }
    assert_eq!(files(&site), before);
    assert_eq!(
        site.number("SELECT count(*) FROM accounts"),
        1,
        "root's alone"
    );
}
