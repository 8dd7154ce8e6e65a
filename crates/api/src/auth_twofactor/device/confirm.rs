//! `auth.twofactor.device.confirm`: the first code of a new phone, which shows that the secret arrived.

use nix::errno::Errno;
use serde_json::Value;
use twofactor::{Account, AccountName, Code, Enrolment, Source};

use super::find;
use crate::CallError;
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
            return Err(wrong(format!(
                "A code of this device has {} digits",
                digits.get()
            )));
        }
        let name: AccountName = name.ok_or_else(|| CallError::internal("the account is gone"))?;
        let uid = record.uid;
        let who = Who::known(Account { uid, name });
        let attempt = Attempt {
            who: &who,
            service: "confirm",
            source: Source::Local,
            factor: Factor::Nothing,
            typed: Some(Typed::Code(&token.0)),
        };
        let answer = door::judge(write, &attempt, &Counting::Only(record.id))?;
        let error = match answer.verdict {
            Verdict::Accepted => {
                let (record, name) = find(write, *id)?;
                let name = name.ok_or_else(|| CallError::internal("the account is gone"))?;
                return Ok(DeviceEntry::new(name.as_str(), &record));
            }
            Verdict::Locked => CallError::refused(Errno::EBUSY, answer.message),
            Verdict::Wrong => wrong(WRONG),
            _ => wrong(answer.message),
        };
        // A wrong code counts, though this is an error.
        Err(write.refuse(error))
    }
}

const WRONG: &str = "This code is wrong. Check that it is of this device and that the phone's clock \
    is right, and wait for the next one";

fn wrong(message: impl Into<String>) -> CallError {
    CallError::Invalid(vec![Issue::new("device_confirm.token", message)])
}
