//! `auth.twofactor.recovery.*`.

use twofactor::{LookupSecret, find};

use super::*;

const GENERATE: &str = "auth.twofactor.recovery.generate";
const CONFIRM: &str = "auth.twofactor.recovery.confirm_saved";
const REMAINING: &str = "auth.twofactor.recovery.remaining";

/// Which of the codes that count this is.
fn position(machine: &mut Machine, code: &Value) -> Option<usize> {
    let uid = machine.state(|tx| {
        let name = AccountName::new("daemon").unwrap();
        tx.account_named(&name).unwrap().unwrap().account.uid
    });
    let set = machine.state(|tx| tx.recovery_set(uid).unwrap())?;
    let secret = LookupSecret::parse(code.as_str().unwrap()).unwrap();
    find(&set.codes, &secret.argon2id(&set.salt).ok().unwrap())
}

#[test]
fn ten_codes_count_once_they_are_saved_and_the_old_ones_until_then() {
    let mut machine = Machine::new();
    let left = |machine: &mut Machine| machine.ok(REMAINING, json!(["daemon"]));
    let none = json!({ "remaining": 0, "unsaved": false, "created": null });
    assert_eq!(left(&mut machine), none);
    let first = machine.ok(GENERATE, json!(["daemon"]));
    assert_eq!(machine.audited().1, "generated");
    let codes = first["codes"].as_array().unwrap();
    assert_eq!(codes.len(), 10);
    for code in codes {
        let text = code.as_str().unwrap();
        assert_eq!((text.len(), text.matches('-').count()), (21, 4), "{text}");
        assert_eq!(codes.iter().filter(|other| *other == code).count(), 1);
    }
    let unsaved = json!({ "remaining": 0, "unsaved": true, "created": null });
    assert_eq!(left(&mut machine), unsaved);
    assert_eq!(position(&mut machine, &codes[0]), None, "not saved yet");
    machine.now += 60;
    let saved = json!({ "username": "daemon", "remaining": 10 });
    assert_eq!(machine.ok(CONFIRM, json!([first["id"]])), saved);
    assert_eq!(machine.audited().1, "saved");
    let counting = json!({ "remaining": 10, "unsaved": false, "created": machine.now - 60 });
    assert_eq!(left(&mut machine), counting);
    for (at, code) in codes.iter().enumerate() {
        assert_eq!(position(&mut machine, code), Some(at));
    }
    let second = machine.ok(GENERATE, json!(["daemon"]));
    assert_eq!(
        position(&mut machine, &codes[0]),
        Some(0),
        "the old ones still count"
    );
    assert_eq!(position(&mut machine, &second["codes"][0]), None);
    machine.ok(CONFIRM, json!([second["id"]]));
    assert_eq!(position(&mut machine, &codes[0]), None);
    assert_eq!(position(&mut machine, &second["codes"][9]), Some(9));
    let whats: Vec<_> = machine
        .events("auth.twofactor.account")
        .iter()
        .map(|event| event["fields"].clone())
        .collect();
    let told = json!({ "username": "daemon", "what": "recovery" });
    assert_eq!(whats, [&told, &told, &told, &told].map(Clone::clone));
}

#[test]
fn a_set_that_was_never_saved_is_replaced() {
    let mut machine = Machine::new();
    let lost = machine.ok(GENERATE, json!(["daemon"]));
    let kept = machine.ok(GENERATE, json!(["daemon"]));
    for id in [lost["id"].clone(), json!(99)] {
        let reason = machine.refusal(CONFIRM, json!([id]));
        assert!(
            reason.starts_with("[ENOENT]") && reason.contains(GENERATE),
            "{reason}"
        );
    }
    machine.ok(CONFIRM, json!([kept["id"]]));
}

#[test]
fn nobody_has_codes_whom_the_machine_does_not_know() {
    for name in [GENERATE, REMAINING] {
        let reason = Machine::new().refusal(name, json!(["no-such-user"]));
        assert_eq!(reason, "[ENOENT] User 'no-such-user' does not exist");
    }
}
