//! Secret, provisioning URI and QR code: shown after a new code, in that answer only.

use askama::Template;
use axum::response::Response;
use serde_json::json;
use zeroize::Zeroizing;

use super::PAGE;
use crate::form::Form;
use crate::pages::answer::{self, Problem, Way, act, sender, settle};
use crate::pages::qr;
use crate::pages::visitor::{Frame, Visitor};

pub(super) const SECRET: Way = Way {
    action: "/two-factor/secret",
    back: PAGE,
    done: "",
};

#[derive(Template)]
#[template(path = "secret.html")]
struct SecretPage {
    frame: Frame,
    secret: Zeroizing<String>,
    uri: Zeroizing<String>,
    picture: Zeroizing<String>,
}

/// Shown in the answer itself and nowhere kept: a reload asks for a code again.
pub(super) async fn reveal(visitor: Visitor, form: Form) -> Response {
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
pub(super) fn secret_of(uri: &str) -> Zeroizing<String> {
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
