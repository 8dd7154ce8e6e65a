//! Full disks, damaged and missing files: the answer is durable or an error.

#[cfg(feature = "system")]
mod accounts;
#[cfg(feature = "system")]
pub(crate) mod disk;
mod every_write;
#[cfg(feature = "system")]
mod failing;
mod state;

#[cfg(feature = "system")]
pub(crate) use disk::fill;

use std::fs;

use rusqlite::params;
use serde_json::json;
use testkit::Daemon;

use crate::support::{WriteLock, database, enable, errno, good_codes, reason, stderr, verify};

/// `sqlite3` on the running daemon's file, or a later recovery tool: the next answer knows.
#[test]
fn what_another_process_changes_is_in_the_next_answer() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let codes = good_codes(&secret);
    let outside = database(&daemon.state_dir());
    assert_eq!(socket.call("auth.two_factor_auth", json!([])), true);
    for (sql, key, value) in [
        ("UPDATE settings SET window_steps = 9", "window", json!(9)),
        (
            "UPDATE settings SET ssh = 1",
            "services",
            json!({"ssh": true}),
        ),
        ("UPDATE settings SET enabled = 0", "enabled", json!(false)),
    ] {
        outside.execute(sql, []).unwrap();
        assert_eq!(
            socket.call("auth.twofactor.config", json!([]))[key],
            value,
            "{sql}"
        );
    }
    assert_eq!(socket.call("auth.two_factor_auth", json!([])), false);
    let error = socket.call_err("auth.twofactor.verify", json!([codes[9]]));
    assert_eq!(errno(&error), 14, "{error}");
    outside
        .execute("UPDATE settings SET enabled = 1", [])
        .unwrap();
    // A floor that somebody moved on counts as well.
    let floor = i64::try_from(testkit::now()).unwrap();
    outside
        .execute("UPDATE devices SET floor = ?1", params![floor])
        .unwrap();
    assert!(!verify(&mut socket, &codes[4]));
    assert!(verify(&mut socket, &codes[18]));
}

/// A program that was stopped while it held the lock must not stop the daemon too.
#[test]
fn a_writer_that_never_ends_costs_an_error_and_not_a_hang() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let code = good_codes(&secret).remove(9);
    let lock = WriteLock::take(&daemon);
    for (method, params) in [
        ("auth.twofactor.verify", json!([code])),
        ("auth.twofactor.update", json!([{"enabled": false}])),
    ] {
        let error = socket.call_err(method, params);
        assert_eq!(
            (&error["code"], errno(&error)),
            (&json!(-32001), 16),
            "{error}"
        );
        assert!(
            reason(&error).contains("another process is writing"),
            "{error}"
        );
        assert_eq!(
            socket.call("auth.two_factor_auth", json!([])),
            true,
            "reads go on"
        );
    }
    drop(lock);
    assert!(
        verify(&mut socket, &code),
        "the refused call did not use it up"
    );
    assert_eq!(
        socket.call("auth.twofactor.update", json!([{"enabled": false}]))["enabled"],
        false
    );
}

/// A lost key must not lock anybody out, and must not quietly become another key.
#[test]
fn without_its_key_the_daemon_says_so_and_can_be_turned_off() {
    let mut daemon = Daemon::start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let code = good_codes(&secret).remove(9);
    drop(socket);
    let key = daemon.state_dir().join("middlewared.key");
    let kept = fs::read(&key).unwrap();
    let spoil: [fn(&std::path::Path); 3] = [
        |key| fs::remove_file(key).unwrap(),
        |key| fs::write(key, [7; 32]).unwrap(),
        |key| fs::write(key, b"short").unwrap(),
    ];
    for spoil in spoil {
        assert!(daemon.stop().success());
        fs::write(&key, &kept).unwrap();
        spoil(&key);
        let spoilt = fs::read(&key).ok();
        daemon.restart();
        let mut socket = daemon.connect();
        for (method, params) in [
            ("auth.twofactor.config", json!([])),
            ("auth.twofactor.provisioning_uri", json!([])),
            ("auth.twofactor.verify", json!([code])),
            ("auth.twofactor.renew_secret", json!([])),
            ("auth.twofactor.update", json!([{"window": 9}])),
        ] {
            let error = socket.call_err(method, params);
            assert_eq!(errno(&error), 126, "{method}: {error}");
            assert!(
                reason(&error).contains("middlewared.key"),
                "{method}: {error}"
            );
        }
        assert_eq!(socket.call("auth.two_factor_auth", json!([])), true);
        let printed = daemon.midclt_ok(["call", "auth.twofactor.update", r#"{ "enabled":false }"#]);
        assert!(
            printed.contains(r#""enabled": false"#) && !printed.contains("secret"),
            "{printed}"
        );
        let error = socket.call_err("auth.twofactor.update", json!([{"enabled": true}]));
        assert_eq!(errno(&error), 126, "no second secret is minted: {error}");
        assert_eq!(fs::read(&key).ok(), spoilt, "and no second key");
        drop(socket);
        // Put back, everything is as it was.
        assert!(daemon.stop().success());
        fs::write(&key, &kept).unwrap();
        std::os::unix::fs::PermissionsExt::set_mode(
            &mut fs::metadata(&key).unwrap().permissions(),
            0o600,
        );
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        daemon.restart();
        let row = daemon
            .connect()
            .call("auth.twofactor.update", json!([{"enabled": true}]));
        assert_eq!(row["secret"], json!(secret));
    }
    assert!(
        daemon.log().contains("secrets cannot be read"),
        "{}",
        daemon.log()
    );
    assert!(verify(&mut daemon.connect(), &code));
}

/// systemd's credential is used in place of the key file.
#[test]
fn the_key_may_come_from_systemd_s_credentials() {
    let builder = Daemon::builder();
    let credentials = builder.dir().join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("middlewared.key"), [5; 32]).unwrap();
    let mut daemon = builder.env("CREDENTIALS_DIRECTORY", &credentials).start();
    let secret = enable(&mut daemon.connect());
    assert!(
        !daemon.state_dir().join("middlewared.key").exists(),
        "a key beside the locked box"
    );
    daemon.restart();
    let row = daemon.connect().call("auth.twofactor.config", json!([]));
    assert_eq!(row["secret"], json!(secret));
    fs::remove_file(credentials.join("middlewared.key")).unwrap();
    daemon.restart();
    let error = daemon
        .connect()
        .call_err("auth.twofactor.config", json!([]));
    assert_eq!(errno(&error), 126, "{error}");
    fs::write(credentials.join("middlewared.key"), b"too short").unwrap();
    let fresh = tempfile::TempDir::new().unwrap();
    let refused = Daemon::builder()
        .env("CREDENTIALS_DIRECTORY", &credentials)
        .state_dir(fresh.path().join("state"))
        .run_to_end();
    assert!(
        stderr(&refused).contains("32-byte master key"),
        "{}",
        stderr(&refused)
    );
    assert!(!fresh.path().join("state/middlewared.key").exists());
}
