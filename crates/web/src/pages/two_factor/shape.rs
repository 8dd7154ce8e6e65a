//! Other digits or another interval: root's phone has to scan the QR code again, so it is shown at once, and
//! kept until somebody says that it was scanned.
//!
//! Afterwards it would be too late: to show a secret needs a code, and the phone's codes are wrong by then.

use std::fmt::Write;

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::progress::Reshaped;
use super::settings::SETTINGS;
use super::{CONFIG, PAGE, UPDATE, phone};
use crate::form::{CODE, Form};
use crate::pages::answer::{self, Problem, Way, act, sender, settle};
use crate::pages::qr;
use crate::pages::visitor::{Frame, Visitor};
use crate::sessions::Session;

pub(super) const SCAN: Way = Way {
    action: "/two-factor/scan",
    back: "/two-factor/scan",
    done: "",
};
const SCANNED: Way = Way {
    action: "/two-factor/scan",
    back: PAGE,
    done: "Saved, and scanned.",
};
const UNDONE: Way = Way {
    action: "/two-factor/scan",
    back: PAGE,
    done: "Digits and interval are as they were before: the phone needs nothing.",
};

/// The machine's secret is that of root's first device.
const ROOT: &str = "root";

/// Whether a phone has the secret whose codes are to look different.
pub(super) async fn concerns_a_phone(
    session: &Session,
    changes: &Map<String, Value>,
) -> Result<bool, Problem> {
    if !changes.contains_key("otp_digits") && !changes.contains_key("interval") {
        return Ok(false);
    }
    let devices = phone::devices(session, ROOT).await?;
    Ok(devices.iter().any(|device| device.is_active))
}

#[derive(Template)]
#[template(path = "shape.html")]
struct Ask<'a> {
    frame: Frame,
    /// What is sent again, with the code.
    fields: &'a [(String, String)],
    wrong: Option<String>,
}

/// What it means, and a code for showing the secret.
pub(super) fn ask(visitor: &Visitor, form: &Form, wrong: Option<String>) -> Response {
    let repeated = form.harmless();
    let page = Ask {
        frame: visitor.frame("Change Digits or Interval"),
        fields: repeated.fields(),
        wrong,
    };
    answer::page(visitor, &page)
}

/// Takes the secret out first, then saves: whatever fails, nobody is left without the one for the other.
pub(super) async fn save(
    session: &Session,
    form: &Form,
    changes: Map<String, Value>,
) -> Result<(), Problem> {
    if form.get(CODE).trim().is_empty() {
        return Err(Problem::Code(None));
    }
    let was = session.daemon.call(CONFIG, json!([])).await?;
    let call = ("auth.twofactor.provisioning_uri", json!([]));
    let uri = act(session, form, call).await?;
    let uri = Zeroizing::new(uri.as_str().ok_or(Problem::Broken)?.to_owned());
    let now = session.daemon.call(UPDATE, json!([changes])).await?;
    let number = |of: &Value, key| of.get(key).and_then(Value::as_u64).ok_or(Problem::Broken);
    let reshaped = Reshaped {
        uri: reshape(&uri, number(&now, "otp_digits")?, number(&now, "interval")?),
        digits_before: number(&was, "otp_digits")?,
        interval_before: number(&was, "interval")?,
    };
    session.shown().progress.reshaped = Some(reshaped);
    Ok(())
}

/// The same secret under other settings.
fn reshape(uri: &str, digits: u64, interval: u64) -> Zeroizing<String> {
    let (label, parameters) = uri.split_once('?').unwrap_or((uri, ""));
    let mut shown = Zeroizing::new(String::with_capacity(uri.len() + 32));
    shown.push_str(label);
    let of_shape = |pair: &&str| !pair.starts_with("digits=") && !pair.starts_with("period=");
    for (index, pair) in parameters.split('&').filter(of_shape).enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        shown.push_str(pair);
    }
    // Those that an app takes where nothing is said are left out, as the daemon does.
    if digits != 6 {
        let _ = write!(shown, "&digits={digits}");
    }
    if interval != 30 {
        let _ = write!(shown, "&period={interval}");
    }
    shown
}

#[derive(Template)]
#[template(path = "scan.html")]
struct Scan {
    frame: Frame,
    /// Their codes can be looked at here: root's own.
    is_root: bool,
    secret: Zeroizing<String>,
    picture: Zeroizing<String>,
}

/// The QR code, until it was scanned.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let reshaped = session.shown().progress.reshaped.clone();
    let Some(reshaped) = reshaped else {
        return Ok(Redirect::to(PAGE).into_response());
    };
    let me = session.daemon.call("auth.me", json!([])).await?;
    let page = Scan {
        is_root: me.get("pw_uid") == Some(&json!(0)),
        secret: qr::secret_of(&reshaped.uri),
        picture: qr::svg(&reshaped.uri).ok_or(Problem::Broken)?,
        frame: visitor.frame("Scan the QR Code Again"),
    };
    Ok(answer::page(&visitor, &page))
}

/// It was scanned, or is to be as it was.
pub(super) async fn take(visitor: Visitor, form: Form) -> Response {
    let step = form.get("step");
    let result = async {
        let session = sender(&visitor, &form)?;
        match step {
            "scanned" => scanned(session, &form).await,
            "undo" => undo(session, &form).await,
            _ => Err(Problem::Stale),
        }
    };
    let result = result.await;
    let way = match (step, &result) {
        ("scanned", Ok(())) => &SCANNED,
        ("undo", Ok(())) => &UNDONE,
        _ => &SCAN,
    };
    settle(&visitor, &form, way, result)
}

/// With a code, where there is one to be typed: then it is known that the app took it.
async fn scanned(session: &Session, form: &Form) -> Result<(), Problem> {
    let code = form.get(CODE).trim();
    if !code.is_empty()
        && session
            .daemon
            .call("auth.reauthenticate", json!([code]))
            .await?
            != true
    {
        return Err(Problem::Refused(answer::WRONG_CODE.to_owned()));
    }
    session.shown().progress.reshaped = None;
    Ok(())
}

async fn undo(session: &Session, form: &Form) -> Result<(), Problem> {
    let Some(before) = session.shown().progress.reshaped.clone() else {
        return Ok(());
    };
    let changes = json!([{
        "otp_digits": before.digits_before, "interval": before.interval_before,
    }]);
    act(session, form, (UPDATE, changes)).await?;
    session.shown().progress.reshaped = None;
    Ok(())
}

/// Where saving leads that has made a phone scan.
pub(super) const NEXT: Way = Way {
    back: SCAN.action,
    done: "",
    ..SETTINGS
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_secret_under_other_settings() {
        let uri = "otpauth://totp/x:root?secret=ABC&issuer=x&digits=8&period=60";
        for (digits, interval, expected) in [
            (6, 30, "otpauth://totp/x:root?secret=ABC&issuer=x"),
            (8, 30, "otpauth://totp/x:root?secret=ABC&issuer=x&digits=8"),
            (
                7,
                45,
                "otpauth://totp/x:root?secret=ABC&issuer=x&digits=7&period=45",
            ),
        ] {
            assert_eq!(reshape(uri, digits, interval).as_str(), expected);
        }
    }
}
