//! HTTP on the socket: upgrades, single requests by POST, and what is neither.

use serde_json::{Value, json};
use testkit::Daemon;

use crate::support::{assert_alive, http, post, upgrade_request};

/// The answer's first line.
fn status(answer: &str) -> &str {
    answer.lines().next().unwrap_or_default()
}

/// A Unix socket has neither host nor origin; the original's old client sends `localhost:None`.
#[test]
fn an_upgrade_may_name_any_host_and_origin() {
    let daemon = Daemon::start();
    for lines in [
        "Host: localhost\r\nOrigin: http://localhost\r\n",
        "Host: localhost:None\r\n",
        "Host: \r\n",
        "Host: evil.example\r\nOrigin: https://evil.example\r\n",
        "Host: a\r\nOrigin: null\r\nCookie: x=y\r\nUser-Agent: z\r\n",
        "",
        "Host: localhost\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
        "Host: localhost\r\nSec-WebSocket-Protocol: chat\r\n",
    ] {
        // The goodbye ends the exchange: the answer is the upgrade and the goodbye's echo.
        let mut bytes = upgrade_request(lines).into_bytes();
        bytes.extend(crate::support::frame(0x88, b""));
        let answer = http(&daemon, bytes);
        assert_eq!(
            status(&answer),
            "HTTP/1.1 101 Switching Protocols",
            "{lines:?}"
        );
        let lower = answer.to_ascii_lowercase();
        for line in [
            "upgrade: websocket\r\n",
            "connection: upgrade\r\n",
            // RFC 6455 §1.3, for the key that it shows.
            "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n",
        ] {
            assert!(lower.contains(line), "{line:?} in {answer}");
        }
        for offered in ["extensions", "protocol"] {
            assert!(
                !lower.contains(&format!("sec-websocket-{offered}")),
                "{answer}"
            );
        }
    }
}

#[test]
fn what_is_no_upgrade_is_refused_with_a_reason() {
    let mut daemon = Daemon::start();
    let upgrade = upgrade_request("Host: localhost\r\nConnection: close\r\n");
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (what, request, code, text) in [
        (
            "version 99",
            upgrade.replace("Version: 13", "Version: 99"),
            400,
            "Unsupported version",
        ),
        (
            "no version",
            upgrade.replace("Sec-WebSocket-Version: 13\r\n", ""),
            400,
            "version",
        ),
        ("no key", upgrade.replace(key, ""), 400, "Handshake error"),
        (
            "no upgrade",
            upgrade.replace("Upgrade: websocket\r\n", ""),
            400,
            "POST",
        ),
        (
            "another upgrade",
            upgrade.replace("Upgrade: websocket", "Upgrade: h2c"),
            400,
            "POST",
        ),
        (
            "another path",
            upgrade.replace("/api/current", "/api/v99"),
            404,
            "404: Not Found",
        ),
        (
            "a longer path",
            upgrade.replace("/api/current", "/api/current/"),
            404,
            "404: Not Found",
        ),
        (
            "the old path",
            upgrade.replace("/api/current", "/websocket"),
            404,
            "404: Not Found",
        ),
        (
            "PUT",
            upgrade.replacen("GET", "PUT", 1),
            405,
            "405: Method Not Allowed",
        ),
        (
            "DELETE",
            upgrade.replacen("GET", "DELETE", 1),
            405,
            "405: Method Not Allowed",
        ),
        (
            "a made-up method",
            upgrade.replacen("GET", "BREW", 1),
            405,
            "405: Method Not Allowed",
        ),
        (
            "PUT elsewhere",
            upgrade.replacen("GET /api", "PUT /x", 1),
            404,
            "404: Not Found",
        ),
    ] {
        let answer = http(&daemon, request);
        assert!(
            status(&answer).starts_with(&format!("HTTP/1.1 {code} ")),
            "{what}: {answer}"
        );
        assert!(answer.contains(text), "{what}: {answer}");
        assert_alive(&mut daemon, what);
    }
}

#[test]
fn what_is_no_http_is_an_error_and_no_more() {
    let mut daemon = Daemon::start();
    let long_header = format!(
        "GET /api/current HTTP/1.1\r\nX: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(5000));
    let long_path = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000));
    for (what, request) in [
        (
            "JSON",
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"core.ping\"}\n\n".to_vec(),
        ),
        (
            "TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20),
        ),
        ("zeroes", vec![0; 4096]),
        ("line ends", b"\r\n".repeat(10_000)),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("HTTP/9", b"GET / HTTP/9.9\r\n\r\n".to_vec()),
        ("a long header", long_header.into_bytes()),
        ("many headers", many_headers.into_bytes()),
        ("a long path", long_path.into_bytes()),
        (
            "two lengths",
            b"POST /api/current HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"
                .to_vec(),
        ),
        (
            "a negative length",
            b"POST /api/current HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_vec(),
        ),
    ] {
        let answer = http(&daemon, request);
        let refused = answer.is_empty() || status(&answer).starts_with("HTTP/1.1 4");
        assert!(refused, "{what}: {answer}");
        assert_alive(&mut daemon, what);
    }
}

#[test]
fn a_post_is_one_request() {
    let mut daemon = Daemon::start();
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"core.ping"}"#;
    let answer = r#"{"jsonrpc":"2.0","result":"pong","id":1}"#;
    assert_eq!(
        post(&daemon, ping),
        ("HTTP/1.1 200 OK".into(), answer.into())
    );
    let padded = |length: usize| format!("{ping}{}", " ".repeat(length - ping.len()));
    assert_eq!(post(&daemon, &padded(65_536)).1, answer);
    let (refusal, body) = post(&daemon, &padded(65_537));
    assert_eq!(body, "Max message length is 64 kB");
    assert!(refusal.starts_with("HTTP/1.1 413 "), "{refusal}");
    // No event can be pushed to it, and it says so.
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"core.subscribe","params":["*"]}"#;
    let reply: Value = serde_json::from_str(&post(&daemon, subscribe).1).unwrap();
    assert_eq!(reply["error"]["data"]["errname"], "EOPNOTSUPP");
    let head = "POST /api/current HTTP/1.1\r\nHost: x\r\n";
    let chunks = format!(
        "{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n{ping}\r\n0\r\n\r\n",
        ping.len()
    );
    let kept = format!("{head}Content-Length: {}\r\n\r\n{ping}", ping.len());
    let last = kept.replace("Host: x", "Connection: close");
    for (what, request, times) in [
        ("chunks", chunks, 1),
        ("three at once", kept.repeat(2) + &last, 3),
    ] {
        assert_eq!(
            http(&daemon, request).matches(answer).count(),
            times,
            "{what}"
        );
    }
    let not_utf8 = [
        head.as_bytes(),
        b"Connection: close\r\nContent-Length: 2\r\n\r\n\xff\xff",
    ]
    .concat();
    assert!(http(&daemon, not_utf8).ends_with("Invalid UTF-8"));
    let cut = format!("{head}Content-Length: 1000\r\n\r\n{ping}");
    assert!(
        testkit::exchange(
            daemon.socket(),
            cut.as_bytes(),
            std::time::Duration::from_millis(50)
        )
        .is_empty()
    );
    assert_alive(&mut daemon, "posts");
}

#[test]
fn a_post_changes_and_fails_as_a_websocket_does() {
    let daemon = Daemon::start();
    let call = |method: &str, params: Value| -> Value {
        let (status, body) = post(&daemon, &crate::support::request(7, method, params));
        assert_eq!(status, "HTTP/1.1 200 OK");
        serde_json::from_str(&body).unwrap()
    };
    assert_eq!(
        call("auth.twofactor.update", json!([{"window": 2}]))["result"]["window"],
        2
    );
    let mut socket = daemon.connect();
    assert_eq!(socket.call("auth.twofactor.config", json!([]))["window"], 2);
    for (method, params) in [
        (
            "auth.twofactor.update",
            json!([{"window": 11, "otp_digits": 5}]),
        ),
        ("auth.twofactor.verify", json!(["123456"])),
        ("auth.twofactor.provisioning_uri", json!([])),
        ("core.nothing", json!([])),
    ] {
        let by_socket = socket.call_err(method, params.clone());
        assert_eq!(call(method, params)["error"], by_socket, "{method}");
    }
}
