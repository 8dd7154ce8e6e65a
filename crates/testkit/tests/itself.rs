//! The test support, against the real daemon.

use std::time::Duration;

use serde_json::json;
use testkit::{Algorithm, Daemon, exchange, now, totp};

#[test]
fn a_daemon_answers_and_ends_when_asked() {
    let mut daemon = Daemon::start();
    assert_eq!(daemon.connect().call("core.ping", json!([])), "pong");
    assert!(daemon.state_dir().join("middlewared.db").exists());
    assert!(daemon.stop().success(), "{}", daemon.log());
}

#[test]
fn state_stays_over_kill_and_restart() {
    let mut daemon = Daemon::start();
    let update = json!([{"enabled": true}]);
    let before = daemon.connect().call("auth.twofactor.update", update);
    daemon.kill9();
    daemon.restart();
    let after = daemon.connect().call("auth.twofactor.config", json!([]));
    assert_eq!(before, after);
}

#[test]
fn a_code_of_our_own_is_accepted_once() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let row = socket.call(
        "auth.twofactor.update",
        json!([{"enabled": true, "window": 1}]),
    );
    let secret = row
        .get("secret")
        .and_then(|secret| secret.as_str())
        .unwrap();
    let code = totp(secret, 6, 30, now(), Algorithm::Sha1);
    assert_eq!(socket.call("auth.twofactor.verify", json!([code])), true);
    assert_eq!(socket.call("auth.twofactor.verify", json!([code])), false);
}

#[test]
fn silence_errors_and_closes_are_seen() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    socket.assert_silent(Duration::from_millis(50));
    let error = socket.call_err("no.such_method", json!([]));
    assert_eq!(error.get("code"), Some(&json!(-32601)));
    // A text frame without a mask is a protocol error.
    socket.send_raw(b"\x81\x02{}");
    assert_eq!(socket.recv_close().0, 1002);
}

#[test]
fn raw_bytes_reach_the_daemon() {
    let daemon = Daemon::start();
    let answer = exchange(
        daemon.socket(),
        b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        Duration::from_secs(2),
    );
    assert!(answer.starts_with(b"HTTP/1.1 404 "), "{answer:?}");
}

#[test]
fn a_start_that_must_fail_is_collected() {
    let output = Daemon::builder().config("no_such_key = 1\n").run_to_end();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no_such_key"), "{said}");
}
