//! How many connections there may be, and which one makes room.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Daemon, Socket};

use crate::support::{WriteLock, enable, request};

const FULL: (u16, &str) = (1013, "Too many connections");

fn ping(socket: &mut Socket) -> Value {
    socket.call("core.ping", json!([]))
}

/// Lets the clock that tells "longest idle" move on.
fn a_moment() {
    thread::sleep(Duration::from_millis(10));
}

#[test]
fn the_longest_idle_connection_makes_room_and_never_one_at_work() {
    let mut daemon = Daemon::builder().config("max_connections = 4\n").start();
    let mut subscriber = daemon.connect();
    subscriber.call("core.subscribe", json!(["*"]));
    let mut calling = daemon.connect();
    enable(&mut calling);
    let [mut second, mut first] = [(); 2].map(|()| daemon.connect());
    let lock = WriteLock::take(&daemon);
    calling.send(&request(1, "auth.twofactor.verify", json!(["000000"])));
    ping(&mut first);
    a_moment();
    ping(&mut second);
    a_moment();
    let close = |socket: &mut Socket| {
        let (code, reason) = socket.recv_close();
        assert_eq!((code, reason.as_str()), FULL);
    };
    let mut third = daemon.connect();
    ping(&mut third);
    close(&mut first);
    let mut fourth = daemon.connect();
    ping(&mut fourth);
    close(&mut second);
    drop(lock);
    assert_eq!(
        calling.recv()["result"],
        false,
        "a call in flight is not given up"
    );
    assert_eq!(
        subscriber.event()["method"],
        "collection_update",
        "of turning it on"
    );
    crate::support::assert_alive(&mut daemon, "evictions");
}

#[test]
fn where_every_connection_is_at_work_a_new_one_is_refused() {
    let daemon = Daemon::builder().config("max_connections = 3\n").start();
    let mut subscribers = [(); 3].map(|()| daemon.connect());
    let ids = subscribers
        .each_mut()
        .map(|socket| socket.call("core.subscribe", json!(["*"])));
    for _ in 0..10 {
        assert!(Socket::try_connect(daemon.socket()).is_err());
    }
    assert!(daemon.log().contains("all are taken and at work"));
    for socket in &mut subscribers {
        assert_eq!(ping(socket), "pong");
    }
    let [first, _, last] = &mut subscribers;
    first.call("core.unsubscribe", json!([ids[0]]));
    let mut newcomer = daemon.connect();
    newcomer.call("auth.twofactor.update", json!([{"window": 1}]));
    assert_eq!(first.recv_close().0, FULL.0);
    assert_eq!(last.event()["method"], "collection_update");
}

/// Half a request holds a place no longer than an idle connection does.
#[test]
fn connections_that_never_upgrade_make_room_too() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    let daemon = Daemon::builder().config("max_connections = 3\n").start();
    let mut halves: Vec<UnixStream> = (0..20)
        .map(|_| {
            let mut half = UnixStream::connect(daemon.socket()).unwrap();
            // Fails where it has made room already.
            let _ = half.write_all(b"GET /api/current HTTP/1.1\r\nHost:");
            half
        })
        .collect();
    let mut socket = daemon.connect();
    assert_eq!(ping(&mut socket), "pong");
    for half in halves.iter_mut().take(17) {
        half.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let end = half.read(&mut [0; 64]);
        let is_over = end.as_ref().is_ok_and(|read| *read == 0)
            || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        assert!(is_over);
    }
    assert_eq!(ping(&mut socket), "pong");
}

#[test]
fn closed_connections_give_their_places_back() {
    let daemon = Daemon::builder().config("max_connections = 2\n").start();
    let mut kept = daemon.connect();
    kept.call("core.subscribe", json!(["*"]));
    for _ in 0..50 {
        assert_eq!(ping(&mut daemon.connect()), "pong");
    }
    assert_eq!(ping(&mut kept), "pong");
}

/// A process that hoards connections pays for them itself.
#[cfg(feature = "system")]
#[test]
fn the_process_with_most_connections_makes_room() {
    let daemon = Daemon::builder().config("max_connections = 4\n").start();
    let relay = crate::support::Relay::connect(daemon.socket(), None);
    let mut lone = relay.upgrade();
    ping(&mut lone);
    a_moment();
    let mut hoard = [(); 3].map(|()| daemon.connect());
    for socket in &mut hoard {
        ping(socket);
    }
    let mut more = daemon.connect();
    assert_eq!(ping(&mut more), "pong");
    assert_eq!(hoard[0].recv_close().0, FULL.0);
    assert_eq!(
        ping(&mut lone),
        "pong",
        "idle for longer, but the only one of its process"
    );
}
