//! `auth.twofactor.device.*`, confirming aside.

use super::*;

const CREATE: &str = "auth.twofactor.device.create";
pub(super) const QUERY: &str = "auth.twofactor.device.query";
const DAY: u64 = 86_400;

pub(super) fn create(machine: &mut Machine, wanted: Value) -> Value {
    machine.ok(CREATE, json!([wanted]))
}

pub(super) fn names(machine: &mut Machine) -> Vec<String> {
    let listed = machine.ok(QUERY, json!([]));
    let devices = listed.as_array().unwrap().iter();
    devices
        .map(|device| device["name"].as_str().unwrap().to_owned())
        .collect()
}

pub(super) fn activate(machine: &mut Machine, device: &Value) {
    let id = device["id"].as_i64().unwrap();
    assert!(machine.state(|tx| tx.activate_device(id)).unwrap());
}

#[test]
fn a_new_device_is_pending_for_seven_days_and_shown_once() {
    let mut machine = Machine::new();
    let mut device = create(&mut machine, json!({ "username": "daemon" }));
    let secret = device["secret"].as_str().unwrap().to_owned();
    let uri = device["provisioning_uri"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 32);
    assert!(
        uri.starts_with("otpauth://totp/middlewared:daemon-"),
        "{uri}"
    );
    assert!(
        uri.ends_with(&format!("%40Linux?secret={secret}&issuer=middlewared")),
        "{uri}"
    );
    for shown in ["secret", "provisioning_uri"] {
        device.as_object_mut().unwrap().remove(shown);
    }
    let expected = json!({
        "id": device["id"], "username": "daemon", "name": "phone", "state": "PENDING",
        "algorithm": "SHA1", "otp_digits": 6, "interval": 30, "created": machine.now,
        "last_used": null, "expires": machine.now + 7 * DAY, "replaces": null,
    });
    assert_eq!(device, expected);
    for of in [
        json!([]),
        json!([{ "username": "daemon" }]),
        json!([{ "limit": 1 }]),
    ] {
        assert_eq!(machine.ok(QUERY, of), json!([device]));
    }
    for of in [
        json!({ "username": "bin" }),
        json!({ "after": device["id"] }),
    ] {
        assert_eq!(machine.ok(QUERY, json!([of])), json!([]));
    }
    assert_eq!(machine.audited().1, "issued");
    let events = machine.events("auth.twofactor.device");
    assert_eq!(
        (&events[0]["msg"], &events[0]["fields"]),
        (&json!("added"), &device)
    );
    machine.now += 7 * DAY;
    assert_eq!(machine.ok(QUERY, json!([])), json!([]));
    let reason = machine.refusal("auth.twofactor.device.delete", json!([device["id"]]));
    assert!(
        reason.starts_with("[ENOENT]") && reason.contains(QUERY),
        "{reason}"
    );
}

#[test]
fn codes_look_as_asked_for() {
    let mut machine = Machine::new();
    let wanted = json!({ "username": "daemon", "otp_digits": 8, "interval": 60 });
    let device = create(&mut machine, wanted);
    assert_eq!(
        (&device["otp_digits"], &device["interval"]),
        (&json!(8), &json!(60))
    );
    let uri = device["provisioning_uri"].as_str().unwrap();
    assert!(uri.ends_with("&digits=8&period=60"), "{uri}");
    // A device that replaces another is like it, unless it is said.
    activate(&mut machine, &device);
    let wanted = json!({ "username": "daemon", "replaces": device["id"], "otp_digits": 7 });
    let renewed = create(&mut machine, wanted);
    assert_eq!(
        (&renewed["otp_digits"], &renewed["interval"]),
        (&json!(7), &json!(60))
    );
    for (wanted, line) in [
        (
            json!({ "username": "daemon", "otp_digits": 5 }),
            "otp_digits: Should be between 6 and 8",
        ),
        (
            json!({ "username": "daemon", "otp_digits": 9 }),
            "otp_digits: Should be between 6 and 8",
        ),
        (
            json!({ "username": "daemon", "interval": 45 }),
            "interval: Should be 30 or 60",
        ),
        (
            json!({ "username": "daemon", "name": "" }),
            "name: Should have 1 to 64 characters",
        ),
        (
            json!({ "username": "daemon", "name": "x".repeat(65) }),
            "name: Should have 1 to 64 characters",
        ),
        (
            json!({ "username": "daemon", "invite": 7 }),
            "invite: Not a string",
        ),
        (json!({ "name": "phone" }), "username: Field required"),
        (
            json!({ "username": "daemon", "secret": "x" }),
            "secret: Field was not expected",
        ),
    ] {
        let reason = machine.refusal(CREATE, json!([wanted]));
        assert_eq!(reason, format!("[EINVAL] device_create.{line}\n"));
    }
}

#[test]
fn names_are_counted_and_unique_in_an_account() {
    let mut machine = Machine::new();
    for _ in 0..3 {
        create(&mut machine, json!({ "username": "daemon" }));
    }
    let other = create(
        &mut machine,
        json!({ "username": "bin", "name": "phone 2" }),
    );
    assert_eq!(
        names(&mut machine),
        ["phone", "phone 2", "phone 3", "phone 2"]
    );
    let taken = "Another device of this account has that name\n";
    let reason = machine.refusal(CREATE, json!([{ "username": "daemon", "name": "phone 3" }]));
    assert_eq!(reason, format!("[EINVAL] device_create.name: {taken}"));
    let second = machine.ok(QUERY, json!([]))[1]["id"].clone();
    let rename = |id: &Value, name: &str| json!([id, { "name": name }]);
    let update = "auth.twofactor.device.update";
    let reason = machine.refusal(update, rename(&second, "phone"));
    assert_eq!(reason, format!("[EINVAL] device_update.name: {taken}"));
    machine.events.clear();
    let renamed = machine.ok(update, rename(&second, " tablet "));
    assert_eq!(
        (&renamed["name"], &renamed["id"]),
        (&json!("tablet"), &second)
    );
    assert_eq!(machine.audited().1, "renamed");
    let told = machine.events("auth.twofactor.device");
    assert_eq!(
        (&told[0]["msg"], &told[0]["fields"]),
        (&json!("changed"), &renamed)
    );
    // What changes nothing is not told.
    machine.ok(update, rename(&second, "tablet"));
    machine.ok(update, rename(&other["id"], "phone 2"));
    assert!(machine.events.is_empty());
    // The number that is free again is used again.
    create(&mut machine, json!({ "username": "daemon" }));
    assert_eq!(names(&mut machine)[4], "phone 2");
}

#[test]
fn an_account_has_at_most_eight() {
    let mut machine = Machine::new();
    for _ in 0..8 {
        create(&mut machine, json!({ "username": "daemon" }));
    }
    let reason = machine.refusal(CREATE, json!([{ "username": "daemon" }]));
    assert!(
        reason.contains("8 devices") && reason.contains("midclt 2fa device remove ID"),
        "{reason}"
    );
    create(&mut machine, json!({ "username": "bin" }));
    // Those that nobody confirmed make room.
    machine.now += 7 * DAY;
    create(&mut machine, json!({ "username": "daemon" }));
    assert_eq!(names(&mut machine), ["phone"]);
}

#[test]
fn a_renewal_takes_the_name_and_only_the_last_one_counts() {
    let mut machine = Machine::new();
    let old = create(
        &mut machine,
        json!({ "username": "daemon", "name": "iPhone" }),
    );
    activate(&mut machine, &old);
    let renew = json!({ "username": "daemon", "replaces": old["id"] });
    let first = create(&mut machine, renew.clone());
    let second = create(&mut machine, renew);
    assert_eq!(
        (&second["name"], &second["replaces"]),
        (&json!("iPhone"), &old["id"])
    );
    let listed = machine.ok(QUERY, json!([]));
    let ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    assert_eq!(ids, [&old["id"], &second["id"]], "not {}", first["id"]);
    activate(&mut machine, &second);
    assert_eq!(names(&mut machine), ["iPhone"]);
}

#[test]
fn only_a_device_of_the_account_is_replaced() {
    let mut machine = Machine::new();
    let other = create(&mut machine, json!({ "username": "bin" }));
    for id in [other["id"].clone(), json!(99)] {
        let wanted = json!([{ "username": "daemon", "replaces": id }]);
        let reason = machine.refusal(CREATE, wanted);
        let start = "[EINVAL] device_create.replaces: 'daemon' has no device of this number";
        assert!(
            reason.starts_with(start) && reason.contains(QUERY),
            "{reason}"
        );
    }
    assert_eq!(names(&mut machine), ["phone"]);
}

#[test]
fn an_invite_is_good_once_for_its_account_and_its_first_device() {
    let mut machine = Machine::new();
    let mut invite = |username: &str| {
        let made = json!([{ "username": username }]);
        machine.ok("auth.twofactor.invite.create", made)["invite"].clone()
    };
    let (right, of_another) = (invite("daemon"), invite("bin"));
    let wanted = |invite: &Value| json!([{ "username": "daemon", "invite": invite }]);
    let wrong = "[EINVAL] device_create.invite: This invite is wrong, was used, or is over. A new \
        one: midclt 2fa invite daemon\n";
    let mut mistyped = right.as_str().unwrap().to_owned();
    mistyped.pop();
    for not_it in [
        of_another,
        json!(mistyped),
        json!(""),
        json!("no invite at all"),
    ] {
        assert_eq!(machine.refusal(CREATE, wanted(&not_it)), wrong);
    }
    let typed = right.as_str().unwrap().to_lowercase().replace('-', " ");
    let device = machine.ok(CREATE, wanted(&json!(typed)));
    assert_eq!(machine.refusal(CREATE, wanted(&right)), wrong, "used");
    activate(&mut machine, &device);
    let reason = machine.refusal(CREATE, wanted(&right));
    assert!(reason.contains("'daemon' has a device"), "{reason}");
    // Root needs none.
    create(&mut machine, json!({ "username": "daemon" }));
}

#[test]
fn an_invite_ends_with_its_hours() {
    let mut machine = Machine::new();
    let made = json!([{ "username": "daemon", "hours": 1 }]);
    let made = machine.ok("auth.twofactor.invite.create", made);
    machine.now += 3600;
    let wanted = json!([{ "username": "daemon", "invite": made["invite"] }]);
    assert!(machine.refusal(CREATE, wanted).contains("is over"));
}

#[test]
fn a_refused_device_leaves_the_invite() {
    let mut machine = Machine::new();
    create(&mut machine, json!({ "username": "daemon" }));
    let made = machine.ok(
        "auth.twofactor.invite.create",
        json!([{ "username": "daemon" }]),
    );
    let wanted =
        |name: &str| json!([{ "username": "daemon", "name": name, "invite": made["invite"] }]);
    assert!(
        machine
            .refusal(CREATE, wanted("phone"))
            .contains("has that name")
    );
    machine.ok(CREATE, wanted("tablet"));
}

#[test]
fn removing_is_announced_where_a_device_could_give_codes() {
    let mut machine = Machine::new();
    let first = create(&mut machine, json!({ "username": "daemon" }));
    activate(&mut machine, &first);
    let second = create(&mut machine, json!({ "username": "daemon" }));
    assert_eq!(machine.alerts(), [], "nothing is active that was not");
    let removed = vec![AlertKind::DeviceRemoved];
    for (device, alerts) in [(&second, vec![]), (&first, removed)] {
        machine.events.clear();
        let deleted = machine.ok("auth.twofactor.device.delete", json!([device["id"]]));
        assert_eq!(deleted, json!(true));
        assert_eq!(machine.audited().1, "removed");
        if device == &first {
            let message = &machine.alerts[0].message;
            assert_eq!(
                message,
                "The device 'phone' of 'daemon' was removed; it was the last one"
            );
        }
        assert_eq!(machine.alerts(), alerts);
        let told = machine.events("auth.twofactor.device");
        assert_eq!(
            (&told[0]["msg"], &told[0]["id"]),
            (&json!("removed"), &device["id"])
        );
    }
    assert_eq!(machine.ok(QUERY, json!([])), json!([]));
}
