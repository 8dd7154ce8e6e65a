//! What holds for every request: who may ask from where, for how long, and what a browser may do with the
//! answer.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, UPGRADE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::app::App;
use crate::origin::{Peer, Stray};

/// How long a request may take, its body and the daemon's answer included.
const PATIENCE: Duration = Duration::from_mins(1);

/// Scripts, styles and pictures come from here and nowhere else, and none stands in a page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// On every answer. Forms name their origin only under this referrer policy: with "no-referrer" it is null.
const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=()",
    ),
];

/// Around all of it.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = match stray(&app, &request) {
        Some(refusal) => refusal,
        None => match timeout(PATIENCE, next.run(request)).await {
            Ok(response) => response,
            Err(_) => (StatusCode::REQUEST_TIMEOUT, "408: This took too long\n").into_response(),
        },
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What is secret stays out of caches; what is not says so itself.
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

fn stray(app: &App, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let peer = request.extensions().get::<Peer>().copied()?;
    let changes = !request.method().is_safe() || headers.contains_key(UPGRADE);
    let found = app.origins.check_host(headers).and_then(|()| {
        if changes {
            app.origins.check_origin(peer, headers)
        } else {
            Ok(())
        }
    });
    match found {
        Ok(()) => None,
        Err(Stray::Host) => {
            let text = "421: This service does not go by this name. To allow it, add it to hosts in \
                        /etc/middlewared/web.toml\n";
            Some((StatusCode::MISDIRECTED_REQUEST, text).into_response())
        }
        Err(Stray::Origin) => {
            let text = "403: This was asked by a page of another site\n";
            Some((StatusCode::FORBIDDEN, text).into_response())
        }
    }
}
