//! HTTP on the socket: `/api/current` upgrades to a WebSocket, or takes one request by POST.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::Session;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::listener::{Connection, Entrance};
use crate::service::Reply;
use crate::websocket::FIRST_CALL;
use crate::{rpc, websocket};

const PATH: &str = "/api/current";

/// Who is behind the web service. Only its own socket honours it.
const PEER: HeaderName = HeaderName::from_static("x-middlewared-peer");

/// How long a client may take to send a whole head or body, and how long it may be idle before it
/// has upgraded.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a request by POST.
const LONGEST_BODY: usize = 65_536;

type Reaction = Response<Full<Bytes>>;

/// Serves a new connection until it ends or upgrades.
pub(crate) async fn serve(stream: UnixStream, connection: Arc<Connection>) {
    let has_called = AtomicBool::new(false);
    let react_to = |request| {
        has_called.store(true, Ordering::Relaxed);
        react(request, Arc::clone(&connection))
    };
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service_fn(react_to))
        .with_upgrades();
    let mut http = pin!(http);
    let mut stop = connection.stop.clone();
    tokio::select! {
        // How a client leaves is its own affair.
        _ = http.as_mut() => return,
        () = connection.slot.evicted() => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    if !has_called.load(Ordering::Relaxed) && timeout(FIRST_CALL, http.as_mut()).await.is_ok() {
        return;
    }
    http.as_mut().graceful_shutdown();
    let _ = http.await;
}

async fn react(
    request: Request<Incoming>,
    connection: Arc<Connection>,
) -> Result<Reaction, Infallible> {
    connection.slot.touch();
    if request.uri().path() != PATH {
        return Ok(plain(StatusCode::NOT_FOUND, "404: Not Found"));
    }
    match *request.method() {
        Method::GET => Ok(upgrade(request, connection)),
        // A single request signs nobody in.
        Method::POST if connection.entrance == Entrance::Root => {
            Ok(post(request, &connection).await)
        }
        _ => {
            let allowed = match connection.entrance {
                Entrance::Root => "GET, POST",
                Entrance::Web => "GET",
            };
            let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed");
            let headers = refusal.headers_mut();
            headers.insert(ALLOW, HeaderValue::from_static(allowed));
            Ok(refusal)
        }
    }
}

/// RFC 6455 §4.2. `Host` and `Origin` may be anything: a Unix socket has neither, and the original's
/// old client sends `Host: localhost:None`.
fn upgrade(request: Request<Incoming>, connection: Arc<Connection>) -> Reaction {
    let accept = match accept_key(request.headers()) {
        Ok(accept) => accept,
        Err(refusal) => return plain(StatusCode::BAD_REQUEST, &refusal),
    };
    let address = address(request.headers());
    tokio::spawn(async move {
        let Ok(upgraded) = timeout(PATIENCE, hyper::upgrade::on(request)).await else {
            return;
        };
        // It can be nothing but the stream that was given to hyper.
        let Some(parts) = upgraded
            .ok()
            .and_then(|up| up.downcast::<TokioIo<UnixStream>>().ok())
        else {
            return;
        };
        let stream = (parts.io.into_inner(), parts.read_buf);
        websocket::serve(stream, connection, &address).await;
    });
    let mut switch = Response::new(Full::default());
    *switch.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = switch.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    switch
}

fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, String> {
    if !has_token(headers, &UPGRADE, "websocket") || !has_token(headers, &CONNECTION, "upgrade") {
        return Err("No WebSocket UPGRADE header; send a single request by POST".to_owned());
    }
    match headers
        .get(SEC_WEBSOCKET_VERSION)
        .map(HeaderValue::as_bytes)
    {
        Some(b"13") => {}
        _ => return Err("Unsupported version: this is version 13".to_owned()),
    }
    let key = headers
        .get(SEC_WEBSOCKET_KEY)
        .ok_or("Handshake error: no key")?;
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|error| error.to_string())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

/// The address of whoever is behind the web service, which it tells with the upgrade. On root's socket it
/// says nothing to anybody. Told twice, it is not told.
fn address(headers: &HeaderMap) -> String {
    let mut told = headers.get_all(PEER).iter();
    match (told.next(), told.next()) {
        (Some(address), None) => address.to_str().unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

async fn post(request: Request<Incoming>, connection: &Connection) -> Reaction {
    if !connection.allowed {
        return json(StatusCode::FORBIDDEN, rpc::not_authorized(&None));
    }
    let body = Limited::new(request.into_body(), LONGEST_BODY).collect();
    let body = match timeout(PATIENCE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "Max message length is 64 kB"),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "408: Request Timeout"),
    };
    let Ok(text) = str::from_utf8(&body) else {
        return plain(StatusCode::BAD_REQUEST, "Invalid UTF-8");
    };
    let reply = match rpc::parse(text) {
        Err(reply) => Some(reply),
        Ok(request) => {
            connection.slot.set_busy(true);
            let mut session =
                Session::without_events().with_sessions(connection.service.sessions());
            let reply = match connection
                .service
                .call(&mut session, connection.peer, request)
            {
                Reply::Now(reply) => reply,
                Reply::Later(reply) => reply.await,
            };
            connection.slot.set_busy(false);
            reply
        }
    };
    match reply {
        Some(reply) => json(StatusCode::OK, reply),
        // A notification.
        None => plain(StatusCode::NO_CONTENT, ""),
    }
}

fn json(status: StatusCode, text: String) -> Reaction {
    respond(status, "application/json", text)
}

fn plain(status: StatusCode, text: &str) -> Reaction {
    respond(status, "text/plain; charset=utf-8", text.to_owned())
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Reaction {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
