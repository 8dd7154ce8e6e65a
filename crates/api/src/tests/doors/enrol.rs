//! A first device, set up at the door by an invite.

use std::os::unix::fs::PermissionsExt;

use super::*;

const ENROL: &str = "auth.twofactor.device.enrol";

/// A machine that asks everybody, and an account without a device that is invited. The invite.
fn invited() -> (Doors, String) {
    let mut doors = Doors::new();
    let invite = invite(&mut doors);
    (doors, invite)
}

fn invite(doors: &mut Doors) -> String {
    let to = json!([{ "username": BIN.0 }]);
    let made = doors.machine.ok("auth.twofactor.invite.create", to);
    made["invite"].as_str().unwrap().to_owned()
}

fn newcomer(invite: &str) -> Value {
    json!({
        "username": BIN.0, "uid": BIN.1, "service": "sudo", "factor": "password",
        "source": "192.0.2.1", "tty": "ssh", "invite": invite,
    })
}

fn login() -> Value {
    json!({ "username": BIN.0, "uid": BIN.1, "source": "192.0.2.1" })
}

impl Doors {
    fn may_enrol(&mut self, login: Value) -> bool {
        self.login(login)["may_enrol"].as_bool().unwrap()
    }

    fn wrong_invite(&mut self) -> String {
        self.machine
            .refusal(ENROL, json!([newcomer("W-BROR-ZJAG-IDSG-2OUW")]))
    }
}

#[test]
fn whoever_has_an_invite_sets_up_a_first_device() {
    let (mut doors, invite) = invited();
    assert!(doors.may_enrol(login()));
    let typed = invite.replace('-', " ").to_lowercase();
    let enrolled = doors.machine.ok(ENROL, json!([newcomer(&typed)]));
    let secret = enrolled["secret"].as_str().unwrap();
    let uri = enrolled["provisioning_uri"].as_str().unwrap();
    assert!(uri.contains(secret), "{uri}");
    assert_eq!(doors.machine.audited().1, "issued");
    // Pending, it counts for nothing; and the invite is used up.
    assert!(!doors.may_enrol(login()));
    assert_eq!(doors.verdict(login()), "NOT_ENROLLED");
    let again = doors.machine.refusal(ENROL, json!([newcomer(&invite)]));
    assert!(
        again.starts_with("[EINVAL] device_enrol.invite: "),
        "{again}"
    );
    let code = doors.machine.code_of(secret);
    let confirm = json!([{ "id": enrolled["id"], "token": code }]);
    doors.machine.ok("auth.twofactor.device.confirm", confirm);
    assert!(doors.machine.alerts().contains(&AlertKind::DeviceAdded));
    doors.machine.now += 60;
    let code = doors.machine.code_of(secret);
    let mut login = login();
    login["token"] = code.into();
    assert_eq!(doors.verdict(login), "ACCEPTED");
}

/// A stolen password enrols no phone.
#[test]
fn nobody_is_told_of_an_invite_who_has_proven_nothing() {
    let (mut doors, invite) = invited();
    for factor in [json!(null), json!(""), json!("session"), json!("hello")] {
        let mut login = login();
        login["factor"] = factor.clone();
        assert!(!doors.may_enrol(login), "{factor}");
        let mut newcomer = newcomer(&invite);
        newcomer["factor"] = factor.clone();
        let reason = doors.machine.refusal(ENROL, json!([newcomer]));
        assert!(reason.starts_with("[EACCES]"), "{factor}: {reason}");
    }
    let mut login = login();
    login["factor"] = json!("publickey:ssh-ed25519 AAAA");
    assert!(doors.may_enrol(login));
}

#[test]
fn an_invite_is_offered_only_where_it_is_of_use() {
    let mut doors = Doors::new();
    assert!(!doors.may_enrol(login()), "not invited");
    let invite = invite(&mut doors);
    assert!(doors.may_enrol(login()), "refused, else");
    let grace = json!([{ "username": BIN.0 }]);
    doors.machine.ok("auth.twofactor.grace.create", grace);
    assert!(doors.may_enrol(login()), "in grace");
    assert!(!doors.may_enrol(json!({})), "somebody else");
    assert!(!doors.may_enrol(json!({ "username": BIN.0, "uid": 4_000_000 })));
    doors.machine.now += 86_400;
    assert!(!doors.may_enrol(login()), "over");
    let reason = doors.machine.refusal(ENROL, json!([newcomer(&invite)]));
    assert!(reason.contains("is over"), "{reason}");
    doors.machine.enrol(BIN.0);
    let reason = doors.machine.refusal(ENROL, json!([newcomer(&invite)]));
    assert!(reason.starts_with("[EEXIST]"), "{reason}");
}

/// An invite of one account is of no use to another, nor to a name that was made again.
#[test]
fn an_invite_is_one_accounts() {
    let (mut doors, invite) = invited();
    for (name, uid) in [("games", 5), (BIN.0, 4_000_000), ("nobody-here", 4_000_000)] {
        let mut newcomer = newcomer(&invite);
        (newcomer["username"], newcomer["uid"]) = (name.into(), uid.into());
        let reason = doors.machine.refusal(ENROL, json!([newcomer]));
        assert!(
            reason.starts_with("[EINVAL] device_enrol.invite"),
            "{reason}"
        );
    }
    doors.machine.ok(ENROL, json!([newcomer(&invite)]));
}

/// Guesses of invites and of codes are of one budget.
#[test]
fn a_wrong_invite_counts_like_a_wrong_code() {
    let (mut doors, invite) = invited();
    for _ in 0..5 {
        let reason = doors.wrong_invite();
        assert!(
            reason.starts_with("[EINVAL] device_enrol.invite: "),
            "{reason}"
        );
    }
    let locked = doors.wrong_invite();
    assert!(
        locked.starts_with("[EBUSY] Too many wrong codes"),
        "{locked}"
    );
    let right = doors.machine.refusal(ENROL, json!([newcomer(&invite)]));
    assert!(right.starts_with("[EBUSY]"), "not looked at: {right}");
    let alerts = doors.machine.alerts();
    assert!(
        alerts.contains(&AlertKind::FailuresAfterPassword),
        "{alerts:?}"
    );
    doors.machine.now += 30;
    doors.machine.ok(ENROL, json!([newcomer(&invite)]));
}

/// The invite is not lost to a daemon that cannot seal a secret.
#[test]
fn an_invite_that_led_to_nothing_is_not_used_up() {
    let (doors, invite) = invited();
    let key = doors.machine.dir.path().join("state/middlewared.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let now = doors.machine.now;
    let mut machine = doors.machine.restarted();
    machine.now = now;
    let reason = machine.refusal(ENROL, json!([newcomer(&invite)]));
    assert!(reason.starts_with("[ENOKEY]"), "{reason}");
    std::fs::write(&key, kept).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut machine = machine.restarted();
    machine.now = now;
    machine.ok(ENROL, json!([newcomer(&invite)]));
}
