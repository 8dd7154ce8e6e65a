//! Settings on trial, through the socket: over a kill and a reboot, kept by a login, gone by themselves.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Daemon, Socket};

use crate::support::{database, enable, eventually, good_codes, reason};

/// A machine where sshd may be made to ask, and root has a device. Its codes.
fn machine() -> (Daemon, Vec<String>) {
    let daemon = Daemon::start();
    daemon.prepare_for_ssh();
    let secret = enable(&mut daemon.connect());
    (daemon, good_codes(&secret))
}

fn try_ssh(socket: &mut Socket, seconds: u64) -> Value {
    let trial = json!([{"changes": {"services": {"ssh": true}}, "seconds": seconds}]);
    socket.call("auth.twofactor.try", trial)
}

fn is_on(socket: &mut Socket) -> bool {
    let row = socket.call("auth.twofactor.config", json!([]));
    row["services"]["ssh"] == true
}

fn status(socket: &mut Socket, of: &str) -> Value {
    socket.call("auth.twofactor.status", json!([]))[of].clone()
}

fn log_in(socket: &mut Socket, code: &str) -> Value {
    let login = json!([{
        "username": "root", "uid": 0, "service": "sshd", "source": "192.0.2.1",
        "factor": "password", "token": code,
    }]);
    socket.call("auth.twofactor.authenticate", login)
}

/// The alert that comes by itself within this time.
fn rolled_back(subscriber: &mut Socket) -> Value {
    loop {
        let event = subscriber.event();
        let fields = &event["params"]["fields"];
        if fields["kind"] == "TRIAL_ROLLED_BACK" {
            return fields["message"].clone();
        }
    }
}

/// The shortest trial that there is, in real time: a crash in the midst of it neither ends it nor makes
/// it last, and nobody has to ask for the news of its end.
#[test]
fn a_trial_goes_on_over_kill_9_until_its_deadline_and_says_so_itself() {
    let (mut daemon, _) = machine();
    assert_eq!(try_ssh(&mut daemon.connect(), 30)["id"], 1);
    daemon.kill9();
    daemon.restart();
    let mut socket = daemon.connect();
    assert!(is_on(&mut socket));
    let left = status(&mut socket, "trial")["seconds_left"]
        .as_u64()
        .unwrap();
    assert!(left <= 30, "{left}");
    let mut subscriber = daemon.connect();
    subscriber.call("core.subscribe", json!(["auth.twofactor.alert"]));
    thread::sleep(Duration::from_secs(left.saturating_sub(2)));
    let message = rolled_back(&mut subscriber);
    assert_eq!(
        message,
        "The trial 1 was rolled back: nobody logged in by a code in time"
    );
    assert!(!is_on(&mut socket));
    assert_eq!(status(&mut socket, "rolled_back")["why"], "deadline");
    daemon.restart();
    let mut socket = daemon.connect();
    assert_eq!(
        status(&mut socket, "rolled_back")["why"],
        "deadline",
        "it stays visible"
    );
}

/// A boot has an id of its own; here the trial is of another one.
#[test]
fn a_reboot_rolls_a_trial_back_and_the_start_says_so() {
    let (mut daemon, _) = machine();
    try_ssh(&mut daemon.connect(), 3600);
    daemon.kill9();
    database(&daemon.state_dir())
        .execute("UPDATE trial SET boot_id = randomblob(16)", [])
        .unwrap();
    daemon.restart();
    let mut socket = daemon.connect();
    assert!(!is_on(&mut socket));
    assert_eq!(status(&mut socket, "rolled_back")["why"], "reboot");
    let said = || {
        daemon
            .log()
            .contains("The trial 1 was rolled back: the machine was started anew")
    };
    eventually("the news of a rolled-back trial", said);
}

#[test]
fn a_login_by_a_code_keeps_a_trial_over_kill_9_and_whatever_boot() {
    let (mut daemon, codes) = machine();
    let mut socket = daemon.connect();
    // Used up before the trial, so it shows nothing in it.
    socket.call("auth.twofactor.verify", json!([codes[4]]));
    let trial = try_ssh(&mut socket, 3600);
    assert_eq!(log_in(&mut socket, &codes[4])["verdict"], "REPLAYED");
    assert_eq!(status(&mut socket, "trial")["id"], trial["id"]);
    let second = json!([{"changes": {"window": 2}}]);
    let error = socket.call_err("auth.twofactor.try", second);
    assert!(reason(&error).starts_with("[EBUSY]"), "{error}");
    let answer = log_in(&mut socket, &codes[8]);
    assert_eq!(answer["verdict"], "ACCEPTED");
    assert!(
        answer["warnings"].to_string().contains("are kept"),
        "{answer}"
    );
    daemon.kill9();
    let state = database(&daemon.state_dir());
    state
        .execute("UPDATE trial SET boot_id = randomblob(16)", [])
        .unwrap();
    daemon.restart();
    let mut socket = daemon.connect();
    assert!(is_on(&mut socket));
    assert_eq!(status(&mut socket, "trial"), Value::Null);
    assert_eq!(status(&mut socket, "rolled_back"), Value::Null);
}

/// The unlock line, in the midst of a trial of turning it on.
#[test]
fn the_unlock_line_ends_a_trial() {
    let (daemon, _) = machine();
    let mut socket = daemon.connect();
    socket.call("auth.twofactor.update", json!([{"enabled": false}]));
    let on = json!([{"changes": {"enabled": true, "services": {"ssh": true}}}]);
    socket.call("auth.twofactor.try", on);
    assert_eq!(log_in(&mut socket, "")["verdict"], "CODE_REQUIRED");
    let off = r#"{"enabled": false}"#;
    daemon.midclt_ok(["call", "auth.twofactor.update", off]);
    assert_eq!(log_in(&mut socket, "")["verdict"], "NOT_REQUIRED");
    assert_eq!(status(&mut socket, "rolled_back")["why"], "asked");
    let error = socket.call_err("auth.twofactor.commit", json!([]));
    assert!(reason(&error).starts_with("[ENOENT]"), "{error}");
}

/// Files change while nobody looks at them; the report of it is an alert.
#[test]
fn an_sshd_that_does_not_ask_any_more_is_told_of() {
    let (daemon, _) = machine();
    let mut socket = daemon.connect();
    let on = json!([{"services": {"ssh": true}}]);
    socket.call("auth.twofactor.update", on);
    let mut subscriber = daemon.connect();
    subscriber.call("core.subscribe", json!(["auth.twofactor.alert"]));
    let drifted = json!([{"ready": false, "mode": "PASSWORD_OR_KEY", "doors": [], "findings": [
        {"code": "OVERRIDDEN", "severity": "ERROR", "text": "sshd_config:12 wins", "cure": "x"},
    ]}]);
    socket.call("auth.twofactor.ssh.report", drifted);
    let fields = subscriber.event()["params"]["fields"].clone();
    assert_eq!(fields["kind"], "SSHD_DRIFTED");
    assert!(
        fields["message"]
            .as_str()
            .unwrap()
            .contains("sshd_config:12 wins")
    );
    assert_eq!(
        status(&mut socket, "sshd")["findings"][0]["code"],
        "OVERRIDDEN"
    );
    // It asks on: what is switched on is not switched off by that.
    assert!(is_on(&mut socket));
    let off = json!([{"services": {"ssh": false}}]);
    socket.call("auth.twofactor.update", off);
    let error = socket.call_err(
        "auth.twofactor.update",
        json!([{"services": {"ssh": true}}]),
    );
    assert!(reason(&error).contains("midclt 2fa ssh enable"), "{error}");
}
