//! What an administrator may do about an account. Each is asked about first.

use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::entry::Entry;
use super::{Named, PAGE, find, link};
use crate::app::App;
use crate::form::Form;
use crate::pages::answer::{self, Problem, Way, act, sender, settle_at};
use crate::pages::visitor::{Frame, Visitor};
use crate::pages::when::When;

const UNLOCK: Way = Way {
    action: "/accounts/unlock",
    back: PAGE,
    done: "The wrong codes are forgiven: codes are looked at again.",
};
const BYPASS: Way = Way {
    action: "/accounts/bypass",
    back: PAGE,
    done: "The account may log in without a code, for so long and so often.",
};
const RESET: Way = Way {
    action: "/accounts/reset",
    back: PAGE,
    done: "All that was stored of the account is forgotten.",
};
const INVITE: Way = Way {
    action: "/accounts/invite",
    back: PAGE,
    done: "",
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(UNLOCK.action, get(ask_unlock).post(unlock))
        .route(BYPASS.action, get(ask_bypass).post(bypass))
        .route(RESET.action, get(ask_reset).post(reset))
        .route(INVITE.action, get(ask_invite).post(invite))
}

#[derive(Template)]
#[template(path = "account_ask.html")]
struct Ask {
    frame: Frame,
    account: Entry,
    way: &'static Way,
    /// What it does.
    text: &'static str,
    button: &'static str,
    /// It takes something away.
    is_grave: bool,
}

async fn ask(visitor: Visitor, name: &str, question: Question) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let page = Ask {
        account: find(session, name).await?,
        way: question.way,
        text: question.text,
        button: question.button,
        is_grave: question.is_grave,
        frame: visitor.frame(question.title),
    };
    Ok(answer::page(&visitor, &page))
}

struct Question {
    way: &'static Way,
    title: &'static str,
    text: &'static str,
    button: &'static str,
    is_grave: bool,
}

async fn ask_unlock(
    visitor: Visitor,
    Query(Named { name }): Query<Named>,
) -> Result<Response, Problem> {
    let question = Question {
        way: &UNLOCK,
        title: "Unlock account",
        text: "Its wrong codes are forgiven, from everywhere. Look at the log first: if they were not \
               of its owner, somebody knows the password.",
        button: "Unlock",
        is_grave: false,
    };
    ask(visitor, &name, question).await
}

async fn ask_reset(
    visitor: Visitor,
    Query(Named { name }): Query<Named>,
) -> Result<Response, Problem> {
    let question = Question {
        way: &RESET,
        title: "Reset account",
        text: "Its devices, recovery codes, invites, exemptions, bypasses and wrong codes are forgotten. It \
               has no second factor then, and may be refused until it has a device again.",
        button: "Forget all of it",
        is_grave: true,
    };
    ask(visitor, &name, question).await
}

async fn ask_invite(
    visitor: Visitor,
    Query(Named { name }): Query<Named>,
) -> Result<Response, Problem> {
    let question = Question {
        way: &INVITE,
        title: "Invite",
        text: "An invite lets the account set up its first device. It works once, for 24 hours, and takes \
               the place of an earlier one.",
        button: "Make an invite",
        is_grave: false,
    };
    ask(visitor, &name, question).await
}

async fn unlock(visitor: Visitor, form: Form) -> Response {
    let call = ("auth.twofactor.unlock", json!([form.get("name")]));
    perform(&visitor, &form, &UNLOCK, call).await
}

async fn reset(visitor: Visitor, form: Form) -> Response {
    let call = ("user.unset_2fa_secret", json!([form.get("name")]));
    perform(&visitor, &form, &RESET, call).await
}

/// Makes the call for the account that the form names, and goes back to its page.
async fn perform(visitor: &Visitor, form: &Form, way: &Way, call: (&str, Value)) -> Response {
    let result = async {
        let session = sender(visitor, form)?;
        act(session, form, call).await.map(drop)
    };
    let result = result.await;
    let back = link("account", form.get("name"));
    settle_at(visitor, form, way, (&back, result))
}

#[derive(Template)]
#[template(path = "account_bypass.html")]
struct AskBypass {
    frame: Frame,
    account: Entry,
    minutes: String,
    uses: String,
    reason: String,
}

async fn ask_bypass(
    visitor: Visitor,
    Query(Named { name }): Query<Named>,
) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let account = find(session, &name).await?;
    let typed = session.shown().typed.take();
    let typed = typed.filter(|(action, form)| *action == BYPASS.action && form.get("name") == name);
    let field = |key, usual: &str| {
        typed
            .as_ref()
            .map_or_else(|| usual.to_owned(), |(_, form)| form.get(key).to_owned())
    };
    let page = AskBypass {
        account,
        minutes: field("minutes", "15"),
        uses: field("uses", "1"),
        reason: field("reason", ""),
        frame: visitor.frame("Bypass"),
    };
    Ok(answer::page(&visitor, &page))
}

/// For this one account: for everybody, root alone makes one.
async fn bypass(visitor: Visitor, form: Form) -> Response {
    let name = form.get("name");
    let result = async {
        let session = sender(&visitor, &form)?;
        let number = |key: &str| {
            let text = format!("{key}: this is not a number");
            form.number(key).ok_or(Problem::Refused(text))
        };
        let wanted = json!([{
            "username": name, "minutes": number("minutes")?, "uses": number("uses")?,
            "reason": form.get("reason").trim(),
        }]);
        let call = ("auth.twofactor.bypass.create", wanted);
        act(session, &form, call).await.map(drop)
    };
    let result = result.await;
    let back = link("account", name);
    // What was refused is typed again where it was typed.
    let back = match &result {
        Err(Problem::Refused(_)) => link("bypass", name),
        _ => back,
    };
    settle_at(&visitor, &form, &BYPASS, (&back, result))
}

#[derive(Template)]
#[template(path = "account_invite.html")]
struct InvitePage {
    frame: Frame,
    name: String,
    back: String,
    invite: Zeroizing<String>,
    expires: Option<When>,
}

/// Shown in the answer itself and nowhere kept.
async fn invite(visitor: Visitor, form: Form) -> Response {
    let name = form.get("name");
    let back = link("account", name);
    let result = async {
        let session = sender(&visitor, &form)?;
        let call = (
            "auth.twofactor.invite.create",
            json!([{ "username": name }]),
        );
        let made = act(session, &form, call).await?;
        let invite = made.get("invite").and_then(Value::as_str);
        Ok(InvitePage {
            name: name.to_owned(),
            back: back.clone(),
            invite: Zeroizing::new(invite.ok_or(Problem::Broken)?.to_owned()),
            expires: When::of(&made, "expires"),
            frame: visitor.frame("Invite"),
        })
    };
    match result.await {
        Ok(page) => answer::page(&visitor, &page),
        Err(problem) => settle_at(&visitor, &form, &INVITE, (&back, Err(problem))),
    }
}
