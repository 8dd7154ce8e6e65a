//! Enabling, step by step: what it means, a phone that works, a way back without it, and only then on.
//!
//! One address shows whatever is next, by what the daemon says: reloading, going back and a second tab
//! come to the same step.

use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use super::enable_pages::{self as shown, TITLE};
use super::phone::{self, Room};
use super::progress::Purpose;
use super::{CONFIG, PAGE, STATUS, UPDATE, is_on};
use crate::form::{CODE, Form};
use crate::pages::answer::{self, Problem, Way, act, sender, settle};
use crate::pages::recovery::Codes;
use crate::pages::visitor::Visitor;
use crate::sessions::Session;

pub(super) const ENABLE: Way = Way {
    action: "/two-factor/enable",
    back: "/two-factor/enable",
    done: "",
};

/// Root has a device too while it is on.
const ROOT: &str = "root";

/// What is next.
enum Step {
    Caution,
    /// The first device of whoever is signed in; perhaps one that waits for its code already.
    First,
    /// The phone that was just shown.
    Phone(super::progress::Setup),
    /// A code of a phone that is there.
    Prove(Vec<String>),
    /// Root has none.
    Root,
    MakeCodes,
    Save(Codes),
    /// Nothing is missing; a second device would be good.
    Last {
        is_only_one: bool,
    },
}

/// The next step.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let config = session.daemon.call(CONFIG, json!([])).await?;
    if is_on(&config) {
        session.shown().progress = super::Progress::default();
        return Ok(Redirect::to(PAGE).into_response());
    }
    match next(session).await? {
        Step::Caution => shown::caution(&visitor, session).await,
        Step::First => shown::first(&visitor, session).await,
        Step::Phone(setup) => {
            let intro = match &setup.username {
                name if *name == session.username => {
                    "Scan this with an authenticator app, or type \
                    the secret into it. Then type the code that the app shows."
                        .to_owned()
                }
                name => format!("This is for {name}'s phone: scan it there, then type its code."),
            };
            let room = Room {
                title: TITLE,
                action: ENABLE.action,
                intro,
                can_abandon: false,
            };
            phone::page(&visitor, &room, &setup)
        }
        Step::Prove(names) => Ok(shown::prove(&visitor, names)),
        Step::Root => Ok(shown::root(&visitor)),
        Step::MakeCodes => Ok(shown::make_codes(&visitor)),
        Step::Save(codes) => Ok(shown::save(&visitor, codes)),
        Step::Last { is_only_one } => Ok(shown::last(&visitor, is_only_one)),
    }
}

async fn next(session: &Session) -> Result<Step, Problem> {
    if !session.shown().progress.is_enabling {
        return Ok(Step::Caution);
    }
    if let Some(setup) = phone::setup(session, Purpose::Enable).await? {
        return Ok(Step::Phone(setup));
    }
    if let Some(codes) = session.shown().progress.codes.clone() {
        return Ok(Step::Save(codes));
    }
    let name = &session.username;
    let active = active(session, name).await?;
    if active.is_empty() {
        return Ok(Step::First);
    }
    let me = session.daemon.call("auth.me", json!([])).await?;
    if me.get("fresh_secs").is_none_or(Value::is_null) {
        return Ok(Step::Prove(active));
    }
    if me.get("pw_uid") != Some(&json!(0)) && self::active(session, ROOT).await?.is_empty() {
        return Ok(Step::Root);
    }
    if needs_codes(session).await? {
        return Ok(Step::MakeCodes);
    }
    Ok(Step::Last {
        is_only_one: active.len() < 2,
    })
}

/// The names of an account's devices that work.
async fn active(session: &Session, username: &str) -> Result<Vec<String>, Problem> {
    let devices = phone::devices(session, username).await?.into_iter();
    let active = devices.filter(|device| device.is_active);
    Ok(active.map(|device| device.name).collect())
}

async fn needs_codes(session: &Session) -> Result<bool, Problem> {
    if session.shown().progress.is_without_codes {
        return Ok(false);
    }
    let name = json!([session.username]);
    let left = session
        .daemon
        .call("auth.twofactor.recovery.remaining", name)
        .await?;
    Ok(left.get("remaining") == Some(&json!(0)))
}

/// A step that was taken. Whatever it was, the next page is by what is true then.
pub(super) async fn take(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        match form.get("step") {
            "begin" => begin(session, &form).await,
            "invite" => first(session, &form).await,
            "confirm" => confirm(session, &form).await,
            "prove" => prove(session, &form).await,
            "root" => {
                let wanted = json!({ "username": ROOT });
                phone::create(session, &form, (Purpose::Enable, wanted)).await
            }
            "codes" => make_codes(session, &form).await,
            "saved" => saved(session).await,
            "unsaved" => {
                let progress = &mut session.shown().progress;
                progress.codes = None;
                progress.is_without_codes = true;
                Ok(())
            }
            "second" => {
                let wanted = json!({ "username": session.username });
                phone::create(session, &form, (Purpose::Enable, wanted)).await
            }
            "finish" => finish(session, &form).await,
            _ => Err(Problem::Stale),
        }
    };
    let result = result.await;
    settle(&visitor, &form, &ENABLE, result)
}

/// A clock that nothing keeps right stops it, unless somebody says to go on.
async fn begin(session: &Session, form: &Form) -> Result<(), Problem> {
    let status = session.daemon.call(STATUS, json!([])).await?;
    let is_synchronised = status.pointer("/clock/synchronised") == Some(&json!(true));
    if !is_synchronised && form.get("force") != "yes" {
        let text = "Not turned on: nothing keeps the clock of this machine right. Tick the box to go on \
                    all the same";
        return Err(Problem::Refused(text.to_owned()));
    }
    session.shown().progress.is_enabling = true;
    Ok(())
}

/// A first device is for whoever has an invite, not for whoever has only a password.
async fn first(session: &Session, form: &Form) -> Result<(), Problem> {
    let wanted = json!({ "username": session.username, "invite": form.get("invite").trim() });
    phone::create(session, form, (Purpose::Enable, wanted)).await
}

async fn confirm(session: &Session, form: &Form) -> Result<(), Problem> {
    phone::confirm(session, form).await?;
    go_on(session).await
}

async fn prove(session: &Session, form: &Form) -> Result<(), Problem> {
    let code = json!([form.get(CODE).trim()]);
    if session.daemon.call("auth.reauthenticate", code).await? != true {
        return Err(Problem::Refused(answer::WRONG_CODE.to_owned()));
    }
    go_on(session).await
}

/// Where nothing has to be asked, nobody has to say so: codes are made, and with all there, it is on.
async fn go_on(session: &Session) -> Result<(), Problem> {
    // The code of the form is used up.
    let form = &Form::default();
    match next(session).await? {
        Step::MakeCodes => make_codes(session, form).await,
        Step::Last { is_only_one: false } => finish(session, form).await,
        _ => Ok(()),
    }
}

async fn make_codes(session: &Session, form: &Form) -> Result<(), Problem> {
    let call = (
        "auth.twofactor.recovery.generate",
        json!([session.username]),
    );
    let codes = Codes::new(&act(session, form, call).await?)?;
    session.shown().progress.codes = Some(codes);
    Ok(())
}

/// From now on they count.
async fn saved(session: &Session) -> Result<(), Problem> {
    let Some(id) = session
        .shown()
        .progress
        .codes
        .as_ref()
        .map(|codes| codes.id)
    else {
        return Ok(());
    };
    let method = "auth.twofactor.recovery.confirm_saved";
    let said = session.daemon.call(method, json!([id])).await;
    // Codes that were made elsewhere meanwhile are the ones that count.
    session.shown().progress.codes = None;
    said?;
    Ok(())
}

async fn finish(session: &Session, form: &Form) -> Result<(), Problem> {
    let config = session.daemon.call(CONFIG, json!([])).await?;
    // One step on each side, as midclt sets it: clocks differ a little.
    let changes = match config.get("window").and_then(Value::as_u64) {
        Some(0) => json!({"enabled": true, "window": 1}),
        _ => json!({"enabled": true}),
    };
    act(session, form, (UPDATE, json!([changes]))).await?;
    let mut shown = session.shown();
    shown.progress = super::Progress::default();
    shown.notice = Some((false, "Two-factor authentication is on.".to_owned()));
    Ok(())
}
