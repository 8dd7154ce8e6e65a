//! `auth.twofactor.device.*`: the authenticators of an account.

mod confirm;
mod create;
mod enrol;
mod explain;

use nix::errno::Errno;
use serde_json::Value;
use store::DeviceRecord;
use twofactor::{Account, AccountName, Enrolment, UnixTime};

use super::whose::{self, Whose};
use crate::CallError;
use crate::access::{Proof, Right};
use crate::alert::{Alert, AlertKind};
use crate::bounded::{Id, Line, Username, Whole};
use crate::devices::{self, DeviceEntry};
use crate::error::Issue;
use crate::event::{DEVICE, Event};
use crate::method::{Declared, Method, ReadOwn, Reading, Write, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};
use confirm::ConfirmDevice;
use create::CreateDevice;
use enrol::EnrolDevice;
use explain::ExplainCode;

/// How many are listed, where nobody says.
const USUAL: u32 = 1000;

fields! {
    /// Lists devices, the oldest first, without their secrets.
    pub(crate) struct QueryDevices {
        /// Which; the first 1,000 of all accounts if it is not given.
        device_query: Option<Filter>,
    }
}

fields! {
    /// Which devices.
    pub(crate) struct Filter {
        /// Only those of this account.
        username: Option<Username>,
        /// Only those with a higher number: for the next page, the last number of the page before.
        after: Option<Id>,
        /// How many; 1,000 if it is not given.
        limit: Option<Whole<1, 1000>>,
    }
}

impl Field for Filter {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Declared for QueryDevices {
    const NAME: &'static str = "auth.twofactor.device.query";
    const RIGHT: Right = Right::Own(Proof::Session);
    type Output = Vec<DeviceEntry>;
}

impl ReadOwn for QueryDevices {
    fn call(
        self,
        read: &Reading<'_>,
        only: Option<&Account>,
    ) -> Result<Vec<DeviceEntry>, CallError> {
        let (tx, today) = (read.tx, read.today()?);
        let (username, after, limit) = match self.device_query {
            Some(filter) => (filter.username, filter.after, filter.limit),
            None => (None, None, None),
        };
        let limit = limit.map_or(USUAL, |limit| limit.0);
        let after = after.map(|id| id.0);
        if let Some(Username(name)) = &username {
            read.access.may_name(name)?;
        }
        let whose = match only {
            Some(account) => Whose::Of(account.uid),
            None => Whose::of(username.as_ref(), tx)?,
        };
        let records = match whose {
            Whose::All => tx.all_devices(after, limit)?,
            Whose::Of(uid) => tx.devices(uid)?,
            Whose::Nobodys => Vec::new(),
        };
        let wanted = records.into_iter().filter(|record| {
            is_alive(record, today) && after.is_none_or(|after| record.id > after)
        });
        wanted
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|record| Ok(DeviceEntry::new(&whose::username(tx, record.uid)?, &record)))
            .collect()
    }
}

/// Whether a device is active, or may still become it. What may not is as good as gone.
pub(super) fn is_alive(record: &DeviceRecord, today: UnixTime) -> bool {
    match record.enrolment {
        Enrolment::Active => true,
        Enrolment::Pending { until } => today < until,
    }
}

/// The device with this id, and whose it is. What is audited from here on names that account.
fn find(
    write: &mut Writing<'_, '_>,
    id: Id,
) -> Result<(DeviceRecord, Option<AccountName>), CallError> {
    let (id, today) = (id.0, write.today()?);
    let record = write.tx.device(id)?;
    // What is another's is not there for whoever is no administrator.
    let is_shown =
        |record: &DeviceRecord| is_alive(record, today) && write.access().permits(record.uid);
    let Some(record) = record.filter(is_shown) else {
        let message = format!(
            "There is no device {id}; one that nobody confirms is forgotten after 7 days. Those \
             that there are: midclt call auth.twofactor.device.query"
        );
        return Err(CallError::refused(Errno::ENOENT, message));
    };
    write.act_on(record.uid)?;
    let name = whose::about(write, record.uid)?;
    Ok((record, name))
}

fields! {
    /// Gives a device another name.
    pub(crate) struct UpdateDevice {
        /// Its number.
        id: Id,
        /// What to change.
        device_update: Changes,
    }
}

fields! {
    /// What can be changed of a device.
    pub(crate) struct Changes {
        /// What its owner calls it; no other device of the account has this name.
        name: Line,
    }
}

impl Field for Changes {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Declared for UpdateDevice {
    const NAME: &'static str = "auth.twofactor.device.update";
    const RIGHT: Right = Right::Own(Proof::Session);
    type Output = DeviceEntry;
}

impl Write for UpdateDevice {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<DeviceEntry, CallError> {
        let (mut record, _) = find(write, self.id)?;
        let username = whose::username(write.tx, record.uid)?;
        let name = &self.device_update.name.0;
        if record.name == *name {
            return Ok(DeviceEntry::new(&username, &record));
        }
        let (uid, today) = (record.uid, write.today()?);
        let others = write.tx.devices(uid)?;
        let is_taken = |other: &DeviceRecord| other.name == *name && is_alive(other, today);
        if others.iter().any(is_taken) {
            return Err(taken("device_update.name"));
        }
        write.tx.rename_device(record.id, name)?;
        record.name.clone_from(name);
        write.audit("renamed")?;
        let entry = DeviceEntry::new(&username, &record);
        write.emit(Event::changed(DEVICE, Some(record.id), &entry)?.of(record.uid));
        Ok(entry)
    }
}

fn taken(attribute: &str) -> CallError {
    let message = "Another device of this account has that name";
    CallError::Invalid(vec![Issue::new(attribute, message)])
}

fields! {
    /// Removes a device: its codes are good for nothing from now on.
    ///
    /// The last one may be removed too. The account is then without a second factor, and is let in
    /// or refused by the policy.
    pub(crate) struct DeleteDevice {
        /// Its number.
        id: Id,
    }
}

impl Declared for DeleteDevice {
    const NAME: &'static str = "auth.twofactor.device.delete";
    const RIGHT: Right = Right::Own(Proof::Fresh);
    type Output = bool;
}

impl Write for DeleteDevice {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let (record, account) = find(write, self.id)?;
        let username = whose::username(write.tx, record.uid)?;
        devices::remove(write, &record)?;
        write.audit("removed")?;
        if record.enrolment == Enrolment::Active {
            let is_last = !write.tx.has_active_device(record.uid)?;
            let rest = if is_last { "; it was the last one" } else { "" };
            write.alert(Alert {
                kind: AlertKind::DeviceRemoved,
                account,
                source: None,
                message: format!(
                    "The device '{}' of '{username}' was removed{rest}",
                    record.name
                ),
            })?;
        }
        Ok(true)
    }
}

pub(crate) const METHODS: &[Method] = &[
    Method::write::<ConfirmDevice>(),
    Method::on_account::<CreateDevice>(),
    Method::write::<DeleteDevice>(),
    Method::write::<EnrolDevice>(),
    Method::slow::<ExplainCode>(),
    Method::read_own::<QueryDevices>(),
    Method::write::<UpdateDevice>(),
];
