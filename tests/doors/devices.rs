//! Devices from their first code to their end.

use serde_json::{Value, json};

use crate::site::{DAY, Phone, Site, login, verdict_of, wrong_code};
use crate::support::{errno, reason};

fn state(site: &mut Site, phone: &Phone) -> Value {
    let rows = site.call("auth.twofactor.device.query", json!([]));
    let rows = rows.as_array().unwrap();
    let row = rows.iter().find(|row| row["id"] == phone.id);
    row.map_or(Value::Null, |row| row["state"].clone())
}

/// Whoever was handed a secret cannot log in with it before somebody confirmed that it arrived.
#[test]
fn a_pending_device_alone_is_no_device() {
    let mut site = Site::new();
    let phone = site.issue("alice", "phone");
    let door = login("alice");
    for at_door in [door.clone(), door.clone().code(&phone.code(site.now()))] {
        assert_eq!(site.verdict(&at_door), "NOT_ENROLLED");
    }
    // Nor before anything is proven, where every account is asked for a code.
    let unproven = door.clone().unproven().code(&phone.code(site.now()));
    assert_eq!(site.verdict(&unproven), "WRONG");
    assert_eq!(state(&mut site, &phone), "PENDING");
    let confirmed = site.confirm(&phone);
    assert_eq!(confirmed["state"], "ACTIVE");
    for secret in ["secret", "provisioning_uri"] {
        assert!(
            confirmed.get(secret).is_none_or(Value::is_null),
            "{confirmed}"
        );
    }
    let code = phone.code(site.now());
    assert_eq!(
        site.verdict(&door.clone().code(&code)),
        "REPLAYED",
        "its first code is used up"
    );
    site.pass(30);
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
}

/// Beside an active device its first right code makes it active, at whatever door.
#[test]
fn a_pending_device_beside_an_active_one_counts_and_becomes_active() {
    let mut site = Site::new();
    let old = site.enrol("alice");
    let new = site.issue("alice", "tablet");
    let wrong = wrong_code(&[&old, &new], 6, site.now());
    assert_eq!(site.verdict(&login("alice").code(&wrong)), "WRONG");
    assert_eq!(
        state(&mut site, &new),
        "PENDING",
        "a wrong code changes nothing"
    );
    let answer = site.ask(&login("alice").code(&new.code(site.now())));
    assert_eq!(
        (verdict_of(&answer), &answer["device"]),
        ("ACCEPTED".into(), &json!("tablet"))
    );
    assert_eq!(state(&mut site, &new), "ACTIVE");
    // Both are good now, each for itself.
    let answer = site.ask(&login("alice").code(&old.code(site.now())));
    assert_eq!(
        (verdict_of(&answer), &answer["device"]),
        ("ACCEPTED".into(), &json!("phone"))
    );
    for phone in [&old, &new] {
        assert_eq!(site.log_in("alice", phone), "REPLAYED");
    }
}

#[test]
fn a_pending_device_expires_after_seven_days() {
    let mut site = Site::new();
    let alone = site.issue("bob", "phone");
    let old = site.enrol("alice");
    let beside = site.issue("alice", "tablet");
    let issued = site.now();
    site.set(issued + 7 * DAY - 60);
    assert_eq!(state(&mut site, &beside), "PENDING");
    site.set(issued + 7 * DAY);
    let door = login("alice").code(&beside.code(site.now()));
    assert_eq!(site.verdict(&door), "WRONG");
    for phone in [&alone, &beside] {
        let params = json!([{"id": phone.id, "token": phone.code(site.now())}]);
        let error = site.refused("auth.twofactor.device.confirm", params);
        assert_eq!(errno(&error), 2, "{error}");
    }
    assert_eq!(site.log_in("alice", &old), "ACCEPTED");
    // A clock that was set back does not bring it back.
    site.set(issued);
    let params = json!([{"id": beside.id, "token": beside.code(site.now())}]);
    site.refused("auth.twofactor.device.confirm", params);
}

/// Each of several devices opens the door, and a revoked one does not.
#[test]
fn several_devices_are_good_and_a_revoked_one_is_not() {
    let mut site = Site::new();
    let phones = ["phone", "tablet", "key ring"].map(|name| site.issue("alice", name));
    for phone in &phones {
        site.confirm(phone);
    }
    site.pass(30);
    for (phone, name) in phones.iter().zip(["phone", "tablet", "key ring"]) {
        let answer = site.ask(&login("alice").code(&phone.code(site.now())));
        assert_eq!(verdict_of(&answer), "ACCEPTED");
        assert_eq!(answer["device"], name);
    }
    let renamed = json!([phones[2].id, {"name": "token"}]);
    let row = site.call("auth.twofactor.device.update", renamed);
    assert_eq!(row["name"], "token");
    assert_eq!(
        site.call("auth.twofactor.device.delete", json!([phones[1].id])),
        true
    );
    site.pass(30);
    for (phone, verdict) in phones.iter().zip(["ACCEPTED", "WRONG", "ACCEPTED"]) {
        assert_eq!(site.log_in("alice", phone), verdict);
    }
    // With the last one gone the account has no second factor, and is refused.
    for phone in [&phones[0], &phones[2]] {
        site.call("auth.twofactor.device.delete", json!([phone.id]));
    }
    site.pass(30);
    for phone in &phones {
        assert_eq!(site.log_in("alice", phone), "NOT_ENROLLED");
    }
    let error = site.refused("auth.twofactor.device.delete", json!([phones[0].id]));
    assert_eq!(errno(&error), 2, "{error}");
}

/// A renewal that never arrives on a phone locks nobody out.
#[test]
fn the_old_device_works_until_its_renewal_is_confirmed() {
    let mut site = Site::new();
    let old = site.enrol("alice");
    let renew = json!({"username": "alice", "name": "phone", "replaces": old.id});
    // Twice: the first renewal is never confirmed.
    let (lost, new) = (site.issue_as(&renew), site.issue_as(&renew));
    assert_eq!(site.log_in("alice", &old), "ACCEPTED");
    let wrong = wrong_code(&[&old, &lost, &new], 6, site.now());
    let params = json!([{"id": new.id, "token": wrong}]);
    let error = site.refused("auth.twofactor.device.confirm", params);
    assert!(reason(&error).contains("device_confirm.token"), "{error}");
    site.pass(30);
    assert_eq!(
        site.log_in("alice", &old),
        "ACCEPTED",
        "a wrong code confirms nothing"
    );
    site.confirm(&new);
    site.pass(30);
    for (phone, verdict) in [(&old, "WRONG"), (&new, "ACCEPTED")] {
        assert_eq!(site.log_in("alice", phone), verdict);
    }
    assert_eq!(state(&mut site, &old), Value::Null);
}

/// Whoever just uses the new phone has confirmed it.
#[test]
fn the_first_code_of_a_renewal_at_any_door_ends_the_old_device() {
    let mut site = Site::new();
    let mut old = site.enrol("alice");
    for by_door in [true, false] {
        let renew = json!({"username": "alice", "name": "phone", "replaces": old.id});
        let new = site.issue_as(&renew);
        let code = new.code(site.now());
        if by_door {
            assert_eq!(site.verdict(&login("alice").code(&code)), "ACCEPTED");
        } else {
            let accepted = site.call("user.verify_twofactor_token", json!(["alice", code]));
            assert_eq!(accepted, true);
        }
        site.pass(30);
        assert_eq!(site.log_in("alice", &old), "WRONG", "by a door: {by_door}");
        assert_eq!(
            site.log_in("alice", &new),
            "ACCEPTED",
            "by a door: {by_door}"
        );
        assert_eq!(state(&mut site, &old), Value::Null);
        old = new;
        site.pass(30);
    }
}

/// The call of current TrueNAS confirms a first device, as `device.confirm` does.
#[test]
fn verify_twofactor_token_confirms_a_first_device_and_burns_the_code() {
    let mut site = Site::new();
    let phone = site.issue("alice", "phone");
    let wrong = wrong_code(&[&phone], 6, site.now());
    let code = phone.code(site.now());
    for (token, accepted) in [(&wrong, false), (&code, true), (&code, false)] {
        let params = json!(["alice", token]);
        let answer = site.call("user.verify_twofactor_token", params);
        assert_eq!(answer, accepted, "{token}");
    }
    assert_eq!(state(&mut site, &phone), "ACTIVE");
    assert_eq!(site.log_in("alice", &phone), "REPLAYED");
}

/// Interval 30 to 60 and back: the floor is a time, so that nothing reopens and nobody is locked out.
#[test]
fn interval_30_60_30_neither_reopens_a_code_nor_locks_out() {
    let mut site = Site::new();
    let secret = site.call("auth.twofactor.config", json!([]))["secret"].clone();
    let mut phone = Phone {
        id: 0,
        secret: secret.as_str().unwrap().to_owned(),
        digits: 6,
        interval: 30,
    };
    let mut used: Vec<String> = Vec::new();
    for interval in [30, 60, 30, 60, 30] {
        let change = json!([{"interval": interval}]);
        site.call("auth.twofactor.update", change);
        phone.interval = interval;
        for old in &used {
            let answer = site.verdict(&login("root").code(old));
            assert_ne!(answer, "ACCEPTED", "{interval}: {old} of {used:?}");
        }
        site.call("auth.twofactor.unlock", json!(["root"]));
        site.pass(60);
        let code = phone.code(site.now());
        assert_eq!(
            site.verdict(&login("root").code(&code)),
            "ACCEPTED",
            "{interval}"
        );
        assert_eq!(
            site.verdict(&login("root").code(&code)),
            "REPLAYED",
            "{interval}"
        );
        used.push(code);
    }
}

/// Renewal "at once" by the methods of current TrueNAS, and what is left after a reset.
#[test]
fn renewed_and_unset_secrets_end_at_once() {
    let mut site = Site::new();
    let old = site.enrol("alice");
    let options = json!(["alice", {"interval": 60, "otp_digits": 8}]);
    let renewed = site.call("user.renew_2fa_secret", options);
    assert_eq!(renewed["username"], "alice");
    let config = &renewed["twofactor_config"];
    assert_eq!(
        (&config["interval"], &config["otp_digits"]),
        (&json!(60), &json!(8))
    );
    let uri = config["provisioning_uri"].as_str().unwrap().to_owned();
    assert_eq!(
        site.call("user.provisioning_uri", json!(["alice"])),
        json!(uri)
    );
    let secret = uri
        .split("secret=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let new = Phone {
        id: 0,
        secret: secret.to_owned(),
        digits: 8,
        interval: 60,
    };
    site.pass(60);
    for (phone, verdict) in [(&old, "WRONG"), (&new, "ACCEPTED")] {
        assert_eq!(site.log_in("alice", phone), verdict);
    }
    assert_eq!(
        site.call("user.unset_2fa_secret", json!(["alice"])),
        Value::Null
    );
    site.pass(60);
    assert_eq!(site.log_in("alice", &new), "NOT_ENROLLED");
    let config = site.call("user.twofactor_config", json!(["alice"]));
    assert_eq!(config["secret_configured"], false);
    assert_eq!(config["provisioning_uri"], Value::Null);
    let error = site.refused("user.provisioning_uri", json!(["alice"]));
    assert_eq!(errno(&error), 14);
    let words = "'alice' user does not have two factor authentication configured";
    assert!(reason(&error).contains(words), "{error}");
}

/// An account has so many devices at most, so that a code of anybody's is not good by chance.
#[test]
fn the_ninth_device_is_refused() {
    let mut site = Site::new();
    for number in 1..=8 {
        let phone = site.issue("alice", &format!("phone {number}"));
        site.confirm(&phone);
    }
    let params = json!([{"username": "alice", "name": "phone 9"}]);
    let error = site.refused("auth.twofactor.device.create", params);
    assert!(reason(&error).contains('8'), "{error}");
    let rows = site.call(
        "auth.twofactor.device.query",
        json!([{"username": "alice"}]),
    );
    assert_eq!(rows.as_array().unwrap().len(), 8);
}

/// A stolen password is not enough for a first device: it takes an invite of root's, once, in time.
#[test]
fn an_invite_is_good_once_for_its_account_and_its_hours() {
    let mut site = Site::new();
    let invite = |site: &mut Site, username: &str| {
        let params = json!([{"username": username, "hours": 2}]);
        site.call("auth.twofactor.invite.create", params)
    };
    let create = |site: &mut Site, username: &str, invite: &str| {
        let params = json!([{"username": username, "name": "phone", "invite": invite}]);
        let reply = site.socket.rpc("auth.twofactor.device.create", params);
        reply.get("result").map(Phone::new)
    };
    let first = invite(&mut site, "alice");
    let code = first["invite"].as_str().unwrap().to_owned();
    assert_eq!(first["expires"], site.now() + 7200);
    let listed = site.call("auth.twofactor.invite.query", json!([]));
    assert!(
        !listed.to_string().contains(&code),
        "it is shown only once: {listed}"
    );
    assert!(create(&mut site, "bob", &code).is_none(), "it is alice's");
    assert!(create(&mut site, "alice", "K-ABCD-EFGH-IJKL-MNOP").is_none());
    let phone = create(&mut site, "alice", &code.to_lowercase()).expect("the invite is good");
    site.confirm(&phone);
    assert!(create(&mut site, "alice", &code).is_none(), "it was used");
    let late = invite(&mut site, "bob");
    let late = late["invite"].as_str().unwrap().to_owned();
    let at = site.now();
    for time in [at + 7200, at] {
        site.set(time);
        assert!(create(&mut site, "bob", &late).is_none(), "{time}");
    }
    site.set(at + 7200);
    let taken_back = invite(&mut site, "carol");
    site.call("auth.twofactor.invite.delete", json!([taken_back["id"]]));
    let code = taken_back["invite"].as_str().unwrap();
    assert!(
        create(&mut site, "carol", code).is_none(),
        "it was taken back"
    );
}
