//! Recovery codes that were just made: on a page and in a file, until somebody has saved them.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use zeroize::Zeroizing;

use super::answer::Problem;
use super::visitor::Visitor;
use crate::sessions::Session;

/// Each is good for one login.
#[derive(Clone)]
pub(super) struct Codes {
    /// Of the set, which counts once this is confirmed.
    pub(super) id: i64,
    pub(super) codes: Vec<Zeroizing<String>>,
}

impl Codes {
    /// From what `auth.twofactor.recovery.generate` answers.
    ///
    /// # Errors
    /// It is no such answer.
    pub(super) fn new(made: &Value) -> Result<Self, Problem> {
        let id = made.get("id").and_then(Value::as_i64);
        let codes = made.get("codes").and_then(Value::as_array);
        let codes = codes.ok_or(Problem::Broken)?.iter();
        Ok(Self {
            id: id.ok_or(Problem::Broken)?,
            codes: codes
                .filter_map(Value::as_str)
                .map(|code| Zeroizing::new(code.to_owned()))
                .collect(),
        })
    }

    /// The same as a file, which needs no script to be saved.
    pub(super) fn file(&self, visitor: &Visitor, session: &Session) -> Response {
        let mut text = format!(
            "Recovery codes of {} on {}. Each works once.\r\n",
            session.username, visitor.app.machine
        );
        for code in &self.codes {
            text.push_str("\r\n");
            text.push_str(code);
        }
        text.push_str("\r\n");
        let kind = [
            (CONTENT_TYPE, "text/plain; charset=utf-8"),
            (
                CONTENT_DISPOSITION,
                "attachment; filename=\"recovery-codes.txt\"",
            ),
        ];
        (kind, text).into_response()
    }
}
