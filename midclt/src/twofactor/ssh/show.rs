//! `midclt 2fa ssh show`: the ways in and the files, as they are.

use ::ssh::check::Report;
use ::ssh::sshd::System;
use ::ssh::{DROPIN, JOBS, STACK, UNDO};
use clap::Args;
use serde_json::json;

use super::super::daemon::Form;
use super::{JsonArg, RootArg, look, page};
use crate::failure::Failure;
use crate::layout;
use crate::{output, result};

/// Show the ways in, and the files
#[derive(Debug, Args)]
#[command(after_help = "\
Each way in as sshd has it, and as it should be where that differs.

Examples:
  midclt 2fa ssh show
  midclt 2fa ssh show --json")]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    root: RootArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Looks, and changes nothing.
pub(super) fn run(args: &ShowArgs) -> Result<(), Failure> {
    let system = args.root.system("2fa ssh show")?;
    let report = look(&system)?;
    match args.json.form() {
        Form::Json => {
            let answer = json!({
                "report": super::json::report(&report),
                "files": files(&system)
                    .into_iter()
                    .map(|[path, state]| json!({"path": path, "state": state}))
                    .collect::<Vec<_>>(),
            });
            output::line(&result::to_json(&answer))
        }
        Form::Text => output::page(&text(&system, &report)),
    }
}

fn text(system: &System, report: &Report) -> String {
    let mut lines = vec!["The ways in:".to_owned()];
    lines.extend(page::doors(&report.doors));
    lines.push("The files:".to_owned());
    let rows = layout::table(&files(system));
    lines.extend(rows.into_iter().map(|row| format!("  {row}")));
    if !report.ready {
        lines.push("What is wrong, and what helps: midclt 2fa ssh check".to_owned());
    }
    lines.join("\n") + "\n"
}

fn files(system: &System) -> Vec<[String; 2]> {
    let states = [
        (DROPIN, dropin(system)),
        (STACK, stack(system)),
        (JOBS, exists(system, JOBS)),
        (UNDO, exists(system, UNDO)),
    ];
    states
        .map(|(path, state)| [path.to_owned(), state.to_owned()])
        .to_vec()
}

fn dropin(system: &System) -> &'static str {
    match ::ssh::read(&system.root.at(DROPIN)) {
        Ok(None) => "not there",
        Ok(Some(text)) if ::ssh::dropin::DropIn::parse(&text).is_some() => "as it was written",
        Ok(Some(_)) => "CHANGED",
        Err(_) => "unreadable",
    }
}

fn stack(system: &System) -> &'static str {
    match ::ssh::read(&system.root.at(STACK)) {
        Ok(text) => match ::ssh::stack::state(&text.unwrap_or_default()) {
            ::ssh::stack::State::Ours(_) => "with our blocks",
            ::ssh::stack::State::Missing => "without our blocks",
            ::ssh::stack::State::Changed => "with our blocks CHANGED",
        },
        Err(_) => "unreadable",
    }
}

fn exists(system: &System, path: &str) -> &'static str {
    match (system.root.at(path).exists(), path) {
        (true, UNDO) => "a trial is under way",
        (true, _) => "there: midclt 2fa ssh exempt --list",
        (false, _) => "not there",
    }
}
