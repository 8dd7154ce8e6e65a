//! Log: who changed what, and who passed which door; the newest first.

use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{self, Problem};
use super::visitor::{Frame, Visitor};
use super::when::{self, When};
use crate::app::App;

/// How many entries are on a page.
const LISTED: usize = 50;

/// What may be picked; any other may be typed into the address line.
const OUTCOMES: [&str; 12] = [
    "accepted",
    "wrong",
    "replayed",
    "not enrolled",
    "bypassed",
    "exempt",
    "signed in",
    "issued",
    "removed",
    "unlocked",
    "granted",
    "changed",
];

pub(super) fn routes() -> Router<App> {
    Router::new().route("/log", get(show))
}

/// Which entries, from the address line.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    account: String,
    service: String,
    verdict: String,
    from: String,
    to: String,
    before: String,
}

impl Wanted {
    fn is_any(&self) -> bool {
        let filters = [
            &self.account,
            &self.service,
            &self.verdict,
            &self.from,
            &self.to,
        ];
        filters.iter().all(|text| text.trim().is_empty())
    }

    /// What the daemon is asked. One entry more than is shown tells whether there are older ones.
    fn filter(&self) -> Result<Map<String, Value>, Problem> {
        let mut filter = Map::new();
        for (key, text) in [
            ("username", &self.account),
            ("service", &self.service),
            ("outcome", &self.verdict),
        ] {
            if !text.trim().is_empty() {
                filter.insert(key.to_owned(), json!(text.trim()));
            }
        }
        for (key, text) in [("since", &self.from), ("until", &self.to)] {
            if !text.trim().is_empty() {
                let Some(secs) = when::parse(text.trim()) else {
                    let text = "A time is written like 2026-11-24T20:05";
                    return Err(Problem::Refused(text.to_owned()));
                };
                filter.insert(key.to_owned(), json!(secs));
            }
        }
        if let Ok(before) = self.before.parse::<u64>() {
            filter.insert("before".to_owned(), json!(before));
        }
        filter.insert("limit".to_owned(), json!(LISTED + 1));
        Ok(filter)
    }
}

/// Something that was done.
struct Entry {
    id: u64,
    at: Option<When>,
    account: String,
    outcome: String,
    method: String,
    service: String,
    source: String,
    count: u64,
}

impl Entry {
    fn new(entry: &Value) -> Option<Self> {
        let text = |key| {
            entry
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned()
        };
        Some(Self {
            id: entry.get("id")?.as_u64()?,
            at: When::of(entry, "at"),
            account: text("username"),
            outcome: text("outcome"),
            method: text("method"),
            service: text("service"),
            source: text("source"),
            count: entry.get("count").and_then(Value::as_u64).unwrap_or(1),
        })
    }

    /// Somebody was not let in.
    fn is_refusal(&self) -> bool {
        ["wrong", "replayed", "not enrolled"].contains(&self.outcome.as_str())
    }
}

#[derive(Template)]
#[template(path = "log.html")]
struct Page {
    frame: Frame,
    wanted: Wanted,
    outcomes: &'static [&'static str],
    entries: Vec<Entry>,
    /// The number of the last entry, where there are older ones.
    next: Option<u64>,
    problem: Option<String>,
}

/// What was typed stays in the form, also where it was refused.
async fn show(visitor: Visitor, Query(wanted): Query<Wanted>) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let found = match wanted.filter() {
        Ok(filter) => {
            let found = session.daemon.call("auth.twofactor.audit", json!([filter]));
            found.await.map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    let (found, problem) = match found {
        Ok(found) => (found, None),
        // Whoever may not read it is told so by its number, and not by a page of it.
        Err(Problem::Refused(text)) if session.is_administrator() => (json!([]), Some(text)),
        Err(problem) => return Err(problem),
    };
    let all = found.as_array().into_iter().flatten();
    let mut entries: Vec<_> = all.filter_map(Entry::new).collect();
    let has_older = entries.len() > LISTED;
    entries.truncate(LISTED);
    let page = Page {
        next: entries.last().filter(|_| has_older).map(|entry| entry.id),
        entries,
        problem,
        wanted,
        outcomes: &OUTCOMES,
        frame: visitor.frame("Log"),
    };
    Ok(answer::page(&visitor, &page))
}
