//! The socket itself: who may connect, and what strangers may do.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Socket, exchange};

use super::{HERE, Web, begin, keeper};
use crate::support::{assert_alive, errno, reason, request, upgrade_request};

/// What the daemon says of itself: every method's name, and who may call it on the web.
fn contract() -> Vec<(String, Value)> {
    let contract: Value = serde_json::from_str(include_str!("../../docs/api.json")).unwrap();
    let methods = contract["methods"].as_array().unwrap().iter();
    let rights = methods.map(|method| {
        let name = method["name"].as_str().unwrap().to_owned();
        (name, method["rights"]["web"].clone())
    });
    rights.collect()
}

#[test]
fn a_stranger_may_ping_and_sign_in_and_nothing_else() {
    let web = Web::new();
    web.enable();
    let mut socket = web.connect(HERE);
    for (name, right) in contract() {
        if right == "ANYBODY" {
            continue;
        }
        for params in [json!([]), json!([{"enabled": false}]), json!(["root"])] {
            let error = socket.call_err(&name, params.clone());
            assert_eq!(error["code"], -32001, "{name} {params}: {error}");
            assert_eq!(errno(&error), 207, "{name} {params}: {error}");
            assert_eq!(reason(&error), "[ENOTAUTHENTICATED] Not authenticated");
        }
    }
    assert_eq!(socket.call("core.ping", json!([])), "pong");
    let options = socket.call("core.set_options", json!([{"legacy_jobs": false}]));
    assert_eq!(options["legacy_jobs"], false);
    let choices = socket.call("auth.mechanism_choices", json!([]));
    assert_eq!(choices, json!(["TOKEN_PLAIN", "PASSWORD_PLAIN"]));
    assert_eq!(socket.call_err("core.nothing", json!([]))["code"], -32601);
}

#[test]
fn a_stranger_sends_8_kib_and_no_more() {
    let web = Web::new();
    let long = |length: usize| {
        let text = request(1, "core.ping", json!([]));
        format!("{text}{}", " ".repeat(length - text.len()))
    };
    let mut socket = web.connect(HERE);
    socket.send(&long(8192));
    assert_eq!(socket.recv()["result"], "pong");
    socket.send(&long(8193));
    let reason = "Anonymous connection max message length is 8 kB";
    assert_eq!(socket.recv_close(), (1007, reason.to_owned()));
    // Whoever is signed in may, as on root's socket.
    let mut socket = web.connect(HERE);
    begin(&mut socket, "root", keeper::WORD);
    socket.send(&long(65_536));
    assert_eq!(socket.recv()["result"], "pong");
}

#[test]
fn a_single_request_is_none_here() {
    let mut web = Web::new();
    let path = web.daemon.dir().join("run/web.sock");
    let body = request(1, "core.ping", json!([]));
    let post = format!(
        "POST /api/current HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(&path, post.as_bytes(), Duration::from_secs(5));
    let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 405"), "{answer}");
    assert!(answer.contains("allow: get\r\n"), "{answer}");
    assert_alive(&mut web.daemon, "a POST");
}

/// The header is the web service's, told once. Root's socket does not know it.
#[test]
fn the_address_is_what_the_web_service_tells_and_only_there() {
    let web = Web::new();
    for address in [
        HERE,
        "2001:db8::7",
        "::ffff:192.0.2.9",
        "",
        "not-an-address",
    ] {
        let mut socket = web.connect(address);
        begin(&mut socket, "root", keeper::WORD);
    }
    let asked = web.keeper.asked();
    let told: Vec<&str> = asked
        .iter()
        .map(|[_, _, address]| address.as_str())
        .collect();
    assert_eq!(told, [HERE, "2001:db8::7", "192.0.2.9", "", ""]);
    let path = web.daemon.dir().join("run/web.sock");
    let mut twice = UnixStream::connect(&path).unwrap();
    let lines = format!("X-Middlewared-Peer: {HERE}\r\nX-Middlewared-Peer: 192.0.2.2\r\n");
    twice.write_all(upgrade_request(&lines).as_bytes()).unwrap();
    twice.write_all(&crate::support::frame(0x81, b"x")).unwrap();
    drop(twice);
    let mut root = Socket::on_web(web.daemon.socket(), HERE);
    let verdict = root.call(
        "auth.twofactor.authenticate",
        json!([{"username": "root", "service": "x"}]),
    );
    assert_eq!(verdict["verdict"], "NOT_REQUIRED", "it is root's socket");
}

#[test]
fn it_is_born_private() {
    let web = Web::new();
    let path = web.daemon.dir().join("run/web.sock");
    let found = path.symlink_metadata().unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    assert_eq!(found.uid(), nix::unistd::geteuid().as_raw());
}

/// systemd passes both; which is the web's is known by the name, not by the order.
#[test]
fn a_passed_socket_is_known_by_its_name() {
    let web = Web::with(|builder| {
        let path = builder.dir().join("run/web.sock");
        builder.pass_web_socket(&path)
    });
    let error = web
        .connect(HERE)
        .call_err("auth.two_factor_auth", json!([]));
    assert_eq!(errno(&error), 207);
    assert_eq!(
        begin(&mut web.connect(HERE), "root", keeper::WORD)["response_type"],
        "SUCCESS"
    );
    if nix::unistd::geteuid().is_root() {
        let pong = web.daemon.connect().call("auth.two_factor_auth", json!([]));
        assert_eq!(pong, false);
    }
}
