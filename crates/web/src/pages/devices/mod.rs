//! My devices: what everybody may do for their own account.

mod codes;
mod setup;

use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use setup::{ADD, Kept};

use super::answer::{self, Problem, Way, act, sender, settle, settle_at};
use super::visitor::{Frame, Visitor};
use super::when::When;
use crate::app::App;
use crate::form::Form;
use crate::sessions::Session;

const PAGE: &str = "/devices";
const TITLE: &str = "My devices";

const RENAME: Way = Way {
    action: "/devices/rename",
    back: PAGE,
    done: "The device has its new name.",
};
const REMOVE: Way = Way {
    action: "/devices/remove",
    back: PAGE,
    done: "The device is removed. Its codes are good for nothing now.",
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(PAGE, get(show))
        .route(RENAME.action, get(ask_rename).post(rename))
        .route(REMOVE.action, get(ask_remove).post(remove))
        .route(ADD.action, get(setup::ask_add).post(setup::add))
        .route(
            setup::RENEW.action,
            get(setup::ask_renew).post(setup::renew),
        )
        .route(setup::SETUP, get(setup::show))
        .route(setup::CONFIRM.action, post(setup::confirm))
        .route(setup::ABANDON.action, post(setup::abandon))
        .route(codes::MAKE.action, get(codes::ask).post(codes::make))
        .route(codes::CODES, get(codes::show))
        .route(codes::SAVED.action, post(codes::saved))
        .route("/devices/recovery/codes.txt", get(codes::file))
}

/// A device, without its secret.
struct Device {
    id: i64,
    name: String,
    is_active: bool,
    otp_digits: u64,
    interval: u64,
    created: Option<When>,
    last_used: Option<When>,
    /// When one that nobody confirms is forgotten.
    expires: Option<When>,
}

impl Device {
    fn new(entry: &Value) -> Option<Self> {
        Some(Self {
            id: entry.get("id")?.as_i64()?,
            name: entry.get("name")?.as_str()?.to_owned(),
            is_active: entry.get("state")? == "ACTIVE",
            otp_digits: entry.get("otp_digits")?.as_u64()?,
            interval: entry.get("interval")?.as_u64()?,
            created: When::of(entry, "created"),
            last_used: When::of(entry, "last_used"),
            expires: When::of(entry, "expires"),
        })
    }

    /// The one of whoever is signed in that a form or a link names: nobody else's is ever looked for.
    async fn own(session: &Session, id: &str) -> Result<Self, Problem> {
        let mut devices = own_devices(session).await?.into_iter();
        let found = id.parse().ok();
        let found = found.and_then(|id: i64| devices.find(|device| device.id == id));
        found.ok_or_else(|| {
            let text = "You have no such device, or not any more";
            Problem::Refused(text.to_owned())
        })
    }
}

/// Which device a link is about.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: String,
}

/// Those of whoever is signed in, the oldest first.
async fn own_devices(session: &Session) -> Result<Vec<Device>, Problem> {
    let filter = json!([{ "username": session.username }]);
    let found = session
        .daemon
        .call("auth.twofactor.device.query", filter)
        .await?;
    let entries = found.as_array().into_iter().flatten();
    Ok(entries.filter_map(Device::new).collect())
}

#[derive(Template)]
#[template(path = "devices.html")]
struct Page {
    frame: Frame,
    devices: Vec<Device>,
    has_active: bool,
    /// A device whose QR code can still be shown in this session.
    setup: Option<String>,
    /// How many recovery codes are left.
    remaining: u64,
    /// New codes wait for being saved.
    has_unsaved: bool,
    /// They can still be shown in this session.
    has_shown_codes: bool,
    made: Option<When>,
}

async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let devices = own_devices(session).await?;
    let codes = codes::left(session).await?;
    let setup = setup::begun(session).await?;
    let has_shown_codes = session.shown().kept.codes.is_some();
    let page = Page {
        has_active: devices.iter().any(|device| device.is_active),
        devices,
        setup: setup.map(|setup| setup.name),
        remaining: codes.get("remaining").and_then(Value::as_u64).unwrap_or(0),
        has_unsaved: codes.get("unsaved") == Some(&json!(true)),
        has_shown_codes,
        made: When::of(&codes, "created"),
        frame: visitor.frame(TITLE),
    };
    Ok(answer::page(&visitor, &page))
}

#[derive(Template)]
#[template(path = "device_rename.html")]
struct AskRename {
    frame: Frame,
    device: Device,
    /// What is in the field: what was typed, where it was refused.
    name: String,
}

async fn ask_rename(
    visitor: Visitor,
    Query(Named { id }): Query<Named>,
) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let device = Device::own(session, &id).await?;
    let page = AskRename {
        name: typed(session, &RENAME, "name").unwrap_or_else(|| device.name.clone()),
        device,
        frame: visitor.frame("Rename device"),
    };
    Ok(answer::page(&visitor, &page))
}

async fn rename(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let device = Device::own(session, form.get("id")).await?;
        let changes = json!([device.id, { "name": form.get("name").trim() }]);
        act(session, &form, ("auth.twofactor.device.update", changes))
            .await
            .map(drop)
    };
    let result = result.await;
    // What was refused is typed again where it was typed.
    let again = format!("{}?id={}", RENAME.action, number(&form));
    let back = match &result {
        Err(Problem::Refused(_)) => again.as_str(),
        _ => RENAME.back,
    };
    settle_at(&visitor, &form, &RENAME, (back, result))
}

#[derive(Template)]
#[template(path = "device_remove.html")]
struct AskRemove {
    frame: Frame,
    device: Device,
    /// No device is left then.
    is_last: bool,
}

async fn ask_remove(
    visitor: Visitor,
    Query(Named { id }): Query<Named>,
) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let device = Device::own(session, &id).await?;
    let active = own_devices(session).await?.into_iter();
    let others = active.filter(|other| other.is_active && other.id != device.id);
    let page = AskRemove {
        is_last: device.is_active && others.count() == 0,
        device,
        frame: visitor.frame("Remove device"),
    };
    Ok(answer::page(&visitor, &page))
}

async fn remove(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let device = Device::own(session, form.get("id")).await?;
        let call = ("auth.twofactor.device.delete", json!([device.id]));
        act(session, &form, call).await?;
        session.shown().kept.forget(device.id);
        Ok(())
    };
    let result = result.await;
    settle(&visitor, &form, &REMOVE, result)
}

/// The number that a form names; 0, which no device has, where it is none.
fn number(form: &Form) -> u64 {
    form.number("id").unwrap_or_default()
}

/// What was typed into a field where it was refused.
fn typed(session: &Session, way: &Way, field: &str) -> Option<String> {
    let typed = session.shown().typed.take();
    let typed = typed.filter(|(action, _)| *action == way.action);
    typed.map(|(_, form)| form.get(field).to_owned())
}
