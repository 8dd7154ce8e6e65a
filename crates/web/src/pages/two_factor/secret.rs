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
            secret: qr::secret_of(&uri),
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
