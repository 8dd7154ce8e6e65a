//! The settings of the page.

use axum::response::Response;
use serde_json::{Map, json};

use super::{PAGE, UPDATE};
use crate::form::Form;
use crate::pages::answer::{Problem, Way, act, sender, settle};
use crate::pages::visitor::Visitor;

pub(super) const SETTINGS: Way = Way {
    action: "/two-factor/settings",
    back: PAGE,
    done: "Saved.",
};

/// Only what was changed in this form: what somebody else has changed meanwhile stays.
pub(super) async fn save(visitor: Visitor, form: Form) -> Response {
    let result = async {
        let session = sender(&visitor, &form)?;
        let mut changes = Map::new();
        for key in ["otp_digits", "interval", "window"] {
            if form.get(&format!("was_{key}")) == form.get(key) {
                continue;
            }
            let Some(number) = form.number(key) else {
                let text = format!("{} is not a number", key.replace('_', " "));
                return Err(Problem::Refused(text));
            };
            changes.insert(key.to_owned(), json!(number));
        }
        act(session, &form, (UPDATE, json!([changes])))
            .await
            .map(drop)
    };
    let result = result.await;
    settle(&visitor, &form, &SETTINGS, result)
}
