//! The settings of the page.

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::ssh::SSH;
use super::{PAGE, UPDATE, shape};
use crate::form::Form;
use crate::pages::answer::{Problem, Way, act, sender, settle};
use crate::pages::visitor::Visitor;

pub(in crate::pages) const SETTINGS: Way = Way {
    action: "/two-factor/settings",
    back: PAGE,
    done: "Saved.",
};
const SAVED_WITHOUT_SSH: Way = Way {
    done: "Saved. SSH asks for no codes any more. Its files still lead by here; to take that away too, as \
        root on this machine: midclt 2fa ssh disable",
    ..SETTINGS
};
const SSH_NEXT: Way = Way {
    back: SSH.action,
    done: "",
    ..SETTINGS
};

/// Only what was changed in this form: what somebody else has changed meanwhile stays.
pub(super) async fn save(visitor: Visitor, form: Form) -> Response {
    let ssh = ssh_change(&form);
    let mut is_to_be_scanned = false;
    let result = async {
        let session = sender(&visitor, &form)?;
        let mut changes = changes(&form)?;
        is_to_be_scanned = shape::concerns_a_phone(session, &changes).await?;
        if ssh == Some(false) {
            changes.insert("services".to_owned(), json!({ "ssh": false }));
        }
        // To require it is tried on a page of its own.
        if changes.is_empty() && ssh == Some(true) {
            return Ok(());
        }
        if is_to_be_scanned {
            return shape::save(session, &form, changes).await;
        }
        let call = (UPDATE, json!([changes]));
        act(session, &form, call).await.map(drop)
    };
    let result = result.await;
    let way = match (&result, ssh) {
        (Err(Problem::Code(wrong)), _) if is_to_be_scanned => {
            return shape::ask(&visitor, &form, wrong.clone());
        }
        (Ok(()), _) if is_to_be_scanned => &shape::NEXT,
        (Ok(()), Some(true)) => &SSH_NEXT,
        (Ok(()), Some(false)) => &SAVED_WITHOUT_SSH,
        _ => &SETTINGS,
    };
    settle(&visitor, &form, way, result)
}

/// The numbers that differ from what the form came with.
fn changes(form: &Form) -> Result<Map<String, Value>, Problem> {
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
    Ok(changes)
}

/// Whether SSH is to ask from now on, if that was changed. A box that cannot be ticked is sent as one that
/// is not ticked: then the form does not say what it was.
fn ssh_change(form: &Form) -> Option<bool> {
    let was = match form.get("was_ssh") {
        "yes" => true,
        "no" => false,
        _ => return None,
    };
    let is = form.get("ssh") == "yes";
    (is != was).then_some(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_counts_only_where_it_was_changed() {
        for (fields, expected) in [
            (&[("was_ssh", "no"), ("ssh", "yes")][..], Some(true)),
            (&[("was_ssh", "yes")], Some(false)),
            (&[("was_ssh", "yes"), ("ssh", "yes")], None),
            (&[("was_ssh", "no")], None),
            (&[("ssh", "yes")], None),
            (&[], None),
        ] {
            assert_eq!(ssh_change(&Form::of(fields)), expected, "{fields:?}");
        }
    }
}
