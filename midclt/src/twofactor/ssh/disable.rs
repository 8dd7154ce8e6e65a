//! `midclt 2fa ssh disable`: as it was before. It works without the daemon: somebody may be locked out.

use ::ssh::sshd::System;
use ::ssh::transaction;
use clap::Args;
use serde_json::json;

use super::super::daemon::{Daemon, Form};
use super::wire::Status;
use super::{JsonArg, RootArg, YesArg, failed, lock_if_possible, services_ssh, tell};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::{output, result};

/// Have sshd ask for no codes, as before
#[derive(Debug, Args)]
#[command(after_help = "\
It takes the drop-in and the blocks in /etc/pam.d/sshd away and has sshd
read its files again. It works while middlewared does not. The accounts
of jobs keep their keys: midclt 2fa ssh exempt --list

Examples:
  midclt 2fa ssh disable
  midclt 2fa ssh disable --yes")]
pub(crate) struct DisableArgs {
    #[command(flatten)]
    root: RootArg,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

const COMMAND: &str = "2fa ssh disable";
const CAUTION: &str = "\
SSH logins will need no code then: a key alone, or a password alone, as
before. Codes elsewhere are asked for as they are now.";

/// The daemon first: while its setting is on, a drop-in that is gone is an alarm.
pub(super) fn run(connection: &Connection, args: &DisableArgs) -> Result<(), Failure> {
    let system = args.root.system(COMMAND)?;
    let daemon = Daemon::new(connection, COMMAND);
    let consent = args.yes.consent()?;
    consent.to(CAUTION, "Go on?")?;
    let lock = lock_if_possible(&daemon, &system);
    let is_told = !system.root.is_host() || turn_off(&daemon);
    let mut done = Vec::new();
    let lifted = transaction::lift(&system, &mut |line| done.push(line));
    daemon.remark(&done);
    lifted.map_err(|error| failed(&error))?;
    drop(lock);
    if system.root.is_host() {
        tell(&daemon, &system);
    }
    end(&system, args.json.form(), is_told, &done)
}

/// Whether the daemon knows.
fn turn_off(daemon: &Daemon<'_>) -> bool {
    let answer = daemon.try_call("auth.twofactor.update", &[services_ssh(false)]);
    // What else was tried is not kept either; our own field is settled by now.
    let status = daemon.ask::<Status>("auth.twofactor.status", &[]);
    if let Some(trial) = status.ok().and_then(|status| status.trial) {
        let _ = daemon.try_call("auth.twofactor.rollback", &[json!(trial.id)]);
    }
    match answer {
        Ok(_) => true,
        Err(error) => {
            let why = daemon.failure(&error);
            daemon.remark(&why.lines);
            false
        }
    }
}

const NOT_TOLD: &str = "\
midclt: middlewared was not told: sshd asks for no codes, but its setting
midclt: services.ssh is as it was. Once it runs, do this again.";

fn end(system: &System, form: Form, is_told: bool, done: &[String]) -> Result<(), Failure> {
    if !is_told {
        output::note(NOT_TOLD);
    }
    if form == Form::Json {
        let answer = json!({"done": done, "daemon_told": is_told});
        return output::line(&result::to_json(&answer));
    }
    let text = if system.root.is_host() {
        "SSH logins need no code. On again: midclt 2fa ssh enable\n"
    } else {
        "The files are as they were before.\n"
    };
    output::page(text)
}
