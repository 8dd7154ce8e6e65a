//! What bypasses, exemptions, graces and invites have in common: they permit something until a
//! time, can be listed, and can be taken back.
//!
//! `--list` and `--delete` are options and no commands, since an account may be called `list`.

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::daemon::{Daemon, Form};
use crate::failure::Failure;
use crate::layout::table;

/// The option that lists.
#[derive(Debug, Args)]
pub(super) struct ListArg {
    /// List those in force, of USER or all
    #[arg(long, conflicts_with = "delete")]
    pub(super) list: bool,
}

/// Lists what `METHOD.query` finds.
pub(super) fn list<T: DeserializeOwned, const N: usize>(
    daemon: &Daemon<'_>,
    query: &Query<'_>,
    head: [&str; N],
    row: impl Fn(&T) -> [String; N],
) -> Result<(), Failure> {
    let params = query.user.map(|user| json!({"username": user}));
    let answer = daemon.call(query.method, params.as_slice())?;
    query.form.print(&answer, |found: Vec<T>| {
        if found.is_empty() {
            return "None.\n".to_owned();
        }
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(found.iter().map(row));
        table(&rows).join("\n") + "\n"
    })
}

/// What to list.
pub(super) struct Query<'a> {
    pub(super) method: &'static str,
    pub(super) user: Option<&'a str>,
    pub(super) form: Form,
}

/// Takes one back.
pub(super) fn delete(
    daemon: &Daemon<'_>,
    method: &str,
    which: Value,
    form: Form,
) -> Result<(), Failure> {
    let answer = daemon.call(method, &[which])?;
    form.print(&answer, |_: Value| "Taken back.\n".to_owned())
}
