//! The sign-in: name and password, then a code where one is asked for. One text for whatever was wrong.

use askama::Template;
use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::answer::{self, Problem};
use super::filled_in;
use super::visitor::{Frame, Visitor};
use crate::app::App;
use crate::daemon::{Daemon, Failure};
use crate::form::{CODE, Form};
use crate::sessions::{Session, Stage};

/// Whatever was wrong.
const WRONG: &str = "User name, password or code is wrong. Check them and try again. If you are sure of \
    them, ask your administrator: your account may have expired, or need to be set up first.";
const INTERRUPTED: &str = "Nothing was done: you are not signed in any more. Sign in to go on, and what you \
    typed is there again, but for codes.";
const HANDED_ON: &str =
    "This is what you typed before you were signed out. Nothing of it is done yet.";
const NO_DAEMON: &str = "The machine cannot check this now. Try again in a minute.";
const OVER: &str = "You are not signed in, or not any more. Sign in to go on.";

/// The code goes on the same connection as the password did.
const BEGIN: &str = "auth.login_ex";
const GO_ON: &str = "auth.login_ex_continue";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/sign-in", get(first).post(password))
        .route("/sign-in/code", get(second).post(code))
        .route("/sign-out", post(sign_out))
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    username: String,
    problem: Option<String>,
    hint: Option<&'static str>,
    /// What was typed elsewhere, to be handed on.
    kept: Form,
}

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct SignInCode {
    frame: Frame,
    username: String,
}

async fn first(mut visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let is_over = query.as_deref() == Some("over");
    if let Some(session) = visitor.signed_in() {
        // A page was told that it is over: the daemon says whether it is.
        let is_signed_in = !is_over || session.daemon.call("auth.me", json!([])).await.is_ok();
        if is_signed_in {
            return Redirect::to(visitor.home()).into_response();
        }
        visitor.leave();
        visitor.session = None;
    }
    let page = SignIn {
        frame: visitor.frame("Sign in"),
        username: String::new(),
        problem: None,
        hint: is_over.then_some(OVER),
        kept: Form::default(),
    };
    answer::page(&visitor, &page)
}

async fn password(visitor: Visitor, form: Form) -> Result<Response, Problem> {
    if !visitor.sent(&form) {
        return Ok(again(&visitor, &form, None));
    }
    let (path, source) = (&visitor.app.config.daemon, visitor.source);
    let Ok(daemon) = Daemon::connect(path, source).await else {
        return Ok(again(&visitor, &form, Some(NO_DAEMON.to_owned())));
    };
    let username = form.get("username").trim().to_owned();
    let login = json!([{
        "mechanism": "PASSWORD_PLAIN", "username": username, "password": form.get("password"),
    }]);
    let said = daemon.call(BEGIN, login).await;
    match outcome(&said) {
        Ok(stage) => {
            let session = begin(&said, username, stage, daemon);
            keep(&session, &form);
            visitor.enter(session)
        }
        Err(text) => Ok(again(&visitor, &form, Some(text))),
    }
}

async fn second(visitor: Visitor) -> Response {
    let Some(session) = pending(&visitor) else {
        return Redirect::to(visitor.home()).into_response();
    };
    let page = SignInCode {
        frame: visitor.frame("Verification code"),
        username: session.username.clone(),
    };
    answer::page(&visitor, &page)
}

/// One wrong code ends the login, as in the daemon: the name stays, the password is typed again.
async fn code(visitor: Visitor, form: Form) -> Result<Response, Problem> {
    let Some(session) = pending(&visitor) else {
        return Ok(Redirect::to(visitor.home()).into_response());
    };
    if !visitor.sent(&form) {
        return Err(Problem::Stale);
    }
    let token = form.get(CODE).trim();
    let params = json!([{"mechanism": "OTP_TOKEN", "otp_token": token}]);
    let said = session.daemon.call(GO_ON, params).await;
    let (username, daemon) = (session.username.clone(), session.daemon.clone());
    let typed = session.shown().typed.take();
    match outcome(&said) {
        Ok(stage @ Stage::SignedIn { .. }) => {
            let session = begin(&said, username, stage, daemon);
            if let Some((action, form)) = typed {
                hand_on(&session, action, form);
            }
            visitor.enter(session)
        }
        Ok(Stage::Code) => Ok(Redirect::to("/sign-in/code").into_response()),
        Err(text) => {
            visitor.leave();
            let kept = typed.map(|(action, form)| form.to_keep(action));
            let said = Said {
                username,
                problem: Some(text),
                kept: kept.unwrap_or_default(),
            };
            Ok(failed(&visitor, said))
        }
    }
}

async fn sign_out(visitor: Visitor, form: Form) -> Result<Response, Problem> {
    if !visitor.sent(&form) {
        return Err(Problem::Stale);
    }
    if let Some(session) = visitor.leave() {
        // Its connection ends in any case.
        let _ = session.daemon.call("auth.logout", json!([])).await;
    }
    Ok(Redirect::to("/sign-in").into_response())
}

fn pending(visitor: &Visitor) -> Option<&Session> {
    let session = visitor.session.as_deref()?;
    (session.stage == Stage::Code).then_some(session)
}

/// The name is kept, and what was typed elsewhere.
fn again(visitor: &Visitor, form: &Form, problem: Option<String>) -> Response {
    let said = Said {
        username: form.get("username").trim().to_owned(),
        problem,
        kept: form.handed_on(),
    };
    failed(visitor, said)
}

/// What the form is shown with again.
struct Said {
    username: String,
    /// Without one the page was too old to be believed, and is given anew.
    problem: Option<String>,
    kept: Form,
}

fn failed(visitor: &Visitor, said: Said) -> Response {
    let hint = said
        .problem
        .is_none()
        .then_some("This page was too old. Type your password again.");
    let page = SignIn {
        frame: visitor.frame("Sign in"),
        username: said.username,
        problem: said.problem,
        hint,
        kept: said.kept,
    };
    (StatusCode::FORBIDDEN, answer::page(visitor, &page)).into_response()
}

/// A form that came when the session was over: nothing was done, and what was typed is handed on.
pub(super) fn interrupted(visitor: &Visitor, form: &Form, action: &str) -> Response {
    let mut frame = visitor.frame("Sign in");
    frame.username.clear();
    frame.is_administrator = false;
    let page = SignIn {
        frame,
        username: String::new(),
        problem: None,
        hint: Some(INTERRUPTED),
        kept: form.to_keep(action),
    };
    (StatusCode::FORBIDDEN, answer::page(visitor, &page)).into_response()
}

/// For the page on which it was typed, if there is one.
fn keep(session: &Session, form: &Form) {
    let kept = form.kept();
    let kept = kept.and_then(|(action, form)| Some((filled_in(action)?.0, form)));
    if let Some((action, form)) = kept {
        hand_on(session, action, form);
    }
}

fn hand_on(session: &Session, action: &'static str, form: Form) {
    let mut shown = session.shown();
    shown.typed = Some((action, form));
    if shown.notice.is_none() {
        shown.notice = Some((false, HANDED_ON.to_owned()));
    }
}

/// How far a login has come, or what to say instead.
fn outcome(said: &Result<Value, Failure>) -> Result<Stage, String> {
    // EBUSY: too many wrong ones. The daemon says how long to wait, for whatever name was typed.
    const EBUSY: i64 = 16;
    match said {
        Ok(answer) => match answer.get("response_type").and_then(Value::as_str) {
            Some("OTP_REQUIRED") => Ok(Stage::Code),
            Some("SUCCESS") => Ok(Stage::SignedIn {
                is_administrator: is_administrator(answer),
            }),
            _ => Err(WRONG.to_owned()),
        },
        Err(Failure::Refused { errno: EBUSY, text }) => Err(text.clone()),
        Err(Failure::Refused { .. }) => Err(WRONG.to_owned()),
        Err(Failure::Gone) => Err(NO_DAEMON.to_owned()),
    }
}

fn is_administrator(answer: &Value) -> bool {
    let roles = answer.pointer("/user_info/privilege/roles");
    let roles = roles.and_then(Value::as_array);
    roles.is_some_and(|roles| roles.iter().any(|role| role == "FULL_ADMIN"))
}

/// With the daemon's name of the account, and what it has to say to whoever has signed in.
fn begin(said: &Result<Value, Failure>, typed: String, stage: Stage, daemon: Daemon) -> Session {
    let answer = said.as_ref().ok();
    let name = answer.and_then(|answer| answer.pointer("/user_info/pw_name")?.as_str());
    let warnings = answer.and_then(|answer| answer.get("warnings")?.as_array());
    let warnings = warnings.into_iter().flatten().filter_map(Value::as_str);
    let text = warnings.collect::<Vec<_>>().join(". ");
    let session = Session::new(name.map_or(typed, str::to_owned), stage, daemon);
    if !text.is_empty() {
        session.shown().notice = Some((true, text));
    }
    session
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_reads_the_same_and_a_wait_is_shown() {
        let refused = |errno| Failure::Refused {
            errno,
            text: "the daemon's words".to_owned(),
        };
        for said in [
            Ok(json!({"response_type": "AUTH_ERR"})),
            Ok(json!({"response_type": "EXPIRED"})),
            Ok(json!({"response_type": "DENIED"})),
            Ok(json!({"response_type": "unheard of"})),
            Ok(json!(null)),
            Err(refused(22)),
            Err(refused(2)),
        ] {
            assert_eq!(outcome(&said), Err(WRONG.to_owned()), "{said:?}");
        }
        assert_eq!(
            outcome(&Err(refused(16))),
            Err("the daemon's words".to_owned())
        );
    }

    #[test]
    fn only_the_daemon_says_who_is_an_administrator() {
        let success = |roles: Value| {
            let info = json!({"pw_name": "root", "privilege": {"roles": roles}});
            outcome(&Ok(json!({"response_type": "SUCCESS", "user_info": info})))
        };
        let signed_in = |is_administrator| Ok(Stage::SignedIn { is_administrator });
        assert_eq!(success(json!(["FULL_ADMIN"])), signed_in(true));
        assert_eq!(success(json!([])), signed_in(false));
        assert_eq!(success(json!(null)), signed_in(false));
    }
}
