//! Whether a code is asked for, and what makes one needless.

use twofactor::{Bypass, BypassMinutes, BypassUses, Unenrolled};

use super::*;

#[test]
fn whether_a_code_is_asked_for() {
    let mut doors = Doors::new();
    let (name, uid) = BIN;
    for (what, login, verdict) in [
        ("a device", json!({}), "CODE_REQUIRED"),
        ("an empty code", json!({ "token": "" }), "CODE_REQUIRED"),
        ("a code of null", json!({ "token": null }), "CODE_REQUIRED"),
        (
            "no device",
            json!({ "username": name, "uid": uid }),
            "NOT_ENROLLED",
        ),
        (
            "nobody",
            json!({ "username": "nobody-here", "uid": 4_000_000 }),
            "NOT_ENROLLED",
        ),
        (
            "no name at all",
            json!({ "username": "a/b" }),
            "NOT_ENROLLED",
        ),
        ("another uid", json!({ "uid": 4_000_000 }), "NOT_ENROLLED"),
        ("another name", json!({ "username": name }), "NOT_ENROLLED"),
        (
            "the name alone",
            json!({ "uid": DAEMON.1 }),
            "CODE_REQUIRED",
        ),
        (
            "sshd, which is off",
            json!({ "service": "sshd" }),
            "NOT_REQUIRED",
        ),
    ] {
        assert_eq!(doors.verdict(login), verdict, "{what}");
    }
    doors.machine.admit_everybody();
    doors.machine.update(json!({ "services": { "ssh": true } }));
    assert_eq!(doors.verdict(json!({ "service": "sshd" })), "CODE_REQUIRED");
    doors.machine.update(json!({ "enabled": false }));
    assert_eq!(doors.verdict(json!({ "service": "sshd" })), "NOT_REQUIRED");
    assert_eq!(doors.verdict(json!({})), "NOT_REQUIRED");
}

#[test]
fn what_is_told_before_a_password_is_proven_is_the_same_for_all() {
    let mut doors = Doors::new();
    doors.machine.change(|tx| {
        let until = UnixTime::from_secs(2_000_000_000);
        tx.add_exemption(DAEMON.1, until, "a test")
    });
    let wrong = doors.wrong();
    for token in [
        json!(null),
        json!(wrong),
        json!("12345"),
        // Of another length than the device's codes, and counted all the same.
        json!("1234567"),
        json!("12345678"),
        json!("A-AAAA-AAAA-AAAA-AAAA"),
    ] {
        let mut answer = |name: &str, uid: u32| {
            doors.login(json!({ "username": name, "uid": uid, "factor": null, "token": token, "source": "192.0.2.7" }))
        };
        let known = answer(DAEMON.0, DAEMON.1);
        let unknown = answer("nobody-here", 4_000_000);
        assert_eq!(known, unknown, "{token}");
    }
    // And locked out alike.
    for _ in 0..5 {
        for (name, uid) in [DAEMON, ("nobody-here", 4_000_000)] {
            doors.login(json!({ "username": name, "uid": uid, "factor": null, "token": wrong, "source": "192.0.2.9" }));
        }
    }
    let mut locked = |name: &str, uid: u32| {
        doors.login(json!({ "username": name, "uid": uid, "factor": null, "token": wrong, "source": "192.0.2.9" }))
    };
    assert_eq!(locked(DAEMON.0, DAEMON.1), locked("nobody-here", 4_000_000));
}

/// An unknown user was answered in 1.4 ms, and a known one in 53: whoever measures must not learn which
/// names the caller found a uid for.
#[test]
fn before_a_password_is_proven_no_name_is_looked_up_whether_its_uid_is_known_or_not() {
    let mut doors = Doors::new();
    for (login, is_looked_up) in [
        (
            json!({ "username": "daemon", "uid": 1, "service": "su" }),
            false,
        ),
        (json!({ "username": "daemon", "service": "su" }), false),
        (json!({ "username": "nobody-here", "service": "su" }), false),
        (
            json!({ "username": "daemon", "uid": 1, "service": "su", "factor": "password" }),
            false,
        ),
        (
            json!({ "username": "nobody-here", "service": "su", "factor": "password" }),
            true,
        ),
    ] {
        let method = find("auth.twofactor.authenticate").unwrap();
        let params = RawParams::Positional(vec![login.clone()]);
        let Prepared::Slow(call) = method.prepare(&Access::root(), params).unwrap() else {
            panic!("it is not slow");
        };
        let started = doors.machine.read(|read| call.start(read)).unwrap();
        let has_work = matches!(started, Started::Work(_));
        assert_eq!(has_work, is_looked_up, "{login}");
    }
}

#[test]
fn exemption_bypass_and_grace_need_a_proven_password() {
    let mut doors = Doors::new();
    doors.machine.change(|tx| {
        let until = UnixTime::from_secs(2_000_000_000);
        tx.add_exemption(DAEMON.1, until, "a test")
    });
    assert_eq!(doors.verdict(json!({ "factor": null })), "CODE_REQUIRED");
    assert_eq!(doors.verdict(json!({ "factor": "" })), "CODE_REQUIRED");
    for word in [
        "none",
        "yes",
        "PASSWORD",
        "publickey",
        "publickey: ",
        "SESSION",
        "session:x",
    ] {
        assert_eq!(doors.verdict(json!({ "factor": word })), "CODE_REQUIRED");
    }
    for word in ["publickey:x", "session", "password"] {
        assert_eq!(doors.verdict(json!({ "factor": word })), "EXEMPT", "{word}");
    }
    doors.machine.now = 2_000_000_000;
    assert_eq!(doors.verdict(json!({})), "CODE_REQUIRED", "over");
    // Dates that permit are not judged by a clock that was set back.
    doors.machine.now = 1_900_000_000;
    assert_eq!(doors.verdict(json!({})), "CODE_REQUIRED", "still over");
}

#[test]
fn a_bypass_is_used_up() {
    let mut doors = Doors::new();
    let clocks = doors.machine.clocks();
    doors.machine.change(move |tx| {
        let (minutes, uses) = (BypassMinutes::default(), BypassUses::new(2).unwrap());
        let bypass = Bypass::new(&clocks, tx.today()?, minutes, uses);
        tx.add_bypass(Some(DAEMON.1), &bypass, "left the phone at home")
    });
    assert_eq!(doors.verdict(json!({ "factor": null })), "CODE_REQUIRED");
    let first = doors.login(json!({}));
    assert_eq!(first["verdict"], "BYPASSED");
    assert!(
        first["message"].as_str().unwrap().contains("once more"),
        "{first}"
    );
    assert_eq!(doors.verdict(json!({})), "BYPASSED");
    assert_eq!(doors.verdict(json!({})), "CODE_REQUIRED");
    let told: Vec<_> = doors
        .machine
        .alerts
        .iter()
        .filter(|alert| alert.kind == AlertKind::Bypass)
        .collect();
    assert_eq!(told.len(), 2);
}

#[test]
fn a_bypass_for_everybody_is_for_accounts_without_a_record_too() {
    let mut doors = Doors::new();
    let clocks = doors.machine.clocks();
    doors.machine.change(move |tx| {
        let bypass = Bypass::new(
            &clocks,
            tx.today()?,
            BypassMinutes::default(),
            BypassUses::default(),
        );
        tx.add_bypass(None, &bypass, "the directory moves")
    });
    assert_eq!(
        doors.verdict(json!({ "username": BIN.0, "uid": BIN.1 })),
        "BYPASSED"
    );
    assert_eq!(doors.verdict(json!({})), "CODE_REQUIRED", "it had one use");
}

#[test]
fn accounts_without_a_device_are_let_in_only_by_policy() {
    let mut doors = Doors::new();
    let bin = json!({ "username": BIN.0, "uid": BIN.1 });
    doors.machine.change(|tx| {
        let mut policy = tx.policy()?;
        policy.unenrolled = Unenrolled::Allow;
        tx.put_policy(&policy)
    });
    assert_eq!(doors.verdict(bin.clone()), "NOT_REQUIRED");
    assert_eq!(
        doors.verdict(json!({ "uid": 4_000_000 })),
        "NOT_ENROLLED",
        "nobody inherits"
    );
    assert_eq!(doors.verdict(json!({})), "CODE_REQUIRED");
}

/// A backup logs in every second, and an account of a directory has no record: the audit has one entry a
/// minute, with the name that the password has proven.
#[test]
fn whoever_is_let_in_without_a_code_is_named_once_a_minute() {
    let mut doors = Doors::new();
    let until = doors.machine.now + 86_400;
    let exempt = json!([{ "username": DAEMON.0, "until": until, "reason": "backup" }]);
    doors.machine.ok("auth.twofactor.exemption.create", exempt);
    let allow = json!([{ "unenrolled": "ALLOW" }]);
    doors.machine.ok("auth.twofactor.policy.update", allow);
    let stranger = json!({ "username": "from-a-directory", "uid": 4_000_000 });
    doors.machine.events.clear();
    for _ in 0..3 {
        assert_eq!(doors.verdict(json!({})), "EXEMPT");
        assert_eq!(doors.verdict(stranger.clone()), "NOT_REQUIRED");
    }
    let bypass = json!([{ "username": null, "reason": "a new phone system", "uses": 2 }]);
    doors.machine.ok("auth.twofactor.bypass.create", bypass);
    // A bypass for everybody was spent by those whom something else lets in anyway.
    assert_eq!(doors.verdict(stranger.clone()), "NOT_REQUIRED");
    let deny = json!([{ "unenrolled": "DENY" }]);
    doors.machine.ok("auth.twofactor.policy.update", deny);
    for _ in 0..2 {
        assert_eq!(doors.verdict(stranger.clone()), "BYPASSED");
    }
    let counts = |doors: &mut Doors, outcome: &str| -> Vec<(Value, Value)> {
        let entries = json!([{ "outcome": outcome, "method": "auth.twofactor.authenticate" }]);
        let entries = doors.machine.ok("auth.twofactor.audit", entries);
        let entries = entries.as_array().unwrap().iter();
        entries
            .map(|entry| (entry["username"].clone(), entry["count"].clone()))
            .collect()
    };
    let named = |name: &str, count: u32| (json!(name), json!(count));
    assert_eq!(counts(&mut doors, "exempt"), [named(DAEMON.0, 3)]);
    assert_eq!(
        counts(&mut doors, "not required"),
        [named("from-a-directory", 4)]
    );
    // Each use of a bypass is one of few.
    assert_eq!(counts(&mut doors, "bypassed").len(), 2);
    let told = doors.machine.events("auth.twofactor.login");
    assert_eq!(told.len(), 9);
    assert_eq!(told[1]["fields"]["username"], "from-a-directory");
    // Whoever has proven nothing, or is not let in, may have typed a password there.
    assert_eq!(doors.verdict(stranger), "NOT_ENROLLED");
    assert_eq!(
        counts(&mut doors, "not enrolled"),
        [(Value::Null, json!(1))]
    );
}
