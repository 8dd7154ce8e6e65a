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
