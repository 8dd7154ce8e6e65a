//! `/api/current`: a remote client's WebSocket, passed through to the daemon byte for byte.
//!
//! The upgrade is asked for anew at the daemon's socket, with nothing of the client's head but key and
//! version, and with the client's address in the header that only that socket honours. From then on both
//! ends speak with each other; the limits for messages are the daemon's.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::app::App;
use crate::listener::Place;
use crate::origin::Peer;

/// For whom a connection is made; only the daemon's web socket looks at it.
pub(crate) const PEER_ADDRESS: HeaderName = HeaderName::from_static("x-middlewared-peer");

/// How long the daemon may take to answer the upgrade.
const PATIENCE: Duration = Duration::from_secs(10);

/// One for each direction of each client.
const BUFFER: usize = 4096;

/// Takes a client's upgrade to the daemon.
pub(crate) async fn current(State(app): State<App>, request: Request) -> Response {
    let (Some(peer), Some(place)) = (
        request.extensions().get::<Peer>().copied(),
        request.extensions().get::<Arc<Place>>().cloned(),
    ) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let source = app.origins.source(peer, request.headers());
    let Some(head) = upgrade_of(request.headers(), source) else {
        let text = "400: This is a WebSocket of version 13\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    if let Ok(Some(answer)) = timeout(PATIENCE, ask(&app.config.daemon, head)).await {
        return join(request, answer, place);
    }
    tracing::warn!("the daemon does not answer a client");
    let text = "502: middlewared does not answer\n";
    (StatusCode::BAD_GATEWAY, text).into_response()
}

/// The request to the daemon. None where the client asked for no WebSocket.
fn upgrade_of(client: &HeaderMap, source: IpAddr) -> Option<hyper::Request<Body>> {
    let asks = client.get(UPGRADE)?.to_str().ok()?;
    if !asks.eq_ignore_ascii_case("websocket") {
        return None;
    }
    let (key, version) = (
        client.get(SEC_WEBSOCKET_KEY)?,
        client.get(SEC_WEBSOCKET_VERSION)?,
    );
    let request = hyper::Request::get("/api/current")
        .header(HOST, "localhost")
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_KEY, key)
        .header(SEC_WEBSOCKET_VERSION, version)
        .header(PEER_ADDRESS, source.to_string());
    request.body(Body::empty()).ok()
}

async fn ask(
    socket: &Path,
    head: hyper::Request<Body>,
) -> Option<hyper::Response<hyper::body::Incoming>> {
    let stream = UnixStream::connect(socket).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection.with_upgrades());
    sender.send_request(head).await.ok()
}

/// Answers the client as the daemon did, and passes on what follows.
fn join(
    mut request: Request,
    mut answer: hyper::Response<hyper::body::Incoming>,
    place: Arc<Place>,
) -> Response {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return (answer.status(), "The daemon did not take the WebSocket\n").into_response();
    }
    let Some(accept) = answer.headers_mut().remove(SEC_WEBSOCKET_ACCEPT) else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    tokio::spawn(async move {
        let _place = place;
        let upgrades = async {
            let client = hyper::upgrade::on(&mut request).await.ok()?;
            let daemon = hyper::upgrade::on(&mut answer).await.ok()?;
            Some((TokioIo::new(client), TokioIo::new(daemon)))
        };
        if let Ok(Some((mut client, mut daemon))) = timeout(PATIENCE, upgrades).await {
            // Either may go at any time; then the other does.
            let _ = copy_bidirectional_with_sizes(&mut client, &mut daemon, BUFFER, BUFFER).await;
        }
    });
    let mut switch = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = switch.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    switch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_clients_head_goes_on_but_key_and_version() {
        let mut client = HeaderMap::new();
        for (name, value) in [
            ("upgrade", "WebSocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
            ("x-middlewared-peer", "127.0.0.1"),
            ("x-forwarded-for", "127.0.0.1"),
            ("cookie", "__Host-session=x"),
            ("sec-websocket-extensions", "permessage-deflate"),
            ("host", "nas.example.org"),
        ] {
            client.append(name, HeaderValue::from_static(value));
        }
        let source = "192.0.2.9".parse().unwrap();
        let request = upgrade_of(&client, source).unwrap();
        let mut lines: Vec<_> = (request.headers().iter())
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        assert_eq!(
            lines,
            [
                "connection: Upgrade",
                "host: localhost",
                "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
                "sec-websocket-version: 13",
                "upgrade: websocket",
                "x-middlewared-peer: 192.0.2.9",
            ]
        );
        client.remove("upgrade");
        assert!(upgrade_of(&client, source).is_none());
    }
}
