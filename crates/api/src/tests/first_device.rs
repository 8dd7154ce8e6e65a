//! Root's first device, which is the one secret of the 22.12 API, beside others; and on and off.

use super::devices::{QUERY, activate, create, names};
use super::*;

#[test]
fn turning_it_on_again_finds_the_devices() {
    let mut machine = Machine::new();
    let secret = machine.update(json!({ "enabled": true }))["secret"].clone();
    create(&mut machine, json!({ "username": "root" }));
    machine.update(json!({ "enabled": false }));
    let again = machine.update(json!({ "enabled": true }));
    assert_eq!(again["secret"], secret);
    assert_eq!(names(&mut machine), ["phone", "phone 2"]);
}

/// The new secret is what the 22.12 API shows, also where root has another device.
#[test]
fn a_renewed_device_stays_the_first() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    let second = create(
        &mut machine,
        json!({ "username": "root", "name": "tablet" }),
    );
    activate(&mut machine, &second);
    machine.ok("auth.twofactor.renew_secret", json!([]));
    assert_eq!(names(&mut machine), ["phone", "tablet"]);
    assert_ne!(machine.config()["secret"], second["secret"]);
    let renewed = machine.ok("user.renew_2fa_secret", json!(["root", {}]));
    let uri = renewed["twofactor_config"]["provisioning_uri"]
        .as_str()
        .unwrap();
    assert!(
        uri.contains(machine.config()["secret"].as_str().unwrap()),
        "{uri}"
    );
}

#[test]
fn digits_and_interval_of_update_are_those_of_roots_first_device() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    let second = create(
        &mut machine,
        json!({ "username": "root", "name": "tablet" }),
    );
    activate(&mut machine, &second);
    machine.events.clear();
    machine.update(json!({ "otp_digits": 8, "interval": 60 }));
    let look = |machine: &mut Machine| -> Vec<(Value, Value)> {
        let listed = machine.ok(QUERY, json!([]));
        let devices = listed.as_array().unwrap().iter();
        devices
            .map(|it| (it["otp_digits"].clone(), it["interval"].clone()))
            .collect()
    };
    assert_eq!(
        look(&mut machine),
        [(json!(8), json!(60)), (json!(6), json!(30))]
    );
    assert_eq!(machine.events("auth.twofactor.device").len(), 1);
    // The user.* methods change the device and not the settings; update then changes it back.
    let options = json!({ "otp_digits": 7, "interval": 30 });
    machine.ok("user.renew_2fa_secret", json!(["root", options]));
    assert_eq!(machine.config()["otp_digits"], 7);
    assert_eq!(machine.update(json!({ "otp_digits": 8 }))["otp_digits"], 8);
    assert_eq!(look(&mut machine)[0], (json!(8), json!(30)));
}

#[test]
fn on_and_off_are_announced() {
    let mut machine = Machine::new();
    for (changes, alerts) in [
        (json!({ "window": 1 }), vec![]),
        (
            json!({ "enabled": true }),
            vec![AlertKind::DeviceAdded, AlertKind::Enabled],
        ),
        (json!({ "enabled": true }), vec![]),
        (json!({ "enabled": false }), vec![AlertKind::Disabled]),
        (json!({ "enabled": false, "window": 0 }), vec![]),
        (json!({ "enabled": true }), vec![AlertKind::Enabled]),
    ] {
        machine.update(changes.clone());
        assert_eq!(machine.alerts(), alerts, "{changes}");
    }
}

/// Else root would have a device that nobody has, and be locked out by it.
#[test]
fn no_device_is_made_by_a_change_that_does_not_turn_it_on() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    machine.ok("user.unset_2fa_secret", json!(["root"]));
    for changes in [
        json!({}),
        json!({ "window": 1 }),
        json!({ "enabled": true }),
    ] {
        let config = machine.update(changes.clone());
        assert_eq!(config["secret"], Value::Null, "{changes}");
        assert!(names(&mut machine).is_empty(), "{changes}");
    }
    machine.update(json!({ "enabled": false }));
    machine.update(json!({ "enabled": true }));
    assert_eq!(names(&mut machine), ["phone"]);
    let audit = machine.ok("auth.twofactor.audit", json!([{ "limit": 2 }]));
    let told: Vec<_> = audit
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["outcome"].clone(), entry["username"].clone()))
        .collect();
    let expected = [
        (json!("enabled"), Value::Null),
        (json!("issued"), json!("root")),
    ];
    assert_eq!(told, expected);
}

/// What lets an account begin ends with its first device, whichever way it came.
#[test]
fn grace_and_invites_do_not_come_back_when_the_device_goes() {
    const USER: &str = "daemon";
    for way in ["confirm", "renew", "verify"] {
        let mut machine = Machine::new();
        machine.update(json!({ "enabled": true, "window": 1 }));
        let user = json!([{ "username": USER }]);
        machine.ok("auth.twofactor.grace.create", user.clone());
        machine.ok("auth.twofactor.invite.create", user.clone());
        let login = json!([
            { "username": USER, "uid": 1, "service": "su", "factor": "password" }
        ]);
        let verdict = |machine: &mut Machine| {
            machine.ok("auth.twofactor.authenticate", login.clone())["verdict"].clone()
        };
        assert_eq!(verdict(&mut machine), "NOT_REQUIRED", "{way}");
        if way == "renew" {
            machine.ok("user.renew_2fa_secret", json!([USER, {}]));
        } else {
            let made = create(&mut machine, json!({ "username": USER }));
            let code = machine.code_of(made["secret"].as_str().unwrap());
            let (method, params) = match way {
                "confirm" => (
                    "auth.twofactor.device.confirm",
                    json!([{ "id": made["id"], "token": code }]),
                ),
                _ => ("user.verify_twofactor_token", json!([USER, code])),
            };
            machine.ok(method, params);
        }
        machine.events.clear();
        let device = machine.ok(QUERY, user.clone())[0]["id"].clone();
        machine.ok("auth.twofactor.device.delete", json!([device]));
        assert_eq!(verdict(&mut machine), "NOT_ENROLLED", "{way}");
        for what in ["grace", "invite"] {
            let method = format!("auth.twofactor.{what}.query");
            assert_eq!(machine.ok(&method, json!([])), json!([]), "{way}: {what}");
        }
    }
}

#[test]
fn a_code_may_not_be_good_for_more_than_900_seconds_on_any_device() {
    let mut machine = Machine::new();
    let slow = json!({ "username": "daemon", "interval": 60 });
    create(&mut machine, slow.clone());
    let reason = machine.refusal("auth.twofactor.update", json!([{ "window": 8 }]));
    let line = "should be at most 900 seconds, not 1020: there is a device with the interval 60";
    assert!(reason.contains(line), "{reason}");
    machine.update(json!({ "window": 7 }));
    let mut machine = Machine::new();
    machine.update(json!({ "window": 8 }));
    let renew = json!(["root", { "interval": 60 }]);
    machine.ok("user.renew_2fa_secret", json!(["root", {}]));
    for (method, params) in [
        ("auth.twofactor.device.create", json!([slow])),
        ("user.renew_2fa_secret", renew),
        (
            "user.renew_2fa_secret",
            json!(["daemon", { "interval": 60 }]),
        ),
    ] {
        let reason = machine.refusal(method, params);
        assert!(
            reason.starts_with("[EINVAL]") && reason.contains("1020 seconds"),
            "{reason}"
        );
    }
    machine.update(json!({ "window": 7 }));
    machine.ok("user.renew_2fa_secret", json!(["root", { "interval": 60 }]));
    // The interval that is changed is no reason against the change.
    machine.update(json!({ "window": 10, "interval": 30 }));
}
