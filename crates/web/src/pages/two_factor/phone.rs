//! A phone on its way: shown with its secret until a code of it was right.

use askama::Template;
use axum::response::Response;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::list;
use super::progress::{Purpose, Setup};
use crate::form::{CODE, Form};
use crate::pages::answer::{self, Problem};
use crate::pages::qr;
use crate::pages::visitor::{Frame, Visitor};
use crate::sessions::Session;

/// A device, as far as pages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) is_active: bool,
    /// The one that goes when this one is confirmed.
    pub(super) replaces: Option<i64>,
}

impl Device {
    fn new(entry: &Value) -> Option<Self> {
        Some(Self {
            id: entry.get("id")?.as_i64()?,
            name: entry.get("name")?.as_str()?.to_owned(),
            is_active: entry.get("state")? == "ACTIVE",
            replaces: entry.get("replaces").and_then(Value::as_i64),
        })
    }
}

/// The devices of an account, the oldest first.
pub(super) async fn devices(session: &Session, username: &str) -> Result<Vec<Device>, Problem> {
    let filter = json!([{ "username": username }]);
    let entries = session
        .daemon
        .call("auth.twofactor.device.query", filter)
        .await?;
    Ok(list(&entries).filter_map(Device::new).collect())
}

/// Makes a device that waits for its first code, and keeps what is to be shown of it.
pub(super) async fn create(
    session: &Session,
    form: &Form,
    (purpose, wanted): (Purpose, Value),
) -> Result<(), Problem> {
    let call = ("auth.twofactor.device.create", json!([wanted]));
    let issued = answer::act(session, form, call).await?;
    let setup = Setup::new(purpose, &issued)?;
    session.shown().progress.setup = Some(setup);
    Ok(())
}

/// The setup that this session has begun for this, while the daemon still waits for its code. Somebody may
/// have given the code elsewhere, or taken the device away.
pub(super) async fn setup(session: &Session, purpose: Purpose) -> Result<Option<Setup>, Problem> {
    let kept = session.shown().progress.setup.clone();
    let Some(setup) = kept.filter(|setup| setup.purpose == purpose) else {
        return Ok(None);
    };
    let devices = devices(session, &setup.username).await?;
    let mut pending = devices.iter().filter(|device| !device.is_active);
    if pending.any(|device| device.id == setup.id) {
        return Ok(Some(setup));
    }
    forget(session, setup.id);
    Ok(None)
}

/// Wipes what was kept of a device.
pub(super) fn forget(session: &Session, id: i64) {
    let progress = &mut session.shown().progress;
    if progress.setup.as_ref().is_some_and(|setup| setup.id == id) {
        progress.setup = None;
    }
}

/// The first code of the device that the form names.
pub(super) async fn confirm(session: &Session, form: &Form) -> Result<(), Problem> {
    let id: i64 = form.get("id").parse().map_err(|_| Problem::Stale)?;
    let shown = json!([{ "id": id, "token": form.get(CODE).trim() }]);
    session
        .daemon
        .call("auth.twofactor.device.confirm", shown)
        .await?;
    forget(session, id);
    Ok(())
}

/// Where a code of it goes, and what is said.
pub(super) struct Room {
    pub(super) title: &'static str,
    pub(super) action: &'static str,
    pub(super) intro: String,
    /// Something can be taken back here.
    pub(super) can_abandon: bool,
}

#[derive(Template)]
#[template(path = "phone.html")]
struct Phone<'a> {
    frame: Frame,
    room: &'a Room,
    setup: &'a Setup,
    secret: Zeroizing<String>,
    picture: Zeroizing<String>,
}

/// The page with QR code, typed secret, and the field for the code.
pub(super) fn page(visitor: &Visitor, room: &Room, setup: &Setup) -> Result<Response, Problem> {
    let page = Phone {
        frame: visitor.frame(room.title),
        room,
        secret: qr::secret_of(&setup.uri),
        picture: qr::svg(&setup.uri).ok_or(Problem::Broken)?,
        setup,
    };
    Ok(answer::page(visitor, &page))
}
