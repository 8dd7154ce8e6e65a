//! The pages. Each is made anew from what the daemon answers; none holds a rule of its own.

mod accounts;
mod answer;
mod devices;
mod health;
mod live;
mod log;
mod qr;
mod recovery;
mod sign_in;
mod two_factor;
mod visitor;
mod when;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

pub(crate) use answer::Shown;
use visitor::{Frame, Visitor};

use crate::app::App;

/// The paths of all pages.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(home))
        .route("/live", get(live::live))
        .merge(accounts::routes())
        .merge(devices::routes())
        .merge(health::routes())
        .merge(log::routes())
        .merge(sign_in::routes())
        .merge(two_factor::routes())
}

/// The forms that are filled in again as they were typed: where each goes, and the page it stands on.
const FILLED_IN: [(&str, &str); 2] = [
    (two_factor::SETTINGS.action, two_factor::SETTINGS.back),
    (devices::ADD.action, devices::ADD.action),
];

/// The one that is sent to this address.
fn filled_in(action: &str) -> Option<(&'static str, &'static str)> {
    FILLED_IN.into_iter().find(|(found, _)| *found == action)
}

/// The first page of whoever is signed in, else the sign-in.
async fn home(visitor: Visitor) -> Redirect {
    Redirect::to(visitor.home())
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFound {
    frame: Frame,
}

/// What is at no path.
pub(crate) async fn not_found(visitor: Visitor) -> Response {
    let page = NotFound {
        frame: visitor.frame("Not found"),
    };
    (StatusCode::NOT_FOUND, answer::page(&visitor, &page)).into_response()
}
