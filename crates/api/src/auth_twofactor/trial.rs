//! `auth.twofactor.try`, `commit` and `rollback`: settings that end by themselves unless somebody shows
//! that they get in.
//!
//! The store decides what counts now ([`store::ReadTx::settings`]); here a trial begins, ends, and is
//! told of.

mod begin;
mod fate;
mod shown;

use nix::errno::Errno;
use store::{ReadTx, TrialRecord, TrialState};
use twofactor::{Changes, RolledBack};

use super::config::{emit_config, emit_policy};
use super::policy::ShownPolicy;
use crate::CallError;
use crate::access::{Proof, Right};
use crate::alert::{Alert, AlertKind};
use crate::bounded::Id;
use crate::clock_guard;
use crate::method::{Declared, Write, WriteCall, Writing};
use crate::params::fields;
pub(super) use begin::{Tried, Try};
pub(super) use fate::GetTrial;
pub(super) use shown::{ShownRollback, ShownTrial};

fields! {
    /// Keeps the settings that are on trial.
    ///
    /// Meant for the console: over the network a login by a code does it, which shows that there is a
    /// way in.
    pub(crate) struct Commit {
        /// Which trial; the one that is on if it is not given.
        id: Option<Id>,
    }
}

impl Declared for Commit {
    const NAME: &'static str = "auth.twofactor.commit";
    const RIGHT: Right = Right::Administrator(Proof::Fresh);
    type Output = bool;
}

impl Write for Commit {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let record = live(write.tx, self.id)?;
        keep(write, &record)?;
        write.audit("committed")?;
        Ok(true)
    }
}

fields! {
    /// Rolls back the settings that are on trial, now.
    pub(crate) struct Rollback {
        /// Which trial; the one that is on if it is not given.
        id: Option<Id>,
    }
}

impl Declared for Rollback {
    const NAME: &'static str = "auth.twofactor.rollback";
    const RIGHT: Right = Right::Administrator(Proof::Fresh);
    type Output = bool;
}

impl Write for Rollback {
    fn is_way_back(&self) -> bool {
        true
    }

    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let record = live(write.tx, self.id)?;
        end(write, &record, RolledBack::Asked)?;
        Ok(true)
    }
}

/// The trial that is on, if it is the one that was meant.
fn live(tx: &ReadTx<'_>, id: Option<Id>) -> Result<TrialRecord, CallError> {
    let live = tx.live_trial()?.map(|(record, _)| record);
    match (live, id) {
        (Some(record), None) => Ok(record),
        (Some(record), Some(id)) if record.id == id.0 => Ok(record),
        _ => {
            let message = "There is no such trial: it was rolled back or kept. What became of the last \
                one: midclt call auth.twofactor.status";
            Err(CallError::refused(Errno::ENOENT, message))
        }
    }
}

/// What falls due by itself: run at the start, now and then, and when a call has asked to be woken.
#[must_use]
pub fn upkeep() -> WriteCall {
    WriteCall::of_daemon(Rollback::NAME, |write| {
        settle(write)?;
        clock_guard::watch(write)?;
        if let Some((_, left)) = write.tx.live_trial()? {
            write.wake_in(left);
        }
        Ok(())
    })
}

/// Tells of a trial that is over. It has ended before: nothing of it counts any more.
pub(super) fn settle(write: &mut Writing<'_, '_>) -> Result<(), CallError> {
    match not_told(write)? {
        Some((record, Err(why))) => end(write, &record, why),
        _ => Ok(()),
    }
}

/// Ends the trial, if there is one that nobody was told the end of.
pub(super) fn end_whichever(write: &mut Writing<'_, '_>) -> Result<(), CallError> {
    match not_told(write)? {
        Some((record, left)) => end(write, &record, left.err().unwrap_or(RolledBack::Asked)),
        None => Ok(()),
    }
}

/// The seconds that are left of a trial, or why there are none.
type Left = Result<u64, RolledBack>;

/// A trial that nobody was told the end of, and whether it is over.
fn not_told(write: &Writing<'_, '_>) -> Result<Option<(TrialRecord, Left)>, CallError> {
    let record = write.tx.trial()?;
    let record = record.filter(|record| record.state == TrialState::Live);
    Ok(record.map(|record| {
        let left = record.trial.left(write.clocks().boot);
        (record, left)
    }))
}

/// What an administrator has decided meanwhile is not on trial any more, and what was rolled back before
/// that is no news any more.
pub(super) fn give_way(write: &mut Writing<'_, '_>, later: &Changes) -> Result<(), CallError> {
    let Some(record) = write.tx.trial()? else {
        return Ok(());
    };
    match record.state {
        TrialState::Live => write.tx.put_tried(&record.trial.changes.without(later))?,
        TrialState::RolledBack(_) => write.tx.end_trial(TrialState::Forgotten)?,
        TrialState::Committed | TrialState::Forgotten => {}
    }
    Ok(())
}

/// What is on trial beside these changes, if anything is.
pub(super) fn beside(tx: &ReadTx<'_>, later: &Changes) -> Result<Changes, CallError> {
    let live = tx.live_trial()?;
    let tried = live.map(|(record, _)| record.trial.changes.without(later));
    Ok(tried.unwrap_or_default())
}

/// Keeps the settings that are on trial, if this accepted code has shown that they work.
pub(crate) fn shown(
    write: &mut Writing<'_, '_>,
    service: &str,
    is_asked_because: impl FnOnce(&ReadTx<'_>) -> Result<bool, CallError>,
) -> Result<bool, CallError> {
    let Some((record, _)) = write.tx.live_trial()? else {
        return Ok(false);
    };
    if record.service != service || !is_asked_because(write.tx)? {
        return Ok(false);
    }
    keep(write, &record)?;
    Ok(true)
}

fn keep(write: &mut Writing<'_, '_>, record: &TrialRecord) -> Result<(), CallError> {
    let changes = &record.trial.changes;
    // From what is stored: what counts now may lie under root's override, which is not to be kept.
    let settings = changes.settings(write.tx.stored_settings()?);
    write.tx.put_settings(&settings)?;
    let stored = write.tx.stored_policy()?;
    let policy = changes.policy(stored);
    if policy != stored {
        write.tx.put_policy(&policy)?;
    }
    write.tx.end_trial(TrialState::Committed)?;
    tell(write, changes)
}

fn end(
    write: &mut Writing<'_, '_>,
    record: &TrialRecord,
    why: RolledBack,
) -> Result<(), CallError> {
    write.tx.end_trial(TrialState::RolledBack(why))?;
    write.audit("rolled back")?;
    let because = match why {
        RolledBack::Deadline => "nobody logged in by a code in time",
        RolledBack::Reboot => "the machine was started anew",
        RolledBack::Asked => "an administrator wanted it so",
    };
    write.alert(Alert {
        kind: AlertKind::TrialRolledBack,
        account: None,
        source: None,
        message: format!("The trial {} was rolled back: {because}", record.id),
    })?;
    tell(write, &record.trial.changes)
}

/// Tells subscribers of the settings that count now.
fn tell(write: &mut Writing<'_, '_>, changed: &Changes) -> Result<(), CallError> {
    let settings = write.tx.settings()?;
    match write.tx.policy() {
        Ok(policy) if changed.concern_policy() => emit_policy(write, &ShownPolicy::new(&policy)),
        // A policy that is damaged must not stand in the way of turning it off.
        _ => emit_config(write, &settings),
    }
}
