//! `auth.twofactor.policy.*`.

use super::*;

const UPDATE: &str = "auth.twofactor.policy.update";

fn policy(machine: &mut Machine) -> Value {
    machine.ok("auth.twofactor.policy.config", json!([]))
}

/// `throttle.first_wait` and 7 become an object in an object.
fn change(path: &str, value: &Value) -> Value {
    match path.split_once('.') {
        Some((outer, inner)) => json!([{ outer: { inner: value } }]),
        None => json!([{ path: value }]),
    }
}

#[test]
fn what_nobody_decided() {
    let row = json!({
        "unenrolled": "DENY", "security_keys": "ASK", "grace_days": 14,
        "bypass_minutes_max": 1440, "bypass_uses_max": 10,
        "throttle": {
            "free_failures": 5, "first_wait": 30, "source_failures": 20, "account_failures": 100,
        },
    });
    assert_eq!(policy(&mut Machine::new()), row);
}

#[test]
fn each_number_has_its_bounds_and_the_state_takes_what_is_inside() {
    for (path, least, most) in [
        ("grace_days", 1, 90),
        ("bypass_minutes_max", 1, 1440),
        ("bypass_uses_max", 1, 10),
        ("throttle.free_failures", 1, 5),
        ("throttle.first_wait", 30, 3600),
        ("throttle.source_failures", 5, 20),
        ("throttle.account_failures", 10, 100),
    ] {
        let mut machine = Machine::new();
        for outside in [least - 1, most + 1, -1, i64::from(u32::MAX) + 1] {
            let reason = machine.refusal(UPDATE, change(path, &json!(outside)));
            let line = format!("Should be between {least} and {most}\n");
            assert_eq!(reason, format!("[EINVAL] policy_update.{path}: {line}"));
        }
        for inside in [least, most] {
            machine.ok(UPDATE, change(path, &json!(inside)));
            let pointer = format!("/{}", path.replace('.', "/"));
            assert_eq!(policy(&mut machine).pointer(&pointer), Some(&json!(inside)));
        }
    }
}

#[test]
fn words_and_types_are_checked() {
    for (params, line) in [
        (
            json!([{ "unenrolled": "allow" }]),
            "unenrolled: Should be one of DENY, ALLOW",
        ),
        (
            json!([{ "unenrolled": null }]),
            "unenrolled: null not allowed",
        ),
        (
            json!([{ "security_keys": "BOTH" }]),
            "security_keys: Should be one of ASK, BOTH_FACTORS",
        ),
        (
            json!([{ "grace_days": null }]),
            "grace_days: null not allowed",
        ),
        (json!([{ "throttle": 5 }]), "throttle: A dict was expected"),
        (
            json!([{ "throttle": { "known_days": 3 } }]),
            "throttle.known_days: Field was not expected",
        ),
    ] {
        let reason = Machine::new().refusal(UPDATE, params);
        assert_eq!(reason, format!("[EINVAL] policy_update.{line}\n"));
    }
}

#[test]
fn a_change_is_announced_and_what_changes_nothing_is_not() {
    let mut machine = Machine::new();
    let changed = json!([{ "unenrolled": "ALLOW", "throttle": { "first_wait": 60 } }]);
    let answer = machine.ok(UPDATE, changed.clone());
    assert_eq!(answer, policy(&mut machine));
    assert_eq!(
        machine.audited(),
        (UPDATE.to_owned(), "changed".to_owned(), None)
    );
    let message = machine.alerts.last().unwrap().message.clone();
    assert_eq!(
        message,
        "The policy changed: unenrolled was DENY and is ALLOW, first_wait was 30 and is 60"
    );
    assert_eq!(machine.alerts(), [AlertKind::PolicyChanged]);
    let events = machine.events("auth.twofactor.config");
    assert_eq!(events.len(), 1);
    let fields = &events[0]["fields"];
    assert_eq!(
        (&fields["policy"], &fields["enabled"]),
        (&answer, &json!(false))
    );
    let entries = machine.ok("auth.twofactor.audit", json!([]));
    for same in [changed, json!([{}]), json!([{ "throttle": {} }])] {
        assert_eq!(machine.ok(UPDATE, same), answer);
    }
    assert_eq!(machine.ok("auth.twofactor.audit", json!([])), entries);
    assert!(machine.events.is_empty() && machine.alerts.is_empty());
}
