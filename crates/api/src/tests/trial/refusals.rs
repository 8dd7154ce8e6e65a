//! What is not tried and not switched on: who would be locked out, and an sshd that does not ask.

use super::*;

#[test]
fn a_trial_makes_no_device_and_takes_no_shapes_of_codes() {
    let mut machine = Machine::new();
    let reason = machine.refusal(TRY, json!([{ "changes": { "enabled": true } }]));
    assert!(
        reason.starts_with("[EINVAL] auth_twofactor_try.changes.enabled: root has no device"),
        "{reason}"
    );
    machine.update(json!({ "enabled": true }));
    for (changes, expected) in [
        (
            json!({ "otp_digits": 8 }),
            "changes.otp_digits: Field was not expected",
        ),
        (
            json!({ "window": 11 }),
            "changes.window: Should be between 0 and 10",
        ),
        (
            json!({ "policy": { "grace_days": 0 } }),
            "changes.policy.grace_days: Should be between 1 and 90",
        ),
    ] {
        let reason = machine.refusal(TRY, json!([{ "changes": changes }]));
        assert_eq!(reason, format!("[EINVAL] auth_twofactor_try.{expected}\n"));
    }
    for seconds in [29, 3601] {
        let reason = machine.refusal(TRY, json!([{ "changes": {}, "seconds": seconds }]));
        assert!(
            reason.contains("seconds: Should be between 30 and 3600"),
            "{reason}"
        );
    }
    let step = json!({ "changes": { "window": 10 } });
    machine.update(json!({ "interval": 60 }));
    let reason = machine.refusal(TRY, json!([step]));
    assert!(
        reason.contains("changes.window: (2 * window + 1)"),
        "{reason}"
    );
}

/// "Every other SSH user locked out": the names are in the refusal, and nothing was changed.
#[test]
fn ssh_is_not_switched_on_while_somebody_would_be_locked_out_or_sshd_does_not_ask() {
    let not_ready = "sshd does not ask middlewared yet: midclt 2fa ssh enable";
    let ssh: Value = serde_json::from_str(SSH).unwrap();
    let both = json!({ "enabled": true, "services": { "ssh": true } });
    let logins = people::logins().unwrap();
    let names: Vec<_> = logins.iter().map(|login| login.name.clone()).collect();
    let update = "auth.twofactor.update";
    for (method, object) in [
        (update, "auth_twofactor_update"),
        (TRY, "auth_twofactor_try.changes"),
    ] {
        let params = |changes: &Value| match method {
            TRY => json!([{ "changes": changes }]),
            _ => json!([changes]),
        };
        let mut machine = Machine::new();
        let reason = machine.refusal(method, params(&ssh));
        assert_eq!(
            reason,
            format!("[EINVAL] {object}.services.ssh: {not_ready}\n")
        );
        machine.enrol("root");
        machine.report_sshd(report(false));
        let reason = machine.refusal(method, params(&both));
        assert!(reason.contains(not_ready), "{reason}");
        machine.report_sshd(report(true));
        // Off, it asks nobody.
        machine.ok(update, json!([ssh]));
        let on = params(&json!({ "enabled": true }));
        if names.len() > 1 {
            let reason = machine.refusal(method, on.clone());
            assert!(
                reason.starts_with(&format!("[EINVAL] {object}.enabled: ")),
                "{reason}"
            );
            for name in names.iter().filter(|name| *name != "root").take(10) {
                assert!(reason.contains(name.as_str()), "{reason}");
            }
            assert!(!reason.contains("root"), "root has a device: {reason}");
        }
        machine.admit_everybody();
        machine.report_sshd(report(false));
        let reason = machine.refusal(method, on.clone());
        assert_eq!(reason, format!("[EINVAL] {object}.enabled: {not_ready}\n"));
        machine.report_sshd(report(true));
        assert_eq!(machine.config()["enabled"], false);
        machine.ok(method, on);
        assert_eq!(machine.config()["enabled"], true);
    }
}

/// A policy locks out as surely as a switch does.
#[test]
fn nobody_is_shut_out_by_a_stricter_policy_while_sshd_asks() {
    let logins = people::logins().unwrap();
    let deny = json!({ "unenrolled": "DENY" });
    let update = "auth.twofactor.policy.update";
    for (method, params, object) in [
        (update, json!([deny]), "policy_update"),
        (
            TRY,
            json!([{ "changes": { "policy": deny } }]),
            "auth_twofactor_try.changes.policy",
        ),
    ] {
        let mut machine = Machine::new();
        machine.report_sshd(report(true));
        machine.ok(update, json!([{ "unenrolled": "ALLOW" }]));
        machine.enrol("root");
        machine.update(json!({ "enabled": true, "services": { "ssh": true } }));
        if logins.len() > 1 {
            let reason = machine.refusal(method, params.clone());
            let start = format!("[EINVAL] {object}.unenrolled: Without a second factor");
            assert!(reason.starts_with(&start), "{reason}");
            assert!(!reason.contains("root"), "root has a device: {reason}");
            let policy = machine.ok("auth.twofactor.policy.config", json!([]));
            assert_eq!(policy["unenrolled"], "ALLOW");
        }
        machine.admit_everybody();
        machine.ok(method, params);
        let policy = machine.ok("auth.twofactor.policy.config", json!([]));
        assert_eq!(policy["unenrolled"], "DENY");
    }
}

#[test]
fn whoever_has_a_device_grace_or_an_exemption_or_is_allowed_is_not_locked_out() {
    let admit: [fn(&mut Machine); 4] = [
        |machine| {
            let logins = people::logins().unwrap();
            for login in &logins {
                machine.ok("user.renew_2fa_secret", json!([login.name, {}]));
            }
        },
        Machine::admit_everybody,
        |machine| {
            let logins = people::logins().unwrap();
            let until = machine.now + 86_400;
            for login in &logins {
                let exempt = json!([{ "username": login.name, "until": until, "reason": "x" }]);
                machine.ok("auth.twofactor.exemption.create", exempt);
            }
        },
        |machine| {
            machine.ok(
                "auth.twofactor.policy.update",
                json!([{ "unenrolled": "ALLOW" }]),
            );
        },
    ];
    for (at, admit) in admit.into_iter().enumerate() {
        let mut machine = Machine::new();
        let changes = json!({ "enabled": true, "services": { "ssh": true } });
        let ask = json!([{ "changes": changes }]);
        let before = machine.ok("auth.twofactor.preflight", ask.clone());
        let names = before["locked_out"].as_array().unwrap();
        assert_eq!(names[0]["username"], "root");
        assert_eq!(names[0]["reason"], "NO_DEVICE");
        assert_eq!(before["locked_out_count"], names.len());
        assert_eq!(
            before["root"],
            json!({ "active_device": false, "recovery_codes": 0 })
        );
        machine.report_sshd(report(true));
        admit(&mut machine);
        let after = machine.ok("auth.twofactor.preflight", ask);
        assert_eq!(after["locked_out"], json!([]), "{at}");
        assert_eq!(after["locked_out_count"], 0);
        assert_eq!(after["root"]["active_device"], at == 0);
        machine.update(changes);
        assert_eq!(machine.config()["services"]["ssh"], true, "{at}");
    }
}

/// Whoever logs in by another name than the one on record is refused: root was called otherwise here.
#[test]
fn an_account_on_record_by_another_name_would_be_locked_out() {
    let mut machine = Machine::new();
    machine.state(|tx| {
        let name = AccountName::new("admin").unwrap();
        tx.ensure_account(&twofactor::Account { uid: 0, name })
            .unwrap();
    });
    machine.update(json!({ "enabled": true }));
    let ask = json!([{ "changes": { "services": { "ssh": true } } }]);
    let told = machine.ok("auth.twofactor.preflight", ask);
    assert_eq!(told["root"]["active_device"], true);
    assert_eq!(told["locked_out"][0]["username"], "root", "{told}");
}

#[test]
fn a_preflight_says_what_else_to_know_and_changes_nothing() {
    let mut machine = Machine::new();
    machine.synchronised = false;
    let quiet = machine.ok("auth.twofactor.preflight", json!([]));
    assert_eq!(quiet["locked_out"], json!([]), "nobody is asked");
    let changes = json!({ "enabled": true, "services": { "ssh": true },
        "policy": { "unenrolled": "ALLOW" } });
    let told = machine.ok("auth.twofactor.preflight", json!([{ "changes": changes }]));
    let warnings = told["warnings"].to_string();
    for what in [
        "does not ask middlewared",
        "recovery codes",
        "unenrolled=DENY",
        "timedatectl",
    ] {
        assert!(warnings.contains(what), "{what}: {warnings}");
    }
    assert_eq!(told["locked_out"], json!([]), "all are allowed");
    assert_eq!(machine.config()["enabled"], false);
    assert_eq!(machine.ok("auth.twofactor.audit", json!([])), json!([]));
    assert!(machine.events.is_empty());
}
