//! `midclt 2fa ssh check`: whether sshd asks, whoever comes.

use ::ssh::Boot;
use ::ssh::sshd::System;
use ::ssh::undo::Undo;
use clap::Args;

use super::super::daemon::{Daemon, Form};
use super::{JsonArg, RootArg, failed, json, look, page, report, restore};
use super::{exempt, time};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::{output, result};

/// Prove that sshd asks for codes, whoever comes
#[derive(Debug, Args)]
#[command(after_help = "\
It asks sshd itself what is in effect, for root, for others, and for whom
every Match line means; names the file and line that wins; and looks at
the PAM stack, the module, and the way to root at a console. Jobs that
are over are removed, and so is what a trial left behind.
Exit status: 0 sshd asks, 1 it does not, or that cannot be found out.

Examples:
  midclt 2fa ssh check
  midclt 2fa ssh check --report         tell middlewared too")]
pub(crate) struct CheckArgs {
    /// Tell middlewared, which alerts; say only what fails
    #[arg(long, conflicts_with = "root")]
    report: bool,
    #[command(flatten)]
    root: RootArg,
    #[command(flatten)]
    json: JsonArg,
}

const COMMAND: &str = "2fa ssh check";

/// Looks, and tells.
pub(super) fn run(connection: &Connection, args: &CheckArgs) -> Result<(), Failure> {
    let system = args.root.system(COMMAND)?;
    let daemon = Daemon::new(connection, COMMAND);
    let mut is_tidy = true;
    if system.root.is_host() {
        // What is left then is a finding; it must not keep the report from the daemon.
        for failure in tidy(&daemon, &system) {
            daemon.remark(&failure.lines);
            is_tidy = false;
        }
    }
    let found = if args.report {
        report(&daemon, &system)?
    } else {
        look(&system)?
    };
    match args.json.form() {
        Form::Json => output::line(&result::to_json(&json::report(&found)))?,
        Form::Text if args.report => {}
        Form::Text => output::page(&page::report(&found))?,
    }
    // Whoever only reports is done when it is told; what could not be put right is tried again.
    if is_tidy && (found.ready || args.report) {
        return Ok(());
    }
    Err(Failure {
        lines: Vec::new(),
        exit: 1,
    })
}

/// What is over by its own date: jobs, and a trial whose job did not come to its end, by a reboot.
/// What could not be done is told.
fn tidy(daemon: &Daemon<'_>, system: &System) -> Vec<Failure> {
    let outcomes = [
        end_trial(daemon, system),
        exempt::end_expired(daemon, system, time::now()),
    ];
    outcomes.into_iter().filter_map(Result::err).collect()
}

fn end_trial(daemon: &Daemon<'_>, system: &System) -> Result<(), Failure> {
    let Some(undo) = Undo::read(&system.root).map_err(|error| failed(&error))? else {
        return Ok(());
    };
    let now = Boot::now().map_err(|error| failed(&error))?;
    if undo.seconds_left(&now) > 0 {
        return Ok(());
    }
    restore::settle(daemon, system, &undo)
}
