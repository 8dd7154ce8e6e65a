//! Look-ups that hang: who waits for them, and what stands for them in the end.

use super::*;

/// An account that every Debian has.
const DAEMON: (&str, u32) = ("daemon", 1);

impl Machine {
    fn start(&mut self, name: &str, params: Value) -> Started {
        let Value::Array(params) = params else {
            panic!("not params: {params}")
        };
        match find(name)
            .unwrap()
            .prepare(&Access::root(), RawParams::Positional(params))
        {
            Ok(Prepared::Slow(call)) => self.read(|read| call.start(read)).unwrap(),
            _ => panic!("{name} is not slow"),
        }
    }
}

/// The work ahead, by its loads, up to the writer.
fn loads(mut started: Started) -> Vec<&'static str> {
    let mut loads = Vec::new();
    while let Started::Work(work) = started {
        loads.push(match work.burden() {
            Burden::Light => "look-up",
            Burden::Heavy => "hash",
            Burden::Password => "password",
        });
        started = work.run().unwrap();
    }
    loads
}

#[test]
fn a_look_up_never_has_the_place_of_the_hashes_and_strangers_ask_for_none() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    let recovery = twofactor::LookupSecret::generate([3; 10]);
    let recovery = recovery.to_text().to_string();
    let login = |username: &str, factor: Option<&str>, uid: Option<u32>, token: &str| {
        let who = json!({
            "username": username, "factor": factor, "uid": uid, "token": token, "service": "sudo",
        });
        let mut who = who;
        if uid.is_none() {
            who.as_object_mut().unwrap().remove("uid");
        }
        ("auth.twofactor.authenticate", json!([who]))
    };
    let generate = |name: &str| ("auth.twofactor.recovery.generate", json!([name]));
    let (password, none) = (Some("password"), None);
    for ((method, params), expected) in [
        (generate(DAEMON.0), vec!["look-up", "hash"]),
        (generate("root"), vec!["hash"]),
        (
            login(DAEMON.0, password, none, &recovery),
            vec!["look-up", "hash"],
        ),
        (login(DAEMON.0, password, none, "123456"), vec!["look-up"]),
        (
            login(DAEMON.0, password, Some(DAEMON.1), &recovery),
            vec!["hash"],
        ),
        (login("root", password, none, "123456"), vec![]),
        (login(DAEMON.0, None, none, "123456"), vec![]),
        (login(DAEMON.0, None, none, &recovery), vec!["hash"]),
    ] {
        let started = machine.start(method, params.clone());
        assert_eq!(loads(started), expected, "{method} {params}");
    }
}

/// Whoever has proven nothing is judged by the record of the name.
#[test]
fn a_stranger_passes_by_a_code_without_a_look_up() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true, "window": 1 }));
    machine.ok("user.renew_2fa_secret", json!([DAEMON.0, {}]));
    let uri = machine.ok("user.provisioning_uri", json!([DAEMON.0]));
    let (_, query) = uri.as_str().unwrap().split_once("?secret=").unwrap();
    let code = machine.code_of(query.split('&').next().unwrap());
    let login = json!([{ "username": DAEMON.0, "service": "sshd-kbd", "token": code }]);
    let Started::Ready(call) = machine.start("auth.twofactor.authenticate", login) else {
        panic!("it has to wait")
    };
    let answer = machine.write(call).unwrap();
    assert!(answer.get().contains("ACCEPTED"), "{answer}");
}

/// Root's way back for an account that is on record does not depend on the user database.
#[test]
fn a_look_up_that_hangs_leaves_the_record_of_the_name() {
    let mut machine = Machine::new();
    machine.ok("user.renew_2fa_secret", json!([DAEMON.0, {}]));
    let bypass = |name: &str| json!([{ "username": name, "reason": "lost phone" }]);
    for (method, params) in [
        ("auth.twofactor.bypass.create", bypass(DAEMON.0)),
        ("auth.twofactor.recovery.generate", json!([DAEMON.0])),
        ("auth.twofactor.unlock", json!([DAEMON.0])),
        ("user.renew_2fa_secret", json!([DAEMON.0, {}])),
    ] {
        let Started::Work(mut work) = machine.start(method, params) else {
            panic!("{method} looks nobody up")
        };
        let otherwise = work.otherwise().expect(method);
        let answer = machine.work(otherwise);
        assert!(answer.is_ok(), "{method}: {answer:?}");
    }
    let Started::Work(mut work) =
        machine.start("auth.twofactor.bypass.create", bypass("nobody-here"))
    else {
        panic!("nobody is looked up")
    };
    let otherwise = work.otherwise().unwrap();
    let refused = machine.work(otherwise).unwrap_err();
    assert_eq!(refused.for_log(), "EIO", "{refused}");
    // A door says no.
    let login = json!([{ "username": DAEMON.0, "service": "su", "factor": "password" }]);
    machine.update(json!({ "enabled": true }));
    let Started::Work(mut work) = machine.start("auth.twofactor.authenticate", login) else {
        panic!("nobody is looked up")
    };
    assert!(work.otherwise().is_none());
}
