//! Forms and their tokens: a form is taken only from a page that this service gave to the same browser.

use std::fmt;

use axum::extract::{Form as Decoded, FromRequest, Request};
use axum::response::Response;
use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use zeroize::Zeroize;

use crate::app::App;
use crate::random;

/// The field of the token.
pub(crate) const TOKEN: &str = "csrf";
/// The field of a code that is asked for in passing.
pub(crate) const CODE: &str = "code";
/// Fields that are typed anew each time.
const SECRETS: [&str; 4] = [TOKEN, CODE, "password", "invite"];

/// Before the names of fields that the sign-in hands on.
const KEPT: &str = "kept_";
/// Where they were to go.
const KEPT_FOR: &str = "kept_for";

/// What somebody sent, in their order. Wiped when it goes.
#[derive(Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form(..)")
    }
}

impl Form {
    /// A field; empty where it is missing.
    pub(crate) fn get(&self, name: &str) -> &str {
        let mut fields = self.0.iter();
        let found = fields.find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// A number; none where it is missing or no number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name).trim().parse().ok()
    }

    /// What may be shown again: everything but tokens, codes and passwords.
    pub(crate) fn harmless(&self) -> Self {
        let fields = self.0.iter();
        let kept = fields.filter(|(name, _)| !SECRETS.contains(&name.as_str()));
        Self(kept.cloned().collect())
    }

    /// Its fields, for a page that repeats them.
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.0
    }

    /// The same for a sign-in to hand on: what was typed into a form of this address.
    pub(crate) fn to_keep(&self, action: &str) -> Self {
        let fields = self.harmless();
        let fields = fields.0.iter();
        let fields = fields.map(|(name, value)| (format!("{KEPT}.{name}"), value.clone()));
        let mut kept: Vec<_> = fields.collect();
        kept.push((KEPT_FOR.to_owned(), action.to_owned()));
        Self(kept)
    }

    /// What a sign-in hands on, as it stands in its form.
    pub(crate) fn handed_on(&self) -> Self {
        let fields = self.0.iter();
        let kept = fields.filter(|(name, _)| name.starts_with(KEPT));
        Self(kept.cloned().collect())
    }

    /// What was kept, and for which address.
    pub(crate) fn kept(&self) -> Option<(&str, Self)> {
        let action = self.get(KEPT_FOR);
        let fields = self.0.iter();
        let fields = fields.filter_map(|(name, value)| {
            let name = name.strip_prefix(KEPT)?.strip_prefix('.')?;
            Some((name.to_owned(), value.clone()))
        });
        (!action.is_empty()).then(|| (action, Self(fields.collect()).harmless()))
    }

    #[cfg(test)]
    pub(crate) fn of(fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter();
        Self(
            fields
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }
}

impl Drop for Form {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}

impl FromRequest<App> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let decoded = Decoded::<Vec<(String, String)>>::from_request(request, app).await;
        // The refusal of the library would repeat what was sent.
        decoded.map(|Decoded(fields)| Self(fields)).map_err(|_| {
            use axum::response::IntoResponse;
            (
                axum::http::StatusCode::BAD_REQUEST,
                "400: This is no form\n",
            )
                .into_response()
        })
    }
}

/// Makes and checks tokens: a keyed hash of the browser's cookie, so that nothing has to be kept.
pub(crate) struct Tokens(hmac::Key);

impl Tokens {
    /// With a key of this process.
    ///
    /// # Errors
    /// The kernel gives no random bytes.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let key = random::bytes()?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    pub(crate) fn of(&self, cookie: &str) -> String {
        let tag = hmac::sign(&self.0, cookie.as_bytes());
        BASE64URL_NOPAD.encode(tag.as_ref())
    }

    /// In constant time.
    pub(crate) fn fits(&self, cookie: &str, token: &str) -> bool {
        let tag = BASE64URL_NOPAD.decode(token.as_bytes());
        tag.is_ok_and(|tag| hmac::verify(&self.0, cookie.as_bytes(), &tag).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_its_own_cookie_of_this_process_only() {
        let tokens = Tokens::new().unwrap();
        let token = tokens.of("cookie");
        assert!(tokens.fits("cookie", &token));
        for (cookie, token) in [
            ("other", token.as_str()),
            ("cookie", ""),
            ("cookie", "AAAA"),
        ] {
            assert!(!tokens.fits(cookie, token), "{cookie} {token}");
        }
        assert!(!Tokens::new().unwrap().fits("cookie", &token));
    }

    #[test]
    fn a_form_that_is_shown_again_holds_no_secret() {
        let form = Form::of(&[
            ("name", "phone"),
            ("code", "123456"),
            ("password", "x"),
            ("csrf", "t"),
        ]);
        assert_eq!(form.get("code"), "123456");
        assert_eq!(
            form.harmless().fields(),
            [("name".to_owned(), "phone".to_owned())]
        );
        assert_eq!((form.get("none"), form.number("name")), ("", None));
    }

    #[test]
    fn what_is_kept_over_a_sign_in_comes_back_without_secrets() {
        let form = Form::of(&[("window", "3"), ("code", "123456"), ("csrf", "t")]);
        let kept = form.to_keep("/two-factor/settings");
        let (action, back) = kept
            .handed_on()
            .kept()
            .map(|(action, form)| (action.to_owned(), form))
            .unwrap();
        assert_eq!(action, "/two-factor/settings");
        assert_eq!(back.fields(), [("window".to_owned(), "3".to_owned())]);
        let forged = Form::of(&[
            ("kept_for", "/x"),
            ("kept_.password", "x"),
            ("username", "root"),
        ]);
        assert!(forged.kept().unwrap().1.fields().is_empty());
        assert!(Form::of(&[("username", "root")]).kept().is_none());
        assert_eq!(forged.handed_on().get("username"), "");
    }
}
