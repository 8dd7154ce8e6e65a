//! A phone on its way: added, or renewed. Its secret is shown in this session until a code of it was right.

use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{Device, Named, PAGE, own_devices, typed};
use crate::form::{CODE, Form};
use crate::pages::answer::{self, Problem, Way, act, sender, settle, settle_at};
use crate::pages::qr;
use crate::pages::recovery::Codes;
use crate::pages::visitor::{Frame, Visitor};
use crate::sessions::Session;

/// Where a phone is shown that waits for its first code.
pub(super) const SETUP: &str = "/devices/setup";

pub(in crate::pages) const ADD: Way = Way {
    action: "/devices/add",
    back: SETUP,
    done: "",
};
pub(super) const RENEW: Way = Way {
    action: "/devices/renew",
    back: SETUP,
    done: "",
};
pub(super) const CONFIRM: Way = Way {
    action: "/devices/setup/confirm",
    back: PAGE,
    done: "The device works from now on.",
};
pub(super) const ABANDON: Way = Way {
    action: "/devices/setup/abandon",
    back: PAGE,
    done: "Nothing was set up. What the phone has of it may be deleted there.",
};

/// What a session keeps for this page. Wiped with the session.
#[derive(Default)]
pub(in crate::pages) struct Kept {
    setup: Option<Setup>,
    pub(super) codes: Option<Codes>,
}

impl Kept {
    /// A device is confirmed or gone.
    pub(super) fn forget(&mut self, id: i64) {
        self.setup.take_if(|setup| setup.id == id);
    }
}

/// A device whose first code is not seen yet.
#[derive(Clone)]
pub(super) struct Setup {
    id: i64,
    pub(super) name: String,
    /// Another one goes when this one is confirmed.
    is_renewal: bool,
    uri: Zeroizing<String>,
}

impl Setup {
    /// From what `auth.twofactor.device.create` answers.
    fn new(issued: &Value) -> Option<Self> {
        let text = |key| issued.get(key).and_then(Value::as_str);
        Some(Self {
            id: issued.get("id")?.as_i64()?,
            name: text("name")?.to_owned(),
            is_renewal: issued.get("replaces").is_some_and(Value::is_i64),
            uri: Zeroizing::new(text("provisioning_uri")?.to_owned()),
        })
    }
}

/// The one that was begun in this session, while the daemon still waits for its code: it may have come
/// elsewhere, or somebody may have taken the device away.
pub(super) async fn begun(session: &Session) -> Result<Option<Setup>, Problem> {
    let Some(setup) = session.shown().kept.setup.clone() else {
        return Ok(None);
    };
    let devices = own_devices(session).await?;
    let mut pending = devices.iter().filter(|device| !device.is_active);
    if pending.any(|device| device.id == setup.id) {
        return Ok(Some(setup));
    }
    session.shown().kept.forget(setup.id);
    Ok(None)
}

#[derive(Template)]
#[template(path = "device_add.html")]
struct AskAdd {
    frame: Frame,
    /// A first device, which needs an invite.
    is_first: bool,
    name: String,
}

pub(super) async fn ask_add(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let devices = own_devices(session).await?;
    let page = AskAdd {
        is_first: !devices.iter().any(|device| device.is_active),
        name: typed(session, &ADD, "name").unwrap_or_default(),
        frame: visitor.frame("Add device"),
    };
    Ok(answer::page(&visitor, &page))
}

pub(super) async fn add(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let mut wanted = Map::new();
        wanted.insert("username".to_owned(), json!(session.username));
        for key in ["name", "invite"] {
            let text = form.get(key).trim();
            if !text.is_empty() {
                wanted.insert(key.to_owned(), json!(text));
            }
        }
        create(session, &form, json!([wanted])).await
    };
    let result = result.await;
    let back = match &result {
        Ok(()) => SETUP,
        Err(Problem::Refused(_)) => ADD.action,
        Err(_) => PAGE,
    };
    settle_at(&visitor, &form, &ADD, (back, result))
}

#[derive(Template)]
#[template(path = "device_renew.html")]
struct AskRenew {
    frame: Frame,
    device: Device,
}

pub(super) async fn ask_renew(
    visitor: Visitor,
    Query(Named { id }): Query<Named>,
) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let page = AskRenew {
        device: Device::own(session, &id).await?,
        frame: visitor.frame("Renew device"),
    };
    Ok(answer::page(&visitor, &page))
}

pub(super) async fn renew(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let device = Device::own(session, form.get("id")).await?;
        let wanted = json!([{ "username": session.username, "replaces": device.id }]);
        create(session, &form, wanted).await
    };
    let result = result.await;
    let back = match &result {
        Ok(()) => SETUP,
        Err(_) => PAGE,
    };
    settle_at(&visitor, &form, &RENEW, (back, result))
}

/// Has a secret made, and keeps it for the page that shows it.
async fn create(session: &Session, form: &Form, wanted: Value) -> Result<(), Problem> {
    let call = ("auth.twofactor.device.create", wanted);
    let issued = act(session, form, call).await?;
    session.shown().kept.setup = Some(Setup::new(&issued).ok_or(Problem::Broken)?);
    Ok(())
}

#[derive(Template)]
#[template(path = "device_setup.html")]
struct Page {
    frame: Frame,
    setup: Setup,
    secret: Zeroizing<String>,
    picture: Zeroizing<String>,
}

/// QR code, typed secret, and the field for the code.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let Some(setup) = begun(session).await? else {
        return Ok(Redirect::to(PAGE).into_response());
    };
    let page = Page {
        picture: qr::svg(&setup.uri).ok_or(Problem::Broken)?,
        secret: qr::secret_of(&setup.uri),
        setup,
        frame: visitor.frame("Set up device"),
    };
    Ok(answer::page(&visitor, &page))
}

/// The first code of the device. A wrong one is explained, and the page stays.
pub(super) async fn confirm(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let device = Device::own(session, form.get("id")).await?;
        let shown = json!([{ "id": device.id, "token": form.get(CODE).trim() }]);
        session
            .daemon
            .call("auth.twofactor.device.confirm", shown)
            .await?;
        session.shown().kept.forget(device.id);
        Ok(())
    };
    let result = result.await;
    let back = match &result {
        Ok(()) => PAGE,
        Err(_) => SETUP,
    };
    settle_at(&visitor, &form, &CONFIRM, (back, result))
}

pub(super) async fn abandon(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let device = Device::own(session, form.get("id")).await?;
        if device.is_active {
            let text = "This device is confirmed already. To remove it, choose Remove";
            return Err(Problem::Refused(text.to_owned()));
        }
        let call = ("auth.twofactor.device.delete", json!([device.id]));
        act(session, &form, call).await?;
        session.shown().kept.forget(device.id);
        Ok(())
    };
    let result = result.await;
    settle(&visitor, &form, &ABANDON, result)
}
