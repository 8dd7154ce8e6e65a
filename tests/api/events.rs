//! Events: after the commit, to whoever subscribed, without the secret.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use testkit::{Daemon, run_with_input};

use crate::support::{database, enable, good_codes, verify};

#[test]
fn a_change_is_told_after_it_is_durable_and_without_the_secret() {
    let daemon = Daemon::start();
    let mut subscriber = daemon.connect();
    subscriber.call("core.subscribe", json!(["auth.twofactor.config"]));
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let event = subscriber.recv_text();
    let fields = r#"{"id":1,"otp_digits":6,"window":10,"interval":30,"services":{"ssh":false},"#
        .to_owned()
        + r#""enabled":true}"#;
    let params =
        format!(r#"{{"msg":"changed","collection":"auth.twofactor.config","fields":{fields}}}"#);
    let expected = format!(r#"{{"jsonrpc":"2.0","method":"collection_update","params":{params}}}"#);
    assert_eq!(event, expected);
    let outside = database(&daemon.state_dir());
    for window in [3, 4, 5, 6, 7] {
        socket.send(&crate::support::request(
            1,
            "auth.twofactor.update",
            json!([{"window": window}]),
        ));
        // The subscriber's own read, and another process's, see what the event tells.
        let told = subscriber.event()["params"]["fields"]["window"].clone();
        let stored: i64 = outside
            .query_row("SELECT window_steps FROM settings", [], |row| row.get(0))
            .unwrap();
        assert_eq!((told, stored), (json!(window), window));
        assert_eq!(socket.recv()["result"]["window"], window);
    }
    socket.call("auth.twofactor.renew_secret", json!([]));
    let event = subscriber.recv_text();
    assert!(
        event.contains("auth.twofactor.config") && !event.contains("secret"),
        "{event}"
    );
    let renewed = socket.call("auth.twofactor.config", json!([]))["secret"].clone();
    assert_ne!(renewed, secret);
    // A code that was accepted changes no setting, and a refused update none at all.
    verify(&mut socket, &good_codes(renewed.as_str().unwrap())[9]);
    socket.call_err("auth.twofactor.update", json!([{"window": 11}]));
    subscriber.assert_silent(Duration::from_millis(100));
}

#[test]
fn each_subscriber_hears_what_it_asked_for_until_it_unsubscribes() {
    let daemon = Daemon::start();
    let mut changer = daemon.connect();
    let [mut all, mut one, mut jobs, mut none] = [(); 4].map(|()| daemon.connect());
    all.call("core.subscribe", json!(["*"]));
    let id = one.call("core.subscribe", json!(["auth.twofactor.config"]));
    jobs.call("core.subscribe", json!(["core.get_jobs"]));
    changer.call("auth.twofactor.update", json!([{"window": 1}]));
    for socket in [&mut all, &mut one] {
        assert_eq!(socket.event()["params"]["fields"]["window"], 1);
    }
    one.call("core.unsubscribe", json!([id]));
    changer.call("auth.twofactor.update", json!([{"window": 2}]));
    assert_eq!(all.event()["params"]["fields"]["window"], 2);
    for socket in [&mut one, &mut jobs, &mut none, &mut changer, &mut all] {
        socket.assert_silent(Duration::from_millis(50));
    }
    // Whoever changes something hears of it too, once, however often it subscribed.
    for _ in 0..2 {
        changer.call("core.subscribe", json!(["*"]));
    }
    changer.call("auth.twofactor.update", json!([{"window": 3}]));
    assert_eq!(changer.event()["params"]["fields"]["window"], 3);
    changer.assert_silent(Duration::from_millis(50));
}

#[test]
fn midclt_prints_events_as_they_come() {
    let daemon = Daemon::start();
    let mut command = daemon.midclt_command();
    command
        .args(["subscribe", "auth.twofactor.config", "-n", "2", "-t", "20"])
        .stdin(Stdio::null());
    let listening =
        std::thread::spawn(move || run_with_input(&mut command, Duration::from_secs(30)));
    let mut socket = daemon.connect();
    let mut window = 0;
    // Until it has subscribed, nobody hears; it ends by itself after two.
    while !listening.is_finished() {
        window = (window + 1) % 10;
        socket.call("auth.twofactor.update", json!([{"window": window}]));
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = listening.join().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(printed.lines().count(), 2, "{printed}");
    assert!(
        printed
            .lines()
            .all(|line| line.starts_with('{') && line.contains("\"window\": ")),
        "{printed}"
    );
}
