//! `midclt 2fa ssh restore`: the end of a trial, unless it is kept. The job that `enable` arms runs
//! this; nobody has to type it.

use std::thread;
use std::time::{Duration, Instant};

use ::ssh::sshd::System;
use ::ssh::undo::{self, Undo};
use ::ssh::{Boot, guess, transaction};
use clap::Args;
use serde_json::json;

use super::super::daemon::{Daemon, read};
use super::wire::Fate;
use super::{failed, lock_if_possible, tell, this_machine, time};
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
        return until_settled(&daemon, &system, &undo.until);
    }
    if let Some(id) = trial_id(&undo) {
        // Where it cannot be asked, its own deadline ends its part.
        let _ = daemon.try_call("auth.twofactor.rollback", &[json!(id)]);
    }
    let _lock = lock_if_possible(&daemon, &system);
    match read_undo(&system)? {
        Some(undo) => put_back(&daemon, &system, &undo),
        None => Ok(()),
    }
}

/// A disk may be full, a file not be ours to change for a while: SSH must not stay as it is for that.
fn until_settled(daemon: &Daemon<'_>, system: &System, until: &Boot) -> Result<(), Failure> {
    // Another one has its own job.
    while let Some(undo) = read_undo(system)?.filter(|undo| undo.until == *until) {
        if let Err(failure) = settle(daemon, system, &undo) {
            daemon.remark(&failure.lines);
            thread::sleep(AGAIN);
        }
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

/// At the end: what is kept is kept; all else is put back, also where nobody can say.
pub(super) fn settle(daemon: &Daemon<'_>, system: &System, undo: &Undo) -> Result<(), Failure> {
    let fate = match trial_id(undo) {
        None => Some(Fate::Over),
        Some(id) => last_fate(daemon, id),
    };
    let _lock = lock_if_possible(daemon, system);
    // It may have taken a while, and others may have decided.
    let Some(undo) = read_undo(system)?.filter(|now| now.is_same(undo)) else {
        return Ok(());
    };
    if fate == Some(Fate::Kept) {
        return undo::forget(&system.root).map_err(|error| failed(&error));
    }
    if fate.is_none() {
        daemon.remark(&["midclt: nobody can say whether the trial was kept"]);
        // Putting back is more than the sign of it.
        let _ = guess::note(&system.root, &time::minute(time::now()));
    }
    put_back(daemon, system, &undo)
}

/// What became of the daemon's trial whose time is up; None where nobody can say.
fn last_fate(daemon: &Daemon<'_>, id: i64) -> Option<Fate> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match fate(daemon, id) {
            Some(Fate::Live) | None => thread::sleep(Duration::from_secs(1)),
            known => return known,
        }
    }
    // Settings and files go together.
    let _ = daemon.try_call("auth.twofactor.rollback", &[json!(id)]);
    fate(daemon, id).filter(|fate| *fate != Fate::Live)
}

/// What became of the daemon's trial. Where the daemon does not answer, the state beside it does.
pub(super) fn fate(daemon: &Daemon<'_>, id: i64) -> Option<Fate> {
    let answer = daemon.try_call("auth.twofactor.trial", &[json!(id)]).ok()?;
    read(&answer).ok().flatten()
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
