//! Settings on trial: live at once, gone by themselves, kept by a login that shows that they work.

// Long on purpose: one way to end after the other.

mod refusals;
mod sequences;

use super::doors::{BIN, DAEMON};
use super::ssh::report;
use super::*;
use crate::auth_twofactor::people;

const TRY: &str = "auth.twofactor.try";
const SSH: &str = r#"{"services":{"ssh":true}}"#;

impl Machine {
    /// A machine on which nobody would be locked out, and sshd asks.
    fn prepared() -> Self {
        let mut machine = Self::new();
        machine.update(json!({ "enabled": true, "window": 1 }));
        machine.admit_everybody();
        machine
    }

    /// Has sshd ready, and gives everybody grace who may log in to the machine that runs the test.
    pub(super) fn admit_everybody(&mut self) {
        self.report_sshd(report(true));
        let logins = people::logins().unwrap();
        self.state(|tx| {
            for login in &logins {
                let name = AccountName::new(&login.name).unwrap();
                let uid = login.uid;
                tx.ensure_account(&twofactor::Account { uid, name })
                    .unwrap();
                let until = UnixTime::from_secs(2_000_000_000);
                tx.set_grace(uid, Some(until)).unwrap();
            }
        });
    }

    fn status(&mut self, of: &str) -> Value {
        self.ok("auth.twofactor.status", json!([]))[of].clone()
    }

    fn try_ssh(&mut self) -> i64 {
        let begun = self.ok(TRY, json!([{ "changes": { "services": { "ssh": true } } }]));
        begun["id"].as_i64().unwrap()
    }

    /// What sshd is told of an account with a proven password.
    fn at_sshd(&mut self, changes: Value) -> Value {
        let mut login = json!({
            "username": DAEMON.0, "uid": DAEMON.1, "service": "sshd", "factor": "password",
        });
        for (key, value) in changes.as_object().unwrap() {
            login[key] = value.clone();
        }
        self.ok("auth.twofactor.authenticate", json!([login]))
    }

    fn asks_sshd(&mut self) -> bool {
        let answer = self.at_sshd(json!({}));
        let asks = answer["verdict"] == "CODE_REQUIRED";
        assert_eq!(self.config()["services"]["ssh"], asks, "{answer}");
        asks
    }
}

/// It says what became of it, whatever is in force now.
#[test]
fn the_fate_of_a_trial_is_told_by_its_number() {
    let mut machine = Machine::prepared();
    let fate = |machine: &mut Machine, id: i64| machine.ok("auth.twofactor.trial", json!([id]));
    assert_eq!(fate(&mut machine, 1), json!(null));
    let kept = machine.try_ssh();
    assert_eq!(fate(&mut machine, kept), json!("LIVE"));
    machine.ok("auth.twofactor.commit", json!([]));
    machine.update(json!({ "services": { "ssh": false } }));
    let lost = machine.try_ssh();
    assert_eq!(fate(&mut machine, kept), json!("COMMITTED"));
    machine.update(json!({ "enabled": false }));
    assert_eq!(fate(&mut machine, kept), json!("COMMITTED"));
    assert_eq!(fate(&mut machine, lost), json!("ROLLED_BACK"));
}

/// No boot, and no clock that somebody sets, makes it last.
#[test]
fn a_trial_counts_at_once_and_is_rolled_back_by_itself() {
    type Pass = fn(&mut Machine);
    let passes: [(&str, Pass); 3] = [
        ("deadline", |machine| machine.now += 300),
        ("reboot", |machine| machine.boot += 1),
        ("asked", |machine| {
            machine.ok("auth.twofactor.rollback", json!([]));
        }),
    ];
    for (why, pass) in passes {
        let mut machine = Machine::prepared();
        machine.enrol(DAEMON.0);
        machine.events.clear();
        machine.alerts.clear();
        assert_eq!(machine.status("trial"), Value::Null);
        let begun = machine.ok(
            TRY,
            json!([{ "changes": { "services": { "ssh": true }, "policy": { "grace_days": 3 } } }]),
        );
        let changes = json!({ "services": { "ssh": true }, "policy": { "grace_days": 3 } });
        let until = machine.now + 300;
        assert_eq!(
            begun,
            json!({ "id": 1, "until": until, "changes": changes })
        );
        assert_eq!(machine.wake_in, Some(300));
        assert_eq!(machine.audited().1, "begun");
        assert!(machine.asks_sshd());
        machine.now += 10;
        let shown = json!({
            "id": 1, "until": until, "seconds_left": 290, "service": "sshd", "changes": changes,
        });
        assert_eq!(machine.status("trial"), shown);
        let told = machine.events("auth.twofactor.config");
        assert_eq!(told[0]["fields"]["services"]["ssh"], true);
        assert_eq!(told[0]["fields"]["policy"]["grace_days"], 3);
        assert_eq!(machine.alerts(), [AlertKind::PolicyChanged]);
        // A crash ends nothing.
        let (now, boot) = (machine.now, machine.boot);
        let mut machine = machine.restarted();
        (machine.now, machine.boot) = (now, boot);
        assert!(machine.asks_sshd());
        pass(&mut machine);
        assert!(!machine.asks_sshd(), "{why}");
        let policy = machine.ok("auth.twofactor.policy.config", json!([]));
        assert_eq!(policy["grace_days"], 14);
        let over = machine.status("rolled_back");
        assert_eq!((&over["id"], &over["why"]), (&json!(1), &json!(why)));
        assert_eq!(machine.status("trial"), Value::Null);
        // Somebody says so, once.
        machine.write(upkeep()).unwrap();
        machine.write(upkeep()).unwrap();
        assert_eq!(machine.alerts(), [AlertKind::TrialRolledBack], "{why}");
        let told = machine.events("auth.twofactor.config");
        assert_eq!(told.len(), 1, "{why}");
        assert_eq!(told[0]["fields"]["services"]["ssh"], false);
        let (method, outcome, _) = machine.audited();
        assert_eq!(
            (method.as_str(), outcome.as_str()),
            ("auth.twofactor.rollback", "rolled back")
        );
        assert_eq!(machine.status("rolled_back")["why"], why);
        // It stays visible until something else is decided.
        machine.update(json!({ "window": 2 }));
        assert_eq!(machine.status("rolled_back"), Value::Null);
        assert_eq!(machine.try_ssh(), 2);
    }
}

/// The deadline is the boot's; the time of day may be anything.
#[test]
fn a_clock_that_is_set_neither_ends_a_trial_nor_makes_it_last() {
    let mut machine = Machine::prepared();
    machine.enrol(DAEMON.0);
    machine.try_ssh();
    for (wall, boot, is_on) in [
        (0, 299, true),
        (3_000_000_000_u64, 299, true),
        (0, 300, false),
        (3_000_000_000, 300, false),
    ] {
        let clocks = Clocks {
            wall: UnixTime::from_secs(wall),
            boot: Boot {
                id: BootId([7; 16]),
                secs: machine.now + boot,
            },
            synchronised: true,
        };
        let settings = machine
            .reader
            .read(&clocks, |tx| Ok::<_, store::StoreError>(tx.settings()?.ssh));
        assert_eq!(settings.unwrap(), is_on, "{wall} {boot}");
    }
}

#[test]
fn a_login_by_a_code_that_was_not_asked_for_before_keeps_it() {
    for factor in ["password", "publickey:ssh-ed25519 AAAA"] {
        let mut machine = Machine::prepared();
        let secret = machine.enrol(DAEMON.0);
        machine.try_ssh();
        machine.events.clear();
        let code = machine.code_of(&secret);
        let answer = machine.at_sshd(json!({ "token": code, "factor": factor }));
        assert_eq!(answer["verdict"], "ACCEPTED");
        let warning = answer["warnings"][0].as_str().unwrap();
        assert!(warning.contains("are kept"), "{warning}");
        let (method, outcome, who) = machine.audited();
        assert_eq!(
            (method.as_str(), outcome.as_str(), who.as_deref()),
            (
                "auth.twofactor.authenticate",
                "trial committed",
                Some("daemon")
            )
        );
        assert_eq!(machine.events("auth.twofactor.config").len(), 1);
        machine.now += 3600;
        machine.boot += 1;
        assert!(machine.asks_sshd(), "for good");
        assert_eq!(machine.status("trial"), Value::Null);
        assert_eq!(machine.status("rolled_back"), Value::Null);
        machine.write(upkeep()).unwrap();
        assert!(!machine.alerts().contains(&AlertKind::TrialRolledBack));
        let reason = machine.refusal("auth.twofactor.commit", json!([]));
        assert!(reason.starts_with("[ENOENT]"), "{reason}");
    }
}

#[test]
fn a_recovery_code_is_a_code() {
    let mut machine = Machine::prepared();
    machine.enrol(DAEMON.0);
    let made = machine.ok("auth.twofactor.recovery.generate", json!([DAEMON.0]));
    machine.ok("auth.twofactor.recovery.confirm_saved", json!([made["id"]]));
    machine.try_ssh();
    let answer = machine.at_sshd(json!({ "token": made["codes"][0] }));
    assert_eq!(answer["verdict"], "ACCEPTED");
    machine.now += 3600;
    assert!(machine.asks_sshd());
}

/// Everything else that opens a door, or shows nothing new.
#[test]
fn nothing_but_such_a_login_keeps_a_trial() {
    type Setup = fn(&mut Machine);
    const CODE: &str = "a right code";
    const NOTHING: Setup = |_| {};
    let exempt: Setup = |machine| {
        let until = machine.now + 86_400;
        let exempt = json!([{ "username": DAEMON.0, "until": until, "reason": "a test" }]);
        machine.ok("auth.twofactor.exemption.create", exempt);
    };
    let bypass: Setup = |machine| {
        let bypass = json!([{ "username": DAEMON.0, "reason": "a test" }]);
        machine.ok("auth.twofactor.bypass.create", bypass);
    };
    let allow: Setup = |machine| {
        machine.ok(
            "auth.twofactor.policy.update",
            json!([{ "unenrolled": "ALLOW" }]),
        );
    };
    let grace: Setup = |machine| {
        machine.ok(
            "auth.twofactor.grace.create",
            json!([{ "username": BIN.0 }]),
        );
    };
    let bin = json!({ "username": BIN.0, "uid": BIN.1 });
    for (what, setup, login, verdict) in [
        ("exempt", exempt, json!({ "token": CODE }), "EXEMPT"),
        ("a bypass", bypass, json!({ "token": CODE }), "BYPASSED"),
        ("ALLOW", allow, bin.clone(), "NOT_REQUIRED"),
        ("grace", grace, bin, "NOT_REQUIRED"),
        ("no code", NOTHING, json!({}), "CODE_REQUIRED"),
        (
            "a wrong code",
            NOTHING,
            json!({ "token": "000000" }),
            "WRONG",
        ),
        (
            "another service, which asked before",
            NOTHING,
            json!({ "token": CODE, "service": "sudo" }),
            "ACCEPTED",
        ),
        (
            "nothing proven",
            NOTHING,
            json!({ "token": CODE, "factor": null }),
            "ACCEPTED",
        ),
        (
            "PAM's account phase",
            NOTHING,
            json!({ "token": CODE, "factor": "session" }),
            "ACCEPTED",
        ),
    ] {
        let mut machine = Machine::prepared();
        let secret = machine.enrol(DAEMON.0);
        setup(&mut machine);
        machine.try_ssh();
        let mut login = login;
        if login["token"] == CODE {
            login["token"] = machine.code_of(&secret).into();
        }
        assert_eq!(machine.at_sshd(login)["verdict"], verdict, "{what}");
        assert_ne!(machine.status("trial"), Value::Null, "{what}");
        machine.now += 300;
        assert_eq!(machine.config()["services"]["ssh"], false, "{what}");
    }
}

/// A trial of something else than whether sshd asks: those who typed codes before show nothing by it.
#[test]
fn whoever_needed_a_code_before_keeps_nothing() {
    let mut machine = Machine::prepared();
    let secret = machine.enrol(DAEMON.0);
    machine.update(json!({ "services": { "ssh": true } }));
    machine.ok(
        TRY,
        json!([{ "changes": { "window": 2, "policy": { "unenrolled": "ALLOW" } } }]),
    );
    let code = machine.code_of(&secret);
    assert_eq!(
        machine.at_sshd(json!({ "token": code }))["verdict"],
        "ACCEPTED"
    );
    assert_ne!(machine.status("trial"), Value::Null);
    machine.now += 300;
    assert_eq!(machine.config()["window"], 1);
}

/// A code that was right before the trial began is used up; the same login cannot say it again.
#[test]
fn a_code_from_before_the_trial_keeps_nothing() {
    let mut machine = Machine::prepared();
    let secret = machine.enrol(DAEMON.0);
    let code = machine.code_of(&secret);
    let early = machine.at_sshd(json!({ "token": code, "service": "sudo" }));
    assert_eq!(early["verdict"], "ACCEPTED");
    machine.try_ssh();
    assert_eq!(
        machine.at_sshd(json!({ "token": code }))["verdict"],
        "REPLAYED"
    );
    assert_ne!(machine.status("trial"), Value::Null);
}

#[test]
fn the_console_keeps_it_and_only_the_one_it_means() {
    let mut machine = Machine::prepared();
    machine.enrol(DAEMON.0);
    let id = machine.try_ssh();
    for method in ["auth.twofactor.commit", "auth.twofactor.rollback"] {
        let reason = machine.refusal(method, json!([id + 1]));
        assert!(reason.starts_with("[ENOENT]"), "{reason}");
    }
    let second = json!([{ "changes": { "window": 2 } }]);
    let reason = machine.refusal(TRY, second.clone());
    assert!(
        reason.starts_with("[EBUSY] The trial 1 runs for another 300 s"),
        "{reason}"
    );
    assert_eq!(machine.ok("auth.twofactor.commit", json!([id])), true);
    assert_eq!(machine.audited().1, "committed");
    machine.now += 300;
    assert!(machine.asks_sshd());
    assert_eq!(machine.ok(TRY, second)["id"], 2);
    machine.now += 299;
    assert_eq!(machine.ok("auth.twofactor.commit", json!([])), true);
    assert_eq!(machine.config()["window"], 2);
}

/// It counts until it is folded in or taken back; what is kept beneath it is what was tried.
#[test]
fn a_trial_that_is_kept_under_roots_override_does_not_store_the_override() {
    let mut machine = Machine::prepared();
    machine.enrol(DAEMON.0);
    let id = machine.try_ssh();
    machine.writer.obey(Some(breakglass::Override {
        generation: 1,
        grant: breakglass::Grant::Off,
    }));
    assert_eq!(machine.ok("auth.twofactor.commit", json!([id])), true);
    machine.writer.obey(None);
    let stored = machine.state(|tx| tx.stored_settings().unwrap());
    assert!(stored.enabled, "the override is stored");
    assert!(stored.ssh, "what was tried is not");
}

#[test]
fn too_late_is_too_late() {
    for method in ["auth.twofactor.commit", "auth.twofactor.rollback"] {
        let mut machine = Machine::prepared();
        let id = machine.try_ssh();
        machine.now += 300;
        let reason = machine.refusal(method, json!([id]));
        assert!(reason.starts_with("[ENOENT]"), "{reason}");
        assert_eq!(machine.config()["services"]["ssh"], false);
    }
}

/// What an administrator decides in the midst of a trial is decided, whatever becomes of the rest.
#[test]
fn what_is_decided_meanwhile_is_kept_in_both_outcomes() {
    let trial = json!([{ "changes": {
        "window": 3, "services": { "ssh": true }, "policy": { "unenrolled": "ALLOW", "grace_days": 3 },
    } }]);
    for (is_kept, expected) in [
        (true, (2, true, "DENY", 3)),
        (false, (2, false, "DENY", 14)),
    ] {
        let mut machine = Machine::prepared();
        machine.ok(TRY, trial.clone());
        machine.update(json!({ "window": 2 }));
        machine.ok(
            "auth.twofactor.policy.update",
            json!([{ "unenrolled": "DENY" }]),
        );
        let now = |machine: &mut Machine| {
            let (config, policy) = (
                machine.config(),
                machine.ok("auth.twofactor.policy.config", json!([])),
            );
            (
                config["window"].as_u64().unwrap(),
                config["services"]["ssh"].as_bool().unwrap(),
                policy["unenrolled"].as_str().unwrap().to_owned(),
                policy["grace_days"].as_u64().unwrap(),
            )
        };
        let meanwhile = now(&mut machine);
        assert_eq!(meanwhile, (2, true, "DENY".to_owned(), 3));
        let left = json!({ "services": { "ssh": true }, "policy": { "grace_days": 3 } });
        assert_eq!(machine.status("trial")["changes"], left);
        if is_kept {
            machine.ok("auth.twofactor.commit", json!([]));
        } else {
            machine.now += 300;
        }
        let (window, ssh, unenrolled, days) = expected;
        let expected = (window, ssh, unenrolled.to_owned(), days);
        assert_eq!(now(&mut machine), expected, "{is_kept}");
    }
}

/// Also with a policy and a device that cannot be read, and while it is off but for the trial.
#[test]
fn turning_it_off_ends_a_trial_and_always_works() {
    let damage = [
        "",
        "UPDATE policy SET grace_days = 0",
        "DELETE FROM policy",
        "UPDATE devices SET digits = 99",
        "UPDATE trial SET state = 'ODD'",
        "UPDATE sshd_report SET ready = 5",
    ];
    for (damage, passed) in damage
        .iter()
        .flat_map(|damage| [(damage, 0), (damage, 400)])
    {
        let mut machine = Machine::prepared();
        machine.update(json!({ "enabled": false }));
        let changes: Value = serde_json::from_str(SSH).unwrap();
        let mut changes = changes;
        changes["enabled"] = true.into();
        changes["policy"] = json!({ "grace_days": 3 });
        machine.ok(TRY, json!([{ "changes": changes }]));
        assert_eq!(machine.ok("auth.two_factor_auth", json!([])), true);
        machine.now += passed;
        let file = machine.dir.path().join("state/middlewared.db");
        rusqlite::Connection::open(file)
            .unwrap()
            .execute_batch(damage)
            .unwrap();
        assert_eq!(
            machine.update(json!({ "enabled": false }))["enabled"],
            false,
            "{damage}"
        );
        assert_eq!(
            machine.ok("auth.two_factor_auth", json!([])),
            false,
            "{damage}"
        );
        for now in [machine.now + 300, machine.now] {
            machine.now = now;
            let verdict = machine.at_sshd(json!({}))["verdict"].clone();
            assert_eq!(verdict, "NOT_REQUIRED", "{damage}");
        }
        if damage.is_empty() {
            let why = if passed == 0 { "asked" } else { "deadline" };
            assert_eq!(machine.status("rolled_back")["why"], why);
            assert_eq!(machine.status("trial"), Value::Null);
        }
    }
}
