//! Devices as callers and subscribers see them, and how they come and go.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use store::{DeviceRecord, NewDevice, ReadTx, entropy};
use twofactor::{
    Account, AccountName, Algorithm, Device, Digits, Enrolment, MAX_SPAN_SECS, Secret, TimeStep,
    UnixTime, Window,
};

use crate::CallError;
use crate::alert::{Alert, AlertKind};
use crate::auth_twofactor::whose::{self, Concern};
use crate::event::{DEVICE, Event};
use crate::method::Writing;

/// How many devices an account has at most. Each makes a guess a little easier.
const MOST_DEVICES: u32 = 8;

/// What a device is called that nobody has given a name.
const UNNAMED: &str = "phone";

/// A device, without its secret.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeviceEntry {
    /// Its id; never used again for another device.
    pub(crate) id: i64,
    /// Whose it is.
    pub(crate) username: String,
    /// What its owner calls it.
    pub(crate) name: String,
    /// PENDING until its first right code, then ACTIVE.
    pub(crate) state: State,
    /// The hash under its HMAC.
    pub(crate) algorithm: &'static str,
    /// Digits of a code.
    pub(crate) otp_digits: u8,
    /// Seconds that a code is valid for.
    pub(crate) interval: u32,
    /// When its secret was issued, in seconds since 1970.
    pub(crate) created: u64,
    /// When a code of it was accepted last, or null.
    pub(crate) last_used: Option<u64>,
    /// When it is forgotten unless it becomes active; null for an active one.
    pub(crate) expires: Option<u64>,
    /// The device that goes when this one becomes active, or null.
    pub(crate) replaces: Option<i64>,
}

/// How far a device is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub(crate) enum State {
    /// Its secret was issued.
    Pending,
    /// A code of it was right once.
    Active,
}

impl DeviceEntry {
    pub(crate) fn new(username: &str, record: &DeviceRecord) -> Self {
        let (state, expires) = match record.enrolment {
            Enrolment::Active => (State::Active, None),
            Enrolment::Pending { until } => (State::Pending, Some(until.as_secs())),
        };
        Self {
            id: record.id,
            username: username.to_owned(),
            name: record.name.clone(),
            state,
            algorithm: record.algorithm.as_str(),
            otp_digits: record.digits.get(),
            interval: record.step.as_secs(),
            created: record.created.as_secs(),
            last_used: record.last_used.map(UnixTime::as_secs),
            expires,
            replaces: record.replaces,
        }
    }
}

/// The device that the 22.12 API acts on, for root; works without the master key.
///
/// # Errors
/// The state cannot be used.
pub(crate) fn first_active(tx: &ReadTx<'_>, uid: u32) -> Result<Option<DeviceRecord>, CallError> {
    let mut devices = tx.devices(uid)?.into_iter();
    Ok(devices.find(|record| record.enrolment == Enrolment::Active))
}

/// What a device is called that nobody has given a name: "phone", "phone 2" and so on.
pub(crate) fn unused_name(devices: &[DeviceRecord]) -> String {
    let mut name = UNNAMED.to_owned();
    let mut number = 1_u32;
    while devices.iter().any(|device| device.name == name) {
        number += 1;
        name = format!("{UNNAMED} {number}");
    }
    name
}

/// A device that nobody has yet: with a secret of its own.
///
/// # Errors
/// The kernel gave no random bytes.
pub(crate) fn fresh(digits: Digits, step: TimeStep) -> Result<Device, CallError> {
    Ok(Device {
        secret: Secret::generate(entropy::random()?),
        algorithm: Algorithm::default(),
        digits,
        step,
        floor: UnixTime::EPOCH,
    })
}

/// Adds a device to an account, and tells subscribers.
///
/// # Errors
/// The account has as many as it may have, or the state cannot be used.
pub(crate) fn add(
    write: &mut Writing<'_, '_>,
    account: &Account,
    new: &NewDevice<'_>,
) -> Result<DeviceEntry, CallError> {
    write.tx.ensure_account(account)?;
    check_room(write.tx, account, new.device)?;
    let id = write.tx.add_device(new)?;
    added(write, &account.name, id)
}

/// Tells subscribers that there is a new device.
///
/// # Errors
/// The state cannot be used.
pub(crate) fn added(
    write: &mut Writing<'_, '_>,
    username: &AccountName,
    id: i64,
) -> Result<DeviceEntry, CallError> {
    let record = write.tx.device(id)?;
    let record = record.ok_or_else(|| CallError::internal("the new device cannot be read"))?;
    let entry = DeviceEntry::new(username.as_str(), &record);
    write.emit(Event::added(DEVICE, id, &entry)?.of(record.uid));
    Ok(entry)
}

/// Whether an account may have this device too.
///
/// # Errors
/// It has as many as it may have, or the codes of this one would be good for too long.
pub(crate) fn check_room(
    tx: &ReadTx<'_>,
    account: &Account,
    device: &Device,
) -> Result<(), CallError> {
    check_span(tx, device)?;
    if tx.count_devices(account.uid)? < MOST_DEVICES {
        return Ok(());
    }
    let message = format!(
        "'{0}' has {MOST_DEVICES} devices already. Remove one first: midclt 2fa device list {0}, then \
         midclt 2fa device remove ID",
        account.name
    );
    Err(CallError::refused(Errno::EBUSY, message))
}

/// Makes a pending device active, after its first right code; the one that it replaces goes. Tells
/// subscribers.
///
/// # Errors
/// The state cannot be used.
pub(crate) fn activate(
    write: &mut Writing<'_, '_>,
    username: &AccountName,
    pending: &DeviceRecord,
) -> Result<(), CallError> {
    write.tx.activate_device(pending.id)?;
    if let Some(replaced) = pending.replaces {
        write.emit(Event::removed(DEVICE, replaced).of(pending.uid));
    }
    changed(write, username, pending.id)?;
    end_beginning(write, pending.uid, username)?;
    write.alert(Alert {
        kind: AlertKind::DeviceAdded,
        account: Some(username.clone()),
        source: None,
        message: match pending.replaces {
            Some(_) => format!("The device '{}' of '{username}' was renewed", pending.name),
            None => format!("'{username}' has a new device '{}'", pending.name),
        },
    })
}

/// Tells subscribers that a device is different now.
///
/// # Errors
/// The state cannot be used.
pub(crate) fn changed(
    write: &mut Writing<'_, '_>,
    username: &AccountName,
    id: i64,
) -> Result<(), CallError> {
    if let Some(record) = write.tx.device(id)? {
        let entry = DeviceEntry::new(username.as_str(), &record);
        write.emit(Event::changed(DEVICE, Some(id), &entry)?.of(record.uid));
    }
    Ok(())
}

/// Removes a device, and tells subscribers.
///
/// # Errors
/// The state cannot be used.
pub(crate) fn remove(write: &mut Writing<'_, '_>, record: &DeviceRecord) -> Result<(), CallError> {
    if write.tx.delete_device(record.id)? {
        write.emit(Event::removed(DEVICE, record.id).of(record.uid));
    }
    Ok(())
}

/// Gives an account's first active device a new secret at once: it keeps its name and stays the first.
/// Where there is none, makes one. The old secret stops working.
///
/// # Errors
/// The state cannot be used.
pub(crate) fn renew(
    write: &mut Writing<'_, '_>,
    account: &Account,
    device: &Device,
) -> Result<(), CallError> {
    let message = if let Some(old) = first_active(write.tx, account.uid)? {
        check_span(write.tx, device)?;
        write.tx.renew_device(old.id, device)?;
        changed(write, &account.name, old.id)?;
        format!(
            "The device '{}' of '{}' has a new secret",
            old.name, account.name
        )
    } else {
        let name = unused_name(&write.tx.devices(account.uid)?);
        let new = NewDevice {
            uid: account.uid,
            name: &name,
            enrolment: Enrolment::Active,
            replaces: None,
            device,
        };
        add(write, account, &new)?;
        format!("'{}' has a new device '{name}'", account.name)
    };
    end_beginning(write, account.uid, &account.name)?;
    write.alert(Alert {
        kind: AlertKind::DeviceAdded,
        account: Some(account.name.clone()),
        source: None,
        message,
    })
}

/// The floor under which no code of a device is good that could have been used by `now`: the end of the
/// last step of the window.
pub(crate) fn burned(now: UnixTime, step: TimeStep, window: Window) -> UnixTime {
    let step = u64::from(step.as_secs());
    let left = step - now.as_secs() % step;
    now.saturating_add_secs(left + step * u64::from(window.steps()))
}

/// Refuses a device whose codes would be good for too long with the window that is set.
fn check_span(tx: &ReadTx<'_>, device: &Device) -> Result<(), CallError> {
    let window = tx.settings()?.window;
    let span = window.span_secs(device.step);
    if span <= MAX_SPAN_SECS {
        return Ok(());
    }
    let message = format!(
        "A code of this device would be good for {span} seconds, and should be for at most \
         {MAX_SPAN_SECS}: (2 * window + 1) * interval. A smaller window: midclt call \
         auth.twofactor.update '{{\"window\": 1}}'"
    );
    Err(CallError::refused(Errno::EINVAL, message))
}

/// An account with a device needs no grace and no invite any more. They end, so that they are not
/// there again when the device goes.
///
/// # Errors
/// The state cannot be used.
pub(crate) fn end_beginning(
    write: &mut Writing<'_, '_>,
    uid: u32,
    username: &AccountName,
) -> Result<(), CallError> {
    let record = write.tx.account(uid)?;
    if record.is_some_and(|record| record.grace_until.is_some()) {
        write.tx.set_grace(uid, None)?;
        whose::tell(write, Some(username), Concern::Grace)?;
    }
    if write.tx.delete_invites_of(uid)? > 0 {
        whose::tell(write, Some(username), Concern::Invite)?;
    }
    Ok(())
}
