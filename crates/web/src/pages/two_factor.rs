//! Credentials > 2FA: the page of the user's guide.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::answer::{self, Problem, Way, act, sender, settle};
use super::qr;
use super::visitor::{Frame, Visitor};
use crate::app::App;
use crate::form::Form;

const PAGE: &str = "/two-factor";
const CONFIG: &str = "auth.twofactor.config";
const UPDATE: &str = "auth.twofactor.update";

const ENABLE: Way = Way {
    action: "/two-factor/enable",
    back: PAGE,
    done: "Two-factor authentication is on.",
};
const DISABLE: Way = Way {
    action: "/two-factor/disable",
    back: PAGE,
    done: "Two-factor authentication is off, for everybody. Nobody is asked for a code.",
};
const SETTINGS: Way = Way {
    action: "/two-factor/settings",
    back: PAGE,
    done: "Saved.",
};
const SECRET: Way = Way {
    action: "/two-factor/secret",
    back: PAGE,
    done: "",
};
const RENEW: Way = Way {
    action: "/two-factor/renew",
    back: PAGE,
    done: "There is a new secret. The old one works no more: scan the new QR code now (Show QR).",
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(PAGE, get(show))
        .route(ENABLE.action, get(ask_enable).post(enable))
        .route(DISABLE.action, get(ask_disable).post(disable))
        .route(SETTINGS.action, post(save))
        .route(SECRET.action, post(secret))
        .route(RENEW.action, get(ask_renew).post(renew))
}

#[derive(Template)]
#[template(path = "two_factor.html")]
struct Page {
    frame: Frame,
    is_enabled: bool,
    is_ssh: bool,
    /// There is a secret, or one that may not be shown without a code.
    otp_digits: String,
    interval: String,
    window: String,
    warnings: Vec<String>,
}

/// The page, with what was typed where the daemon refused it.
async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let config = session.daemon.call(CONFIG, json!([])).await?;
    let status = session
        .daemon
        .call("auth.twofactor.status", json!([]))
        .await?;
    let typed = session.shown().typed.take();
    let typed = typed.filter(|(action, _)| *action == SETTINGS.action);
    let field = |name: &str| match &typed {
        Some((_, form)) => form.get(name).to_owned(),
        None => config.get(name).map(Value::to_string).unwrap_or_default(),
    };
    let page = Page {
        is_enabled: config.get("enabled") == Some(&json!(true)),
        is_ssh: config.pointer("/services/ssh") == Some(&json!(true)),
        otp_digits: field("otp_digits"),
        interval: field("interval"),
        window: field("window"),
        warnings: texts(&status, "warnings"),
        frame: visitor.frame("Two-Factor Authentication"),
    };
    Ok(answer::page(&visitor, &page))
}

#[derive(Template)]
#[template(path = "enable.html")]
struct AskEnable {
    frame: Frame,
    is_synchronised: bool,
    unenrolled: Vec<String>,
    unenrolled_count: u64,
    warnings: Vec<String>,
}

/// What is good to know before: the clock, and who would be without a code.
async fn ask_enable(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let status = session
        .daemon
        .call("auth.twofactor.status", json!([]))
        .await?;
    let page = AskEnable {
        is_synchronised: status.pointer("/clock/synchronised") == Some(&json!(true)),
        unenrolled: texts(&status, "unenrolled"),
        unenrolled_count: (status.get("unenrolled_count").and_then(Value::as_u64)).unwrap_or(0),
        warnings: texts(&status, "warnings"),
        frame: visitor.frame("Enable Two-Factor Authentication"),
    };
    Ok(answer::page(&visitor, &page))
}

/// A clock that nothing keeps right stops it, unless somebody says to go on.
async fn enable(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let status = session
            .daemon
            .call("auth.twofactor.status", json!([]))
            .await?;
        let is_synchronised = status.pointer("/clock/synchronised") == Some(&json!(true));
        if !is_synchronised && form.get("force") != "yes" {
            let text = "Not turned on: nothing keeps the clock of this machine right. Tick the box to \
                        turn it on all the same";
            return Err(Problem::Refused(text.to_owned()));
        }
        let config = session.daemon.call(CONFIG, json!([])).await?;
        // One step on each side, as midclt sets it: clocks differ a little.
        let changes = match config.get("window").and_then(Value::as_u64) {
            Some(0) => json!({"enabled": true, "window": 1}),
            _ => json!({"enabled": true}),
        };
        act(session, &form, (UPDATE, json!([changes])))
            .await
            .map(drop)
    };
    let result = result.await;
    settle(&visitor, &form, &ENABLE, result)
}

#[derive(Template)]
#[template(path = "disable.html")]
struct AskDisable {
    frame: Frame,
}

async fn ask_disable(visitor: Visitor) -> Result<Response, Problem> {
    visitor.signed_in().ok_or(Problem::SignIn)?;
    let page = AskDisable {
        frame: visitor.frame("Disable Two-Factor Authentication"),
    };
    Ok(answer::page(&visitor, &page))
}

async fn disable(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let call = (UPDATE, json!([{"enabled": false}]));
        act(session, &form, call).await.map(drop)
    };
    let result = result.await;
    settle(&visitor, &form, &DISABLE, result)
}

/// Only what the page has: sshd is made to ask, or not, where its files are changed with it.
async fn save(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let mut changes = Map::new();
        for key in ["otp_digits", "interval", "window"] {
            let Some(number) = form.number(key) else {
                let text = format!("{} is not a number", key.replace('_', " "));
                return Err(Problem::Refused(text));
            };
            changes.insert(key.to_owned(), json!(number));
        }
        act(session, &form, (UPDATE, json!([changes])))
            .await
            .map(drop)
    };
    let result = result.await;
    settle(&visitor, &form, &SETTINGS, result)
}

#[derive(Template)]
#[template(path = "secret.html")]
struct SecretPage {
    frame: Frame,
    secret: Zeroizing<String>,
    uri: Zeroizing<String>,
    picture: Zeroizing<String>,
}

/// Shown in the answer itself and nowhere kept: a reload asks for a code again.
async fn secret(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let call = ("auth.twofactor.provisioning_uri", json!([]));
        let uri = act(session, &form, call).await?;
        let uri = Zeroizing::new(uri.as_str().ok_or(Problem::Broken)?.to_owned());
        Ok(SecretPage {
            secret: secret_of(&uri),
            picture: qr::svg(&uri).ok_or(Problem::Broken)?,
            uri,
            frame: visitor.frame("Secret"),
        })
    };
    match result.await {
        Ok(page) => answer::page(&visitor, &page),
        Err(problem) => settle(&visitor, &form, &SECRET, Err(problem)),
    }
}

/// The parameter `secret` of a provisioning URI, in groups of four as people type it.
fn secret_of(uri: &str) -> Zeroizing<String> {
    let parameters = uri.split_once('?').map_or("", |(_, parameters)| parameters);
    let found = parameters
        .split('&')
        .find_map(|pair| pair.strip_prefix("secret="));
    let mut shown = Zeroizing::new(String::with_capacity(64));
    for (index, letter) in found.unwrap_or_default().chars().enumerate() {
        if index > 0 && index % 4 == 0 {
            shown.push(' ');
        }
        shown.push(letter);
    }
    shown
}

#[derive(Template)]
#[template(path = "renew.html")]
struct AskRenew {
    frame: Frame,
}

async fn ask_renew(visitor: Visitor) -> Result<Response, Problem> {
    visitor.signed_in().ok_or(Problem::SignIn)?;
    let page = AskRenew {
        frame: visitor.frame("Renew Secret"),
    };
    Ok(answer::page(&visitor, &page))
}

async fn renew(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let call = ("auth.twofactor.renew_secret", json!([]));
        act(session, &form, call).await.map(drop)
    };
    let result = result.await;
    settle(&visitor, &form, &RENEW, result)
}

/// The texts of a list.
fn texts(of: &Value, key: &str) -> Vec<String> {
    let list = of.get(key).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_the_one_of_the_uri_in_groups() {
        let uri = "otpauth://totp/x:root?issuer=x&secret=ABCDEFGHIJ&digits=6";
        assert_eq!(secret_of(uri).as_str(), "ABCD EFGH IJ");
        assert_eq!(secret_of("otpauth://totp/x").as_str(), "");
    }
}
