//! `auth.twofactor.status`.

use super::*;

fn status(machine: &mut Machine) -> Value {
    machine.ok("auth.twofactor.status", json!([]))
}

fn warns(machine: &mut Machine, of: &str) -> bool {
    let status = status(machine);
    let warnings = status["warnings"].as_array().unwrap().clone();
    warnings
        .iter()
        .any(|warning| warning.as_str().unwrap().contains(of))
}

#[test]
fn it_shows_what_there_is() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true, "window": 1 }));
    machine.ok(
        "auth.twofactor.device.create",
        json!([{ "username": "daemon" }]),
    );
    let granted = [
        (
            "bypass",
            json!({ "username": null, "reason": "outage" }),
            "bypasses",
        ),
        (
            "exemption",
            json!({ "username": "bin", "until": machine.now + 60, "reason": "job" }),
            "exemptions",
        ),
        ("grace", json!({ "username": "daemon" }), "grace"),
    ];
    for (noun, params, list) in granted {
        let made = machine.ok(&format!("auth.twofactor.{noun}.create"), json!([params]));
        assert_eq!(status(&mut machine)[list], json!([made]));
    }
    let shown = status(&mut machine);
    assert_eq!(
        (&shown["enabled"], &shown["ssh"], &shown["window"]),
        (&json!(true), &json!(false), &json!(1))
    );
    let counts =
        json!({ "known": 3, "with_active_device": 1, "pending_only": 1, "without_codes": 1 });
    assert_eq!(shown["accounts"], counts);
    let devices = json!([
        { "username": "root", "name": "phone", "state": "ACTIVE", "last_used": null },
        { "username": "daemon", "name": "phone", "state": "PENDING", "last_used": null },
    ]);
    assert_eq!(shown["devices"], devices);
    assert_eq!(shown["clock"]["synchronised"], true);
    let unenrolled = shown["unenrolled"].as_array().unwrap();
    assert!(!unenrolled.contains(&json!("root")), "it has a device");
    assert_eq!(shown["unenrolled_count"], unenrolled.len());
    assert_eq!(
        (&shown["locks"], &shown["recovery"]),
        (&json!([]), &json!([]))
    );
    assert!(
        !shown
            .to_string()
            .contains(machine.config()["secret"].as_str().unwrap())
    );
}

#[test]
fn an_account_with_a_login_shell_and_without_a_device_is_named() {
    let mut machine = Machine::new();
    let shown = status(&mut machine);
    assert!(
        shown["unenrolled"]
            .as_array()
            .unwrap()
            .contains(&json!("root"))
    );
    assert!(
        !warns(&mut machine, "login shell"),
        "off, it does not matter"
    );
}

#[test]
fn few_recovery_codes_are_named() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    assert!(warns(&mut machine, "1 account has no recovery codes"));
    let codes = machine.ok("auth.twofactor.recovery.generate", json!(["root"]));
    let id = codes["id"].as_i64().unwrap();
    machine.ok("auth.twofactor.recovery.confirm_saved", json!([id]));
    for (used, left) in [(6, None), (7, Some(2)), (8, Some(1)), (9, Some(0))] {
        let positions = if used == 6 { 0..=6 } else { used..=used };
        for position in positions {
            machine
                .state(|tx| tx.use_recovery_code(id, position))
                .unwrap();
        }
        let named: Vec<Value> = left
            .map(|left| json!({ "username": "root", "remaining": left }))
            .into_iter()
            .collect();
        assert_eq!(status(&mut machine)["recovery"], json!(named));
        let few = "1 account has two recovery codes or fewer left";
        assert_eq!(warns(&mut machine, few), left.is_some(), "{left:?}");
    }
}

#[test]
fn who_has_to_wait_is_named_with_the_time() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    for _ in 0..4 {
        machine.wrong("192.0.2.1", "root");
    }
    assert_eq!(status(&mut machine)["locks"], json!([]));
    machine.wrong("192.0.2.1", "root");
    let wait =
        |secs: u64| json!({ "username": "root", "source": "192.0.2.1", "retry_after": secs });
    assert_eq!(status(&mut machine)["locks"], json!([wait(30)]));
    machine.now += 29;
    assert_eq!(status(&mut machine)["locks"], json!([wait(1)]));
    machine.now += 1;
    assert_eq!(status(&mut machine)["locks"], json!([]));
}

#[test]
fn addresses_and_closed_accounts_are_named() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    for number in 0..20 {
        machine.wrong("2001:db8::1", &format!("nobody-{number}"));
    }
    let address = json!({ "username": null, "source": "2001:db8::/64", "retry_after": 30 });
    assert_eq!(status(&mut machine)["locks"], json!([address]));
    for number in 0..100 {
        machine.wrong(&format!("192.0.2.{number}"), "root");
    }
    machine.now += 60;
    let account = json!({ "username": "root", "source": null, "retry_after": 8580 });
    assert_eq!(status(&mut machine)["locks"], json!([account]));
}

#[test]
fn what_is_not_as_it_should_be_is_said_with_the_cure() {
    let mut machine = Machine::new();
    machine.synchronised = true;
    assert_eq!(status(&mut machine)["warnings"], json!([]));
    let calls = [
        (
            "auth.twofactor.policy.update",
            json!([{ "unenrolled": "ALLOW" }]),
            "unenrolled=DENY",
        ),
        (
            "auth.twofactor.bypass.create",
            json!([{ "username": null, "reason": "x" }]),
            "lets everybody in",
        ),
        (
            "auth.twofactor.update",
            json!([{ "enabled": true, "window": 2 }]),
            "A code is good for 150 s",
        ),
        (
            "auth.twofactor.update",
            json!([{ "window": 0, "interval": 10 }]),
            "1 device has an interval outside",
        ),
    ];
    for (name, params, text) in calls {
        assert!(!warns(&mut machine, text), "{text}");
        machine.ok(name, params);
        assert!(warns(&mut machine, text), "{text}");
    }
    assert!(!warns(&mut machine, "clock"));
    machine.synchronised = false;
    assert!(warns(&mut machine, "timedatectl"));
    assert_eq!(status(&mut machine)["clock"]["max_error"], Value::Null);
    machine.state(|tx| {
        let mut device = tx.open_devices(0).unwrap().remove(0).device;
        device.secret = twofactor::Secret::from_bytes(&[7; 10]).unwrap();
        let weak = store::NewDevice {
            uid: 0,
            name: "old",
            enrolment: twofactor::Enrolment::Active,
            replaces: None,
            device: &device,
        };
        tx.add_device(&weak).unwrap();
    });
    assert!(warns(
        &mut machine,
        "1 device has a secret of less than 128 bits"
    ));
}

#[test]
fn it_works_without_the_master_key_and_says_so() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    std::fs::remove_file(machine.dir.path().join("state/middlewared.key")).unwrap();
    let mut machine = machine.restarted();
    let shown = status(&mut machine);
    assert_eq!(shown["devices"].as_array().unwrap().len(), 1);
    let first = shown["warnings"][0].as_str().unwrap();
    assert!(
        first.contains("master key") && first.contains("midclt 2fa disable"),
        "{first}"
    );
}

/// 10,000 accounts: no list grows with them, and the counts are right.
#[test]
fn many_accounts_make_no_long_answer() {
    let mut machine = Machine::new();
    machine.state(|tx| {
        for uid in 100_000..110_000 {
            let name = format!("u{uid}");
            let account = twofactor::Account {
                uid,
                name: AccountName::new(&name).unwrap(),
            };
            tx.ensure_account(&account).unwrap();
            tx.set_grace(uid, Some(UnixTime::from_secs(1_800_000_000)))
                .unwrap();
            tx.add_exemption(uid, UnixTime::from_secs(1_800_000_000), "x")
                .unwrap();
        }
    });
    let shown = status(&mut machine);
    assert_eq!(shown["accounts"]["known"], 10_000);
    for list in ["grace", "exemptions", "devices", "unenrolled"] {
        assert!(shown[list].as_array().unwrap().len() <= 100, "{list}");
    }
    assert!(shown.to_string().len() < 65_536);
    let grace = machine.ok("auth.twofactor.grace.query", json!([]));
    assert_eq!(grace.as_array().unwrap().len(), 1000);
}

/// The clock was ahead, and what was granted then counts from that time: nobody would know.
#[test]
fn a_latest_time_that_is_ahead_of_the_clock_is_named_until_an_unlock() {
    let mut machine = Machine::new();
    let now = machine.now;
    let year = 365 * 86_400;
    machine.now += year;
    machine.update(json!({ "enabled": true }));
    let ahead = format!("it has shown {}", machine.now);
    assert!(!warns(&mut machine, "it has shown"), "nobody knows it yet");
    for (at, is_named) in [
        (now, true),
        (now + year - 61, true),
        (now + year - 60, false),
    ] {
        machine.now = at;
        assert_eq!(warns(&mut machine, &ahead), is_named, "{at}");
    }
    machine.now = now;
    machine.synchronised = false;
    machine.ok("auth.twofactor.unlock", json!(["root"]));
    assert!(
        warns(&mut machine, &ahead),
        "an unsynchronised clock takes nothing back"
    );
    machine.synchronised = true;
    machine.ok("auth.twofactor.unlock", json!(["root"]));
    assert!(!warns(&mut machine, "it has shown"));
}
