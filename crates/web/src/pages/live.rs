//! `/live`: tells a page that is open that something changed, by server-sent events. What changed the page
//! asks for itself: no content goes this way.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::timeout;

use super::answer::Problem;
use super::visitor::Visitor;

/// Proxies end a connection on which nothing comes for a minute.
const QUIET: Duration = Duration::from_secs(25);

/// The daemon's rights filter what this person hears of.
pub(super) async fn live(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::Broken)?;
    let events = session.daemon.events();
    if session.follow() {
        session.daemon.call("core.subscribe", json!(["*"])).await?;
    }
    let first = Some(Bytes::from_static(b"retry: 5000\n\n"));
    let stream = unfold((first, events), |(first, mut events)| async move {
        let next = match first {
            Some(first) => first,
            None => next(&mut events).await?,
        };
        Some((Ok::<_, std::convert::Infallible>(next), (None, events)))
    });
    let kind = [(CONTENT_TYPE, "text/event-stream")];
    Ok((kind, Body::from_stream(stream)).into_response())
}

/// The next line; none when the session is over.
async fn next(events: &mut Receiver<Arc<Value>>) -> Option<Bytes> {
    match timeout(QUIET, events.recv()).await {
        Err(_) => Some(Bytes::from_static(b":\n\n")),
        Ok(Ok(_) | Err(RecvError::Lagged(_))) => Some(Bytes::from_static(b"data: changed\n\n")),
        Ok(Err(RecvError::Closed)) => None,
    }
}
