//! Recovery codes: made, shown to be saved, and counted from then on.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::PAGE;
use crate::form::Form;
use crate::pages::answer::{self, Problem, Way, act, sender, settle, settle_at};
use crate::pages::recovery::Codes;
use crate::pages::visitor::{Frame, Visitor};
use crate::sessions::Session;

/// Where new ones are shown until they are saved.
pub(super) const CODES: &str = "/devices/recovery/codes";

pub(super) const MAKE: Way = Way {
    action: "/devices/recovery",
    back: CODES,
    done: "",
};
pub(super) const SAVED: Way = Way {
    action: "/devices/recovery/saved",
    back: PAGE,
    done: "The new recovery codes count. Those from before work no more.",
};

/// How many are left, and whether newer ones wait.
pub(super) async fn left(session: &Session) -> Result<Value, Problem> {
    let method = "auth.twofactor.recovery.remaining";
    Ok(session
        .daemon
        .call(method, json!([session.username]))
        .await?)
}

#[derive(Template)]
#[template(path = "recovery_ask.html")]
struct Ask {
    frame: Frame,
    remaining: u64,
}

pub(super) async fn ask(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let left = left(session).await?;
    let page = Ask {
        remaining: left.get("remaining").and_then(Value::as_u64).unwrap_or(0),
        frame: visitor.frame("New recovery codes"),
    };
    Ok(answer::page(&visitor, &page))
}

pub(super) async fn make(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let call = (
            "auth.twofactor.recovery.generate",
            json!([session.username]),
        );
        let made = act(session, &form, call).await?;
        session.shown().kept.codes = Some(Codes::new(&made)?);
        Ok(())
    };
    let result = result.await;
    let back = match &result {
        Ok(()) => CODES,
        Err(_) => PAGE,
    };
    settle_at(&visitor, &form, &MAKE, (back, result))
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct Page {
    frame: Frame,
    id: i64,
    codes: Vec<Zeroizing<String>>,
}

/// Shown in this session until they are saved.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let Some(Codes { id, codes }) = session.shown().kept.codes.clone() else {
        return Ok(Redirect::to(PAGE).into_response());
    };
    let frame = visitor.frame("Recovery codes");
    Ok(answer::page(&visitor, &Page { frame, id, codes }))
}

/// The same as a file.
pub(super) async fn file(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let Some(codes) = session.shown().kept.codes.clone() else {
        return Ok(Redirect::to(PAGE).into_response());
    };
    Ok(codes.file(&visitor, session))
}

pub(super) async fn saved(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let id = form.number("id").ok_or(Problem::Stale)?;
        let call = ("auth.twofactor.recovery.confirm_saved", json!([id]));
        act(session, &form, call).await?;
        session.shown().kept.codes = None;
        Ok(())
    };
    let result = result.await;
    settle(&visitor, &form, &SAVED, result)
}
