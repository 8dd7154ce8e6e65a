//! `midclt 2fa ssh restore`: the end of a trial, unless it is kept. The job that `enable` arms runs
//! this; nobody has to type it.

use std::thread;
use std::time::{Duration, Instant};

use ::ssh::sshd::System;
use ::ssh::undo::{self, Undo};
use ::ssh::{Boot, transaction};
use clap::Args;
use client::Error;

use super::super::daemon::{Daemon, read};
use super::wire::{Fate, Settings, Status};
use super::{failed, tell, this_machine};
use crate::cli::Connection;
use crate::failure::Failure;

/// Put back what is on trial
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  midclt 2fa ssh restore
  midclt 2fa ssh restore --when-due")]
pub(crate) struct RestoreArgs {
    /// Only when its time is up, and only if it was not kept
    #[arg(long)]
    when_due: bool,
}

const COMMAND: &str = "2fa ssh restore";
/// How long the daemon may take to end its own part.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take to say so.
const CALL_SECONDS: u64 = 5;
/// When the job tries again to put back what could not be put back.
const AGAIN: Duration = Duration::from_secs(30);

/// Puts the files back.
pub(super) fn run(connection: &Connection, args: &RestoreArgs) -> Result<(), Failure> {
    let system = this_machine(COMMAND)?;
    let connection = &connection.within(CALL_SECONDS);
    let daemon = Daemon::new(connection, COMMAND);
    let Some(undo) = read_undo(&system)? else {
        return Ok(());
    };
    if args.when_due {
        if !wait(&system, &undo)? {
            return Ok(());
        }
        return until_settled(&daemon, &system);
    }
    if trial_id(&undo).is_some() {
        // Where it cannot be asked, its own deadline ends its part.
        let _ = daemon.try_call("auth.twofactor.rollback", &[]);
    }
    put_back(&daemon, &system, &undo)
}

/// A disk may be full, a file not be ours to change for a while: SSH must not stay as it is for that.
fn until_settled(daemon: &Daemon<'_>, system: &System) -> Result<(), Failure> {
    while let Some(undo) = read_undo(system)? {
        match settle(daemon, system, &undo) {
            Ok(()) => break,
            Err(failure) => daemon.remark(&failure.lines),
        }
        thread::sleep(AGAIN);
    }
    Ok(())
}

fn read_undo(system: &System) -> Result<Option<Undo>, Failure> {
    Undo::read(&system.root).map_err(|error| failed(&error))
}

/// The daemon's trial that goes with the files.
pub(super) fn trial_id(undo: &Undo) -> Option<i64> {
    undo.trial.as_deref()?.parse().ok()
}

/// Whether the time is up, and there is something to do.
fn wait(system: &System, undo: &Undo) -> Result<bool, Failure> {
    loop {
        match read_undo(system)? {
            // Another one has its own job.
            Some(now) if now.until == undo.until => {}
            _ => return Ok(false),
        }
        let now = Boot::now().map_err(|error| failed(&error))?;
        match undo.seconds_left(&now) {
            0 => return Ok(true),
            left => thread::sleep(Duration::from_secs(left.min(2))),
        }
    }
}

/// At the end: what the daemon has kept is kept; all else is put back, also where it does not answer.
pub(super) fn settle(daemon: &Daemon<'_>, system: &System, undo: &Undo) -> Result<(), Failure> {
    let began = Instant::now();
    let Some(id) = trial_id(undo) else {
        return put_back(daemon, system, undo);
    };
    let mut last;
    loop {
        last = fate(daemon, id);
        match last {
            Some(Fate::Kept) => {
                return undo::forget(&system.root).map_err(|error| failed(&error));
            }
            Some(Fate::Live) | None if began.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_secs(1));
            }
            _ => break,
        }
    }
    if last == Some(Fate::Live) {
        // Settings and files go together.
        let _ = daemon.try_call("auth.twofactor.rollback", &[]);
    }
    put_back(daemon, system, undo)
}

/// What became of the daemon's trial; None where it does not answer.
fn fate(daemon: &Daemon<'_>, id: i64) -> Option<Fate> {
    match daemon.try_call("auth.twofactor.status", &[]) {
        Ok(answer) => read(&answer).ok().map(|status: Status| status.fate(id)),
        // It is there: one record that cannot be read is no reason to let people in without a code. Its
        // trial is over by now, so what is in force is what was kept.
        Err(Error::Call(_)) => {
            let answer = daemon.try_call("auth.twofactor.config", &[]).ok()?;
            let settings: Settings = read(&answer).ok()?;
            Some(if settings.services.ssh {
                Fate::Kept
            } else {
                Fate::Over
            })
        }
        Err(_) => None,
    }
}

/// Puts the files back, says so, and tells the daemon.
///
/// # Errors
/// Something could not be put back.
pub(super) fn put_back(daemon: &Daemon<'_>, system: &System, undo: &Undo) -> Result<(), Failure> {
    let mut say = |line: String| daemon.remark(&[line]);
    let done = transaction::put_back(system, undo, &mut say);
    tell(daemon, system);
    done.map_err(|error| failed(&error))
}
