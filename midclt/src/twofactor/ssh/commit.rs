//! `midclt 2fa ssh commit`: what is on trial is kept.

use ::ssh::undo::{self, Undo};
use clap::Args;

use super::super::daemon::{Daemon, Form};
use super::enable::KEPT;
use super::wire::Fate;
use super::{JsonArg, failed, lock, report, restore, this_machine};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::{output, result};

/// Keep what is on trial, without a login
#[derive(Debug, Args)]
#[command(after_help = "\
Only when you know that you will come in: by a second session that you
have opened, or because you are at a console.

Examples:
  midclt 2fa ssh commit")]
pub(crate) struct CommitArgs {
    #[command(flatten)]
    json: JsonArg,
}

const COMMAND: &str = "2fa ssh commit";

/// Keeps the settings, then the files.
pub(super) fn run(connection: &Connection, args: &CommitArgs) -> Result<(), Failure> {
    let system = this_machine(COMMAND)?;
    let daemon = Daemon::new(connection, COMMAND);
    let _lock = lock(&daemon, &system)?;
    let undo = Undo::read(&system.root).map_err(|error| failed(&error))?;
    let Some(undo) = undo else {
        return Err(Failure::told("midclt: nothing of SSH is on trial"));
    };
    if let Some(id) = restore::trial_id(&undo) {
        let fate: Option<Fate> = daemon.ask("auth.twofactor.trial", &[id.into()])?;
        match fate {
            Some(Fate::Live) => drop(daemon.call("auth.twofactor.commit", &[id.into()])?),
            // A login was faster.
            Some(Fate::Kept) => {}
            Some(Fate::Over) | None => {
                restore::put_back(&daemon, &system, &undo)?;
                return Err(Failure::told(
                    "midclt: the trial was over already: everything is as it was",
                ));
            }
        }
    }
    undo::forget(&system.root).map_err(|error| failed(&error))?;
    ::ssh::disarm();
    let report = report(&daemon, &system)?;
    match args.json.form() {
        Form::Json => output::line(&result::to_json(&super::json::report(&report))),
        Form::Text => output::page(KEPT),
    }
}
