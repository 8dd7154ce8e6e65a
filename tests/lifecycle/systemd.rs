//! As a service: told when it is ready, alive and stopping, and given its socket.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Daemon, Signal};

use crate::support::{WriteLock, enable, request};

/// The socket that systemd listens on, `sd_notify(3)`.
struct Manager(UnixDatagram);

impl Manager {
    /// A builder of a daemon that reports here.
    fn builder() -> (Self, testkit::Builder) {
        let builder = Daemon::builder();
        let path = builder.dir().join("notify");
        let manager = Self(UnixDatagram::bind(&path).unwrap());
        (manager, builder.env("NOTIFY_SOCKET", path))
    }

    /// The next message that comes within this time.
    fn hear(&self, limit: Duration) -> Option<String> {
        let mut message = [0; 512];
        self.0.set_read_timeout(Some(limit)).unwrap();
        let length = self.0.recv(&mut message).ok()?;
        Some(
            String::from_utf8_lossy(&message[..length])
                .trim_end()
                .to_owned(),
        )
    }

    /// The next message but a sign of life.
    fn hear_state(&self) -> Option<String> {
        std::iter::from_fn(|| self.hear(Duration::from_secs(20)))
            .find(|message| message != "WATCHDOG=1")
    }
}

#[test]
fn readiness_means_that_clients_are_served() {
    let (manager, builder) = Manager::builder();
    let mut daemon = builder.start();
    assert_eq!(manager.hear_state().as_deref(), Some("READY=1"));
    assert_eq!(daemon.connect().call("core.ping", json!([])), "pong");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(manager.hear_state().as_deref(), Some("STOPPING=1"));
    assert!(daemon.stop().success());
    assert_eq!(
        manager.hear(Duration::from_millis(10)),
        None,
        "nothing more"
    );
}

#[test]
fn a_start_that_fails_is_never_ready() {
    let (manager, builder) = Manager::builder();
    std::fs::write(builder.dir().join("run/middlewared.sock"), "in the way").unwrap();
    assert!(!builder.run_to_end().status.success());
    assert_eq!(manager.hear(Duration::from_millis(10)), None);
}

/// The signs of life come from behind the writer: a writer that hangs is a daemon that hangs.
#[test]
fn the_watchdog_hears_of_a_writer_that_hangs() {
    let (manager, builder) = Manager::builder();
    let daemon = builder.env("WATCHDOG_USEC", "200000").start();
    assert_eq!(manager.hear_state().as_deref(), Some("READY=1"));
    let mut socket = daemon.connect();
    enable(&mut socket);
    for _ in 0..3 {
        assert_eq!(
            manager.hear(Duration::from_secs(20)).as_deref(),
            Some("WATCHDOG=1")
        );
    }
    let lock = WriteLock::take(&daemon);
    socket.send(&request(1, "auth.twofactor.verify", json!(["000000"])));
    assert_eq!(socket.call("core.ping", json!([])), "pong");
    // At most two were on their way already.
    let began = Instant::now();
    let mut heard = 0;
    while began.elapsed() < Duration::from_secs(1) {
        heard += usize::from(manager.hear(Duration::from_millis(100)).is_some());
    }
    assert!(heard <= 2, "{heard} signs of life from a writer that waits");
    drop(lock);
    assert_eq!(socket.recv()["result"], false);
    assert_eq!(
        manager.hear(Duration::from_secs(20)).as_deref(),
        Some("WATCHDOG=1")
    );
}

/// `LISTEN_FDS`: the daemon serves it and leaves it, and whoever waited over a restart is served.
/// Needs root, since nobody else may use a passed socket.
#[cfg(feature = "system")]
#[test]
fn a_passed_socket_is_served_and_left_where_it_is() {
    let mut daemon = Daemon::builder().pass_socket().start();
    assert_eq!(daemon.connect().call("core.ping", json!([])), "pong");
    assert!(daemon.stop().success());
    assert!(daemon.socket().exists(), "it belongs to systemd");
    let path = daemon.socket().to_owned();
    let waiting =
        std::thread::spawn(move || testkit::Socket::connect(&path).call("core.ping", json!([])));
    std::thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished(), "nobody answers yet");
    daemon.restart();
    assert_eq!(waiting.join().unwrap(), "pong");
}
