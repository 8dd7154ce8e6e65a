//! `auth.twofactor.import`.

use super::devices::{QUERY, names};
use super::*;

const IMPORT: &str = "auth.twofactor.import";
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const OTHER: &str = "KRUGKIDROVUWG2ZAMJZG653OEBTG66BA";

fn known(more: Value) -> Value {
    let mut known = json!({ "username": "daemon", "secret": SECRET });
    let more = more.as_object().unwrap().clone();
    known.as_object_mut().unwrap().extend(more);
    json!([known])
}

fn verify(machine: &mut Machine, code: &str) -> Value {
    machine.ok("user.verify_twofactor_token", json!(["daemon", code]))
}

/// The phone goes on, and what it may have shown at the old system is used up.
#[test]
fn a_phone_goes_on_and_its_old_codes_do_not() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true, "window": 1 }));
    let answer = machine.ok(IMPORT, known(json!({})));
    assert_eq!(answer["outcome"], "ADDED");
    assert_eq!(answer["device"]["state"], "ACTIVE");
    assert_eq!(answer["device"]["name"], "phone");
    assert_eq!(answer["warnings"], json!([]));
    let from = answer["codes_from"].as_u64().unwrap();
    assert!(
        machine.now + 30 < from && from <= machine.now + 60,
        "{from}"
    );
    for ahead in [-30, 0, 30] {
        let code = Machine::code_at(SECRET, machine.now.saturating_add_signed(ahead));
        assert_eq!(verify(&mut machine, &code), false, "{ahead}");
    }
    machine.now = from;
    let code = machine.code_of(SECRET);
    assert_eq!(verify(&mut machine, &code), true);
    assert_eq!(machine.audited().1, "accepted");
}

#[test]
fn how_its_codes_look_is_kept() {
    let mut machine = Machine::new();
    let looks = json!({
        "name": "old phone", "algorithm": "SHA512", "otp_digits": 8, "interval": 60,
    });
    let device = machine.ok(IMPORT, known(looks))["device"].clone();
    assert_eq!(device["algorithm"], "SHA512");
    assert_eq!(
        (&device["otp_digits"], &device["interval"]),
        (&json!(8), &json!(60))
    );
    assert_eq!(names(&mut machine), ["old phone"]);
}

#[test]
fn a_dry_run_says_what_an_import_does_and_changes_nothing() {
    let mut machine = Machine::new();
    machine.ok(IMPORT, known(json!({ "name": "phone" })));
    let before = machine.ok(QUERY, json!([]));
    for (more, outcome) in [
        (json!({}), "UNCHANGED"),
        (json!({ "secret": OTHER }), "ADDED"),
        (
            json!({ "secret": OTHER, "name": "phone", "replace": true }),
            "REPLACED",
        ),
    ] {
        let mut dry = more.clone();
        dry["dry_run"] = json!(true);
        let answer = machine.ok(IMPORT, known(dry));
        assert_eq!(answer["outcome"], outcome, "{more}");
        assert_eq!(machine.ok(QUERY, json!([])), before, "{more}");
    }
}

/// Nothing is overwritten unless that was said.
#[test]
fn a_name_that_is_taken_is_refused_unless_it_is_to_be_replaced() {
    let mut machine = Machine::new();
    machine.ok(IMPORT, known(json!({ "name": "phone" })));
    for dry_run in [true, false] {
        let other = json!({ "secret": OTHER, "name": "phone", "dry_run": dry_run });
        let reason = machine.refusal(IMPORT, known(other));
        assert!(
            reason.starts_with("[EEXIST]") && !reason.contains(OTHER),
            "{reason}"
        );
    }
    assert_eq!(machine.ok(IMPORT, known(json!({})))["outcome"], "UNCHANGED");
    let other = json!({ "secret": OTHER, "name": "phone", "replace": true });
    assert_eq!(machine.ok(IMPORT, known(other))["outcome"], "REPLACED");
    assert_eq!(names(&mut machine), ["phone"]);
    // Two phones of one account.
    assert_eq!(machine.ok(IMPORT, known(json!({})))["outcome"], "ADDED");
    assert_eq!(names(&mut machine), ["phone", "phone 2"]);
}

#[test]
fn what_is_weak_or_unusual_is_said() {
    let mut machine = Machine::new();
    let answer = machine.ok(
        IMPORT,
        known(json!({ "secret": "GEZDGNBVGY3TQOJQ", "interval": 300 })),
    );
    let warnings = answer["warnings"].to_string();
    assert!(
        warnings.contains("128 bits") && warnings.contains("300 s"),
        "{warnings}"
    );
}

#[test]
fn a_ninth_device_is_refused_also_in_a_dry_run() {
    let mut machine = Machine::new();
    for number in 0..8 {
        let wanted = json!([{ "username": "daemon", "name": format!("{number}") }]);
        machine.ok("auth.twofactor.device.create", wanted);
    }
    for dry_run in [true, false] {
        let reason = machine.refusal(IMPORT, known(json!({ "dry_run": dry_run })));
        assert!(reason.contains("8 devices"), "{reason}");
    }
}

#[test]
fn what_is_no_secret_is_refused_without_being_repeated() {
    let mut machine = Machine::new();
    for wrong in [
        json!("GEZDGNBV"),
        json!("GEZDGNBVGY3TQOJ1"),
        json!(12),
        json!(null),
    ] {
        let error = machine
            .call(IMPORT, known(json!({ "secret": wrong })))
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("import.secret") && !text.contains("GEZDGNBV"),
            "{text}"
        );
    }
    assert_eq!(machine.ok(QUERY, json!([])), json!([]));
}
