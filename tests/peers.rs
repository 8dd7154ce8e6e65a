//! Who may use the socket: root, the user who made it, and nobody else. Other users are real ones,
//! so all of this needs root.
#![cfg(feature = "system")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Daemon, Socket, binaries, run_with_deadline};

use crate::support::{Relay, audit, enable, eventually, frame, read_to_end, request, stderr};

const NOBODY: u32 = 65_534;
const SOMEBODY: u32 = 54_321;
const ANOTHER: u32 = 54_322;

const REASON: &str = "[EACCES] Not authorized: this socket is for root. Try again with sudo";

/// Opens the socket to everybody, as a mistake or another release might.
fn open_to_all(daemon: &Daemon) {
    fs::set_permissions(daemon.dir(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(daemon.socket(), Permissions::from_mode(0o666)).unwrap();
}

/// The refusal of a call with this id.
fn refusal(id: &Value) -> Value {
    let data = json!({
        "error": 13, "errname": "EACCES", "reason": REASON, "trace": null, "extra": null,
    });
    let error = json!({"code": -32001, "message": "Method call error", "data": data});
    json!({"jsonrpc": "2.0", "error": error, "id": id})
}

fn is_served(daemon: &Daemon, uid: u32) -> bool {
    let relay = Relay::connect(daemon.socket(), Some(uid));
    let reply = relay.upgrade().rpc("core.ping", json!([]));
    reply.get("result") == Some(&json!("pong"))
}

#[test]
fn a_stranger_s_first_request_is_refused_with_its_id() {
    let daemon = Daemon::start();
    let secret = enable(&mut daemon.connect());
    open_to_all(&daemon);
    let before = (
        daemon.connect().call("auth.twofactor.config", json!([])),
        audit(&daemon.state_dir()),
    );
    let code = crate::support::good_codes(&secret).remove(9);
    for (id, method, params) in [
        (json!(1), "core.ping", json!([])),
        (json!("ä"), "auth.twofactor.config", json!([])),
        (
            json!(null),
            "auth.twofactor.update",
            json!([{"enabled": false}]),
        ),
        (json!(true), "auth.twofactor.verify", json!([code])),
        (json!(-5), "core.subscribe", json!(["*"])),
        (json!(2), "core.set_options", json!([{}])),
        (json!(3), "no.such_method", json!([])),
        (json!(4), "auth.twofactor.update", json!(["wrong"])),
    ] {
        let relay = Relay::connect(daemon.socket(), Some(NOBODY));
        let mut socket = relay.upgrade();
        let call = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": id});
        // A second call in the same breath is not even looked at.
        socket.send_raw(
            &[
                frame(0x81, call.to_string().as_bytes()),
                frame(0x81, call.to_string().as_bytes()),
            ]
            .concat(),
        );
        assert_eq!(socket.recv(), refusal(&id), "{method}");
        assert_eq!(
            socket.recv_close(),
            (1008, "Not authorized".to_owned()),
            "{method}"
        );
    }
    let mut root = daemon.connect();
    let after = (
        root.call("auth.twofactor.config", json!([])),
        audit(&daemon.state_dir()),
    );
    assert_eq!(after, before, "nothing changed");
    assert!(
        crate::support::verify(&mut root, &code),
        "the code was not used up"
    );
    let refusals = daemon
        .log()
        .matches("refused a peer that is not root uid=65534")
        .count();
    assert_eq!(refusals, 8, "{}", daemon.log());
}

/// Whatever it is, and also by its events: this socket knows no rights but root's.
#[test]
fn a_stranger_may_call_no_method_and_hear_no_event() {
    let daemon = Daemon::start();
    open_to_all(&daemon);
    let contract: Value = serde_json::from_str(include_str!("../docs/api.json")).unwrap();
    let named = |key: &str| -> Vec<String> {
        let all = contract[key].as_array().unwrap().iter();
        all.map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let (methods, events) = (named("methods"), named("events"));
    assert!(methods.len() > 50 && events.len() > 5);
    let calls = methods.into_iter().map(|method| (method, json!([])));
    let subscriptions = events
        .into_iter()
        .map(|event| ("core.subscribe".to_owned(), json!([event])));
    for (method, params) in calls.chain(subscriptions) {
        let relay = Relay::connect(daemon.socket(), Some(NOBODY));
        let reply = relay.upgrade().rpc(&method, params);
        assert_eq!(reply, refusal(&reply["id"]), "{method}");
    }
}

#[test]
fn what_else_a_stranger_may_send_is_refused_too() {
    let mut daemon = Daemon::start();
    open_to_all(&daemon);
    let too_long = request(1, "core.ping", json!(["x".repeat(8192)]));
    for (what, bytes, code) in [
        ("broken JSON", frame(0x81, b"{"), 1008),
        ("a batch", frame(0x81, b"[]"), 1008),
        ("nothing", frame(0x81, b""), 1008),
        ("binary", frame(0x82, b"{}"), 1003),
        ("over 8 KiB", frame(0x81, too_long.as_bytes()), 1007),
        (
            "over 64 KiB",
            frame(0x81, &vec![b' '; 300_000])[..1000].to_vec(),
            1009,
        ),
        ("unmasked", b"\x81\x02{}".to_vec(), 1002),
    ] {
        let relay = Relay::connect(daemon.socket(), Some(NOBODY));
        let mut socket = relay.upgrade();
        socket.send_raw(&bytes);
        assert_eq!(socket.recv_close().0, code, "{what}");
        crate::support::assert_alive(&mut daemon, what);
    }
    // Whoever says nothing is not kept for long.
    let relay = Relay::connect(daemon.socket(), Some(NOBODY));
    let mut silent = relay.upgrade();
    assert!(silent.recv_message().is_err());
}

#[test]
fn a_stranger_s_post_is_forbidden() {
    use std::io::Write;
    let daemon = Daemon::start();
    open_to_all(&daemon);
    for body in [
        request(7, "auth.twofactor.update", json!([{"window": 3}])),
        "{".to_owned(),
    ] {
        let relay = Relay::connect(daemon.socket(), Some(NOBODY));
        let mut stream = relay.stream();
        write!(
            stream,
            "POST /api/current HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let answer = read_to_end(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let reply: Value = serde_json::from_str(body).unwrap();
        assert_eq!(reply, refusal(&json!(null)));
    }
    let row = daemon.connect().call("auth.twofactor.config", json!([]));
    assert_eq!(row["window"], 0);
}

/// Also where the socket's mode keeps them out, and where the daemon has to.
#[test]
fn midclt_tells_a_stranger_to_use_sudo() {
    let daemon = Daemon::start();
    let midclt = daemon.dir().join("midclt");
    fs::copy(binaries::midclt(), &midclt).unwrap();
    fs::set_permissions(daemon.dir(), Permissions::from_mode(0o755)).unwrap();
    let said_to = |uid: u32| {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={uid}"), &format!("--regid={uid}")]);
        command
            .args(["--clear-groups", "--"])
            .arg(&midclt)
            .arg("-u")
            .arg(daemon.socket());
        let output = run_with_deadline(command.arg("ping"), Duration::from_secs(30));
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        stderr(&output)
    };
    for (mode, lines) in [(0o600, 1), (0o666, 2)] {
        fs::set_permissions(daemon.socket(), Permissions::from_mode(mode)).unwrap();
        let said = said_to(NOBODY);
        assert!(said.contains("sudo midclt ping"), "{mode:o}: {said}");
        // The daemon's own refusal is a line too.
        assert_eq!(said.lines().count(), lines, "{mode:o}: {said}");
    }
}

/// A developer's daemon serves its developer and root.
#[test]
fn a_daemon_of_an_ordinary_user_serves_that_user_and_root() {
    let daemon = Daemon::builder().uid(SOMEBODY).start();
    let mode = fs::metadata(daemon.socket()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    open_to_all(&daemon);
    let served = [0, SOMEBODY, ANOTHER, NOBODY].map(|uid| is_served(&daemon, uid));
    assert_eq!(served, [true, true, false, false]);
}

/// In a user namespace every stranger looks like this one, so it is nobody's identity.
#[test]
fn a_daemon_of_the_overflow_user_serves_root_alone() {
    let daemon = Daemon::builder().uid(NOBODY).start();
    open_to_all(&daemon);
    let served = [0, NOBODY, SOMEBODY].map(|uid| is_served(&daemon, uid));
    assert_eq!(served, [true, false, false]);
}

/// The packaged daemon runs as a user of its own, which is no administrator.
#[test]
fn a_passed_socket_serves_root_alone() {
    let start: [fn() -> Daemon; 2] = [
        || Daemon::builder().pass_socket().start(),
        || Daemon::builder().uid(SOMEBODY).pass_socket().start(),
    ];
    for start in start {
        let daemon = start();
        open_to_all(&daemon);
        let served = [0, SOMEBODY, NOBODY].map(|uid| is_served(&daemon, uid));
        assert_eq!(served, [true, false, false]);
    }
}

/// systemd's own tool passes the socket in its own way.
#[test]
fn systemd_socket_activate_s_socket_is_taken() {
    let place = Daemon::builder();
    let socket = place.dir().join("run/middlewared.sock");
    let mut command = Command::new("systemd-socket-activate");
    command
        .arg("--listen")
        .arg(&socket)
        .arg(binaries::middlewared());
    command.arg("--state-dir").arg(place.dir().join("state"));
    command.stderr(fs::File::create(place.dir().join("log")).unwrap());
    let activator = command.spawn();
    let _activator = Killed(activator.expect("systemd-socket-activate (Debian: systemd)"));
    // It starts the daemon for the first connection, in its own place. Between bind(2) and listen(2)
    // the socket is there and refuses.
    eventually("an answer", || {
        let connected = Socket::try_connect(&socket);
        connected.is_ok_and(|mut socket| socket.call("core.ping", json!([])) == "pong")
    });
}

/// A process that ends with the test, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
