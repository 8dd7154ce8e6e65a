//! Accounts: what each door asks each account for, and what an administrator may do about it.

mod actions;
mod entry;

use std::fmt::Write;

use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use entry::{Entry, Sshd};

use super::answer::{self, Problem};
use super::visitor::{Frame, Visitor};
use crate::app::App;
use crate::sessions::Session;

const PAGE: &str = "/accounts";

/// How many are on a page.
const LISTED: u32 = 50;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(PAGE, get(show))
        .route("/accounts/account", get(one))
        .merge(actions::routes())
}

/// Which accounts, from the address line.
#[derive(Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    search: String,
    #[serde(default)]
    after: String,
}

/// Which account a link is about.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct Page {
    frame: Frame,
    wanted: Wanted,
    accounts: Vec<Entry>,
    matching: u64,
    next: Option<String>,
    sshd: Sshd,
}

async fn show(visitor: Visitor, Query(wanted): Query<Wanted>) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let filter = [
        ("search", wanted.search.trim()),
        ("after", wanted.after.as_str()),
    ];
    let filter = filter.into_iter().filter(|(_, text)| !text.is_empty());
    let mut filter: Map<_, _> = filter
        .map(|(key, text)| (key.to_owned(), json!(text)))
        .collect();
    filter.insert("limit".to_owned(), json!(LISTED));
    let found = query(session, filter).await?;
    let page = Page {
        accounts: entries(&found),
        matching: found.get("matching").and_then(Value::as_u64).unwrap_or(0),
        next: found.get("next").and_then(Value::as_str).map(str::to_owned),
        sshd: Sshd::look(session).await?,
        wanted,
        frame: visitor.frame("Accounts"),
    };
    Ok(answer::page(&visitor, &page))
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    account: Entry,
    sshd: Sshd,
}

async fn one(visitor: Visitor, Query(Named { name }): Query<Named>) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let page = AccountPage {
        account: find(session, &name).await?,
        sshd: Sshd::look(session).await?,
        frame: visitor.frame("Account"),
    };
    Ok(answer::page(&visitor, &page))
}

/// The account of this name.
async fn find(session: &Session, name: &str) -> Result<Entry, Problem> {
    let filter = [("username".to_owned(), json!(name))].into_iter().collect();
    let found = query(session, filter).await?;
    entries(&found).pop().ok_or_else(|| {
        let text = "There is no such account here, or not any more";
        Problem::Refused(text.to_owned())
    })
}

async fn query(session: &Session, filter: Map<String, Value>) -> Result<Value, Problem> {
    let method = "auth.twofactor.account.query";
    Ok(session.daemon.call(method, json!([filter])).await?)
}

fn entries(found: &Value) -> Vec<Entry> {
    let entries = found.get("accounts").and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .filter_map(Entry::new)
        .collect()
}

/// Where a page about an account is.
fn link(what: &str, name: &str) -> String {
    format!("{PAGE}/{what}?name={}", encoded(name))
}

/// A name in an address.
fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                text.push(char::from(byte));
            }
            byte => {
                // Writing to a text cannot fail.
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_directories_fit_into_links() {
        assert_eq!(link("account", "alice"), "/accounts/account?name=alice");
        assert_eq!(
            link("reset", "DOM\\a b&c"),
            "/accounts/reset?name=DOM%5Ca%20b%26c"
        );
    }
}
