//! What scripts rely on: stdout, stderr, exit status.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, text};

fn outcome(output: &Output) -> (i32, String, String) {
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn results_and_errors() {
    let check = |answers: &'static [&'static str], args: &str, expected: (i32, &str, &str)| {
        let daemon = Daemon::answering(answers);
        let (exit, stdout, stderr) = outcome(&daemon.midclt(args.split(' ')));
        assert_eq!((exit, stdout.as_str(), stderr.as_str()), expected, "{args}");
    };
    let pong = &[r#"{"id":ID,"result":"pong"}"#];
    check(pong, "ping", (0, "pong\n", ""));
    check(pong, "call core.ping", (0, "pong\n", ""));
    check(pong, "waitready", (0, "", ""));
    check(
        &[r#"{"id":ID,"result":{"a":[true,null,"ü"]}}"#],
        "call x.y",
        (0, "{\"a\": [true, null, \"\\u00fc\"]}\n", ""),
    );
    check(
        &[r#"{"id":ID,"result":null}"#],
        "call x.y",
        (0, "null\n", ""),
    );

    let invalid = &[
        r#"{"id":ID,"error":{"code":-32602,"message":"Invalid params","data":{"extra":[["a","bad",22]]}}}"#,
    ];
    check(invalid, "call x.y", (1, "", "[EINVAL] a: bad\n"));
    check(invalid, "-q call x.y", (1, "", ""));
    check(invalid, "call -q x.y", (1, "", ""));
    check(invalid, "call x.y -q", (1, "", ""));
    check(
        &[r#"{"id":ID,"error":{"code":77,"message":"\u001b[2Jnew"}}"#],
        "call x.y",
        (1, "", "\\u{1b}[2Jnew\n"),
    );
    check(
        &["CLOSE"],
        "ping",
        (
            1,
            "",
            "WebSocket connection closed with code=None, reason=None\n",
        ),
    );
}

#[test]
fn one_frame_for_one_call() {
    let daemon = Daemon::answering(&[r#"{"id":ID,"result":1}"#]);
    for line in [
        "call a.b 1",
        "-t 5 call -j a.b 1",
        "call -j true a.b 1",
        "call -job -jp description a.b 1",
        "call a.b 1 -q -j",
        "-q --timeout=9 call a.b 1",
    ] {
        assert!(daemon.midclt(line.split(' ')).status.success(), "{line}");
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"a.b","params":[1]}"#;
        assert_eq!(daemon.asked(), [request], "{line}");
    }
}

#[test]
fn sockets_may_be_named_in_three_ways() {
    let daemon = Daemon::answering(&[r#"{"id":ID,"result":1}"#]);
    let path = daemon.socket().into_os_string().into_string().unwrap();
    for args in [
        ["-u", &path, "ping"],
        ["-u", &format!("ws+unix://{path}"), "ping"],
        ["ping", "-u", &path],
    ] {
        let output = daemon
            .command(env!("CARGO_BIN_EXE_midclt"))
            .env_remove("MIDDLEWARED_SOCKET")
            .args(args)
            .output();
        assert!(output.unwrap().status.success(), "{args:?}");
    }
}

#[test]
fn wrong_usage_is_exit_status_2() {
    let daemon = Daemon::answering(&[]);
    let check = |args: &str, part: &str| {
        let (exit, stdout, stderr) = outcome(&daemon.midclt(args.split(' ')));
        assert_eq!((exit, stdout.as_str()), (2, ""), "{args}");
        assert!(stderr.contains(part), "{args}: {stderr}");
    };
    check("call", "<METHOD>");
    check("bogus", "unrecognized subcommand");
    check(
        "auth.twofactor.config",
        "to call a method: midclt call auth.twofactor.config",
    );
    check("-U root -P x call core.ping", "root needs no login");
    check("-u ws://nas/websocket ping", "without TLS");
    check("-t soon ping", "invalid value");
    check("subscribe x -n 0", "invalid value");
    assert_eq!(daemon.asked(), [""; 0]);

    let (exit, stdout, stderr) = outcome(&daemon.midclt([""; 0]));
    assert_eq!((exit, stderr.as_str()), (0, ""));
    assert!(stdout.contains("Locked out?"));
}

#[test]
fn absent_daemons() {
    let daemon = Daemon::answering(&[]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none");
    let run = |command: &str| {
        let uri = path.to_str().unwrap();
        outcome(&daemon.midclt(["-u", uri].into_iter().chain(command.split(' '))))
    };
    let line = format!(
        "midclt: middlewared is not running (no socket at {}): start it, or name another socket with -u\n",
        path.display()
    );
    assert_eq!(run("ping"), (1, String::new(), line.clone()));
    assert_eq!(run("subscribe x"), (1, String::new(), line.clone()));
    let first = "Failed to run middleware call. Daemon not running?\n";
    assert_eq!(
        run("call a.b"),
        (1, String::new(), format!("{first}{line}"))
    );
    assert_eq!(
        run("-q call a.b"),
        (1, String::new(), format!("{first}{line}"))
    );

    let begin = Instant::now();
    assert_eq!(run("waitready -t 1"), (1, String::new(), line));
    assert!(begin.elapsed() >= Duration::from_secs(1));
}

#[test]
fn waitready_really_waits() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let late = path.clone();
    let serve = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        let listener = std::os::unix::net::UnixListener::bind(late).unwrap();
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        socket.read().unwrap();
        socket.send(r#"{"id":1,"result":"pong"}"#.into()).unwrap();
        let _ = socket.read();
    });
    let begin = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_midclt"))
        .args(["waitready", "-t", "20", "-u"])
        .arg(&path)
        .output();
    assert_eq!(outcome(&output.unwrap()), (0, String::new(), String::new()));
    assert!(begin.elapsed() >= Duration::from_millis(400));
    serve.join().unwrap();
}

/// Also where this test runs as root: then by nobody, with a midclt that nobody can reach.
#[test]
fn a_closed_door_is_one_line() {
    let daemon = Daemon::answering(&[]);
    set_mode(&daemon.socket(), 0o0);
    let copy = tempfile::tempdir().unwrap();
    let program = copy.path().join("midclt");
    // By cp: a file that this process itself wrote may be held open by another test's child, and
    // cannot be executed then.
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_midclt"))
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    let mut command = daemon.command(program.to_str().unwrap());
    if nix::unistd::geteuid().is_root() {
        set_mode(copy.path(), 0o755);
        set_mode(daemon.socket().parent().unwrap(), 0o755);
        command.uid(65534).gid(65534);
    }
    let output = command
        .args(["call", "auth.twofactor.verify", "123456"])
        .output();
    let line = "midclt: needs root: sudo midclt call auth.twofactor.verify\n";
    assert_eq!(
        outcome(&output.unwrap()),
        (1, String::new(), line.to_owned())
    );
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn subscriptions() {
    const UPDATE: &str = r#"{"method":"collection_update","params":{"msg":"changed","collection":"ev","fields":{"a":1}}}"#;
    const REPLY: &str = r#"{"id":ID,"result":"uuid"}"#;
    let line = "{\"msg\": \"changed\", \"collection\": \"ev\", \"fields\": {\"a\": 1}}\n";
    let check = |answers: &'static [&'static str], args: &str, expected: (i32, String, &str)| {
        let daemon = Daemon::answering(answers);
        let (exit, stdout, stderr) = outcome(&daemon.midclt(args.split(' ')));
        assert_eq!((exit, stdout, stderr.as_str()), expected, "{args}");
    };
    check(
        &[REPLY, UPDATE, UPDATE, UPDATE],
        "subscribe ev -n 2",
        (0, line.repeat(2), ""),
    );
    check(
        &[REPLY, UPDATE],
        "subscribe ev -t 1",
        (1, line.to_owned(), ""),
    );
    check(
        &[
            REPLY,
            UPDATE,
            r#"{"method":"notify_unsubscribed","params":{"collection":"ev","error":null}}"#,
        ],
        "subscribe ev",
        (0, line.to_owned(), ""),
    );
    check(
        &[
            r#"{"method":"notify_unsubscribed","params":{"collection":"ev","error":{"error":22,"reason":"[EINVAL] no"}}}"#,
            REPLY,
        ],
        "subscribe ev",
        (1, String::new(), "[EINVAL] no\n"),
    );
    check(
        &[r#"{"id":ID,"error":{"code":-32001,"data":{"reason":"[EACCES] Not authorized"}}}"#],
        "subscribe ev",
        (1, String::new(), "[EACCES] Not authorized\n"),
    );
}

#[test]
fn a_reader_that_leaves_is_no_error_and_a_full_disk_is() {
    let daemon = Daemon::answering(&[r#"{"id":ID,"result":"pong"}"#]);
    let run = |line: &str| {
        let output = daemon.command("bash").args(["-c", line]).output().unwrap();
        outcome(&output)
    };
    let gone = run("midclt completion bash | true; echo ${PIPESTATUS[0]}");
    assert_eq!(gone, (0, "0\n".to_owned(), String::new()));
    let (exit, _, stderr) = run("midclt ping > /dev/full");
    assert_eq!(exit, 1);
    assert!(
        stderr.starts_with("midclt: cannot write the result: No space left"),
        "{stderr}"
    );
}
