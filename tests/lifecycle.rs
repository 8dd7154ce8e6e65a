//! Starting, stopping, configuring; a second daemon; signals; passed sockets.

mod config;
#[cfg(feature = "system")]
mod journal;
mod sockets;
mod systemd;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::json;
use testkit::{Daemon, Signal, Socket};

use crate::support::{WriteLock, audited, enable, eventually, good_codes, request, stderr, verify};

/// What is in flight is answered, what is durable is told, and then everybody is seen off.
#[test]
fn sigterm_answers_calls_in_flight_and_says_goodbye() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut daemon = Daemon::start();
        let mut socket = daemon.connect();
        let code = good_codes(&enable(&mut socket)).remove(9);
        let mut idle = daemon.connect();
        let mut posting = UnixStream::connect(daemon.socket()).unwrap();
        let lock = WriteLock::take(&daemon);
        socket.send(&request(1, "auth.twofactor.verify", json!([code])));
        let body = request(2, "auth.twofactor.update", json!([{"window": 3}]));
        write!(
            posting,
            "POST /api/current HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        // A read that is answered shows that the daemon has come so far.
        assert_eq!(socket.call("core.ping", json!([])), "pong");
        daemon.signal(signal);
        assert_eq!(
            idle.recv_close(),
            (1001, "middlewared is stopping".to_owned())
        );
        drop(lock);
        assert_eq!(
            socket.recv(),
            json!({"jsonrpc": "2.0", "result": true, "id": 1})
        );
        assert_eq!(socket.recv_close().0, 1001);
        let answer = crate::support::read_to_end(&mut posting);
        assert!(answer.contains("\"window\":3"), "{answer}");
        // A client that has said goodbye is not waited for.
        drop((socket, idle));
        let status = daemon
            .wait_for_exit(Duration::from_secs(20))
            .expect("it ends");
        assert!(status.success(), "{status}");
        assert!(!daemon.socket().exists(), "the socket is gone");
        daemon.restart();
        assert!(
            !verify(&mut daemon.connect(), &code),
            "used up before the stop"
        );
    }
}

/// Whoever does not read or does not finish does not keep the daemon from ending.
#[test]
fn no_client_can_prevent_a_stop() {
    let mut daemon = Daemon::start();
    let half = |start: &str| {
        let mut stream = UnixStream::connect(daemon.socket()).unwrap();
        stream.write_all(start.as_bytes()).unwrap();
        stream
    };
    let _open = [
        half(""),
        half("GET /api/cur"),
        half("POST /api/current HTTP/1.1\r\nContent-Length: 50\r\n\r\n{"),
    ];
    let mut cut = daemon.connect();
    cut.send_raw(b"\x81\xfe");
    let unread = daemon.connect();
    unread
        .stream()
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let call = crate::support::frame(0x81, request(1, "core.get_methods", json!([])).as_bytes());
    let mut stream = unread.stream();
    while stream.write_all(&call).is_ok() {}
    assert!(daemon.stop().success());
    assert!(!daemon.socket().exists());
}

#[test]
fn a_second_daemon_on_the_same_state_names_the_first() {
    let mut daemon = Daemon::start();
    let second = Daemon::builder().state_dir(daemon.state_dir()).run_to_end();
    assert_eq!(second.status.code(), Some(1));
    let said = stderr(&second);
    let pid = format!("(pid {})", daemon.pid());
    assert!(
        said.contains(&pid) && said.contains(&*daemon.state_dir().to_string_lossy()),
        "{said}"
    );
    crate::support::assert_alive(&mut daemon, "a second daemon");
    // The lock goes with the process, however it ends.
    daemon.kill9();
    let third = Daemon::builder().state_dir(daemon.state_dir()).start();
    assert_eq!(third.connect().call("core.ping", json!([])), "pong");
}

/// A restart under load: clients that come again meet the same state.
#[test]
fn state_is_the_same_after_every_kind_of_end() {
    let mut daemon = Daemon::start();
    let secret = enable(&mut daemon.connect());
    let codes = good_codes(&secret);
    for (at, code) in codes.iter().enumerate() {
        let mut socket = Socket::connect(daemon.socket());
        assert!(verify(&mut socket, code));
        let window = 10 - at % 2;
        socket.call("auth.twofactor.update", json!([{"window": window}]));
        drop(socket);
        if at % 2 == 0 {
            daemon.kill9();
        } else {
            assert!(daemon.stop().success());
        }
        daemon.restart();
        let mut socket = daemon.connect();
        let row = socket.call("auth.twofactor.config", json!([]));
        assert_eq!(
            (&row["window"], &row["secret"]),
            (&json!(window), &json!(secret))
        );
        assert!(!verify(&mut socket, code), "used up before the restart");
        if at >= 5 {
            break;
        }
    }
    assert_eq!(audited(&daemon.state_dir(), "accepted"), 6);
}

#[test]
fn midclt_says_what_to_do_where_nobody_answers_and_waits_when_asked() {
    let mut daemon = Daemon::start();
    assert!(daemon.stop().success());
    let refused = daemon.midclt(["ping"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("middlewared is not running"),
        "{}",
        stderr(&refused)
    );
    let mut command = daemon.midclt_command();
    command.args(["waitready", "-t", "20"]);
    let waiting = std::thread::spawn(move || {
        testkit::run_with_deadline(&mut command, Duration::from_secs(30))
    });
    std::thread::sleep(Duration::from_millis(100));
    assert!(!waiting.is_finished());
    daemon.restart();
    assert!(waiting.join().unwrap().status.success());
    eventually("ready", || daemon.log().matches(" ready ").count() == 2);
}
