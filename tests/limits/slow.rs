//! Clients that do not read, do not send, or do not keep up.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Daemon, Socket};

use super::resident_kib;
use crate::support::{
    assert_alive, audited, enable, frame, good_codes, request, stray_guess, verify,
};

/// What a client that reads nothing may cost: the figure of the main job.
const MOST_KIB: u64 = 16 * 1024;

/// Sends the same call over and over until nothing more is taken for half a second. How many whole
/// ones went out.
fn flood(socket: &Socket, call: &str, most: usize) -> usize {
    let bytes = frame(0x81, call.as_bytes());
    let mut stream = socket.stream();
    stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    for sent in 0..most {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => return sent,
                Err(error) => panic!("after {sent} calls: {error}"),
            }
        }
    }
    most
}

/// The daemon stops reading from whoever does not read its replies, so its memory does not grow,
/// and everybody else is served as before.
#[test]
fn a_client_that_reads_nothing_waits_alone() {
    const MANY: usize = 200_000;
    let mut daemon = Daemon::start();
    let mut other = daemon.connect();
    let secret = enable(&mut other);
    let codes = good_codes(&secret);
    let before = resident_kib(&daemon);
    let padding = "x".repeat(1000);
    let greedy: Vec<Socket> = [
        request(1, "core.get_methods", json!([])),
        request(1, "core.nothing", json!([padding])),
        request(1, "auth.twofactor.authenticate", stray_guess(1)),
        format!(r#"{{"jsonrpc":"1.0","id":"{padding}"}}"#),
    ]
    .iter()
    .map(|call| {
        let socket = daemon.connect();
        let sent = flood(&socket, call, MANY);
        assert!(sent < MANY, "never had to wait: {call}");
        socket
    })
    .collect();
    let grown = resident_kib(&daemon).saturating_sub(before);
    assert!(
        grown < MOST_KIB,
        "{grown} KiB for {} clients that read nothing",
        greedy.len()
    );
    for code in &codes {
        assert!(verify(&mut other, code), "others are served as ever");
    }
    drop(greedy);
    assert_alive(&mut daemon, "clients that read nothing");
}

/// Nothing is lost by waiting: once the client reads, every call is answered, in order of reading.
#[test]
fn a_client_that_reads_late_gets_every_answer() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let sent = flood(
        &socket,
        &request(1, "core.get_services", json!([])),
        100_000,
    );
    // The last one was cut in the middle; the daemon waits for its rest, and so do we for nothing.
    for _ in 0..sent {
        assert!(socket.recv()["result"].is_object());
    }
    assert_eq!(daemon.connect().call("core.ping", json!([])), "pong");
}

/// Events are not kept for ever: whoever does not keep up is told that some are missing.
#[test]
fn a_subscriber_that_does_not_keep_up_is_told_and_costs_little() {
    const BATCHES: u64 = 300;
    let daemon = Daemon::start();
    let mut slow = daemon.connect();
    slow.call("core.subscribe", json!(["auth.twofactor.config"]));
    let mut quick = daemon.connect();
    quick.call("core.subscribe", json!(["*"]));
    let mut socket = daemon.connect();
    let before = resident_kib(&daemon);
    for batch in 0..BATCHES {
        for id in 0..10 {
            // Each differs from the one before, or there would be no event.
            let window = 1 + (batch + id) % 10;
            socket.send(&request(
                id,
                "auth.twofactor.update",
                json!([{"window": window}]),
            ));
        }
        for _ in 0..10 {
            assert!(socket.recv().get("result").is_some());
            quick.event();
        }
    }
    assert!(resident_kib(&daemon).saturating_sub(before) < MOST_KIB);
    let mut events = 0;
    let end = loop {
        let message = slow.event();
        match message["method"].as_str().unwrap() {
            "collection_update" => events += 1,
            _ => break message,
        }
    };
    assert!(
        events < BATCHES * 10,
        "nothing was lost, so this proves nothing"
    );
    assert_eq!(end["method"], "notify_unsubscribed");
    assert_eq!(end["params"]["collection"], "auth.twofactor.config");
    assert_eq!(end["params"]["error"]["errname"], "ENOBUFS");
    slow.assert_silent(Duration::from_millis(100));
    slow.call("core.subscribe", json!(["auth.twofactor.config"]));
    socket.call("auth.twofactor.update", json!([{"otp_digits": 8}]));
    assert_eq!(slow.event()["params"]["fields"]["otp_digits"], 8);
}

/// Group commit makes events in bursts, of as many calls as can wait for the writer. Whoever reads
/// them as they come misses none.
#[test]
fn a_subscriber_that_reads_misses_nothing() {
    let daemon = Daemon::start();
    let mut subscriber = daemon.connect();
    subscriber.call("core.subscribe", json!(["*"]));
    let reading = thread::spawn(move || {
        let mut events = 0;
        loop {
            let event = subscriber.event();
            assert_eq!(
                event["method"], "collection_update",
                "after {events}: {event}"
            );
            events += 1;
            if event["params"]["fields"]["otp_digits"] == 8 {
                return events;
            }
        }
    });
    thread::scope(|scope| {
        for client in 0..12 {
            let mut socket = daemon.connect();
            scope.spawn(move || {
                for round in 0..20 {
                    for id in 0..20 {
                        let changes = json!([{"window": 1 + (client + round + id) % 10}]);
                        socket.send(&request(id, "auth.twofactor.update", changes));
                    }
                    for _ in 0..20 {
                        assert!(socket.recv().get("result").is_some());
                    }
                }
            });
        }
    });
    let last = json!([{"otp_digits": 8}]);
    daemon.connect().call("auth.twofactor.update", last);
    let events = reading.join().unwrap();
    assert_eq!(events, audited(&daemon.state_dir(), "changed"));
    assert!(events > 1000, "{events} are no burst");
}

/// Whoever does not finish a head or a body is shown out, however often it sends a byte.
#[test]
fn a_client_that_sends_too_slowly_is_closed() {
    let mut daemon = Daemon::start();
    let starts: [&[u8]; 5] = [
        b"",
        b"G",
        b"GET /api/current HTTP/1.1\r\nHost: localhost\r\nX: ",
        b"POST /api/current HTTP/1.1\r\nContent-Length: 100\r\n\r\n{",
        // One request done, and none to follow.
        b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    let mut slow: Vec<UnixStream> = starts
        .iter()
        .map(|start| {
            let mut stream = UnixStream::connect(daemon.socket()).unwrap();
            stream.write_all(start).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_millis(50)))
                .unwrap();
            stream
        })
        .collect();
    let mut upgraded = daemon.connect();
    let deadline = Instant::now() + Duration::from_secs(25);
    while !slow.is_empty() {
        assert!(Instant::now() < deadline, "{} are still open", slow.len());
        slow.retain_mut(|stream| {
            // A byte now and then does not help.
            let _ = stream.write_all(b"x");
            !is_closed(stream)
        });
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(
        upgraded.call("core.ping", json!([])),
        "pong",
        "an idle WebSocket stays"
    );
    assert_alive(&mut daemon, "slow clients");
}

fn is_closed(stream: &mut UnixStream) -> bool {
    match stream.read(&mut [0; 1024]) {
        Ok(length) => length == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}
