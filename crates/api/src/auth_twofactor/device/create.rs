//! `auth.twofactor.device.create`: a secret for a new phone, which counts once a code of it was seen.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::{DeviceRecord, NewDevice};
use twofactor::{Account, AccountName, Device, Digits, Enrolment, PENDING_SECS, TimeStep};

use super::{is_alive, taken};
use crate::CallError;
use crate::access::{self, Proof, Right};
use crate::auth_twofactor::invite::{ShownText, TypedInvite};
use crate::bounded::{Id, Line, Username, UsualInterval};
use crate::devices::{self, DeviceEntry, State};
use crate::door::{self, Attempt, Counting, Factor, Typed, Verdict, Who};
use crate::error::Issue;
use crate::fields::OtpDigits;
use crate::method::{Declared, OnAccount, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};
use crate::provisioning::ShownUri;

fields! {
    /// Issues a secret for a new device of an account. It is shown here and never again.
    ///
    /// The device is pending until auth.twofactor.device.confirm sees a code of it, and forgotten
    /// after 7 days. Beside an active device its codes are good at once, and the first one confirms
    /// it; alone it leaves the account without a second factor until it is confirmed.
    pub(crate) struct CreateDevice {
        /// For whom, and how its codes look.
        device_create: Wanted,
    }
}

fields! {
    /// The device to make.
    pub(crate) struct Wanted {
        /// The account.
        username: Username,
        /// What its owner calls it; no other device of the account has this name. If it is not
        /// given, that of the device it replaces, or "phone", "phone 2" and so on.
        name: Option<Line>,
        /// Digits of a code; those of the device it replaces, or 6, if it is not given.
        otp_digits: Option<OtpDigits>,
        /// Seconds that a code is valid for: 30, or 60, which some apps do not know. That of the
        /// device it replaces, or 30, if it is not given.
        interval: Option<UsualInterval>,
        /// The number of the device that goes when this one is confirmed.
        replaces: Option<Id>,
        /// An invite for a first device, which is used up. Root needs none, and an administrator none
        /// for somebody else.
        invite: Option<TypedInvite>,
    }
}

impl Field for Wanted {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

/// A new device, with its secret.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Issued {
    /// Its number; never used again for another device.
    id: i64,
    /// Whose it is.
    username: String,
    /// What its owner calls it.
    name: String,
    /// Always PENDING.
    state: State,
    /// The hash under its HMAC.
    algorithm: &'static str,
    /// Digits of a code.
    otp_digits: u8,
    /// Seconds that a code is valid for.
    interval: u32,
    /// When its secret was issued, in seconds since 1970, UTC.
    created: u64,
    /// Always null.
    last_used: Option<u64>,
    /// When it is forgotten unless it is confirmed, in seconds since 1970, UTC.
    expires: Option<u64>,
    /// The device that goes when this one is confirmed, or null.
    replaces: Option<i64>,
    /// The secret in base32.
    secret: ShownText,
    /// The same with all else that an app needs, for a QR code.
    provisioning_uri: ShownUri,
}

impl Issued {
    fn new(entry: DeviceEntry, secret: ShownText, provisioning_uri: ShownUri) -> Self {
        Self {
            id: entry.id,
            username: entry.username,
            name: entry.name,
            state: entry.state,
            algorithm: entry.algorithm,
            otp_digits: entry.otp_digits,
            interval: entry.interval,
            created: entry.created,
            last_used: entry.last_used,
            expires: entry.expires,
            replaces: entry.replaces,
            secret,
            provisioning_uri,
        }
    }
}

impl Declared for CreateDevice {
    const NAME: &'static str = "auth.twofactor.device.create";
    const RIGHT: Right = Right::Own(Proof::Session);
    type Output = Issued;
}

impl OnAccount for CreateDevice {
    fn username(&self) -> &AccountName {
        &self.device_create.username.0
    }

    fn call(&self, account: &Account, write: &mut Writing<'_, '_>) -> Result<Issued, CallError> {
        let wanted = &self.device_create;
        wanted.use_invite(write, account)?;
        let old = wanted.clear_the_way(write, account)?;
        let name = wanted.name(&write.tx.devices(account.uid)?, old.as_ref())?;
        let device = wanted.device(old.as_ref())?;
        let enrolment = Enrolment::Pending {
            until: write.today()?.saturating_add_secs(PENDING_SECS),
        };
        let new = NewDevice {
            uid: account.uid,
            name: &name,
            enrolment,
            replaces: old.map(|old| old.id),
            device: &device,
        };
        let entry = devices::add(write, account, &new)?;
        write.audit("issued")?;
        let uri = ShownUri::of_account(write.identity(), &account.name, &device);
        let secret = ShownText(device.secret.to_base32());
        Ok(Issued::new(entry, secret, uri))
    }
}

impl Wanted {
    /// Uses up the invite, if one was given. Root needs none, but a wrong one is a mistake to be told
    /// of.
    fn use_invite(&self, write: &mut Writing<'_, '_>, account: &Account) -> Result<(), CallError> {
        if write.access().account() == Some(account) {
            return self.use_own_invite(write, account);
        }
        write.access().require_fresh()?;
        let Some(invite) = &self.invite else {
            return Ok(());
        };
        let name = &account.name;
        let message = if write.tx.has_active_device(account.uid)? {
            format!("'{name}' has a device, and an invite is for the first one: leave it out")
        } else if !invite.use_up(write, account.uid)? {
            format!(
                "This invite is wrong, was used, or is over. A new one: midclt 2fa invite {name}"
            )
        } else {
            return Ok(());
        };
        let issue = Issue::new("device_create.invite", message);
        Err(CallError::Invalid(vec![issue]))
    }

    /// Somebody on the web, for their own account: a code that is fresh, or for a first device an invite,
    /// which is guessed at as at a door.
    fn use_own_invite(
        &self,
        write: &mut Writing<'_, '_>,
        account: &Account,
    ) -> Result<(), CallError> {
        if write.tx.has_active_device(account.uid)? {
            return write.access().require_fresh();
        }
        let Some(invite) = &self.invite else {
            let message = format!(
                "A first device needs an invite. Ask the administrator: midclt 2fa invite {}",
                account.name
            );
            let issue = Issue::new("device_create.invite", message);
            return Err(CallError::Invalid(vec![issue]));
        };
        let who = Who::find(write.tx, account.name.as_str(), Some(account.uid))?;
        let attempt = Attempt {
            who: &who,
            service: access::SERVICE,
            source: write.access().source(),
            factor: Factor::Password,
            typed: Some(Typed::Invite(invite)),
        };
        let answer = door::judge(write, &attempt, &Counting::AtDoor)?;
        let error = match answer.verdict {
            Verdict::Accepted => return Ok(()),
            Verdict::Locked => CallError::refused(Errno::EBUSY, answer.message),
            _ => CallError::Invalid(vec![Issue::new("device_create.invite", answer.message)]),
        };
        // A wrong invite counts, though this is an error.
        Err(write.refuse(error))
    }

    /// Forgets the pending devices that are over, and those that were to replace the same one and
    /// never did. The device to be replaced, if any.
    fn clear_the_way(
        &self,
        write: &mut Writing<'_, '_>,
        account: &Account,
    ) -> Result<Option<DeviceRecord>, CallError> {
        let today = write.today()?;
        let replaces = self.replaces.map(|id| id.0);
        let mut old = None;
        for record in write.tx.devices(account.uid)? {
            let is_superseded = record.enrolment != Enrolment::Active
                && replaces.is_some()
                && record.replaces == replaces;
            if is_superseded || !is_alive(&record, today) {
                devices::remove(write, &record)?;
            } else if Some(record.id) == replaces {
                old = Some(record);
            }
        }
        if old.is_none() && replaces.is_some() {
            let message = format!(
                "'{0}' has no device of this number. Its devices: midclt call \
                 auth.twofactor.device.query '{{\"username\": \"{0}\"}}'",
                account.name
            );
            let issue = Issue::new("device_create.replaces", message);
            return Err(CallError::Invalid(vec![issue]));
        }
        Ok(old)
    }

    /// A name that no device has, save the one to be replaced.
    fn name(
        &self,
        devices: &[DeviceRecord],
        old: Option<&DeviceRecord>,
    ) -> Result<String, CallError> {
        let is_free = |name: &str| {
            let mut others = devices
                .iter()
                .filter(|other| Some(other.id) != old.map(|old| old.id));
            others.all(|other| other.name != name)
        };
        match (&self.name, old) {
            (Some(Line(name)), _) if is_free(name) => Ok(name.clone()),
            (Some(_), _) => Err(taken("device_create.name")),
            (None, Some(old)) => Ok(old.name.clone()),
            (None, None) => Ok(devices::unused_name(devices)),
        }
    }

    /// Its codes look as was asked for, or like those of the device that it replaces.
    fn device(&self, old: Option<&DeviceRecord>) -> Result<Device, CallError> {
        let digits = old.map_or(Digits::default(), |old| old.digits);
        let usual_step = TimeStep::default();
        let step = old.map(|old| old.step);
        let step = step.filter(|step| [30, 60].contains(&step.as_secs()));
        devices::fresh(
            self.otp_digits.map_or(digits, |digits| digits.0),
            self.interval
                .map_or(step.unwrap_or(usual_step), |interval| interval.0),
        )
    }
}
