//! What a request ends with: a page, the next page, or a code that is wanted first.

use std::fmt;

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use super::devices::Kept;
use super::sign_in;
use super::two_factor::Progress;
use super::visitor::{Frame, Visitor};
use crate::daemon::Failure;
use crate::form::{CODE, Form};
use crate::sessions::Session;

/// What a session keeps for its next page.
#[derive(Default)]
pub(crate) struct Shown {
    /// What came of what was asked last; and whether it went wrong.
    pub(super) notice: Option<(bool, String)>,
    /// What was typed where it was refused, and on which page.
    pub(super) typed: Option<(&'static str, Form)>,
    /// What is being set up on Credentials > 2FA.
    pub(super) progress: Progress,
    /// What My devices shows until it is confirmed.
    pub(super) kept: Kept,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}

/// Why there is no such page now.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Nobody is signed in, or not any more.
    SignIn,
    /// The form did not come from a page of this browser's, or from one of before a restart.
    Stale,
    /// A code is wanted first, perhaps after a wrong one.
    Code(Option<String>),
    /// The daemon's words.
    Refused(String),
    /// This machine is in trouble.
    Broken,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        if failure.is_signed_out() {
            return Self::SignIn;
        }
        if failure.needs_code() {
            return Self::Code(None);
        }
        match failure {
            Failure::Gone => Self::SignIn,
            Failure::Refused { text, .. } => Self::Refused(text),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn => Redirect::to("/sign-in?over").into_response(),
            Self::Stale => {
                let text = "403: This form is too old, or of another page. Go back, reload the page, and try again\n";
                (StatusCode::FORBIDDEN, text).into_response()
            }
            Self::Code(_) | Self::Broken => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "500: This did not work\n",
            )
                .into_response(),
            Self::Refused(text) => (StatusCode::FORBIDDEN, text + "\n").into_response(),
        }
    }
}

/// A page, and the cookie of a new browser.
pub(super) fn page(visitor: &Visitor, page: &impl Template) -> Response {
    let Ok(text) = page.render() else {
        return Problem::Broken.into_response();
    };
    let kind = [(CONTENT_TYPE, "text/html; charset=utf-8")];
    let mut answer = (kind, text).into_response();
    visitor.set_cookie(answer.headers_mut());
    answer
}

/// A form of somebody who is signed in.
///
/// # Errors
/// It is not theirs, or they are signed in no more.
pub(super) fn sender<'a>(visitor: &'a Visitor, form: &Form) -> Result<&'a Session, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    if visitor.sent(form) {
        Ok(session)
    } else {
        Err(Problem::Stale)
    }
}

/// What is said of a code that the daemon did not take.
pub(super) const WRONG_CODE: &str =
    "This code is wrong, or was used already. Wait for the next one";

/// A call for a form; the code that the form may bring is given first.
///
/// # Errors
/// A code is wanted, or the daemon refuses.
pub(super) async fn act(
    session: &Session,
    form: &Form,
    (method, params): (&str, Value),
) -> Result<Value, Problem> {
    let code = form.get(CODE);
    if !code.is_empty() {
        let right = session
            .daemon
            .call("auth.reauthenticate", json!([code, method]))
            .await?;
        if right != true {
            return Err(Problem::Code(Some(WRONG_CODE.to_owned())));
        }
    }
    Ok(session.daemon.call(method, params).await?)
}

/// Where a form leads.
pub(super) struct Way {
    /// Where it was sent to.
    pub(super) action: &'static str,
    /// The page that it stands on.
    pub(super) back: &'static str,
    /// What is said when it worked.
    pub(super) done: &'static str,
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage<'a> {
    frame: Frame,
    way: &'a Way,
    /// Where Cancel leads.
    back: &'a str,
    /// What is sent again, with the code.
    fields: &'a [(String, String)],
    wrong: Option<String>,
}

/// Ends a form: back to its page with what came of it, or first for a code.
pub(super) fn settle(
    visitor: &Visitor,
    form: &Form,
    way: &Way,
    result: Result<(), Problem>,
) -> Response {
    settle_at(visitor, form, way, (way.back, result))
}

/// The same with a page to go back to that only this form knows.
pub(super) fn settle_at(
    visitor: &Visitor,
    form: &Form,
    way: &Way,
    (back, result): (&str, Result<(), Problem>),
) -> Response {
    let Some(session) = visitor.signed_in() else {
        return sign_in::interrupted(visitor, form, way.action);
    };
    let notice = match result {
        Ok(()) => (false, way.done.to_owned()),
        Err(Problem::Code(wrong)) => {
            let repeated = form.harmless();
            let asking = CodePage {
                frame: visitor.frame("Verification code"),
                way,
                back,
                fields: repeated.fields(),
                wrong,
            };
            return page(visitor, &asking);
        }
        Err(Problem::Refused(text)) => {
            session.shown().typed = Some((way.action, form.harmless()));
            (true, text)
        }
        Err(Problem::SignIn) => return sign_in::interrupted(visitor, form, way.action),
        Err(problem) => return problem.into_response(),
    };
    if !notice.1.is_empty() {
        session.shown().notice = Some(notice);
    }
    Redirect::to(back).into_response()
}
