//! No daemon: stopped, never started, crash-looping behind systemd's socket, a stale socket, none.

use std::fs;
use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use super::scene::{OWNER, Scene, UNLOCK};
use crate::support::{audit, stderr};

const SOCKET: &str = "/run/middleware/middlewared.sock";

const NOT_RUNNING: &str = "midclt: middlewared is not running; doing it without";

/// The answer is byte for byte the daemon's, it is stored, the audit says who did it, and the files stay
/// their owner's.
#[test]
fn with_the_daemon_stopped() {
    let mut scene = Scene::new();
    assert!(scene.daemon.stop().success());
    let (answer, said) = scene.midclt_ok(&UNLOCK);
    assert!(said.contains(NOT_RUNNING), "{said}");
    assert!(said.contains("until the next reboot"), "{said}");
    assert!(!scene.is_stored_on());
    assert_eq!(scene.overriding().as_deref(), Some("off"), "for the doors");
    for look in [["call", "auth.two_factor_auth"], ["2fa", "status"]] {
        scene.midclt_ok(&look);
        assert_eq!(scene.overriding().as_deref(), Some("off"), "{look:?}");
    }
    scene.assert_state_is_the_owners();
    assert_eq!(scene.unlock(), said, "done twice it does no harm");
    let rows = audit(&scene.daemon.state_dir());
    let off: Vec<_> = rows.iter().filter(|(_, what)| what == "disabled").collect();
    assert_eq!(off, [&("auth.twofactor.update".into(), "disabled".into())]);
    scene.daemon.restart();
    let (by_daemon, said) = scene.midclt_ok(&UNLOCK);
    assert_eq!(by_daemon, answer);
    assert!(!said.contains("doing it without"), "{said}");
    assert_eq!(scene.overriding(), None, "the daemon answers again");
    let row = scene.ask("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(
        row["secret"],
        json!(scene.secret),
        "the phone goes on working"
    );
}

/// In every way in which it does not run.
#[test]
fn whatever_is_left_of_its_socket() {
    let mut scene = Scene::new();
    let socket = scene.machine.path(SOCKET);
    scene.daemon.kill9();
    assert!(socket.exists(), "a stale socket is left");
    assert!(scene.unlock().contains(NOT_RUNNING));
    fs::remove_file(&socket).unwrap();
    assert!(scene.unlock().contains(NOT_RUNNING));
    fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    assert!(scene.unlock().contains(NOT_RUNNING));
    fs::create_dir(socket.parent().unwrap()).unwrap();
    // systemd holds it, and starts a daemon that ends at once, again and again.
    let _systemd = UnixListener::bind(&socket).unwrap();
    let said = scene.unlock();
    assert!(
        said.contains("middlewared did not answer within 3 s; doing it without"),
        "{said}"
    );
    assert!(!scene.is_stored_on());
}

/// A machine on which the daemon was never started: there is no state at all.
#[test]
fn without_any_state() {
    let mut scene = Scene::new();
    assert!(scene.daemon.stop().success());
    fs::remove_dir_all(&scene.state).unwrap();
    let said = scene.unlock();
    assert!(said.contains("UNTIL THE NEXT REBOOT"), "{said}");
    assert!(said.contains("No such file or directory"), "{said}");
    assert_eq!(scene.overriding().as_deref(), Some("off"));
    assert!(!scene.state.exists(), "nothing is made by it");
}

/// A configuration file that stops the daemon does not stop a recovery.
#[test]
fn with_a_configuration_that_cannot_be_read() {
    let mut scene = Scene::new();
    assert!(scene.daemon.stop().success());
    scene.machine.write("/etc/middlewared/config.toml", "= =\n");
    let said = scene.unlock();
    assert!(said.contains("config.toml"), "{said}");
    assert_eq!(scene.overriding().as_deref(), Some("off"));
}

/// The forms for keyboards that lack a sign, and for shells that eat the quotes.
#[test]
fn in_every_forgiving_form() {
    let mut scene = Scene::new();
    for form in [
        "enabled=false",
        "enabled:false",
        "<\"enabled\":false>",
        "{enabled:false}",
        "\u{2018}{ \"enabled\":false }\u{2019}",
        "{ \u{201c}enabled\u{201d}:false }",
    ] {
        scene.daemon.restart();
        scene.ask("auth.twofactor.update", json!([{"enabled": true}]));
        assert!(scene.daemon.stop().success());
        let (printed, _) = scene.midclt_ok(&["call", "auth.twofactor.update", form]);
        assert!(
            printed.ends_with(r#""enabled": false}"#),
            "{form}: {printed}"
        );
        assert!(!scene.is_stored_on(), "{form}");
    }
    let script = "echo '{\"enabled\":false}' | \"$0\" call auth.twofactor.update -";
    let midclt = testkit::binaries::midclt();
    let shell = ["sh", "-c", script, midclt.to_str().unwrap()];
    let printed = scene.machine.run_ok(shell);
    assert!(printed.contains(r#""enabled": false"#), "{printed}");
}

/// What a recovery needs, by the same path, and in the words that the daemon's answers get.
#[test]
fn the_commands_for_people() {
    let mut scene = Scene::new();
    let commands: [&[&str]; 6] = [
        &["2fa", "status"],
        &["2fa", "bypass", "alice", "--reason", "phone lost"],
        &["2fa", "unlock", "alice"],
        &["2fa", "recovery", "alice", "--yes"],
        &["2fa", "recovery", "alice", "--remaining"],
        &["2fa", "disable", "--yes"],
    ];
    let before = commands.map(|words| scene.midclt_ok(words).0);
    scene.ask("auth.twofactor.update", json!([{"enabled": true}]));
    assert!(scene.daemon.stop().success());
    for (words, before) in commands.into_iter().zip(before) {
        let (after, said) = scene.midclt_ok(words);
        assert!(said.contains(NOT_RUNNING), "{words:?}: {said}");
        assert_eq!(
            said.matches(NOT_RUNNING).count(),
            1,
            "once a command: {said}"
        );
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        let (before, after) = (first(&before), first(&after));
        if !matches!(words, ["2fa", "bypass", ..]) {
            assert_eq!(after, before, "{words:?}");
        }
    }
    assert!(!scene.is_stored_on());
    scene.assert_state_is_the_owners();
    assert_eq!(scene.overriding().as_deref(), Some("off"));
    scene.daemon.restart();
    let codes = scene.ask("auth.twofactor.recovery.remaining", json!(["alice"]));
    assert_eq!(codes["remaining"], 10);
    let bypasses = scene.ask("auth.twofactor.bypass.query", json!([]));
    assert_eq!(bypasses.as_array().map(Vec::len), Some(2), "{bypasses}");
}

/// Whoever turns it on again has the last word, also at the doors of a daemon that does not run.
#[test]
fn and_on_again() {
    let mut scene = Scene::new();
    assert!(scene.daemon.stop().success());
    scene.unlock();
    let on = ["call", "auth.twofactor.update", "enabled=true"];
    let (printed, said) = scene.midclt_ok(&on);
    assert!(printed.ends_with(r#""enabled": true}"#), "{printed}");
    assert!(said.contains("the override was removed"), "{said}");
    assert!(scene.is_stored_on());
    assert_eq!(scene.overriding(), None);
}

/// Only what a recovery needs, only root, and only where the packaged daemon listens.
#[test]
fn and_nothing_else() {
    let mut scene = Scene::new();
    assert!(scene.daemon.stop().success());
    for words in [
        &["call", "auth.twofactor.verify", "123456"][..],
        &[
            "call",
            "auth.twofactor.authenticate",
            "username=alice service=x",
        ],
        &["call", "auth.twofactor.renew_secret"],
        &["call", "core.ping"],
        &[
            "-u",
            "/run/elsewhere.sock",
            "call",
            "auth.twofactor.update",
            "enabled=false",
        ],
    ] {
        let refused = scene.midclt(words);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let said = stderr(&refused);
        assert!(said.contains("middlewared is not running ("), "{said}");
    }
    let midclt = testkit::binaries::midclt();
    let as_alice = [
        "setpriv",
        "--reuid=1000",
        "--regid=1000",
        "--clear-groups",
        "--",
    ];
    let line = [&as_alice[..], &[midclt.to_str().unwrap()], &UNLOCK].concat();
    let refused = scene.machine.run(line);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    for (method, reason) in [
        ("auth.twofactor.verify", "needs the running daemon"),
        ("no.such.method", "no such method"),
    ] {
        let program = testkit::binaries::middlewared();
        let refused = scene
            .machine
            .run([program.to_str().unwrap(), "once", method]);
        let reply: Value = serde_json::from_slice(&refused.stdout).unwrap();
        let said = reply["error"]["data"]["reason"].to_string();
        assert!(said.contains(reason), "{reply}");
    }
    assert!(scene.is_stored_on());
    assert_eq!(scene.overriding(), None);
    assert_ne!(OWNER, 0);
}
