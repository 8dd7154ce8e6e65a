//! The pages of enabling.

use askama::Template;
use axum::response::Response;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::phone::{self, Device};
use super::{STATUS, texts};
use crate::pages::answer::{self, Problem};
use crate::pages::recovery::Codes;
use crate::pages::visitor::{Frame, Visitor};
use crate::sessions::Session;

pub(super) const TITLE: &str = "Enable Two-Factor Authentication";

#[derive(Template)]
#[template(path = "enable.html")]
struct Caution {
    frame: Frame,
    is_synchronised: bool,
    /// Those of whoever is signed in that work.
    devices: Vec<String>,
    is_ssh: bool,
    unenrolled: Vec<String>,
    unenrolled_count: u64,
    warnings: Vec<String>,
}

/// What is good to know before.
pub(super) async fn caution(visitor: &Visitor, session: &Session) -> Result<Response, Problem> {
    let status = session.daemon.call(STATUS, json!([])).await?;
    let change = json!([{ "changes": { "enabled": true } }]);
    let outlook = session
        .daemon
        .call("auth.twofactor.preflight", change)
        .await?;
    let devices = phone::devices(session, &session.username)
        .await?
        .into_iter();
    let page = Caution {
        is_synchronised: status.pointer("/clock/synchronised") == Some(&json!(true)),
        devices: devices
            .filter(|device| device.is_active)
            .map(|device| device.name)
            .collect(),
        is_ssh: status.get("ssh") == Some(&json!(true)),
        unenrolled: texts(&status, "unenrolled"),
        unenrolled_count: (status.get("unenrolled_count").and_then(Value::as_u64)).unwrap_or(0),
        warnings: texts(&outlook, "warnings"),
        frame: visitor.frame(TITLE),
    };
    Ok(answer::page(visitor, &page))
}

#[derive(Template)]
#[template(path = "enable_first.html")]
struct First<'a> {
    frame: Frame,
    username: &'a str,
    /// Set up before, perhaps in another browser.
    pending: Vec<Device>,
}

/// The invite; or the code of a phone that has the secret already.
pub(super) async fn first(visitor: &Visitor, session: &Session) -> Result<Response, Problem> {
    let devices = phone::devices(session, &session.username).await?;
    let page = First {
        username: &session.username,
        pending: devices.into_iter().filter(|d| !d.is_active).collect(),
        frame: visitor.frame(TITLE),
    };
    Ok(answer::page(visitor, &page))
}

#[derive(Template)]
#[template(path = "enable_prove.html")]
struct Prove {
    frame: Frame,
    names: Vec<String>,
}

pub(super) fn prove(visitor: &Visitor, names: Vec<String>) -> Response {
    let frame = visitor.frame(TITLE);
    answer::page(visitor, &Prove { frame, names })
}

#[derive(Template)]
#[template(path = "enable_ask.html")]
struct Ask<'a> {
    frame: Frame,
    text: &'a str,
    /// Values of `step`, and what the buttons say: the usual one first.
    buttons: &'a [(&'a str, &'a str)],
}

fn ask(visitor: &Visitor, text: &str, buttons: &[(&str, &str)]) -> Response {
    let page = Ask {
        frame: visitor.frame(TITLE),
        text,
        buttons,
    };
    answer::page(visitor, &page)
}

pub(super) fn root(visitor: &Visitor) -> Response {
    let text = "Root needs a device too while two-factor authentication is on, and has none yet. Set it \
                up now, on a phone that is at hand when root has to sign in.";
    ask(visitor, text, &[("root", "Show root's QR code")])
}

pub(super) fn make_codes(visitor: &Visitor) -> Response {
    let text = "You have no recovery codes. They are the way in when the phone is lost.";
    let buttons = [
        ("codes", "Make recovery codes"),
        ("unsaved", "Go on without"),
    ];
    ask(visitor, text, &buttons)
}

pub(super) fn last(visitor: &Visitor, is_only_one: bool) -> Response {
    if is_only_one {
        let text = "All is ready. With a second device, a lost phone locks nobody out. You can set \
                    one up now, or later.";
        let buttons = [
            ("finish", "Turn it on"),
            ("second", "Set up a second device first"),
        ];
        return ask(visitor, text, &buttons);
    }
    ask(visitor, "All is ready.", &[("finish", "Turn it on")])
}

#[derive(Template)]
#[template(path = "enable_codes.html")]
struct Save {
    frame: Frame,
    codes: Vec<Zeroizing<String>>,
}

pub(super) fn save(visitor: &Visitor, codes: Codes) -> Response {
    let page = Save {
        frame: visitor.frame(TITLE),
        codes: codes.codes,
    };
    answer::page(visitor, &page)
}

/// The codes as a file, while they are on their page.
pub(super) async fn codes_file(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let codes = session.shown().progress.codes.clone();
    let Some(codes) = codes else {
        return Ok(crate::pages::not_found(visitor).await);
    };
    Ok(codes.file(&visitor, session))
}
