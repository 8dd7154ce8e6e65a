//! "Require for SSH": tried first, and undone by itself unless somebody shows that they get in.
//!
//! Files are root's: where sshd does not ask this daemon yet, nothing is tried here.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use super::trial::{Trial, time_of_day};
use super::{PAGE, STATUS, is_on, list, texts};
use crate::form::Form;
use crate::pages::answer::{self, Problem, Way, act, sender, settle};
use crate::pages::visitor::{Frame, Visitor};
use crate::sessions::Session;

pub(super) const SSH: Way = Way {
    action: "/two-factor/ssh",
    back: "/two-factor/ssh",
    done: "",
};
const BEGUN: Way = Way {
    action: "/two-factor/ssh",
    back: PAGE,
    done: "",
};
const KEPT: Way = Way {
    action: "/two-factor/ssh",
    back: PAGE,
    done: "What was on trial is kept.",
};
const UNDONE: Way = Way {
    action: "/two-factor/ssh",
    back: PAGE,
    done: "",
};

/// How long a trial may take: as people say it, and in seconds.
const TIMES: [(&str, &str); 4] = [
    ("300", "5 minutes"),
    ("120", "2 minutes"),
    ("600", "10 minutes"),
    ("1800", "30 minutes"),
];

/// How it is with SSH.
pub(super) struct Ssh {
    pub(super) is_on: bool,
    /// The box as it is shown.
    pub(super) is_ticked: bool,
    /// Root's look at sshd has found that it asks here.
    pub(super) is_ready: bool,
    /// The time of day of that look; none where nobody looked.
    pub(super) looked: Option<String>,
}

impl Ssh {
    /// From what `auth.twofactor.status` answers, and what was typed where it was refused.
    pub(super) fn new(status: &Value, typed: Option<&Form>) -> Self {
        let is_on = status.get("ssh") == Some(&json!(true));
        let at = status.pointer("/sshd/at").and_then(Value::as_u64);
        Self {
            is_on,
            is_ticked: typed.map_or(is_on, |form| form.get("ssh") == "yes"),
            is_ready: status.pointer("/sshd/ready") == Some(&json!(true)),
            looked: at.map(time_of_day),
        }
    }
}

/// Somebody who would be locked out, and what helps.
struct LockedOut {
    name: String,
    cure: String,
}

#[derive(Template)]
#[template(path = "ssh.html")]
struct AskSsh {
    frame: Frame,
    locked_out: Vec<LockedOut>,
    warnings: Vec<String>,
    times: [(&'static str, &'static str); 4],
}

/// Who would be locked out, and what else is good to know before.
pub(super) async fn ask(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let status = session.daemon.call(STATUS, json!([])).await?;
    // Nothing to be asked: the page says how it is.
    let ssh = Ssh::new(&status, None);
    let can_ask = is_on(&status) && ssh.is_ready && !ssh.is_on;
    if !can_ask || Trial::new(&status)?.is_some() {
        return Ok(Redirect::to(PAGE).into_response());
    }
    let change = json!([{ "changes": { "services": { "ssh": true } } }]);
    let outlook = session
        .daemon
        .call("auth.twofactor.preflight", change)
        .await?;
    let locked_out = outlook.get("locked_out").map(list).into_iter().flatten();
    let locked_out = locked_out.filter_map(|one| {
        Some(LockedOut {
            name: one.get("username")?.as_str()?.to_owned(),
            cure: one.get("cure")?.as_str()?.to_owned(),
        })
    });
    let page = AskSsh {
        locked_out: locked_out.collect(),
        warnings: texts(&outlook, "warnings"),
        times: TIMES,
        frame: visitor.frame("Require Codes for SSH"),
    };
    Ok(answer::page(&visitor, &page))
}

/// Begins, keeps or undoes.
pub(super) async fn take(visitor: Visitor, form: Form) -> Response {
    let step = form.get("step");
    let result = async {
        let session = sender(&visitor, &form)?;
        match step {
            "try" => begin(session, &form).await,
            "keep" => end(session, &form, "auth.twofactor.commit").await,
            "undo" => end(session, &form, "auth.twofactor.rollback").await,
            _ => Err(Problem::Stale),
        }
    };
    let result = result.await;
    let way = match (step, &result) {
        ("keep", Ok(())) => &KEPT,
        ("undo", Ok(())) => &UNDONE,
        ("try", Err(_)) => &SSH,
        _ => &BEGUN,
    };
    settle(&visitor, &form, way, result)
}

async fn begin(session: &Session, form: &Form) -> Result<(), Problem> {
    let wanted = json!([{
        "changes": { "services": { "ssh": true } },
        "seconds": form.number("seconds").unwrap_or(300),
        "service": "sshd",
    }]);
    act(session, form, ("auth.twofactor.try", wanted))
        .await
        .map(drop)
}

/// Ends the trial that the page showed, and no later one.
async fn end(session: &Session, form: &Form, method: &str) -> Result<(), Problem> {
    let id: i64 = form.get("id").parse().map_err(|_| Problem::Stale)?;
    act(session, form, (method, json!([id]))).await.map(drop)
}
