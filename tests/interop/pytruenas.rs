//! pytruenas from `PyPI`, its library and its command line, over `ws+unix://`.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Daemon, run_with_deadline};

use crate::python::{interpreter, output_of, program};

fn uri(daemon: &Daemon) -> String {
    format!("ws+unix://{}", daemon.socket().display())
}

#[test]
fn the_library() {
    let daemon = Daemon::start();
    let said = output_of(program("pytruenas_client.py").arg(uri(&daemon)));
    assert_eq!(said, "done\n");
}

/// The console script beside the interpreter, with a home of its own.
fn pytruenas(daemon: &Daemon, words: &[&str]) -> Output {
    let script: PathBuf = interpreter().with_file_name("pytruenas");
    let mut command = Command::new(script);
    command
        .args(words)
        .env("HOME", daemon.dir())
        .env("XDG_CACHE_HOME", daemon.dir());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    run_with_deadline(&mut command, Duration::from_mins(1))
}

#[test]
fn the_command_line() {
    let daemon = Daemon::start();
    let uri = uri(&daemon);
    let answer = |words: &[&str]| -> Value {
        let output = pytruenas(&daemon, words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(answer(&["call", "core.ping", &uri]), "pong");
    let update = ["call", "auth.twofactor.update", &uri];
    let row = answer(&[&update[..], &["-p", r#"{"enabled": true}"#]].concat());
    assert_eq!(row["enabled"], true);
    let row = answer(&[&update[..], &["--", "window=2"]].concat());
    assert_eq!(row["window"], 2);
    assert_eq!(answer(&["call", "auth.twofactor.config", &uri]), row);
    let verify = ["call", "auth.twofactor.verify", &uri, "-p", "\"000000\""];
    assert!(answer(&verify).is_boolean());
    let off = answer(&[&update[..], &["--", "enabled=false"]].concat());
    assert_eq!(off["enabled"], json!(false));
}

#[test]
fn the_command_line_shows_our_errors() {
    let daemon = Daemon::start();
    let check = |words: &[&str], expected: &str| {
        let output = pytruenas(&daemon, words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        assert!(said.contains(expected), "{words:?}: {said}");
    };
    let uri = uri(&daemon);
    check(
        &[
            "call",
            "auth.twofactor.update",
            &uri,
            "-p",
            r#"{"window": 11}"#,
        ],
        "[EINVAL] auth_twofactor_update.window: Should be between 0 and 10",
    );
    check(
        &["call", "auth.twofactor.renew_secret", &uri],
        "[EFAULT] Please enable Two Factor Authentication first.",
    );
    check(&["call", "pool.query", &uri], "Method does not exist");
}
