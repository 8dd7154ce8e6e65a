//! Options in both eras' places, standard input, `subscribe` and `waitready`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Daemon, binaries, run_with_input};

use super::{Answer, LIMIT, Said, Stub, sh, shell};

#[test]
fn quiet_and_job_in_both_eras_places() {
    let stub = Stub::answering(Answer::Result(Value::Null));
    let check = |options: &str, params: Value| {
        let said = sh(stub.socket(), &format!("midclt {options}"));
        assert_eq!(said, Said::printed("null\n"), "{options}");
        let requests = stub.taken();
        assert_eq!(requests.len(), 1, "{options}");
        assert_eq!(requests[0]["method"], "a.b", "{options}");
        assert_eq!(requests[0]["params"], params, "{options}");
    };
    check("-q call a.b 1", json!([1]));
    check("call -q a.b 1", json!([1]));
    check("call a.b 1 -q", json!([1]));
    check("call -j a.b 1", json!([1]));
    check("call a.b 1 -j", json!([1]));
    check("call -j true a.b 1", json!([1]));
    check("call -job a.b 1", json!([1]));
    check("call -q -j -jp description a.b 1", json!([1]));
    check("call -jp progressbar a.b", json!([]));
    check("-t 5 call a.b", json!([]));
    check("call -t 5 a.b", json!([]));
    check("call a.b -- -q -j", json!(["-q", "-j"]));
    check("call a.b -1 -2.5", json!([-1, -2.5]));
    check(
        &format!("-u {} call a.b", stub.socket().display()),
        json!([]),
    );
    check(
        &format!("--ur=ws+unix://{} call a.b", stub.socket().display()),
        json!([]),
    );
}

#[test]
fn wrong_usage_exits_2_and_sends_nothing() {
    let stub = Stub::answering(Answer::Result(Value::Null));
    let check = |line: &str, expected: &str| {
        let said = sh(stub.socket(), line);
        assert_eq!(
            (said.exit, said.stdout.as_str()),
            (Some(2), ""),
            "{line}: {said:?}"
        );
        assert!(said.stderr.contains(expected), "{line}: {said:?}");
    };
    check("midclt call", "METHOD");
    check("midclt bogus", "bogus");
    check(
        "midclt auth.twofactor.config",
        "midclt call auth.twofactor.config",
    );
    check("midclt -u ws://nas/websocket ping", "without TLS");
    check(
        "midclt -u wss://nas/api/current 2fa status",
        "for the machine it runs on",
    );
    check("midclt subscribe -n 0 x", "0");
    check("midclt -U root -P x call a.b", "without them");
    assert!(stub.taken().is_empty());
}

#[test]
fn without_a_command_there_is_help() {
    for line in ["midclt", "midclt --help", "midclt -h", "midclt call --help"] {
        let said = sh("/nonexistent".as_ref(), line);
        assert_eq!((said.exit, said.stderr.as_str()), (Some(0), ""), "{line}");
        assert!(said.stdout.contains("enabled=false"), "{line}: {said:?}");
        assert!(
            said.stdout.lines().all(|line| line.chars().count() <= 80),
            "{line}: {said:?}"
        );
    }
    // Nobody scrolls back on a serial console.
    let lines = sh("/nonexistent".as_ref(), "midclt").stdout.lines().count();
    assert!(lines <= 36, "{lines} lines of help");
}

#[test]
fn a_dash_is_standard_input() {
    let stub = Stub::answering(Answer::Result(Value::Null));
    let check = |input: &str, words: &str, params: Value| {
        let line = format!("printf %s \"$INPUT\" | midclt call -q {words}");
        let mut command = shell(&["sh"], stub.socket(), &line);
        command.env("INPUT", input);
        let said = Said::of(&run_with_input(&mut command, LIMIT));
        assert_eq!(said, Said::printed("null\n"), "{input:?} {words}");
        assert_eq!(stub.taken()[0]["params"], params, "{input:?} {words}");
    };
    check("[1, 2]\n", "a.b -", json!([[1, 2]]));
    check("text\n", "a.b -", json!(["text\n"]));
    check("", "a.b -", json!([""]));
    check("7", "a.b - x -", json!([7, "x", 7]));
    check(
        "{\"enabled\": false}\n",
        "auth.twofactor.update -",
        json!([{"enabled": false}]),
    );
    check(
        "enabled=false\n",
        "auth.twofactor.update -",
        json!([{"enabled": false}]),
    );
    check(
        "‘{ enabled:false }’\n",
        "auth.twofactor.update -",
        json!([{"enabled": false}]),
    );
    check(
        "p=w\n",
        "user.set_password root -",
        json!(["root", "p=w\n"]),
    );
}

#[test]
fn subscribe_prints_each_event_when_it_happens() {
    let daemon = Daemon::start();
    let mut child = daemon
        .midclt_command()
        .args(["subscribe", "auth.twofactor.config", "-n", "2"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let on = change_until(&daemon, "enabled=true", "enabled=false", &mut lines);
    assert_eq!(on["msg"], "changed");
    assert_eq!(on["collection"], "auth.twofactor.config");
    assert!(on["fields"].get("secret").is_none(), "{on}");
    daemon.midclt_ok(["call", "auth.twofactor.update", r#"{"window": 3}"#]);
    let second: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(second["collection"], "auth.twofactor.config");
    assert!(child.wait().unwrap().success());
}

/// Changes the settings to and fro until the subscriber, which needs a moment to subscribe, has
/// heard of it. Reads one line while the subscriber still runs: it is not kept in a buffer.
fn change_until(
    daemon: &Daemon,
    on: &str,
    off: &str,
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
) -> Value {
    thread::scope(|scope| {
        let (heard, waiting) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            for change in [on, off].iter().cycle() {
                daemon.midclt_ok(["call", "auth.twofactor.update", change]);
                if waiting.recv_timeout(Duration::from_secs(1)).is_ok() {
                    return;
                }
            }
        });
        let line = lines.next().unwrap().unwrap();
        heard.send(()).unwrap();
        serde_json::from_str(&line).unwrap()
    })
}

#[test]
fn subscribe_ends_at_its_time() {
    let daemon = Daemon::start();
    let began = Instant::now();
    let said = sh(daemon.socket(), "midclt subscribe core.get_jobs -t 1");
    assert_eq!(said, Said::failed(1, ""));
    assert!((1..10).contains(&began.elapsed().as_secs()));
    let said = sh(daemon.socket(), "midclt subscribe no.such_event -t 1");
    assert_eq!(said.exit, Some(1));
    assert!(
        said.stderr.contains("There is no event of that name"),
        "{said:?}"
    );
}

#[test]
fn subscribe_says_when_the_daemon_ends() {
    let mut daemon = Daemon::start();
    let child = daemon
        .midclt_command()
        .args(["subscribe", "*"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(300));
    daemon.stop();
    let said = Said::of(&child.wait_with_output().unwrap());
    assert_eq!((said.exit, said.stdout.as_str()), (Some(1), ""), "{said:?}");
    assert!(
        said.stderr
            .starts_with("WebSocket connection closed with code=1001"),
        "{said:?}"
    );
}

#[test]
fn waitready_waits() {
    let mut daemon = Daemon::start();
    assert_eq!(sh(daemon.socket(), "midclt waitready"), Said::printed(""));
    daemon.stop();
    let began = Instant::now();
    let said = sh(daemon.socket(), "midclt waitready -t 1");
    assert_eq!((said.exit, said.stdout.as_str()), (Some(1), ""));
    assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
    assert!((1..10).contains(&began.elapsed().as_secs()));
    let waiting = daemon
        .midclt_command()
        .args(["waitready", "-t", "20"])
        .spawn();
    thread::sleep(Duration::from_millis(300));
    daemon.restart();
    assert!(waiting.unwrap().wait().unwrap().success());
}

/// `midclt` itself, for what no shell is needed.
#[test]
fn a_word_that_is_no_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let stub = Stub::answering(Answer::Result(Value::Null));
    let mut command = std::process::Command::new(binaries::midclt());
    command.arg("-u").arg(stub.socket()).args(["call", "a.b"]);
    command.arg(std::ffi::OsStr::from_bytes(b"\xff"));
    let said = Said::of(&testkit::run_with_deadline(&mut command, LIMIT));
    assert_eq!(said.exit, Some(2), "{said:?}");
    assert!(stub.taken().is_empty());
}
