//! `auth.twofactor.import`: a device that another system knew, so that its owner's phone goes on.

use std::borrow::Cow;

use nix::errno::Errno;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;
use store::{NewDevice, StoredDevice};
use twofactor::{
    Account, AccountName, Algorithm, Device, Digits, Enrolment, Secret, SecretError, TimeStep,
};
use zeroize::Zeroizing;

use crate::CallError;
use crate::access::Right;
use crate::alert::{Alert, AlertKind};
use crate::bounded::{Line, OneOf, Username, Word};
use crate::devices::{self, DeviceEntry};
use crate::fields::{Interval, OtpDigits};
use crate::method::{Declared, OnAccount, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

fields! {
    /// Takes over a device that another system knew. It is active at once.
    ///
    /// A code that could have been used there is not good here: those up to the end of the window at
    /// the time of the import are refused as used. A secret that the account has already is left as
    /// it is.
    pub(crate) struct Import {
        /// The device, and whose it is.
        import: Known,
    }
}

fields! {
    /// A device as the other system knew it.
    pub(crate) struct Known {
        /// The account.
        username: Username,
        /// What its owner calls it; "phone", "phone 2" and so on, if it is not given.
        name: Option<Line>,
        /// The secret in base32, 10 to 64 bytes.
        secret: KnownSecret,
        /// The hash under its HMAC; SHA1 if it is not given.
        algorithm: Option<OneOf<Algorithm>>,
        /// Digits of a code; 6 if it is not given.
        otp_digits: Option<OtpDigits>,
        /// Seconds that a code is valid for; 30 if it is not given.
        interval: Option<Interval>,
        /// Whether it takes the place of the account's device of that name. If not, that name is
        /// refused. False if it is not given.
        replace: Option<bool>,
        /// Only to say what would be done. False if it is not given.
        dry_run: Option<bool>,
    }
}

impl Field for Known {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Word for Algorithm {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("SHA1", Self::Sha1),
        ("SHA256", Self::Sha256),
        ("SHA512", Self::Sha512),
    ];
}

/// A secret as another system wrote it.
#[derive(Debug)]
pub(crate) struct KnownSecret(pub(super) Secret);

impl Field for KnownSecret {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let Value::String(text) = value else {
            issues.wrong(at, "Not a string");
            return None;
        };
        let text = Zeroizing::new(text);
        let secret = Secret::from_base32(&text).map_err(|error: SecretError| error.to_string());
        secret
            .map_err(|error| issues.out_of_range(at, error))
            .ok()
            .map(Self)
    }
}

impl JsonSchema for KnownSecret {
    fn schema_name() -> Cow<'static, str> {
        "KnownSecret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": 256 })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub(crate) enum Outcome {
    /// The account has a new device.
    Added,
    /// The device of that name has this secret now.
    Replaced,
    /// The account had this secret already.
    Unchanged,
}

/// The answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Imported {
    /// What was done; what would be done in a dry run.
    outcome: Outcome,
    /// The device; null in a dry run that would add one.
    device: Option<DeviceEntry>,
    /// The first second at which codes of it count, since 1970, UTC; null where nothing is changed.
    codes_from: Option<u64>,
    /// What its owner should know.
    warnings: Vec<String>,
}

impl Declared for Import {
    const NAME: &'static str = "auth.twofactor.import";
    const RIGHT: Right = Right::Root;
    type Output = Imported;
}

impl OnAccount for Import {
    fn username(&self) -> &AccountName {
        &self.import.username.0
    }

    fn call(&self, account: &Account, write: &mut Writing<'_, '_>) -> Result<Imported, CallError> {
        let known = &self.import;
        let device = known.device(write)?;
        let stored = write.tx.open_devices(account.uid)?;
        if let Some(same) = stored
            .iter()
            .find(|stored| stored.device.secret == device.secret)
        {
            return Ok(Imported {
                outcome: Outcome::Unchanged,
                device: Some(DeviceEntry::new(account.name.as_str(), &same.record)),
                codes_from: None,
                warnings: Vec::new(),
            });
        }
        let replaced = known.replaced(account, &stored)?;
        let mut imported = Imported {
            outcome: replaced.map_or(Outcome::Added, |_| Outcome::Replaced),
            device: None,
            codes_from: Some(device.floor.as_secs()),
            warnings: warnings(&device),
        };
        if known.dry_run == Some(true) {
            // One that goes makes room.
            if replaced.is_none() {
                devices::check_room(write.tx, account, &device)?;
            }
        } else {
            let (entry, outcome) = known.put(write, account, replaced, &device)?;
            write.audit(outcome)?;
            imported.device = Some(entry);
        }
        Ok(imported)
    }
}

impl Known {
    /// The device, with all codes burned that its owner could have used at the other system.
    fn device(&self, write: &Writing<'_, '_>) -> Result<Device, CallError> {
        let step = self
            .interval
            .map_or(TimeStep::default(), |interval| interval.0);
        let window = write.tx.settings()?.window;
        Ok(Device {
            secret: self.secret.0.clone(),
            algorithm: self
                .algorithm
                .map_or(Algorithm::default(), |algorithm| algorithm.0),
            digits: self.otp_digits.map_or(Digits::default(), |digits| digits.0),
            step,
            floor: devices::burned(write.tx.now(), step, window),
        })
    }

    /// The device whose place is taken, if there is one of that name.
    fn replaced<'a>(
        &self,
        account: &Account,
        stored: &'a [StoredDevice],
    ) -> Result<Option<&'a StoredDevice>, CallError> {
        let Some(Line(name)) = &self.name else {
            return Ok(None);
        };
        let of_that_name = stored.iter().find(|stored| stored.record.name == *name);
        if of_that_name.is_some() && self.replace != Some(true) {
            let message = format!(
                "'{}' has a device '{name}' already, with another secret. Replace it by saying so, \
                 or give this one another name",
                account.name
            );
            return Err(CallError::refused(Errno::EEXIST, message));
        }
        Ok(of_that_name)
    }

    fn put(
        &self,
        write: &mut Writing<'_, '_>,
        account: &Account,
        replaced: Option<&StoredDevice>,
        device: &Device,
    ) -> Result<(DeviceEntry, &'static str), CallError> {
        if let Some(replaced) = replaced {
            devices::remove(write, &replaced.record)?;
        }
        let name = match &self.name {
            Some(Line(name)) => name.clone(),
            None => devices::unused_name(&write.tx.devices(account.uid)?),
        };
        let new = NewDevice {
            uid: account.uid,
            name: &name,
            enrolment: Enrolment::Active,
            replaces: None,
            device,
        };
        let entry = devices::add(write, account, &new)?;
        devices::end_beginning(write, account.uid, &account.name)?;
        let username = &account.name;
        let (message, outcome) = match replaced {
            Some(_) => (
                format!("The device '{name}' of '{username}' was replaced by an imported one"),
                "replaced",
            ),
            None => (
                format!("'{username}' has a new device '{name}', which was imported"),
                "imported",
            ),
        };
        write.alert(Alert {
            kind: AlertKind::DeviceAdded,
            account: Some(username.clone()),
            source: None,
            message,
        })?;
        Ok((entry, outcome))
    }
}

fn warnings(device: &Device) -> Vec<String> {
    let mut warnings = Vec::new();
    if device.secret.is_weak() {
        warnings.push(
            "The secret is shorter than 128 bits, as older systems made them; a new one: midclt 2fa \
             renew"
                .to_owned(),
        );
    }
    if !(15..=120).contains(&device.step.as_secs()) {
        warnings.push(format!(
            "A code is valid for {} s; 30 is usual",
            device.step.as_secs()
        ));
    }
    warnings
}
