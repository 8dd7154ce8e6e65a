//! The test support that needs root and Debian: a moved clock, other users, a small disk.
#![cfg(feature = "system")]

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};
use testkit::{Algorithm, Daemon, Socket, totp};

const NOBODY: u32 = 65534;

fn enabled(socket: &mut Socket) -> String {
    let row = socket.call("auth.twofactor.update", json!([{"enabled": true}]));
    match row.get("secret").and_then(Value::as_str) {
        Some(secret) => secret.to_owned(),
        None => panic!("no secret in {row}"),
    }
}

#[test]
fn the_daemons_clock_moves_while_it_runs() {
    let daemon = Daemon::builder().fake_clock().start();
    let mut socket = daemon.connect();
    let secret = enabled(&mut socket);
    for time in [2_000_000_000, 1_900_000_029, 4_000_000_000] {
        let mut accepted = |time| {
            let code = totp(&secret, 6, 30, time, Algorithm::Sha1);
            socket.call("auth.twofactor.verify", json!([code])) == json!(true)
        };
        daemon.clock().freeze_at(time);
        let is_new = time != 1_900_000_029;
        assert_eq!(accepted(time), is_new, "{time}: the past is burned");
        daemon.clock().run_from(time + 60);
        assert_eq!(accepted(time + 60), is_new, "{time} + 60");
    }
}

#[test]
fn the_daemon_has_accounts_of_its_own() {
    let daemon = Daemon::builder()
        .uid(NOBODY)
        .accounts(&[("alice", 4_000_001)])
        .start();
    let mut socket = daemon.connect();
    let renewed = socket.call("user.renew_2fa_secret", json!(["alice", {}]));
    assert_eq!(renewed.get("uid"), Some(&json!(4_000_001)));
    let unknown = socket.call_err("user.twofactor_config", json!(["bob"]));
    assert!(
        unknown.to_string().contains("User 'bob' does not exist"),
        "{unknown}"
    );
    daemon
        .accounts()
        .set(&[("alice", 4_000_001), ("bob", 4_000_002)]);
    let config = socket.call("user.twofactor_config", json!(["bob"]));
    assert_eq!(config.get("secret_configured"), Some(&json!(false)));
}

#[test]
fn accounts_and_a_moved_clock_go_together() {
    let daemon = Daemon::builder()
        .accounts(&[("alice", 4_000_001)])
        .fake_clock()
        .start();
    daemon.clock().freeze_at(2_000_000_000);
    let mut socket = daemon.connect();
    let secret = enabled(&mut socket);
    let code = totp(&secret, 6, 30, 2_000_000_000, Algorithm::Sha1);
    assert_eq!(socket.call("auth.twofactor.verify", json!([code])), true);
    let renewed = socket.call("user.renew_2fa_secret", json!(["alice", {}]));
    assert_eq!(renewed.get("uid"), Some(&json!(4_000_001)));
}

#[test]
fn the_daemon_runs_as_another_user() {
    let daemon = Daemon::builder().uid(NOBODY).start();
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    assert!(
        status.contains("Uid:\t65534\t65534\t65534\t65534"),
        "{status}"
    );
    assert!(status.starts_with("Name:\tmiddlewared"), "{status}");
    assert_eq!(fs::metadata(daemon.state_dir()).unwrap().uid(), NOBODY);
}

#[test]
fn the_state_directory_can_be_a_small_disk() {
    let mut daemon = Daemon::builder().state_on_tmpfs("4m").start();
    let secret = enabled(&mut daemon.connect());
    let filler = daemon.state_dir().join("filler");
    assert!(
        fs::write(&filler, vec![1; 5 << 20]).is_err(),
        "4 MiB hold no 5"
    );
    fs::remove_file(filler).unwrap();
    daemon.kill9();
    daemon.restart();
    let row = daemon.connect().call("auth.twofactor.config", json!([]));
    assert_eq!(row.get("secret"), Some(&json!(secret)));
    assert!(daemon.state_dir().join("middlewared.db").exists());
}
