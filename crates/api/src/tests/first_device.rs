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
