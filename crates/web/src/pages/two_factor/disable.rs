//! Disabling: asks, and takes a new code for that very call.

use askama::Template;
use axum::response::Response;
use serde_json::json;

use super::{PAGE, UPDATE};
use crate::form::Form;
use crate::pages::answer::{self, Problem, Way, act, sender, settle};
use crate::pages::visitor::{Frame, Visitor};

pub(super) const DISABLE: Way = Way {
    action: "/two-factor/disable",
    back: PAGE,
    done: "Two-factor authentication is off, for everybody. Nobody is asked for a code.",
};

#[derive(Template)]
#[template(path = "disable.html")]
struct AskDisable {
    frame: Frame,
}

pub(super) async fn ask(visitor: Visitor) -> Result<Response, Problem> {
    visitor.signed_in().ok_or(Problem::SignIn)?;
    let page = AskDisable {
        frame: visitor.frame("Disable Two-Factor Authentication"),
    };
    Ok(answer::page(&visitor, &page))
}

pub(super) async fn disable(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let call = (UPDATE, json!([{"enabled": false}]));
        act(session, &form, call).await.map(drop)
    };
    let result = result.await;
    settle(&visitor, &form, &DISABLE, result)
}
