//! `auth.twofactor.device.confirm`.

use super::*;

const CONFIRM: &str = "auth.twofactor.device.confirm";

/// A machine with a pending device of an account.
struct Pending {
    machine: Machine,
    device: Value,
}

impl Pending {
    fn new() -> Self {
        let mut machine = Machine::new();
        let device = Self::add(&mut machine, json!({ "username": "daemon" }));
        machine.events.clear();
        Self { machine, device }
    }

    fn add(machine: &mut Machine, wanted: Value) -> Value {
        machine.ok("auth.twofactor.device.create", json!([wanted]))
    }

    fn code(&self) -> String {
        self.machine
            .code_of(self.device["secret"].as_str().unwrap())
    }

    /// A code of the right form that is wrong for a while.
    fn wrong(&self) -> String {
        let secret = self.device["secret"].as_str().unwrap();
        let now = self.machine.now;
        let soon: Vec<_> = (0..60)
            .map(|step| Machine::code_at(secret, now + 30 * step))
            .collect();
        let mut codes = (0..).map(|number| format!("{number:06}"));
        codes.find(|code| !soon.contains(code)).unwrap()
    }

    fn params(&self, token: &str) -> Value {
        json!([{ "id": self.device["id"], "token": token }])
    }

    fn confirm(&mut self, token: &str) -> Value {
        let params = self.params(token);
        self.machine.ok(CONFIRM, params)
    }

    fn refusal(&mut self, token: &str) -> String {
        let params = self.params(token);
        self.machine.refusal(CONFIRM, params)
    }

    fn states(&mut self) -> Vec<(i64, Value)> {
        let listed = self.machine.ok("auth.twofactor.device.query", json!([]));
        let devices = listed.as_array().unwrap().iter();
        devices
            .map(|it| (it["id"].as_i64().unwrap(), it["state"].clone()))
            .collect()
    }
}

#[test]
fn its_first_right_code_makes_it_active_and_is_burned() {
    let mut pending = Pending::new();
    let code = pending.code();
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let active = pending.confirm(&spaced);
    let expected = json!({
        "id": pending.device["id"], "username": "daemon", "name": "phone", "state": "ACTIVE",
        "algorithm": "SHA1", "otp_digits": 6, "interval": 30, "created": pending.machine.now,
        "last_used": pending.machine.now, "expires": null, "replaces": null,
    });
    assert_eq!(active, expected);
    assert_eq!(pending.machine.alerts(), [AlertKind::DeviceAdded]);
    let told = pending.machine.events("auth.twofactor.device");
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["msg"], &told[0]["fields"]),
        (&json!("changed"), &expected)
    );
    let entry = (
        CONFIRM.to_owned(),
        "accepted".to_owned(),
        Some("daemon".to_owned()),
    );
    assert_eq!(pending.machine.audited(), entry);
    let reason = pending.refusal(&code);
    assert_eq!(reason, "[EEXIST] The device 'phone' is active already");
    pending.machine.update(json!({ "enabled": true }));
    let login = json!([{
        "username": "daemon", "uid": 1, "service": "sudo", "factor": "password", "token": code,
    }]);
    let verdict = pending.machine.ok("auth.twofactor.authenticate", login)["verdict"].clone();
    assert_eq!(verdict, "REPLAYED");
}

#[test]
fn what_is_no_code_is_told_and_costs_nothing() {
    let mut pending = Pending::new();
    let line = "[EINVAL] device_confirm.token: A code of this device has 6 digits\n";
    for token in [
        "",
        " ",
        "12345",
        "1234567",
        "abcdef",
        "K-ABCD-EFGH-IJKL-MNOP",
    ] {
        for _ in 0..7 {
            assert_eq!(pending.refusal(token), line, "{token}");
        }
    }
    let code = pending.code();
    pending.confirm(&code);
}

/// "Invalid code" without a reason is an hour lost. What is said of another device was counted.
#[test]
fn a_wrong_code_is_explained() {
    let mut machine = Machine::new();
    let wanted = json!({ "username": "daemon", "interval": 60, "name": "tablet" });
    let device = Pending::add(&mut machine, wanted);
    let old = Pending::add(
        &mut machine,
        json!({ "username": "daemon", "name": "old phone" }),
    );
    let mut pending = Pending { machine, device };
    let now = pending.machine.now;
    let own = pending.device["secret"].as_str().unwrap().to_owned();
    let other = old["secret"].as_str().unwrap().to_owned();
    for (token, start) in [
        (
            Machine::code_at(&own, now),
            "Your app's codes last 30 s, and this device's 60",
        ),
        (
            Machine::code_at(&other, now),
            "This is the code of the device 'old phone'.",
        ),
    ] {
        let reason = pending.refusal(&token);
        assert!(reason.contains(start), "{reason}");
    }
    let entry = &pending
        .machine
        .ok("auth.twofactor.audit", json!([{ "outcome": "wrong" }]))[0];
    assert_eq!(entry["count"], 2);
    let pending = &mut Pending::new();
    let late = Machine::code_at(
        pending.device["secret"].as_str().unwrap(),
        pending.machine.now - 120,
    );
    let reason = pending.refusal(&late);
    assert!(
        reason.contains("phone's clock is about 120 s behind"),
        "{reason}"
    );
}

/// The answer is an error, and the count is kept all the same.
#[test]
fn wrong_codes_count_though_they_are_errors() {
    let mut pending = Pending::new();
    let wrong = pending.wrong();
    for _ in 0..5 {
        let reason = pending.refusal(&wrong);
        let start = "[EINVAL] device_confirm.token: This code is wrong. ";
        assert!(reason.starts_with(start), "{reason}");
    }
    let code = pending.code();
    let reason = pending.refusal(&code);
    assert_eq!(reason, "[EBUSY] Too many wrong codes. Try again in 30 s");
    let entry = &pending
        .machine
        .ok("auth.twofactor.audit", json!([{ "outcome": "wrong" }]))[0];
    assert_eq!(
        (&entry["count"], &entry["username"]),
        (&json!(5), &json!("daemon"))
    );
    pending.machine.now += 30;
    let code = pending.code();
    assert_eq!(pending.confirm(&code)["state"], "ACTIVE");
}

#[test]
fn a_code_of_another_device_does_not_confirm() {
    let mut pending = Pending::new();
    let other = Pending::add(&mut pending.machine, json!({ "username": "daemon" }));
    let code = pending.machine.code_of(other["secret"].as_str().unwrap());
    assert!(
        pending
            .refusal(&code)
            .contains("This is the code of the device")
    );
    assert!(pending.states().iter().all(|(_, state)| state == "PENDING"));
}

#[test]
fn the_device_that_it_replaces_goes() {
    let mut pending = Pending::new();
    let code = pending.code();
    let old = pending.confirm(&code)["id"].clone();
    let wanted = json!({ "username": "daemon", "replaces": old });
    pending.device = Pending::add(&mut pending.machine, wanted);
    let new = pending.device["id"].as_i64().unwrap();
    let before = [
        (old.as_i64().unwrap(), json!("ACTIVE")),
        (new, json!("PENDING")),
    ];
    assert_eq!(pending.states(), before);
    pending.machine.events.clear();
    let code = pending.code();
    assert_eq!(pending.confirm(&code)["replaces"], Value::Null);
    assert_eq!(pending.states(), [(new, json!("ACTIVE"))]);
    let told = pending.machine.events("auth.twofactor.device");
    assert_eq!((&told[0]["msg"], &told[0]["id"]), (&json!("removed"), &old));
}

/// The phone still shows the secret before: it has the same name as the new one, often.
#[test]
fn the_code_of_the_secret_before_is_named() {
    let mut pending = Pending::new();
    let code = pending.code();
    let old = pending.confirm(&code)["id"].clone();
    let secret = pending.device["secret"].as_str().unwrap().to_owned();
    let wanted = json!({ "username": "daemon", "replaces": old });
    pending.device = Pending::add(&mut pending.machine, wanted);
    let code = pending.machine.code_of(&secret);
    let reason = pending.refusal(&code);
    assert!(
        reason.contains("the code of the secret before, which"),
        "{reason}"
    );
}

#[test]
fn after_seven_days_and_for_what_there_is_not_it_is_an_unknown_device() {
    let mut pending = Pending::new();
    pending.machine.now += 7 * 86_400;
    let code = pending.code();
    let reason = pending.refusal(&code);
    assert!(
        reason.starts_with("[ENOENT] There is no device"),
        "{reason}"
    );
    pending.device["id"] = json!(99);
    assert!(pending.refusal(&code).starts_with("[ENOENT]"));
}
