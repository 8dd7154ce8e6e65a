//! What a login is good for on the web, and how long: sessions, fresh codes, tokens.

use super::*;

#[test]
fn a_session_ends_by_its_times() {
    let mut web = Web::new("bin");
    web.sign_in(PERSON.0, None);
    // A page that only looks whether we are there keeps nothing.
    for _ in 0..29 {
        web.machine.now += 60;
        web.machine.ok("core.ping", json!([]));
    }
    assert!(web.machine.call("auth.me", json!([])).is_ok());
    web.machine.now += 1800;
    assert_eq!(web.errno("auth.me", json!([])), 207);
    let visit = Arc::clone(web.machine.session.visit().unwrap());
    assert!(visit.is_ended(), "the connection is to be closed");
    web.connect("192.0.2.1");
    web.sign_in(PERSON.0, None);
    let began = web.machine.now;
    while web.machine.now < began + 12 * 3600 - 1000 {
        web.machine.now += 1000;
        assert!(web.machine.call("auth.me", json!([])).is_ok());
    }
    web.machine.now = began + 12 * 3600;
    assert_eq!(web.errno("auth.me", json!([])), 207);
}

#[test]
fn a_code_is_fresh_for_five_minutes() {
    let mut web = Web::new("bin");
    let secret = web.enrol(PERSON.0);
    web.enable();
    web.sign_in(PERSON.0, Some(&secret));
    let renew = json!([PERSON.0, {}]);
    web.machine.now += 300;
    assert_eq!(web.errno("user.renew_2fa_secret", renew.clone()), 127);
    assert_eq!(
        web.machine.ok("auth.reauthenticate", json!(["000000"])),
        false
    );
    assert_eq!(web.errno("user.renew_2fa_secret", renew.clone()), 127);
    assert_eq!(web.reauthenticate(&secret, None), true);
    web.machine.now += 299;
    web.machine.ok("user.renew_2fa_secret", renew);
}

#[test]
fn a_token_is_good_once_and_for_minutes_and_from_one_address() {
    let mut web = Web::new("bin");
    let secret = web.enrol(PERSON.0);
    web.enable();
    web.sign_in(PERSON.0, Some(&secret));
    let token = |web: &mut Web, params: Value| web.machine.ok("auth.generate_token", params);
    let login = |token: &Value| json!([{ "mechanism": "TOKEN_PLAIN", "token": token }]);
    let tried = |web: &mut Web, token: &Value| {
        let answer = web.machine.ok("auth.login_ex", login(token));
        answer["response_type"].as_str().unwrap().to_owned()
    };
    let tokens: Vec<Value> = (0..4)
        .map(|at| {
            token(
                &mut web,
                if at == 3 {
                    json!([600, {}, false])
                } else {
                    json!([])
                },
            )
        })
        .collect();
    let visit = Arc::clone(web.machine.session.visit().unwrap());
    web.connect("192.0.2.1");
    assert_eq!(tried(&mut web, &tokens[0]), "SUCCESS");
    assert_eq!(
        web.errno("user.renew_2fa_secret", json!([PERSON.0, {}])),
        127,
        "no fresh code"
    );
    web.connect("192.0.2.1");
    assert_eq!(tried(&mut web, &tokens[0]), "AUTH_ERR", "once");
    web.connect("192.0.2.9");
    assert_eq!(tried(&mut web, &tokens[1]), "AUTH_ERR", "from elsewhere");
    assert_eq!(tried(&mut web, &tokens[3]), "SUCCESS", "it may");
    web.machine.now += 600;
    web.connect("192.0.2.1");
    assert_eq!(tried(&mut web, &tokens[2]), "AUTH_ERR", "it is over");
    assert_eq!(tried(&mut web, &json!("no token")), "AUTH_ERR");
    // Signing out takes them back.
    web.machine.session = Session::of_visit(visit);
    let last = token(&mut web, json!([]));
    assert_eq!(web.machine.ok("auth.logout", json!([])), true);
    assert_eq!(web.errno("auth.me", json!([])), 207);
    web.connect("192.0.2.1");
    assert_eq!(tried(&mut web, &last), "AUTH_ERR");
}

#[test]
fn sessions_are_listed_and_ended_by_whoever_may() {
    let mut web = Web::new("bin");
    web.sign_in(PERSON.0, None);
    let own = Arc::clone(web.machine.session.visit().unwrap());
    web.connect("192.0.2.2");
    web.sign_in(OTHER.0, None);
    let administrator = Arc::clone(web.machine.session.visit().unwrap());
    let listed = |web: &mut Web| web.machine.ok("auth.sessions", json!([]));
    let all = listed(&mut web);
    assert_eq!(
        all.as_array().unwrap().len(),
        2,
        "an administrator sees all"
    );
    assert_eq!(all[1]["origin"], "192.0.2.2");
    assert_eq!(all[1]["current"], true);
    web.machine.session = Session::of_visit(Arc::clone(&own));
    let mine = listed(&mut web);
    assert_eq!(mine.as_array().unwrap().len(), 1);
    assert_eq!(mine[0]["credentials_data"]["username"], PERSON.0);
    let theirs = json!([all[1]["id"]]);
    assert_eq!(web.errno("auth.terminate_session", theirs), 2);
    web.machine.session = Session::of_visit(Arc::clone(&administrator));
    let ended = json!([mine[0]["id"]]);
    assert_eq!(web.machine.ok("auth.terminate_session", ended), true);
    assert!(own.is_ended() && !administrator.is_ended());
    web.machine.session = Session::of_visit(own);
    assert_eq!(web.errno("auth.me", json!([])), 207);
    // Root ends all of them, at this machine.
    web.as_root(|machine| machine.ok("auth.terminate_other_sessions", json!([])));
    assert!(administrator.is_ended());
}
