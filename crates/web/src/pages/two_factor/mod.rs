//! Credentials > 2FA: the page of the user's guide.

mod disable;
mod enable;
mod enable_pages;
mod phone;
mod progress;
mod renew;
mod secret;
mod settings;
mod shape;
mod ssh;
mod trial;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

pub(super) use progress::Progress;
pub(super) use settings::SETTINGS;
use ssh::{SSH, Ssh};
use trial::{Trial, rolled_back};

use super::answer::{self, Problem};
use super::visitor::{Frame, Visitor};
use crate::app::App;

const PAGE: &str = "/two-factor";
const CONFIG: &str = "auth.twofactor.config";
const STATUS: &str = "auth.twofactor.status";
const UPDATE: &str = "auth.twofactor.update";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(PAGE, get(show))
        .route(enable::ENABLE.action, get(enable::show).post(enable::take))
        .route(
            "/two-factor/recovery-codes.txt",
            get(enable_pages::codes_file),
        )
        .route(
            disable::DISABLE.action,
            get(disable::ask).post(disable::disable),
        )
        .route(SETTINGS.action, post(settings::save))
        .route(shape::SCAN.action, get(shape::show).post(shape::take))
        .route(secret::SECRET.action, post(secret::reveal))
        .route(SSH.action, get(ssh::ask).post(ssh::take))
        .route("/two-factor/renew", get(renew::show).post(renew::take))
}

#[derive(Template)]
#[template(path = "two_factor.html")]
struct Page {
    frame: Frame,
    is_enabled: bool,
    ssh: Ssh,
    trial: Option<Trial>,
    rolled_back: Option<String>,
    /// A new secret waits for its first code.
    is_renewing: bool,
    /// The QR code has to be scanned again.
    is_to_be_scanned: bool,
    otp_digits: Setting,
    interval: Setting,
    window: Setting,
    warnings: Vec<String>,
}

/// A setting in the form.
struct Setting {
    /// What is in the field: what was typed, where the daemon refused it.
    shown: String,
    /// What counts now.
    was: String,
}

impl Setting {
    /// As a number; 0 where what was typed is none.
    fn number(&self) -> u64 {
        self.shown.trim().parse().unwrap_or(0)
    }
}

/// The page, with what was typed where the daemon refused it.
async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let config = session.daemon.call(CONFIG, json!([])).await?;
    let status = session.daemon.call(STATUS, json!([])).await?;
    let is_renewing = renew::pending(session).await?.is_some();
    let typed = session.shown().typed.take();
    let typed = typed.filter(|(action, _)| *action == SETTINGS.action);
    let field = |name: &str| {
        let was = config.get(name).map(Value::to_string).unwrap_or_default();
        let shown = match &typed {
            Some((_, form)) => form.get(name).to_owned(),
            None => was.clone(),
        };
        Setting { shown, was }
    };
    // On its own: a lock that is held goes on to the end of its statement.
    let is_to_be_scanned = session.shown().progress.reshaped.is_some();
    let page = Page {
        is_enabled: is_on(&config),
        ssh: Ssh::new(&status, typed.as_ref().map(|(_, form)| form)),
        trial: Trial::new(&status)?,
        rolled_back: rolled_back(&status),
        is_renewing,
        is_to_be_scanned,
        otp_digits: field("otp_digits"),
        interval: field("interval"),
        window: field("window"),
        warnings: texts(&status, "warnings"),
        frame: visitor.frame("Two-Factor Authentication"),
    };
    Ok(answer::page(&visitor, &page))
}

/// Whether a code is asked for at all.
fn is_on(config: &Value) -> bool {
    config.get("enabled") == Some(&json!(true))
}

/// The texts of a list.
fn texts(of: &Value, key: &str) -> Vec<String> {
    let found = of.get(key).map(list).into_iter().flatten();
    found.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What is in a list; nothing where it is none.
fn list(of: &Value) -> impl Iterator<Item = &Value> {
    of.as_array().into_iter().flatten()
}
