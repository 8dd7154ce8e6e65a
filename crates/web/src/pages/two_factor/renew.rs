//! A new secret for root's first device: the old one works until a code of the new one was right.

use askama::Template;
use axum::response::Response;
use serde_json::json;

use super::PAGE;
use super::phone::{self, Device, Room};
use super::progress::Purpose;
use crate::form::Form;
use crate::pages::answer::{self, Problem, Way, act, sender, settle};
use crate::pages::visitor::{Frame, Visitor};
use crate::sessions::Session;

/// The machine's secret is that of root's first device.
const ROOT: &str = "root";

const TITLE: &str = "Renew Secret";

const RENEW: Way = Way {
    action: "/two-factor/renew",
    back: "/two-factor/renew",
    done: "",
};
const CONFIRMED: Way = Way {
    action: "/two-factor/renew",
    back: PAGE,
    done: "The new secret is confirmed. The old one works no more.",
};
const ABANDONED: Way = Way {
    action: "/two-factor/renew",
    back: PAGE,
    done: "Nothing was renewed: the secret is the one from before.",
};

/// The renewal that waits for its code, if any does.
pub(super) async fn pending(session: &Session) -> Result<Option<Device>, Problem> {
    let devices = phone::devices(session, ROOT).await?;
    let Some(first) = devices.iter().find(|device| device.is_active) else {
        return Ok(None);
    };
    let is_renewal = |device: &&Device| !device.is_active && device.replaces == Some(first.id);
    Ok(devices.iter().find(is_renewal).cloned())
}

#[derive(Template)]
#[template(path = "renew.html")]
struct AskRenew {
    frame: Frame,
    /// Begun in another session: its secret is shown no more.
    pending: Option<Device>,
}

/// The question; once it was answered, the phone.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let pending = pending(session).await?;
    let setup = phone::setup(session, Purpose::Renew).await?;
    let Some(setup) = setup else {
        let frame = visitor.frame(TITLE);
        return Ok(answer::page(&visitor, &AskRenew { frame, pending }));
    };
    let room = Room {
        title: TITLE,
        action: RENEW.action,
        intro: "The old secret works until a code of this one was right. Scan this with the \
                authenticator app, then type the code that it shows. You may do that later: the page \
                stays as it is while you are signed in."
            .to_owned(),
        can_abandon: true,
    };
    phone::page(&visitor, &room, &setup)
}

/// A step.
pub(super) async fn take(visitor: Visitor, form: Form) -> Response {
    let step = form.get("step");
    let result = async {
        let session = sender(&visitor, &form)?;
        match step {
            "begin" => begin(session, &form).await,
            "confirm" => phone::confirm(session, &form).await,
            "abandon" => abandon(session, &form).await,
            _ => Err(Problem::Stale),
        }
    };
    let result = result.await;
    let way = match (step, &result) {
        ("confirm", Ok(())) => &CONFIRMED,
        ("abandon", Ok(())) => &ABANDONED,
        _ => &RENEW,
    };
    settle(&visitor, &form, way, result)
}

/// One that was begun before and never finished makes room for this one.
async fn begin(session: &Session, form: &Form) -> Result<(), Problem> {
    let devices = phone::devices(session, ROOT).await?;
    let Some(first) = devices.iter().find(|device| device.is_active) else {
        let text = "There is no secret yet: root has no device that works";
        return Err(Problem::Refused(text.to_owned()));
    };
    let wanted = json!({ "username": ROOT, "replaces": first.id });
    phone::create(session, form, (Purpose::Renew, wanted)).await
}

async fn abandon(session: &Session, form: &Form) -> Result<(), Problem> {
    let id: i64 = form.get("id").parse().map_err(|_| Problem::Stale)?;
    // Only a renewal is taken back here, never a device that works.
    if pending(session).await?.is_none_or(|device| device.id != id) {
        phone::forget(session, id);
        let text = "There is nothing to take back: it was confirmed, or taken back before";
        return Err(Problem::Refused(text.to_owned()));
    }
    let call = ("auth.twofactor.device.delete", json!([id]));
    act(session, form, call).await?;
    phone::forget(session, id);
    Ok(())
}
