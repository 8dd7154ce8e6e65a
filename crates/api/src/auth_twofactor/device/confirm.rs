//! `auth.twofactor.device.confirm`: the first code of a new phone, which shows that the secret arrived.

use nix::errno::Errno;
use serde_json::Value;
use store::DeviceRecord;
use twofactor::{Account, AccountName, Code, Device, Enrolment, Explanation, explain};

use super::find;
use crate::CallError;
use crate::access::{Change, Proof, Right};
use crate::bounded::Id;
use crate::devices::DeviceEntry;
use crate::door::{self, Attempt, Counting, Factor, Typed, Verdict, Who};
use crate::error::Issue;
use crate::fields::Token;
use crate::method::{Declared, Write, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

fields! {
    /// Makes a pending device active, by a code of it, which is used up. The device that it replaces
    /// goes.
    ///
    /// Works also while two-factor authentication is off. A wrong code is counted like one at a
    /// door; after too many nothing is looked at for a while (EBUSY).
    pub(crate) struct ConfirmDevice {
        /// Which, and its code.
        device_confirm: Shown,
    }
}

fields! {
    /// What the phone shows.
    pub(crate) struct Shown {
        /// The number of the device.
        id: Id,
        /// The code.
        token: Token,
    }
}

impl Field for Shown {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Declared for ConfirmDevice {
    const NAME: &'static str = "auth.twofactor.device.confirm";
    const RIGHT: Right = Right::Own(Proof::Session);
    type Output = DeviceEntry;
}

impl Write for ConfirmDevice {
    const IS_DOOR: bool = true;

    fn call(&self, write: &mut Writing<'_, '_>) -> Result<DeviceEntry, CallError> {
        let Shown { id, token } = &self.device_confirm;
        let (record, name) = find(write, *id)?;
        if record.enrolment == Enrolment::Active {
            let message = format!("The device '{}' is active already", record.name);
            return Err(CallError::refused(Errno::EEXIST, message));
        }
        let digits = record.digits;
        if Code::parse(&token.0, digits).is_none() {
            return Err(wrong(
                of_another_length(write, record.id, &token.0)?.unwrap_or_else(|| {
                    format!("A code of this device has {} digits", digits.get())
                }),
            ));
        }
        let name: AccountName = name.ok_or_else(|| CallError::internal("the account is gone"))?;
        let uid = record.uid;
        let who = Who::known(Account { uid, name });
        let attempt = Attempt {
            who: &who,
            service: "confirm",
            source: write.access().source(),
            factor: Factor::Nothing,
            typed: Some(Typed::Code(&token.0)),
        };
        let answer = door::judge(write, &attempt, &Counting::Only(record.id))?;
        let error = match answer.verdict {
            Verdict::Accepted => {
                let (record, name) = find(write, *id)?;
                let name = name.ok_or_else(|| CallError::internal("the account is gone"))?;
                // It is a code of whoever signed in, for whatever needs a fresh one.
                if write.access().account().is_some_and(|own| own.uid == uid) {
                    write.change_session(Change::Fresh);
                }
                return Ok(DeviceEntry::new(name.as_str(), &record));
            }
            Verdict::Locked => CallError::refused(Errno::EBUSY, answer.message),
            Verdict::Wrong => wrong(why(write, uid, record.id, &token.0)?),
            _ => wrong(answer.message),
        };
        // A wrong code counts, though this is an error.
        Err(write.refuse(error))
    }
}

/// What a code of another length says of the app: only of this device, since it is not counted.
fn of_another_length(
    write: &Writing<'_, '_>,
    id: i64,
    typed: &str,
) -> Result<Option<String>, CallError> {
    let Some(wanted) = write.tx.open_device(id)? else {
        return Ok(None);
    };
    let device = &wanted.device;
    let explanation = explain(device, &[], typed, write.tx.now());
    Ok(explanation.map(|explanation| in_words(explanation, device, &[])))
}

/// Why a code of the right form is wrong. It was counted before.
fn why(write: &Writing<'_, '_>, uid: u32, id: i64, typed: &str) -> Result<String, CallError> {
    let all = write.tx.open_devices(uid)?;
    let (wanted, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|stored| stored.record.id == id);
    let Some(wanted) = wanted.first() else {
        return Ok(WRONG.to_owned());
    };
    let replaced = wanted.record.replaces;
    let (names, others): (Vec<_>, Vec<_>) = others
        .into_iter()
        .map(|stored| (in_full(&stored.record, replaced), stored.device))
        .unzip();
    let explanation = explain(&wanted.device, &others, typed, write.tx.now());
    Ok(explanation.map_or_else(
        || WRONG.to_owned(),
        |explanation| in_words(explanation, &wanted.device, &names),
    ))
}

/// Another device of the account: the one that is to be replaced has often the same name.
fn in_full(other: &DeviceRecord, replaced: Option<i64>) -> String {
    if replaced == Some(other.id) {
        format!("the secret before, which '{}' still has", other.name)
    } else {
        format!("the device '{}'", other.name)
    }
}

const WRONG: &str = "This code is wrong. Check that it is of this device and that the phone's clock \
    is right, and wait for the next one";

/// What to do about it.
pub(super) fn in_words(explanation: Explanation, wanted: &Device, names: &[String]) -> String {
    const ANOTHER: &str = "Take another app, or set the device up anew";
    match explanation {
        Explanation::OtherDevice(at) => {
            let of = names.get(at).map_or("another device", String::as_str);
            format!("This is the code of {of}. Scan the new QR code, and take its code")
        }
        Explanation::Digits(digits) => format!(
            "Your app shows {} digits, and this device has {}: the app ignored that. {ANOTHER} with {0}",
            digits.get(),
            wanted.digits.get()
        ),
        Explanation::Step(step) => format!(
            "Your app's codes last {} s, and this device's {}: the app ignored that. {ANOTHER} with {0}",
            step.as_secs(),
            wanted.step.as_secs()
        ),
        Explanation::Algorithm(algorithm) => format!(
            "Your app uses {}, and this device {}: the app ignored that. {ANOTHER}",
            algorithm.as_str(),
            wanted.algorithm.as_str()
        ),
        Explanation::Ahead(secs) => off(secs, "ahead of"),
        Explanation::Behind(secs) => off(secs, "behind"),
    }
}

fn off(secs: u64, which: &str) -> String {
    format!(
        "The secret is right, but the phone's clock is about {secs} s {which} this machine's. Set the \
         one that is wrong, and take the next code"
    )
}

fn wrong(message: impl Into<String>) -> CallError {
    CallError::Invalid(vec![Issue::new("device_confirm.token", message)])
}
