//! `midclt 2fa ssh`: the door of sshd, for the administrator.
//!
//! The files are written by `crates/ssh`; whether a code is asked for is the daemon's setting
//! `services.ssh`. These commands keep both together, and always leave a way back.

mod check;
mod commit;
mod disable;
mod enable;
mod exempt;
mod json;
mod page;
mod restore;
mod show;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use ::ssh::check::Report;
use ::ssh::sshd::System;
use ::ssh::{Error, Lock, Root};
use clap::{Args, Subcommand};
use serde_json::json;

use super::daemon::Daemon;
use super::{JsonArg, YesArg, time};
use crate::cli::Connection;
use crate::failure::Failure;

/// Ask for a code at SSH logins, and prove that nothing goes around it
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  midclt 2fa ssh check                 is it so?
  midclt 2fa ssh enable                on trial, and kept after a login
  midclt 2fa ssh commit                keep it without a login
  midclt 2fa ssh disable               as it was before
  midclt 2fa ssh exempt --list         the accounts of programs")]
pub(crate) enum Ssh {
    Enable(enable::EnableArgs),
    Commit(commit::CommitArgs),
    Disable(disable::DisableArgs),
    Check(check::CheckArgs),
    Show(show::ShowArgs),
    Exempt(exempt::ExemptArgs),
    #[command(hide = true)]
    Restore(restore::RestoreArgs),
}

/// Runs one command of the family.
pub(super) fn run(connection: &Connection, command: &Ssh) -> Result<(), Failure> {
    match command {
        Ssh::Enable(args) => enable::run(connection, args),
        Ssh::Commit(args) => commit::run(connection, args),
        Ssh::Disable(args) => disable::run(connection, args),
        Ssh::Check(args) => check::run(connection, args),
        Ssh::Show(args) => show::run(args),
        Ssh::Exempt(args) => exempt::run(connection, args),
        Ssh::Restore(args) => restore::run(connection, args),
    }
}

/// The option of commands that can work on an image.
#[derive(Debug, Args)]
struct RootArg {
    /// Only the files below DIR, an image: no daemon, no reload
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/",
        hide_default_value = true
    )]
    root: PathBuf,
}

impl RootArg {
    fn system(&self, command: &str) -> Result<System, Failure> {
        let system = System::new(Root::new(&self.root));
        if system.root.is_host() {
            needs_root(command)?;
        }
        Ok(system)
    }
}

fn needs_root(command: &str) -> Result<(), Failure> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let line = format!("midclt: needs root: sudo midclt {command}");
    Err(Failure::told(line))
}

/// The running machine.
fn this_machine(command: &str) -> Result<System, Failure> {
    needs_root(command)?;
    Ok(System::new(Root::new("/")))
}

fn failed(error: &Error) -> Failure {
    Failure::told(format!("midclt: {error}"))
}

/// How long one command waits for another.
const OTHERS_MAY_TAKE: Duration = Duration::from_secs(30);

/// Whoever changes files holds this meanwhile, so that two do not undo each other's work. An image has
/// nobody else.
fn lock(daemon: &Daemon<'_>, system: &System) -> Result<Option<Lock>, Failure> {
    if !system.root.is_host() {
        return Ok(None);
    }
    let mut say = |line: String| daemon.remark(&[format!("midclt: {line}")]);
    let taken = Lock::take(OTHERS_MAY_TAKE, &mut say);
    taken.map(Some).map_err(|error| failed(&error))
}

/// The same for the ways back, which must come to their end also where another one is stopped: that
/// one sees that its trial is over when it goes on.
fn lock_if_possible(daemon: &Daemon<'_>, system: &System) -> Option<Lock> {
    lock(daemon, system).unwrap_or_else(|failure| {
        daemon.remark(&failure.lines);
        daemon.remark(&["midclt: going on without it"]);
        None
    })
}

/// Looks at everything and tells the daemon. Where looking fails, that is what is told: nobody knows
/// then whether sshd asks.
fn report(daemon: &Daemon<'_>, system: &System) -> Result<Report, Failure> {
    let report = look(system).unwrap_or_else(|failure| unseen(&failure));
    daemon.call("auth.twofactor.ssh.report", &[json::report(&report)])?;
    Ok(report)
}

fn look(system: &System) -> Result<Report, Failure> {
    ::ssh::check::check(system, time::now()).map_err(|error| failed(&error))
}

fn unseen(failure: &Failure) -> Report {
    let text = failure.lines.join(" ");
    Report::unseen(text.trim_start_matches("midclt: "))
}

/// After something was done: the daemon should know, and where it does not, the next check tells it.
fn tell(daemon: &Daemon<'_>, system: &System) {
    // Nothing depends on it here.
    let _ = report(daemon, system);
}

/// The change of settings that goes with the files.
fn services_ssh(on: bool) -> serde_json::Value {
    json!({"services": {"ssh": on}})
}
