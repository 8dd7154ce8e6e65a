//! `/api/current`: the daemon's WebSocket, by way of the web service.

use std::net::TcpStream;

use serde_json::{Value, json};
use testkit::tungstenite::client::IntoClientRequest;
use testkit::tungstenite::http::HeaderValue;
use testkit::tungstenite::{Error, HandshakeError, Message, WebSocket, client};

use super::Site;
use crate::support::request;
use crate::web::keeper::WORD;

type Tls = testkit::rustls::StreamOwned<testkit::rustls::ClientConnection, TcpStream>;

/// Upgrades with more lines of the head; the status where it is refused.
fn upgrade(site: &Site, lines: &[(&'static str, &str)]) -> Result<WebSocket<Tls>, u16> {
    let mut asked = "wss://localhost/api/current".into_client_request().unwrap();
    for (name, value) in lines {
        asked
            .headers_mut()
            .insert(*name, HeaderValue::from_str(value).unwrap());
    }
    match client(asked, site.web.connect_tls()) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

fn call(socket: &mut WebSocket<Tls>, method: &str, params: Value) -> Value {
    socket
        .send(Message::text(request(1, method, params)))
        .unwrap();
    let answer = socket.read().unwrap();
    serde_json::from_str(answer.to_text().unwrap()).unwrap()
}

#[test]
fn a_remote_client_speaks_with_the_daemon_as_a_stranger() {
    let site = Site::new();
    let mut socket = upgrade(&site, &[]).unwrap();
    assert_eq!(call(&mut socket, "core.ping", json!([]))["result"], "pong");
    let refused = call(&mut socket, "auth.twofactor.config", json!([]));
    assert_eq!(refused["error"]["data"]["error"], 207, "{refused}");
    let signed_in = call(&mut socket, "auth.login", json!(["root", WORD]));
    assert_eq!(signed_in["result"], true);
    let config = call(&mut socket, "auth.twofactor.config", json!([]));
    assert_eq!(config["result"]["enabled"], false);
}

#[test]
fn addresses_that_a_client_makes_up_are_not_passed_on() {
    let site = Site::new();
    let forged = [
        ("x-middlewared-peer", "203.0.113.1"),
        ("x-forwarded-for", "203.0.113.2"),
    ];
    let mut socket = upgrade(&site, &forged).unwrap();
    call(&mut socket, "auth.login", json!(["root", "wrong"]));
    assert_eq!(site.keeper.asked()[0][2], "127.0.0.1");
}

#[test]
fn a_trusted_proxy_says_for_whom_it_asks() {
    let site = Site::with("trusted_proxies = [\"127.0.0.1\"]\n");
    let forwarded = [("x-forwarded-for", "198.51.100.1, 203.0.113.2")];
    let mut socket = upgrade(&site, &forwarded).unwrap();
    call(&mut socket, "auth.login", json!(["root", "wrong"]));
    assert_eq!(site.keeper.asked()[0][2], "203.0.113.2");
}

#[test]
fn pages_of_other_sites_and_foreign_names_do_not_get_through() {
    let site = Site::with("hosts = [\"nas.example.org\"]\n");
    for (host, origin, expected) in [
        ("localhost", Some("https://localhost"), None),
        ("nas.example.org", Some("https://nas.example.org"), None),
        (
            "nas.example.org:8443",
            Some("https://nas.example.org:8443"),
            None,
        ),
        ("127.0.0.1", None, None),
        ("localhost", Some("https://localhost:8444"), Some(403)),
        ("localhost", Some("http://localhost"), Some(403)),
        ("localhost", Some("https://evil.example"), Some(403)),
        ("localhost", Some("null"), Some(403)),
        ("evil.example", Some("https://evil.example"), Some(421)),
        ("evil.example", None, Some(421)),
    ] {
        let mut lines = vec![("host", host)];
        lines.extend(origin.map(|origin| ("origin", origin)));
        assert_eq!(upgrade(&site, &lines).err(), expected, "{lines:?}");
    }
}

#[test]
fn the_daemons_limits_and_its_goodbye_come_through() {
    let site = Site::new();
    let mut socket = upgrade(&site, &[]).unwrap();
    let long = request(1, "core.ping", json!(["x".repeat(9000)]));
    socket.send(Message::text(long)).unwrap();
    let Message::Close(Some(goodbye)) = socket.read().unwrap() else {
        panic!("no goodbye");
    };
    assert_eq!(u16::from(goodbye.code), 1007, "{goodbye:?}");
}

#[test]
fn without_a_daemon_the_service_says_so() {
    let mut site = Site::new();
    site.daemon.stop();
    assert_eq!(upgrade(&site, &[]).err(), Some(502));
    let mut browser = site.web.browser();
    let page = super::first_step(&mut browser, "root", WORD);
    assert!(page.says("cannot check this now"), "{page:?}");
}
