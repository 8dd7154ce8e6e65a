//! A first device on the web: a password and an invite let in whoever has no device, and to nothing else.

use super::*;

const CREATE: &str = "auth.twofactor.device.create";

impl Web {
    fn invite(&mut self, name: &str) -> String {
        let to = json!([{ "username": name }]);
        let made = self.as_root(|machine| machine.ok("auth.twofactor.invite.create", to));
        made["invite"].as_str().unwrap().to_owned()
    }

    /// The answer to a password and an invite, on a connection of its own.
    fn come(&mut self, name: &str, typed: &str) -> Value {
        self.connect("192.0.2.1");
        let asked = self.begin(name, WORD);
        assert_eq!(
            asked,
            json!({ "response_type": "OTP_REQUIRED", "username": name }),
            "the same as with a device"
        );
        self.code(typed)
    }
}

/// Also where the account is an administrator's: that takes a code.
#[test]
fn whoever_has_an_invite_sets_up_a_first_device_and_nothing_more() {
    let mut web = Web::new("daemon");
    web.enable();
    let invite = web.invite(PERSON.0);
    let answer = web.come(PERSON.0, &invite.replace('-', " ").to_lowercase());
    assert_eq!(answer["response_type"], "SUCCESS", "{answer}");
    assert_eq!(answer["authenticator"], "LEVEL_1");
    assert_eq!(answer["user_info"]["privilege"]["roles"], json!([]));
    for (method, params) in [
        ("auth.twofactor.status", json!([])),
        ("auth.twofactor.update", json!([{ "enabled": false }])),
        (
            "auth.twofactor.device.query",
            json!([{ "username": OTHER.0 }]),
        ),
        (
            "auth.twofactor.invite.create",
            json!([{ "username": OTHER.0 }]),
        ),
        // It would make a session anew, which knows no invite.
        ("auth.generate_token", json!([])),
    ] {
        assert_eq!(web.errno(method, params), 13, "{method}");
    }
    assert_eq!(web.errno(CREATE, json!([{ "username": PERSON.0 }])), 22);
    let wanted = json!([{ "username": PERSON.0, "invite": invite }]);
    let device = web.machine.ok(CREATE, wanted.clone());
    assert_eq!(web.errno(CREATE, wanted), 22, "it is used up");
    let secret = secret_in(&device["provisioning_uri"]);
    let code = code_of(&secret, web.machine.now);
    let confirm = json!([{ "id": device["id"], "token": code }]);
    web.machine.ok("auth.twofactor.device.confirm", confirm);
    assert_eq!(web.errno("auth.twofactor.status", json!([])), 13, "still");
    // From now on it is a code that counts, and the invite is none.
    assert_eq!(web.come(PERSON.0, &invite)["response_type"], "AUTH_ERR");
    web.connect("192.0.2.1");
    web.sign_in(PERSON.0, Some(&secret));
    web.machine.ok("auth.twofactor.status", json!([]));
}

#[test]
fn an_invite_is_for_its_account_and_its_time_and_shows_nothing_before_the_password() {
    let mut web = Web::new("bin");
    web.enable();
    let denied = json!({ "response_type": "DENIED" });
    let wrong = json!({ "response_type": "AUTH_ERR" });
    assert_eq!(web.begin(PERSON.0, WORD), denied);
    let before = web.begin(PERSON.0, "wrong");
    let invite = web.invite(PERSON.0);
    assert_eq!(web.begin(PERSON.0, "wrong"), before);
    assert_eq!(before, wrong);
    let others = web.invite(OTHER.0);
    for typed in [&others, "123456", "", "W-BROR-ZJAG-IDSG-2OUW"] {
        assert_eq!(web.come(PERSON.0, typed), wrong, "{typed}");
        assert_eq!(web.errno("auth.me", json!([])), 207);
    }
    // One call of the old login says no more.
    let login = |typed: &str| json!([PERSON.0, WORD, typed]);
    assert_eq!(web.machine.ok("auth.login", login(&others)), false);
    web.as_root(|machine| machine.ok("auth.twofactor.unlock", json!([PERSON.0])));
    assert_eq!(web.machine.ok("auth.login", login(&invite)), true);
    web.machine.now += 24 * 60 * 60;
    web.connect("192.0.2.1");
    assert_eq!(web.begin(PERSON.0, WORD), denied, "it is over");
}

#[test]
fn a_wrong_invite_counts_as_a_wrong_code_does() {
    let mut web = Web::new("bin");
    web.enable();
    let invite = web.invite(PERSON.0);
    for _ in 0..5 {
        let answer = web.come(PERSON.0, "W-BROR-ZJAG-IDSG-2OUW");
        assert_eq!(answer["response_type"], "AUTH_ERR");
    }
    web.connect("192.0.2.1");
    web.begin(PERSON.0, WORD);
    let typed = json!([{ "mechanism": "OTP_TOKEN", "otp_token": invite }]);
    assert_eq!(web.errno("auth.login_ex_continue", typed), 16);
    web.machine.now += 30;
    assert_eq!(web.come(PERSON.0, &invite)["response_type"], "SUCCESS");
}
