//! People who sign in, alone and by the hundred.

use std::thread;

use serde_json::{Value, json};
use testkit::{Errno, now};

use super::keeper::WORD;
use super::{HERE, Web, begin, go_on, sign_in};
use crate::support::{code_at, errno, eventually, reason};

#[test]
fn root_signs_in_with_a_code_and_is_told_of_changes() {
    let web = Web::new();
    let secret = web.enable();
    let mut socket = web.connect(HERE);
    // As the stock clients do before anything else: they forgive only this number.
    let error = socket.call_err("core.subscribe", json!(["core.get_jobs"]));
    assert_eq!(errno(&error), 207);
    let asked = begin(&mut socket, "root", WORD);
    assert_eq!(
        asked,
        json!({"response_type": "OTP_REQUIRED", "username": "root"})
    );
    let answer = go_on(&mut socket, &code_at(&secret, now()));
    assert_eq!(answer["response_type"], "SUCCESS");
    assert_eq!(
        answer["user_info"]["privilege"]["roles"],
        json!(["FULL_ADMIN"])
    );
    socket.call("core.subscribe", json!(["auth.twofactor.config"]));
    let changed = socket.call("auth.twofactor.update", json!([{"window": 9}]));
    assert!(changed.get("secret").is_none(), "{changed}");
    assert_eq!(socket.event()["params"]["fields"]["window"], 9);
    let error = socket.call_err(
        "auth.twofactor.policy.update",
        json!([{"unenrolled": "ALLOW"}]),
    );
    assert_eq!(errno(&error), 13);
    assert!(
        reason(&error).starts_with("[EACCES] Not authorized"),
        "{error}"
    );
    // After signing out nothing more is told.
    assert_eq!(socket.call("auth.logout", json!([])), true);
    web.daemon
        .connect()
        .call("auth.twofactor.update", json!([{"window": 8}]));
    assert_eq!(errno(&socket.call_err("auth.me", json!([]))), 207);
}

#[test]
fn what_was_done_on_the_web_is_audited_with_who_and_from_where() {
    let web = Web::new();
    let secret = web.enable();
    let mut socket = sign_in(&web, &secret, 0);
    socket.call("auth.twofactor.update", json!([{"window": 9}]));
    let entry = web
        .daemon
        .connect()
        .call("auth.twofactor.audit", json!([{"limit": 1}]))[0]
        .clone();
    let found =
        ["method", "outcome", "service", "source", "uid", "login_uid"].map(|key| &entry[key]);
    let expected = [
        json!("auth.twofactor.update"),
        json!("changed"),
        json!("middlewared"),
        json!("web:192.0.2.1"),
        json!(0),
        json!(0),
    ];
    assert_eq!(found.map(Value::clone), expected);
}

#[test]
fn whoever_ends_a_session_closes_its_connection() {
    let web = Web::new();
    let secret = web.enable();
    let mut first = sign_in(&web, &secret, 0);
    let mut second = sign_in(&web, &secret, 1);
    let sessions = second.call("auth.sessions", json!([]));
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    second.call("auth.terminate_other_sessions", json!([]));
    assert_eq!(first.recv_close(), (1008, "Session ended".to_owned()));
    assert_eq!(second.call("auth.me", json!([]))["pw_name"], "root");
    // Root sees and ends them at this machine.
    let mut root = web.daemon.connect();
    let left = root.call("auth.sessions", json!([]));
    assert_eq!(left[0]["origin"], HERE);
    root.call("auth.terminate_session", json!([left[0]["id"]]));
    assert_eq!(second.recv_close(), (1008, "Session ended".to_owned()));
    eventually("no session is left", || {
        root.call("auth.sessions", json!([])) == json!([])
    });
}

#[test]
fn a_lost_connection_is_taken_up_by_a_token() {
    let web = Web::new();
    let secret = web.enable();
    let mut socket = sign_in(&web, &secret, 0);
    let token = socket.call("auth.generate_token", json!([]));
    drop(socket);
    let mut again = web.connect(HERE);
    let login = json!([{"mechanism": "AUTH_TOKEN_PLAIN", "token": token}]);
    assert_eq!(
        again.call("auth.login_ex", login.clone())["response_type"],
        "SUCCESS"
    );
    assert_eq!(again.call("auth.me", json!([]))["fresh_secs"], Value::Null);
    let answer = web.connect(HERE).call("auth.login_ex", login);
    assert_eq!(answer, json!({"response_type": "AUTH_ERR"}));
}

/// Nobody knows passwords: that is said, and nobody gets in. Root's socket does not care.
#[test]
fn where_passwords_cannot_be_checked_nobody_signs_in() {
    let web = Web::new();
    let mut socket = web.connect(HERE);
    let login = json!([{"mechanism": "PASSWORD_PLAIN", "username": "silent", "password": WORD}]);
    let error = socket.call_err("auth.login_ex", login);
    assert_eq!(errno(&error), 5);
    assert!(
        reason(&error).contains("middlewared-password.socket"),
        "{error}"
    );
    std::fs::remove_file(web.daemon.dir().join("run/password.sock")).unwrap();
    let error = socket.call_err("auth.login", json!(["root", WORD]));
    assert_eq!(errno(&error), 5);
    assert_eq!(errno(&socket.call_err("auth.me", json!([]))), 207);
    assert_eq!(
        web.daemon.connect().call("auth.two_factor_auth", json!([])),
        false
    );
}

/// A login that could not be written is none, whatever was typed.
#[test]
fn on_a_failing_disk_nobody_is_signed_in() {
    let web = Web::with(testkit::Builder::failing_disk);
    let secret = web.enable();
    let mut socket = web.connect(HERE);
    begin(&mut socket, "root", WORD);
    web.daemon.disk().fail(&(1..i32::MAX), Errno::EIO);
    let code = json!([{"mechanism": "OTP_TOKEN", "otp_token": code_at(&secret, now())}]);
    let error = socket.call_err("auth.login_ex_continue", code);
    assert_eq!(errno(&error), 5, "{error}");
    assert_eq!(errno(&socket.call_err("auth.me", json!([]))), 207);
    web.daemon.disk().heal();
    let mut socket = sign_in(&web, &secret, 1);
    web.daemon.disk().fail(&(1..i32::MAX), Errno::EIO);
    let code = json!([
        code_at(&secret, now() + 60),
        "auth.twofactor.provisioning_uri"
    ]);
    assert_eq!(errno(&socket.call_err("auth.reauthenticate", code)), 5);
    let error = socket.call_err("auth.twofactor.provisioning_uri", json!([]));
    assert_eq!(
        errno(&error),
        127,
        "a code that was not burned opens nothing"
    );
}

#[test]
fn two_hundred_sign_in_at_once() {
    let web = Web::new();
    let secret = web.enable();
    web.daemon.unenrolled("ALLOW");
    let web = &web;
    let signed_in = thread::scope(|scope| {
        let people: Vec<_> = (0..200)
            .map(|number| {
                scope.spawn(move || {
                    let mut socket = web.connect(&format!("10.0.0.{number}"));
                    let answer = begin(&mut socket, "daemon", WORD);
                    (answer["response_type"] == "SUCCESS").then_some(socket)
                })
            })
            .collect();
        // Root's own calls wait for none of them.
        let mut root = web.daemon.connect();
        assert_eq!(root.call("auth.two_factor_auth", json!([])), true);
        root.call("auth.twofactor.update", json!([{"window": 9}]));
        people
            .into_iter()
            .map(|person| person.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(signed_in.iter().all(Option::is_some));
    assert_eq!(
        web.daemon
            .connect()
            .call("auth.sessions", json!([]))
            .as_array()
            .unwrap()
            .len(),
        200
    );
    let mut socket = sign_in(web, &secret, 0);
    assert_eq!(socket.call("auth.me", json!([]))["pw_name"], "root");
}

#[test]
fn passwords_tokens_and_codes_are_nowhere() {
    let web = Web::with(|builder| builder.env("MIDDLEWARED_LOG", "trace"));
    let secret = web.enable();
    let mut socket = web.connect(HERE);
    begin(&mut socket, "root", "a wrong passphrase");
    socket.call("auth.login", json!(["root", "another wrong one", "987654"]));
    begin(&mut socket, "root", WORD);
    let code = code_at(&secret, now());
    go_on(&mut socket, &code);
    let token = socket.call("auth.generate_token", json!([]));
    socket.call("auth.reauthenticate", json!([code_at(&secret, now() + 30)]));
    let mut said = web.daemon.log();
    let audit = web.daemon.connect().call("auth.twofactor.audit", json!([]));
    said.push_str(&audit.to_string());
    assert!(said.contains("wrong password"), "{said}");
    for hidden in [
        "passphrase",
        "another wrong",
        WORD,
        "987654",
        &code,
        token.as_str().unwrap(),
    ] {
        assert!(!said.contains(hidden), "{hidden}: {said}");
    }
}
