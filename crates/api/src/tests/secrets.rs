//! No event, alert or audit entry holds what opens something: here everything that does is issued.

use super::*;

/// Everything that was issued, and every part of it that would be worth something.
fn issue(machine: &mut Machine) -> Vec<String> {
    let mut issued = Vec::new();
    let mut keep = |value: &Value| issued.push(value.as_str().unwrap().to_owned());
    keep(&machine.update(json!({ "enabled": true }))["secret"]);
    machine.ok("auth.twofactor.renew_secret", json!([]));
    keep(&machine.config()["secret"]);
    keep(&machine.update(json!({ "otp_digits": 8 }))["secret"]);
    let daemon = json!([{ "username": "daemon" }]);
    let invite = machine.ok("auth.twofactor.invite.create", daemon.clone())["invite"].clone();
    keep(&invite);
    let wanted = json!([{ "username": "daemon", "invite": invite }]);
    for device in [
        machine.ok("auth.twofactor.device.create", wanted),
        machine.ok("auth.twofactor.device.create", daemon),
    ] {
        keep(&device["secret"]);
        keep(&device["provisioning_uri"]);
        confirm(machine, &device);
        machine.ok(
            "auth.twofactor.device.update",
            json!([device["id"], { "name": "x" }]),
        );
        machine.ok("auth.twofactor.device.delete", json!([device["id"]]));
    }
    let renewed = machine.ok("user.renew_2fa_secret", json!(["daemon", {}]));
    let uri = &renewed["twofactor_config"]["provisioning_uri"];
    keep(uri);
    let secret = uri.as_str().unwrap().split("secret=").nth(1).unwrap();
    keep(&json!(secret.split('&').next().unwrap()));
    let codes = machine.ok("auth.twofactor.recovery.generate", json!(["daemon"]));
    for code in codes["codes"].as_array().unwrap() {
        keep(code);
    }
    machine.ok(
        "auth.twofactor.recovery.confirm_saved",
        json!([codes["id"]]),
    );
    let code = machine.code();
    keep(&json!(code));
    assert!(machine.verify(json!(code)));
    machine.ok("user.unset_2fa_secret", json!(["daemon"]));
    issued
}

/// A wrong code and a right one.
fn confirm(machine: &mut Machine, device: &Value) {
    let right = machine.code_of(device["secret"].as_str().unwrap());
    let wrong = if right == "000000" {
        "111111"
    } else {
        "000000"
    };
    let params = |token: &str| json!([{ "id": device["id"], "token": token }]);
    let name = "auth.twofactor.device.confirm";
    machine.refusal(name, params(wrong));
    machine.ok(name, params(&right));
}

#[test]
fn nothing_that_opens_is_told_or_written_down() {
    let mut machine = Machine::new();
    let issued = issue(&mut machine);
    assert_eq!(issued.len(), 21);
    let mut texts: Vec<String> = machine
        .events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    texts.extend(machine.alerts.iter().map(|alert| format!("{alert:?}")));
    let told = texts.len();
    let entries = machine.ok("auth.twofactor.audit", json!([{ "limit": 1000 }]));
    texts.extend(entries.as_array().unwrap().iter().map(Value::to_string));
    assert!(
        told >= 30 && texts.len() >= told + 17,
        "{told} of {}",
        texts.len()
    );
    for text in &texts {
        let plain = text.replace(['-', ' '], "").to_uppercase();
        for secret in &issued {
            let secret = secret.replace(['-', ' '], "").to_uppercase();
            assert!(!plain.contains(&secret), "{text}");
        }
    }
}
