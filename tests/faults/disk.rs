//! A full disk: a small one of its own, filled to the last byte.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::json;
use testkit::Daemon;

use crate::support::{enable, errno, good_codes, reason, stderr, verify};

pub(crate) const SIZE: &str = "4m";

/// Takes up all the space that is left, as a private file: others may not lie in a state directory.
pub(crate) fn fill(state_dir: &Path, name: &str) {
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut filler = options.open(state_dir.join(name)).unwrap();
    for size in [4096, 1] {
        while filler.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

fn ballast(daemon: &Daemon) -> u64 {
    fs::metadata(daemon.state_dir().join("ballast"))
        .unwrap()
        .len()
}

const UNLOCK: [&str; 3] = ["call", "auth.twofactor.update", r#"{ "enabled":false }"#];

fn assert_unlocked(daemon: &Daemon) {
    let printed = daemon.midclt_ok(UNLOCK);
    assert!(printed.contains(r#""enabled": false"#), "{printed}");
    assert_eq!(
        daemon.connect().call("auth.two_factor_auth", json!([])),
        false
    );
}

/// Space is back: the reserve is taken up again, and everything works as before.
fn assert_recovers(daemon: &mut Daemon, secret: &str) {
    for name in ["filler", "filler2"] {
        let _ = fs::remove_file(daemon.state_dir().join(name));
    }
    daemon.restart();
    assert!(ballast(daemon) > 1 << 20, "the reserve is back");
    let row = daemon
        .connect()
        .call("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(row["secret"], json!(secret));
}

/// True is durable or is not said. Turning it off works all the same.
#[test]
fn on_a_full_disk_a_code_is_an_error_and_unlocking_works() {
    let mut daemon = Daemon::builder().state_on_tmpfs(SIZE).start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    assert!(ballast(&daemon) > 1 << 20);
    fill(&daemon.state_dir(), "filler");
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for code in good_codes(&secret) {
        let reply = socket.rpc("auth.twofactor.verify", json!([code]));
        if reply["result"] == true {
            accepted.push(code);
            continue;
        }
        let error = &reply["error"];
        assert_eq!(errno(error), 28, "{reply}");
        assert!(
            reason(error).contains("the disk is full; nothing was changed"),
            "{reply}"
        );
        refused += 1;
    }
    assert!(refused > 0, "the disk was not full, so this proves nothing");
    assert_eq!(ballast(&daemon) >> 20, 1, "verify may not use the reserve");
    let error = socket.call_err("auth.twofactor.renew_secret", json!([]));
    assert_eq!(errno(&error), 28, "{error}");
    drop(socket);
    assert_unlocked(&daemon);
    assert_eq!(ballast(&daemon), 0, "this is what the reserve is for");
    daemon.kill9();
    daemon.restart();
    assert_eq!(
        daemon.connect().call("auth.two_factor_auth", json!([])),
        false,
        "durable"
    );
    assert_recovers(&mut daemon, &secret);
    let mut socket = daemon.connect();
    for code in &accepted {
        assert!(
            !verify(&mut socket, code),
            "accepted on the full disk, and accepted again"
        );
    }
    let last = good_codes(&secret).remove(17);
    assert!(
        verify(&mut socket, &last),
        "what was refused is not used up"
    );
}

/// The machine comes up with its disk full, and somebody stands at the console.
#[test]
fn a_daemon_that_starts_on_a_full_disk_can_be_unlocked() {
    for ends_clean in [true, false] {
        let mut daemon = Daemon::builder().state_on_tmpfs(SIZE).start();
        let secret = enable(&mut daemon.connect());
        if ends_clean {
            assert!(daemon.stop().success());
        } else {
            daemon.kill9();
        }
        // After a clean end the -wal and -shm are gone, and with them the space to make them again.
        fill(&daemon.state_dir(), "filler");
        daemon.restart();
        let row = daemon.connect().call("auth.twofactor.config", json!([]));
        assert_eq!(row["secret"], json!(secret), "clean: {ends_clean}");
        assert_unlocked(&daemon);
        daemon.kill9();
        daemon.restart();
        assert_eq!(
            daemon.connect().call("auth.two_factor_auth", json!([])),
            false
        );
        assert_recovers(&mut daemon, &secret);
    }
}

/// Unlocking leaves room for more of the same: on and off, and on a disk that is filled up again.
#[test]
fn unlocking_on_a_full_disk_works_more_than_once() {
    let mut daemon = Daemon::builder().state_on_tmpfs(SIZE).start();
    let secret = enable(&mut daemon.connect());
    fill(&daemon.state_dir(), "filler");
    for _ in 0..20 {
        assert_unlocked(&daemon);
        let row = daemon
            .connect()
            .call("auth.twofactor.update", json!([{"enabled": true}]));
        assert_eq!(row["secret"], json!(secret));
    }
    assert_recovers(&mut daemon, &secret);
}

/// With the reserve gone as well nothing can be done but say so; the state is not harmed.
#[test]
fn with_no_byte_left_the_daemon_says_what_to_do() {
    let mut daemon = Daemon::builder().state_on_tmpfs(SIZE).start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    fill(&daemon.state_dir(), "filler");
    File::options()
        .write(true)
        .open(daemon.state_dir().join("ballast"))
        .unwrap()
        .set_len(0)
        .unwrap();
    fill(&daemon.state_dir(), "filler2");
    let mut refused = 0;
    for enabled in [false, true].repeat(20) {
        let reply = socket.rpc("auth.twofactor.update", json!([{"enabled": enabled}]));
        if reply.get("error").is_some() {
            assert_eq!(errno(&reply["error"]), 28, "{reply}");
            refused += 1;
        }
    }
    assert!(refused > 0);
    let printed = daemon.midclt(UNLOCK);
    assert!(
        printed.status.success() || stderr(&printed).contains("Free some space"),
        "{printed:?}"
    );
    drop(socket);
    assert_recovers(&mut daemon, &secret);
}
