//! A clock that is behind what it has shown: a dead battery, a machine that was resumed, a bad time server.
//!
//! Nothing opens again by it, since floors and dates stay where they are. But codes that are right are
//! refused then, so it is said at once: to whoever is at a door, to administrators, and in the journal.

use store::{ReadTx, StoreError};
use twofactor::{Enrolment, UnixTime};

use crate::CallError;
use crate::alert::{Alert, AlertKind};
use crate::door::{Answer, Verdict};
use crate::method::Writing;

/// The latest time seen may be so far ahead of the clock: clocks are corrected by seconds.
const TOLERATED_SECS: u64 = 60;

/// What whoever has proven a password or a key is told.
const BEHIND: &str = "This machine's clock is behind what it has shown before, so right codes \
    may be refused. Use a recovery code or the console, and have the administrator look: midclt 2fa status";

/// The latest time that was seen, where the clock is behind it.
pub(crate) fn ahead_of(latest: UnixTime, now: UnixTime) -> Option<UnixTime> {
    (latest.since(now) > TOLERATED_SECS).then_some(latest)
}

/// Tells whoever has proven a password or a key, and is not let in, that it may be the clock: at the prompt
/// where a device can have no good code now, after a code also where the clock is behind in general.
///
/// # Errors
/// The state cannot be read.
pub(crate) fn tell(
    write: &Writing<'_, '_>,
    uid: u32,
    answer: &mut Answer,
) -> Result<(), CallError> {
    let now = write.tx.now();
    match answer.verdict {
        Verdict::CodeRequired if has_burned(write.tx, uid, now)? => {
            answer.warnings.push(BEHIND.to_owned());
        }
        Verdict::Wrong | Verdict::Replayed
            if ahead_of(write.tx.latest()?, now).is_some() || has_burned(write.tx, uid, now)? =>
        {
            answer.message = format!("{}. {BEHIND}", answer.message);
        }
        _ => {}
    }
    Ok(())
}

/// Whether a device of the account can have no good code now, because one of a later step was used.
fn has_burned(tx: &ReadTx<'_>, uid: u32, now: UnixTime) -> Result<bool, CallError> {
    let steps = u64::from(tx.settings()?.window.steps()) + 1;
    let devices = match tx.devices(uid) {
        // It is only a hint: a damaged row closes none of the others.
        Err(StoreError::Damaged { .. }) => return Ok(false),
        devices => devices?,
    };
    Ok(devices.iter().any(|device| {
        let last = now.saturating_add_secs(steps * u64::from(device.step.as_secs()));
        device.enrolment == Enrolment::Active && device.floor > last
    }))
}

/// Tells of a clock that is behind, once each time.
///
/// # Errors
/// The state cannot be used.
pub(crate) fn watch(write: &mut Writing<'_, '_>) -> Result<(), CallError> {
    let now = write.tx.now();
    let Some(latest) = ahead_of(write.tx.latest()?, now) else {
        return Ok(());
    };
    if !write.tx.note_behind(latest)? {
        return Ok(());
    }
    write.alert(Alert {
        kind: AlertKind::ClockBehind,
        account: None,
        source: None,
        message: format!(
            "The clock shows {now} and has shown {latest}: right codes may be refused until it is set. \
             Once it is right and kept so: midclt 2fa unlock root"
        ),
    })
}
