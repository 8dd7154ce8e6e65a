//! Without a terminal: options for answers, JSON for results.

use serde_json::{Value, json};
use testkit::Daemon;

use super::{USER, fresh_code};
use crate::support::{good_codes, stderr};

/// Runs `midclt 2fa WORDS --json`, which must succeed.
fn json_of(daemon: &Daemon, words: &[&str]) -> Value {
    let words = [&["2fa"], words, &["--json"]].concat();
    let output = daemon.midclt(&words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A daemon that accepts codes of 21 steps, so that a test need not wait for the next one.
fn wide_open() -> Daemon {
    let daemon = Daemon::start();
    daemon.midclt_ok(["call", "auth.twofactor.update", r#"{"window": 10}"#]);
    daemon
}

/// From nothing to a login without the phone, and off again.
#[test]
fn a_script_sets_everything_up() {
    let daemon = wide_open();
    let device = json_of(&daemon, &["device", "add", USER, "--name", "tablet"]);
    let mut codes = good_codes(device["secret"].as_str().unwrap()).into_iter();
    let id = device["id"].to_string();
    let mut code = || codes.next().unwrap();

    let first = code();
    let confirmed = json_of(&daemon, &["device", "confirm", &id, "--code", &first]);
    assert_eq!(confirmed["state"], "ACTIVE");
    // It was used up by that.
    let refused = daemon.midclt(["2fa", "enable", "--yes", "--force", "--code", &first]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).ends_with("was not turned on\n"),
        "{refused:?}"
    );
    let on = json_of(&daemon, &["enable", "--yes", "--force", "--code", &code()]);
    assert_eq!((&on["enabled"], &on["window"]), (&json!(true), &json!(10)));

    let made = json_of(&daemon, &["recovery", "--yes"]);
    assert_eq!(made["codes"].as_array().unwrap().len(), 10);
    let left = json_of(&daemon, &["recovery", "--remaining"]);
    assert_eq!(left["remaining"], 10);
    let recovery = made["codes"][0].as_str().unwrap();
    daemon.midclt_ok(["call", "user.verify_twofactor_token", USER, recovery]);
    let left = json_of(&daemon, &["recovery", "--remaining"]);
    assert_eq!(left["remaining"], 9);

    json_of(&daemon, &["bypass", USER, "--reason", "phone lost"]);
    let mut socket = daemon.connect();
    let login = json!([{"username": USER, "service": "sshd", "factor": "password"}]);
    let answer = |socket: &mut testkit::Socket| {
        socket.call("auth.twofactor.authenticate", login.clone())["verdict"].clone()
    };
    assert_eq!(answer(&mut socket), "NOT_REQUIRED", "services.ssh is off");
    daemon.prepare_for_ssh();
    daemon.midclt_ok(["call", "auth.twofactor.update", "services.ssh=true"]);
    assert_eq!(answer(&mut socket), "BYPASSED");
    assert_eq!(answer(&mut socket), "CODE_REQUIRED");

    let log = daemon.midclt_ok(["2fa", "log", USER]);
    assert!(log.lines().all(|line| line.chars().count() <= 80), "{log}");
    assert!(log.contains("bypassed"), "{log}");
    let off = daemon.midclt_ok(["2fa", "disable", "--yes"]);
    assert!(off.contains("off, for EVERYBODY"), "{off}");
    assert_eq!(daemon.midclt_ok(["call", "auth.two_factor_auth"]), "False");
}

/// Each command once, with the method that it is made of.
#[test]
fn every_command_has_its_method() {
    let daemon = wide_open();
    let run = |words: &[&str]| json_of(&daemon, words);
    assert_eq!(run(&["status"])["enabled"], false);

    let invite = run(&["invite", USER, "--hours", "2"]);
    assert_eq!(run(&["invite", "--list"])[0]["id"], invite["id"]);
    let id = invite["id"].to_string();
    assert_eq!(run(&["invite", "--delete", &id]), true);

    assert_eq!(run(&["grace", USER, "--days", "3"])["username"], USER);
    assert_eq!(run(&["grace", "--list", USER])[0]["username"], USER);
    assert_eq!(run(&["grace", "--delete", USER]), true);

    let reason = ["--reason", "a test"];
    let exempt = run(&[&["exempt", USER, "--days", "3", "-y"][..], &reason].concat());
    assert_eq!(run(&["exempt", "--list"])[0]["reason"], "a test");
    assert_eq!(
        run(&["exempt", "--delete", &exempt["id"].to_string()]),
        true
    );

    let all = run(&[&["bypass", "--everybody", "--uses", "3", "-y"][..], &reason].concat());
    assert_eq!(all["username"], Value::Null);
    assert_eq!(run(&["bypass", "--list"])[0]["uses_left"], 3);
    assert_eq!(run(&["bypass", "--delete", &all["id"].to_string()]), true);

    let policy = run(&["policy", "grace_days=9", "throttle.first_wait=60"]);
    assert_eq!(policy["throttle"]["first_wait"], 60);
    assert_eq!(run(&["policy"]), policy);

    let device = run(&["device", "add", USER]);
    let id = device["id"].to_string();
    assert_eq!(run(&["device", "rename", &id, "watch"])["name"], "watch");
    let code = fresh_code(device["secret"].as_str().unwrap());
    run(&["device", "confirm", &id, "--code", &code]);
    let secret = format!("secret={}&", device["secret"].as_str().unwrap());
    for words in [&["qr"][..], &["qr", USER]] {
        let uri = run(words);
        assert!(uri.as_str().unwrap().contains(&secret), "{words:?}");
    }
    let renewed = run(&["renew", USER, "watch"]);
    assert_eq!(renewed["replaces"], device["id"]);
    assert_eq!(run(&["device", "list", USER]).as_array().unwrap().len(), 2);
    assert_eq!(run(&["device", "remove", &id, "-y"]), true);

    assert_eq!(run(&["unlock", USER])["failures_forgiven"], 0);
    assert_eq!(run(&["reset", USER, "--yes"]), Value::Null);
    assert_eq!(run(&["device", "list"]), json!([]));
    assert!(!run(&["log", "--limit", "3"]).as_array().unwrap().is_empty());
    assert_eq!(run(&["disable", "-y"])["enabled"], false);
}

/// What midclt prints for people is what the daemon says of itself, in texts of the same form.
#[test]
fn texts_can_be_read() {
    let daemon = wide_open();
    for words in [
        "status",
        "policy",
        "log",
        "device list",
        "bypass --list",
        "exempt --list",
        "grace --list",
        "invite --list",
        "invite root",
        "grace root",
        "unlock root",
        "recovery root --remaining",
        "device add root",
    ] {
        let words: Vec<_> = std::iter::once("2fa").chain(words.split(' ')).collect();
        let text = daemon.midclt_ok(&words);
        assert!(!text.is_empty(), "{words:?}");
    }
}

#[test]
fn unknown_accounts() {
    let daemon = Daemon::start();
    for words in [
        "device add nobody-here",
        "invite nobody-here",
        "bypass nobody-here --reason x",
        "unlock nobody-here",
        "recovery nobody-here --json",
    ] {
        let words: Vec<_> = std::iter::once("2fa").chain(words.split(' ')).collect();
        let output = daemon.midclt(&words);
        let said = stderr(&output);
        let expected = "midclt: [ENOENT] User 'nobody-here' does not exist\n";
        assert_eq!(
            (output.status.code(), said.as_str()),
            (Some(1), expected),
            "{words:?}"
        );
    }
}
