//! The state of accounts on a full disk, without its key, behind a lock, and damaged: no fault opens a
//! door, and none closes the way back.

use std::fs;

use serde_json::{Value, json};
use testkit::Daemon;

use super::disk::{SIZE, fill};
use crate::site::{ACCOUNTS, DAY, Login, Phone, Site, login, wrong_code};
use crate::support::{WriteLock, errno, reason};

/// Verdicts that let somebody in.
const OPEN: [&str; 4] = ["ACCEPTED", "BYPASSED", "EXEMPT", "NOT_REQUIRED"];

/// Turning it off for everybody, and seeing that it is.
fn assert_can_be_turned_off(site: &mut Site, what: &str) {
    let row = site.call("auth.twofactor.update", json!([{"enabled": false}]));
    assert_eq!(row["enabled"], false, "{what}");
    assert_eq!(
        site.call("auth.two_factor_auth", json!([])),
        false,
        "{what}"
    );
    assert_eq!(site.verdict(&login("alice")), "NOT_REQUIRED", "{what}");
}

/// What somebody at a full disk has, and what was accepted of it.
struct Pockets {
    phone: Phone,
    recovery: Vec<String>,
    accepted: Vec<Login>,
    refused: u64,
}

impl Pockets {
    /// One login, which is accepted for good or an error.
    fn try_out(&mut self, site: &mut Site, door: Login) {
        let reply = site
            .socket
            .rpc("auth.twofactor.authenticate", door.params());
        match reply["result"]["verdict"].as_str() {
            Some("ACCEPTED") => self.accepted.push(door),
            None => {
                assert_eq!(errno(&reply["error"]), 28, "{reply}");
                let words = "the disk is full; nothing was changed";
                assert!(reason(&reply["error"]).contains(words), "{reply}");
                self.refused += 1;
            }
            Some(other) => panic!("{door:?}: {other}"),
        }
    }
}

/// Accepted means used up, judged means counted, also where there is no byte left for it.
#[test]
fn on_a_full_disk_no_code_is_good_twice_and_no_guess_is_free() {
    let builder = Daemon::builder().accounts(&ACCOUNTS).state_on_tmpfs(SIZE);
    let mut site = Site::with(builder);
    let mut pockets = Pockets {
        phone: site.enrol("alice"),
        recovery: site.recovery_codes("alice"),
        accepted: Vec::new(),
        refused: 0,
    };
    let bypass = json!({"username": "bob", "minutes": 1440, "uses": 10, "reason": "a lost phone"});
    site.call("auth.twofactor.bypass.create", json!([bypass]));
    let victim = site.enrol("carol");
    fill(&site.daemon.state_dir(), "filler");
    // The last free pages are used up by logins that are remembered.
    for _ in 0..200 {
        site.pass(30);
        let door = login("alice").code(&pockets.phone.code(site.now()));
        pockets.try_out(&mut site, door);
    }
    assert!(
        pockets.refused > 0,
        "the disk was not full, so this proves nothing"
    );
    for code in pockets.recovery.clone() {
        pockets.try_out(&mut site, login("alice").code(&code));
    }
    let (mut wrong, mut passed) = (0, 0);
    for _ in 0..20 {
        let guess = login("carol").code(&wrong_code(&[&victim], 6, site.now()));
        let reply = site
            .socket
            .rpc("auth.twofactor.authenticate", guess.params());
        wrong += i64::from(reply["result"]["verdict"] == "WRONG");
        let reply = site
            .socket
            .rpc("auth.twofactor.authenticate", login("bob").params());
        passed += i64::from(reply["result"]["verdict"] == "BYPASSED");
    }
    assert!(
        wrong <= 5 && passed <= 10,
        "{wrong} guesses, {passed} passes"
    );
    for (method, params) in [
        ("device.create", json!([{"username": "dave"}])),
        ("invite.create", json!([{"username": "dave"}])),
        ("recovery.generate", json!(["alice"])),
    ] {
        let reply = site.socket.rpc(&format!("auth.twofactor.{method}"), params);
        let is_durable_or_full = reply.get("result").is_some() || errno(&reply["error"]) == 28;
        assert!(is_durable_or_full, "{method}: {reply}");
    }
    // What administration does to let somebody in has the reserve.
    let bypass = json!([{"username": "erin", "reason": "a full disk"}]);
    site.call("auth.twofactor.bypass.create", bypass);
    assert_eq!(
        site.verdict(&login("erin")),
        "BYPASSED",
        "and its use is counted"
    );
    site.call("auth.twofactor.unlock", json!(["carol"]));
    assert_can_be_turned_off(&mut site, "on a full disk");
    site.daemon.kill9();
    fs::remove_file(site.daemon.state_dir().join("filler")).unwrap();
    site.start();
    assert_eq!(
        site.call("auth.two_factor_auth", json!([])),
        false,
        "durable"
    );
    site.daemon.unenrolled("ALLOW");
    site.call("auth.twofactor.update", json!([{"enabled": true}]));
    site.daemon.unenrolled("DENY");
    for door in &pockets.accepted {
        let verdict = site.verdict(door);
        assert_ne!(
            verdict, "ACCEPTED",
            "{door:?} was accepted on the full disk"
        );
        site.call("auth.twofactor.unlock", json!(["alice"]));
    }
    let bypasses = site.call("auth.twofactor.bypass.query", json!([{"username": "bob"}]));
    let left = bypasses[0]["uses_left"].as_i64().unwrap_or(0);
    assert_eq!(left, 10 - passed);
    site.pass(30);
    assert_eq!(site.log_in("alice", &pockets.phone), "ACCEPTED");
}

/// No code can be judged without it: an error, which lets nobody in. What is not sealed goes on.
#[test]
fn without_the_key_no_code_is_judged_and_every_way_back_works() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    site.stop();
    fs::remove_file(site.daemon.state_dir().join("middlewared.key")).unwrap();
    site.start();
    let code = phone.code(site.now());
    for (method, params) in [
        (
            "auth.twofactor.authenticate",
            login("alice").code(&code).params(),
        ),
        (
            "auth.twofactor.authenticate",
            login("alice").unproven().code(&code).params(),
        ),
        ("auth.twofactor.device.create", json!([{"username": "bob"}])),
        ("user.verify_twofactor_token", json!(["alice", code])),
        ("user.renew_2fa_secret", json!(["alice", {}])),
        ("user.provisioning_uri", json!(["alice"])),
    ] {
        let error = site.refused(method, params);
        assert_eq!(errno(&error), 126, "{method}: {error}");
        assert!(
            reason(&error).contains("middlewared.key"),
            "{method}: {error}"
        );
    }
    assert_eq!(
        site.verdict(&login("alice")),
        "CODE_REQUIRED",
        "it is asked for all the same"
    );
    assert_eq!(site.verdict(&login("bob")), "NOT_ENROLLED");
    let until = site.now() + DAY;
    for (method, params, verdict) in [
        (
            "bypass.create",
            json!([{"username": "alice", "reason": "no key"}]),
            "BYPASSED",
        ),
        (
            "exemption.create",
            json!([{"username": "alice", "until": until, "reason": "no key"}]),
            "EXEMPT",
        ),
        ("unlock", json!(["alice"]), "EXEMPT"),
    ] {
        site.call(&format!("auth.twofactor.{method}"), params);
        assert_eq!(site.verdict(&login("alice")), verdict, "{method}");
    }
    let status = site.call("auth.twofactor.status", json!([]));
    assert!(status["warnings"].to_string().contains("key"), "{status}");
    assert_can_be_turned_off(&mut site, "without a key");
}

/// An answer that cannot be remembered is no answer: neither yes nor no.
#[test]
fn behind_a_lock_no_door_answers_and_nothing_is_used_up() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let bypass = json!([{"username": "bob", "reason": "a lost phone"}]);
    site.call("auth.twofactor.bypass.create", bypass);
    let good = login("alice").code(&phone.code(site.now()));
    let lock = WriteLock::take(&site.daemon);
    for door in [&good, &login("bob")] {
        let error = site.refused("auth.twofactor.authenticate", door.params());
        assert_eq!(errno(&error), 16, "{error}");
    }
    drop(lock);
    assert_eq!(site.verdict(&good), "ACCEPTED");
    assert_eq!(site.verdict(&login("bob")), "BYPASSED");
}

/// What permits and cannot be read is an error, never a yes: each row that could open a door, spoilt.
#[test]
fn damaged_rows_open_no_door_and_it_can_be_turned_off() {
    const SPOILT: &[(&str, &str)] = &[
        (
            "grace",
            "UPDATE accounts SET grace_until = -1 WHERE name = 'alice'",
        ),
        ("exemption", "UPDATE exemptions SET until = -1"),
        ("bypass uses", "UPDATE bypasses SET uses_left = -1"),
        ("bypass uses", "UPDATE bypasses SET uses_left = 4294967296"),
        ("bypass date", "UPDATE bypasses SET until = -1"),
        ("bypass boot", "UPDATE bypasses SET boot_id = x'00'"),
        ("policy", "UPDATE policy SET unenrolled = 'MAYBE'"),
        ("policy", "UPDATE policy SET unenrolled = 'allow'"),
        ("policy", "UPDATE policy SET free_failures = 1000000"),
        ("policy", "UPDATE policy SET account_failures = -1"),
        ("no policy", "DELETE FROM policy"),
        ("latest", "UPDATE meta SET value = -1 WHERE name = 'latest'"),
        ("latest", "DELETE FROM meta WHERE name = 'latest'"),
        ("streak", "UPDATE streaks SET failures = -1"),
        ("level", "UPDATE account_levels SET parts = -1"),
        ("floor", "UPDATE devices SET floor = -1"),
        ("secret", "UPDATE devices SET secret = x'00'"),
        ("pending", "UPDATE devices SET pending_until = -1"),
        ("digits", "UPDATE devices SET digits = 3"),
    ];
    for (what, sql) in SPOILT {
        let mut site = Site::new();
        let phone = site.enrol("alice");
        let wrong = login("alice").code(&wrong_code(&[&phone], 6, site.now()));
        site.guess_wrong(&wrong, 5);
        let until = site.now() + DAY;
        let exemption = json!([{"username": "alice", "until": until, "reason": "x"}]);
        let bypass = json!([{"username": "alice", "reason": "x"}]);
        // Only what the case is about would open the door.
        match *what {
            "exemption" => drop(site.call("auth.twofactor.exemption.create", exemption)),
            "bypass uses" | "bypass date" | "bypass boot" => {
                site.call("auth.twofactor.bypass.create", bypass);
            }
            "grace" => {
                site.call("auth.twofactor.device.delete", json!([phone.id]));
                site.call(
                    "auth.twofactor.grace.create",
                    json!([{"username": "alice"}]),
                );
            }
            "policy" | "no policy" => {
                site.call("auth.twofactor.device.delete", json!([phone.id]));
                site.call(
                    "auth.twofactor.policy.update",
                    json!([{"unenrolled": "ALLOW"}]),
                );
            }
            _ => {}
        }
        assert!(
            site.database().execute(sql, []).unwrap() > 0,
            "{what}: {sql}"
        );
        for door in [login("alice"), login("alice").code(&phone.code(site.now()))] {
            for door in [door.clone(), door.unproven()] {
                let reply = site
                    .socket
                    .rpc("auth.twofactor.authenticate", door.params());
                let verdict = reply["result"]["verdict"].as_str().unwrap_or("an error");
                assert!(!OPEN.contains(&verdict), "{what}: {sql}: {reply}");
            }
        }
        assert_can_be_turned_off(&mut site, sql);
        let log = site.daemon.log();
        assert!(!log.contains("panicked"), "{sql}: {log}");
    }
}

/// Whoever has two phones gets in with the one whose record is whole, and with no code of the other.
#[test]
fn a_damaged_device_closes_no_other() {
    for sql in [
        "UPDATE devices SET secret = x'00' WHERE id = ?1",
        "UPDATE devices SET digits = 3 WHERE id = ?1",
        "UPDATE devices SET floor = -1 WHERE id = ?1",
        "UPDATE devices SET algorithm = 'MD5' WHERE id = ?1",
    ] {
        let mut site = Site::new();
        let phone = site.enrol("alice");
        let other = site.issue("alice", "watch");
        site.confirm(&other);
        site.pass(30);
        assert_eq!(
            site.database().execute(sql, [phone.id]).unwrap(),
            1,
            "{sql}"
        );
        let damaged = login("alice").code(&phone.code(site.now()));
        assert_eq!(site.verdict(&damaged), "WRONG", "{sql}");
        let whole = login("alice").code(&other.code(site.now()));
        assert_eq!(site.verdict(&whole), "ACCEPTED", "{sql}");
        assert_eq!(site.verdict(&whole), "REPLAYED", "{sql}");
    }
}

/// The numbers that a damaged row would show are in no list either; the list is an error, or leaves it
/// out, and the daemon goes on.
#[test]
fn lists_of_damaged_rows_are_errors_and_end_nothing() {
    let mut site = Site::new();
    site.enrol("alice");
    let until = site.now() + DAY;
    let exemption = json!([{"username": "alice", "until": until, "reason": "x"}]);
    site.call("auth.twofactor.exemption.create", exemption);
    for sql in [
        "UPDATE exemptions SET until = -1",
        "UPDATE devices SET created = -1",
        "UPDATE audit SET count = -1",
    ] {
        assert!(site.database().execute(sql, []).unwrap() > 0, "{sql}");
    }
    for list in ["exemption.query", "device.query", "audit", "status"] {
        let reply = site
            .socket
            .rpc(&format!("auth.twofactor.{list}"), json!([]));
        assert!(!reply.to_string().contains(": -1"), "{list}: {reply}");
        assert!(!reply.to_string().contains(":-1"), "{list}: {reply}");
        assert_eq!(errno(&reply["error"]), 5, "{list}: {reply}");
    }
    assert_eq!(site.call("core.ping", Value::Array(vec![])), "pong");
}
