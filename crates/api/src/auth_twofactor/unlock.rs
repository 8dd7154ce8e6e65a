//! `auth.twofactor.unlock`: wrong codes are forgiven, and floors in the future are taken back.

use schemars::JsonSchema;
use serde::Serialize;
use store::DeviceRecord;
use twofactor::{Account, AccountKey, AccountName, UnixTime, Window};

use crate::CallError;
use crate::access::{Proof, Right};
use crate::alert::{Alert, AlertKind};
use crate::bounded::Username;
use crate::method::{Declared, OnAccount, Writing};
use crate::params::fields;

fields! {
    /// Forgives an account its wrong codes: what was locked is open again, from everywhere.
    ///
    /// Where a clock was ahead, codes may count as used that are still to come. Where something keeps
    /// the clock right, that is taken back too: the codes that are good now stay used, and the new
    /// ones that come work. Where nothing does, it is left alone, since nobody knows what time it is.
    pub(crate) struct Unlock {
        /// The account.
        username: Username,
    }
}

/// What was unlocked.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Unlocked {
    /// How many wrong codes were forgiven.
    failures_forgiven: u32,
    /// How many devices had codes used that are still to come.
    floors_reset: u32,
    /// Whether something keeps the clock right. If not, no device was looked at.
    clock_synchronised: bool,
}

impl Declared for Unlock {
    const NAME: &'static str = "auth.twofactor.unlock";
    const RIGHT: Right = Right::Administrator(Proof::Fresh);
    const OFFLINE: bool = true;
    type Output = Unlocked;
}

impl OnAccount for Unlock {
    fn is_way_back(&self) -> bool {
        true
    }

    fn username(&self) -> &AccountName {
        &self.username.0
    }

    fn call(&self, account: &Account, write: &mut Writing<'_, '_>) -> Result<Unlocked, CallError> {
        let failures_forgiven = forgive(write, account)?;
        let clock_synchronised = write.clocks().synchronised;
        let mut floors_reset = 0;
        if clock_synchronised {
            floors_reset = reset_floors(write, account.uid)?;
            write.tx.reset_latest()?;
        }
        write.audit("unlocked")?;
        write.alert(Alert {
            kind: AlertKind::Unlocked,
            account: Some(account.name.clone()),
            source: None,
            message: message(&account.name, failures_forgiven, floors_reset),
        })?;
        Ok(Unlocked {
            failures_forgiven,
            floors_reset,
            clock_synchronised,
        })
    }
}

fn message(name: &AccountName, failures: u32, floors: u32) -> String {
    let unlocked = format!("'{name}' was unlocked; wrong codes forgiven: {failures}");
    match floors {
        0 => unlocked,
        _ => format!("{unlocked}, devices whose used codes were in the future: {floors}"),
    }
}

/// An account without a record is counted among unknown names.
fn forgive(write: &mut Writing<'_, '_>, account: &Account) -> Result<u32, CallError> {
    let mut forgiven = write.tx.forgive(AccountKey::Known(account.uid))?;
    if write.tx.account(account.uid)?.is_none() {
        let unknown = write.tx.unknown_name(account.name.as_str())?;
        forgiven = forgiven.saturating_add(write.tx.forgive(unknown)?);
    }
    Ok(forgiven)
}

fn reset_floors(write: &mut Writing<'_, '_>, uid: u32) -> Result<u32, CallError> {
    let (now, window) = (write.tx.now(), write.tx.settings()?.window);
    let mut reset = 0;
    for device in write.tx.devices(uid)? {
        let highest = highest_floor(&device, now, window);
        if device.floor > highest {
            write.tx.set_floor(device.id, highest)?;
            reset += 1;
        }
    }
    Ok(reset)
}

/// The end of the last step that a code can be of now. No code up to there is good again.
fn highest_floor(device: &DeviceRecord, now: UnixTime, window: Window) -> UnixTime {
    let steps = u64::from(window.steps()) + 1;
    now.saturating_add_secs(steps * u64::from(device.step.as_secs()))
}
