//! Signing in on the web: passwords, codes, and what is said of them.

use super::*;

const CONTINUE: &str = "auth.login_ex_continue";

#[test]
fn a_password_and_then_a_code() {
    let mut web = Web::new("bin");
    let secret = web.enrol(PERSON.0);
    web.enable();
    let asked = web.begin(PERSON.0, WORD);
    assert_eq!(
        asked,
        json!({ "response_type": "OTP_REQUIRED", "username": PERSON.0 })
    );
    assert_eq!(web.errno("auth.me", json!([])), 207, "not before the code");
    let code = code_of(&secret, web.machine.now);
    let answer = web.code(&code);
    assert_eq!(answer["response_type"], "SUCCESS");
    assert_eq!(answer["user_info"]["pw_name"], PERSON.0);
    assert_eq!(answer["user_info"]["privilege"]["roles"], json!([]));
    assert_eq!(answer["authenticator"], "LEVEL_2");
    assert_eq!(answer["reconnect_token"], Value::Null);
    assert_eq!(web.machine.ok("auth.me", json!([]))["pw_uid"], PERSON.1);
    // The code is burned for every door.
    web.connect("192.0.2.1");
    web.begin(PERSON.0, WORD);
    assert_eq!(web.code(&code), json!({ "response_type": "AUTH_ERR" }));
}

/// The factor is asked for as at the other doors: not while it is off, and a second is not needed then.
#[test]
fn without_two_factor_authentication_a_password_is_enough() {
    let mut web = Web::new("daemon");
    let answer = web.begin(PERSON.0, WORD);
    assert_eq!(answer["response_type"], "SUCCESS");
    assert_eq!(answer["authenticator"], "LEVEL_1");
    let roles = &answer["user_info"]["privilege"]["roles"];
    assert_eq!(*roles, json!(["FULL_ADMIN"]), "a member of the group");
    // Fresh it is not, and cannot be without a device: that needs an invite first.
    let update = json!([{ "enabled": true }]);
    assert_eq!(web.errno("auth.twofactor.update", update), 127);
    assert_eq!(web.errno("auth.reauthenticate", json!(["123456"])), 2);
}

#[test]
fn without_a_device_the_policy_says_no() {
    let mut web = Web::new("bin");
    web.enable();
    let denied = web.begin(PERSON.0, WORD);
    assert_eq!(denied, json!({ "response_type": "DENIED" }));
    assert_eq!(web.errno("auth.me", json!([])), 207);
    let no_code = json!([{ "mechanism": "OTP_TOKEN", "otp_token": "123456" }]);
    assert_eq!(web.errno(CONTINUE, no_code), 22);
}

#[test]
fn one_text_for_whatever_is_wrong_and_one_try_for_a_code() {
    let mut web = Web::new("bin");
    let secret = web.enrol(PERSON.0);
    web.enable();
    let wrong = json!({ "response_type": "AUTH_ERR" });
    for name in [PERSON.0, "nobody-of-that-name", "a/b", "", "root\n"] {
        assert_eq!(web.begin(name, "wrong"), wrong, "{name}");
        let code = json!([{ "mechanism": "OTP_TOKEN", "otp_token": "123456" }]);
        assert_eq!(
            web.errno(CONTINUE, code),
            22,
            "{name}: nothing to go on with"
        );
    }
    web.begin(PERSON.0, WORD);
    assert_eq!(web.code("000000"), wrong);
    let code = code_of(&secret, web.machine.now);
    let late = json!([{ "mechanism": "OTP_TOKEN", "otp_token": code }]);
    assert_eq!(web.errno(CONTINUE, late), 22, "the login begins anew");
    // Also by login_ex itself, as the original takes it.
    web.begin(PERSON.0, WORD);
    let by_login_ex = json!([{ "mechanism": "OTP_TOKEN", "otp_token": code }]);
    assert_eq!(
        web.machine.ok("auth.login_ex", by_login_ex)["response_type"],
        "SUCCESS"
    );
}

/// What the password's keeper says of an account is said only after the password.
#[test]
fn an_expired_account_is_told_so_after_its_password() {
    let mut web = Web::new("bin");
    for (answer, text) in [
        (PasswordAnswer::Expired, "EXPIRED"),
        (PasswordAnswer::Denied, "DENIED"),
    ] {
        *web.answers.lock().unwrap() = answer;
        assert_eq!(web.begin(PERSON.0, WORD), json!({ "response_type": text }));
        assert_eq!(
            web.begin(PERSON.0, "x"),
            json!({ "response_type": "AUTH_ERR" })
        );
        assert_eq!(web.errno("auth.me", json!([])), 207);
        assert_eq!(web.machine.ok("auth.login", json!([PERSON.0, WORD])), false);
    }
}

#[test]
fn a_wrong_password_burns_no_code_and_counts_as_no_guess() {
    let mut web = Web::new("bin");
    let secret = web.enrol(PERSON.0);
    web.enable();
    let code = code_of(&secret, web.machine.now);
    for _ in 0..10 {
        let login = json!([PERSON.0, "wrong", code]);
        assert_eq!(web.machine.ok("auth.login", login), false);
    }
    assert_eq!(web.machine.ok("auth.login", json!([PERSON.0, WORD])), false);
    assert_eq!(
        web.machine.ok("auth.login", json!([PERSON.0, WORD, code])),
        true
    );
    assert_eq!(web.machine.ok("auth.me", json!([]))["pw_name"], PERSON.0);
}

#[test]
fn wrong_codes_are_counted_as_at_every_door() {
    let mut web = Web::new("bin");
    web.enrol(PERSON.0);
    web.enable();
    for _ in 0..5 {
        web.begin(PERSON.0, WORD);
        assert_eq!(web.code("000000")["response_type"], "AUTH_ERR");
    }
    let login = json!([{
        "mechanism": "PASSWORD_PLAIN", "username": PERSON.0, "password": WORD,
    }]);
    assert_eq!(
        web.errno("auth.login_ex", login),
        16,
        "too many wrong codes"
    );
    // What the web tells of addresses is counted by itself: nobody at the other doors is locked out.
    let door = json!([{
        "username": PERSON.0, "uid": PERSON.1, "service": "sshd2", "source": "192.0.2.1",
        "factor": "password",
    }]);
    let answer = web.as_root(|machine| machine.ok("auth.twofactor.authenticate", door));
    assert_eq!(answer["verdict"], "CODE_REQUIRED");
}

/// An address that the web process tells may be forged.
#[test]
fn no_address_of_the_web_becomes_a_known_one() {
    let mut web = Web::new("bin");
    let secret = web.enrol(PERSON.0);
    web.enable();
    web.sign_in(PERSON.0, Some(&secret));
    let known: i64 = {
        let path = web.machine.dir.path().join("state/middlewared.db");
        let database = rusqlite::Connection::open(path).unwrap();
        let count = "SELECT count(*) FROM known_sources";
        database.query_row(count, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(known, 0);
}

#[test]
fn too_many_wrong_passwords_of_an_address_are_not_asked_about() {
    let mut web = Web::new("bin");
    for _ in 0..20 {
        web.begin(PERSON.0, "wrong");
    }
    let right = json!([{
        "mechanism": "PASSWORD_PLAIN", "username": PERSON.0, "password": WORD,
    }]);
    assert_eq!(web.errno("auth.login_ex", right.clone()), 16);
    assert_eq!(web.asked.load(Ordering::Relaxed), 20);
    web.connect("192.0.2.2");
    assert_eq!(web.begin(PERSON.0, WORD)["response_type"], "SUCCESS");
    web.connect("192.0.2.1");
    web.machine.now += 60;
    assert_eq!(
        web.machine.ok("auth.login_ex", right)["response_type"],
        "SUCCESS"
    );
}

/// An old session must not be somebody else's, nor go on beside a new login.
#[test]
fn a_login_ends_what_was_on_its_connection() {
    let mut web = Web::new("bin");
    web.sign_in(PERSON.0, None);
    assert_eq!(web.begin(OTHER.0, "wrong")["response_type"], "AUTH_ERR");
    assert_eq!(web.errno("auth.me", json!([])), 207);
    web.enrol(PERSON.0);
    web.enrol(OTHER.0);
    web.enable();
    assert_eq!(web.begin(PERSON.0, WORD)["response_type"], "OTP_REQUIRED");
    let answer = web.begin(OTHER.0, WORD);
    assert_eq!(answer["username"], OTHER.0, "the first one was given up");
    let audited = web.as_root(|machine| machine.ok("auth.twofactor.audit", json!([])));
    let abandoned = audited.as_array().unwrap().iter();
    let mut abandoned = abandoned.filter(|entry| entry["outcome"] == "abandoned");
    assert_eq!(abandoned.next().unwrap()["username"], PERSON.0);
}

#[test]
fn a_first_device_needs_an_invite() {
    let mut web = Web::new("bin");
    web.sign_in(PERSON.0, None);
    let create = "auth.twofactor.device.create";
    let wanted = |invite: Option<&Value>| match invite {
        Some(invite) => json!([{ "username": PERSON.0, "invite": invite }]),
        None => json!([{ "username": PERSON.0 }]),
    };
    assert_eq!(web.errno(create, wanted(None)), 22);
    assert_eq!(
        web.errno("user.renew_2fa_secret", json!([PERSON.0, {}])),
        127
    );
    let invite = web.as_root(|machine| {
        machine.ok(
            "auth.twofactor.invite.create",
            json!([{ "username": PERSON.0 }]),
        )
    });
    assert_eq!(
        web.errno(create, wanted(Some(&json!("A-AAAA-AAAA-AAAA-AAAA")))),
        22
    );
    let issued = web.machine.ok(create, wanted(Some(&invite["invite"])));
    assert_eq!(issued["state"], "PENDING");
    let secret = twofactor::Secret::from_base32(issued["secret"].as_str().unwrap()).unwrap();
    let code = code_of(&secret, web.machine.now);
    let confirm = json!([{ "id": issued["id"], "token": code }]);
    web.machine.ok("auth.twofactor.device.confirm", confirm);
    // That code counts as fresh, for recovery codes and a second device.
    web.machine
        .ok("auth.twofactor.recovery.generate", json!([PERSON.0]));
    web.machine.ok(create, wanted(None));
    // Guesses at invites are counted as at a door.
    web.connect("192.0.2.2");
    web.sign_in(OTHER.0, None);
    let guess = json!([{ "username": OTHER.0, "invite": "A-AAAA-AAAA-AAAA-AAAA" }]);
    web.as_root(|machine| {
        machine.ok(
            "auth.twofactor.invite.create",
            json!([{ "username": OTHER.0 }]),
        )
    });
    for _ in 0..5 {
        assert_eq!(web.errno(create, guess.clone()), 22);
    }
    assert_eq!(web.errno(create, guess), 16);
}

#[test]
fn the_params_of_a_login_are_those_of_its_mechanism() {
    let mut web = Web::new("bin");
    for (data, attribute) in [
        (json!({}), "login_data.mechanism"),
        (json!({ "mechanism": "SCRAM" }), "login_data.mechanism"),
        (json!({ "mechanism": "OTP_TOKEN" }), "login_data.otp_token"),
        (
            json!({ "mechanism": "OTP_TOKEN", "otp_token": 123_456 }),
            "login_data.otp_token",
        ),
        (
            json!({ "mechanism": "PASSWORD_PLAIN", "username": "x" }),
            "login_data.password",
        ),
        (
            json!({ "mechanism": "TOKEN_PLAIN", "token": "x", "password": "y" }),
            "login_data.password",
        ),
    ] {
        let error = web
            .machine
            .call("auth.login_ex", json!([data]))
            .unwrap_err();
        assert_eq!(error["data"]["extra"][0][0], attribute, "{data}");
    }
    assert_eq!(web.asked.load(Ordering::Relaxed), 0);
}

/// On root's socket everybody is root already.
#[test]
fn there_is_no_login_on_roots_socket() {
    let mut web = Web::new("bin");
    web.as_root(|machine| {
        for (name, params) in [
            ("auth.login", json!(["root", WORD])),
            ("auth.logout", json!([])),
            ("auth.generate_token", json!([])),
            ("auth.reauthenticate", json!(["123456"])),
        ] {
            let error = machine.call(name, params).unwrap_err();
            assert_eq!(error["data"]["error"], 95, "{name}");
        }
        assert_eq!(machine.ok("auth.me", json!([]))["pw_name"], "root");
    });
}
