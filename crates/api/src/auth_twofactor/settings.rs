//! `auth.twofactor.config` and `update`: what governs the whole machine.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::{Value, to_value};
use store::{ReadTx, StoreError, StoredDevice, Subject};
use twofactor::{Digits, MAX_SPAN_SECS, Settings, TimeStep};
use zeroize::Zeroizing;

use super::ROOT;
use super::policy::ShownPolicy;
use super::secret::issue_device;
use crate::alert::{Alert, AlertKind};
use crate::devices::{self, DeviceEntry};
use crate::error::Issue;
use crate::event::{CONFIG, DEVICE, Event};
use crate::fields::{Interval, OtpDigits, WindowSteps};
use crate::method::{Declared, Read, Reading, Write, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};
use crate::{CallError, lookup};

fields! {
    /// The settings, and root's first device with its secret in clear.
    ///
    /// `secret` is null before two-factor authentication is first turned on. Where the machine's
    /// master key is missing, the secret cannot be read, and this is an error.
    pub(crate) struct GetConfig {}
}

impl Declared for GetConfig {
    const NAME: &'static str = "auth.twofactor.config";
    type Output = Config;
}

impl Read for GetConfig {
    fn call(self, read: &Reading<'_>) -> Result<Config, CallError> {
        let device = read.tx.first_active_device(ROOT)?;
        Ok(Config::in_clear(&read.tx.settings()?, device.as_ref()))
    }
}

fields! {
    /// Changes the settings: any subset of them, and only those given. Returns all of them.
    ///
    /// Turning two-factor authentication on makes a secret only if there is none. Turning it off is
    /// for everybody on this machine, and keeps the secret for the next time. A change of digits or
    /// interval keeps the secret too, but the phone must be set up again.
    pub(crate) struct Update {
        /// What to change.
        auth_twofactor_update: Changes,
    }
}

fields! {
    /// The settings that can be changed.
    pub(crate) struct Changes {
        /// Whether a code is asked for at all.
        enabled: Option<bool>,
        /// Digits of a code.
        otp_digits: Option<OtpDigits>,
        /// Steps accepted on each side of now, at most 900 seconds in all:
        /// (2 * window + 1) * interval.
        window: Option<WindowSteps>,
        /// Seconds that a code is valid for; most apps know only 30.
        interval: Option<Interval>,
        /// Which services ask for a code.
        services: Option<ServiceChanges>,
    }
}

impl Field for Changes {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

fields! {
    /// The services that can be changed.
    pub(crate) struct ServiceChanges {
        /// Whether sshd asks for a code.
        ssh: Option<bool>,
    }
}

impl Field for ServiceChanges {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Changes {
    fn apply(&self, old: Settings) -> Settings {
        let ssh = self.services.as_ref().and_then(|services| services.ssh);
        Settings {
            enabled: self.enabled.unwrap_or(old.enabled),
            ssh: ssh.unwrap_or(old.ssh),
            window: self.window.map_or(old.window, |window| window.0),
            digits: self.otp_digits.map_or(old.digits, |digits| digits.0),
            step: self.interval.map_or(old.step, |interval| interval.0),
        }
    }

    /// Has the codes of root's first device look as it is asked for. Whether they looked otherwise.
    fn reshape(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        if self.otp_digits.is_none() && self.interval.is_none() {
            return Ok(false);
        }
        let Some(mut record) = devices::first_active(write.tx, ROOT)? else {
            return Ok(false);
        };
        let digits = self.otp_digits.map_or(record.digits, |digits| digits.0);
        let step = self.interval.map_or(record.step, |interval| interval.0);
        if (digits, step) == (record.digits, record.step) {
            return Ok(false);
        }
        write.tx.reshape_device(record.id, digits, step)?;
        (record.digits, record.step) = (digits, step);
        let entry = DeviceEntry::new(lookup::ROOT, &record);
        write.emit(Event::changed(DEVICE, Some(record.id), &entry)?);
        Ok(true)
    }

    /// Refuses settings under which a code, of whatever device, would be good for too long. Only a
    /// caller who changes one of the two is told, so that nothing stands in the way of turning it off.
    fn check_span(&self, tx: &ReadTx<'_>, new: &Settings) -> Result<(), CallError> {
        let attribute = match (self.window, self.interval) {
            (Some(_), _) => "auth_twofactor_update.window",
            (None, Some(_)) => "auth_twofactor_update.interval",
            (None, None) => return Ok(()),
        };
        let longest = tx.longest_step()?;
        let longest = longest.filter(|longest| longest.as_secs() > new.step.as_secs());
        let span = new.window.span_secs(longest.unwrap_or(new.step));
        if span <= MAX_SPAN_SECS {
            return Ok(());
        }
        let mut message = format!(
            "(2 * window + 1) * interval should be at most {MAX_SPAN_SECS} seconds, not {span}"
        );
        if let Some(longest) = longest {
            let device = format!(
                ": there is a device with the interval {}",
                longest.as_secs()
            );
            message.push_str(&device);
        }
        Err(CallError::Invalid(vec![Issue::new(attribute, message)]))
    }
}

impl Declared for Update {
    const NAME: &'static str = "auth.twofactor.update";
    type Output = Config;
}

impl Write for Update {
    const OFFLINE: bool = true;

    fn is_way_back(&self) -> bool {
        self.auth_twofactor_update.enabled == Some(false)
    }

    fn call(&self, write: &mut Writing<'_, '_>) -> Result<Config, CallError> {
        let old = write.tx.settings()?;
        let new = self.auth_twofactor_update.apply(old);
        // Not by whatever else is changed: nobody asked for a device then, and nobody would have it.
        if new.enabled && !old.enabled {
            ensure_device(write, &new)?;
        }
        let is_reshaped = self.auth_twofactor_update.reshape(write)?;
        self.auth_twofactor_update.check_span(write.tx, &new)?;
        if new != old || is_reshaped {
            write.tx.put_settings(&new)?;
            write.audit(outcome(&old, &new))?;
            emit_config(write, &new)?;
            alert(write, &old, &new)?;
        }
        // Without the master key, and with a damaged device, it can still be turned off; the answer
        // then has no secret at all, since null would say that there is none.
        match write.tx.first_active_device(ROOT) {
            Err(StoreError::NoKey { .. } | StoreError::Damaged { .. }) if !new.enabled => {
                without_secret(write, &new)
            }
            device => Ok(Config::in_clear(&new, device?.as_ref())),
        }
    }
}

const fn outcome(old: &Settings, new: &Settings) -> &'static str {
    match (old.enabled, new.enabled) {
        (false, true) => "enabled",
        (true, false) => "disabled",
        _ => "changed",
    }
}

/// On and off are for everybody, so somebody should know.
fn alert(write: &mut Writing<'_, '_>, old: &Settings, new: &Settings) -> Result<(), CallError> {
    let (kind, message) = match (old.enabled, new.enabled) {
        (false, true) => (AlertKind::Enabled, "Two-factor authentication is on"),
        (true, false) => (AlertKind::Disabled, OFF),
        _ => return Ok(()),
    };
    write.alert(Alert {
        kind,
        account: None,
        source: None,
        message: message.to_owned(),
    })
}

const OFF: &str = "Two-factor authentication is off for everybody. To turn it on again: \
    midclt call auth.twofactor.update '{\"enabled\": true}'. Milder, for one account: midclt 2fa \
    bypass NAME --reason TEXT";

/// Makes a device where there is none. One whose secret cannot be read is left alone, and refuses:
/// nobody could pass with it.
fn ensure_device(write: &mut Writing<'_, '_>, settings: &Settings) -> Result<(), CallError> {
    if write.tx.first_active_device(ROOT)?.is_some() {
        return Ok(());
    }
    issue_device(write, settings)?;
    let root = Subject {
        account: Some(lookup::ROOT),
        ..Subject::default()
    };
    write.audit_login("issued", &root)
}

pub(crate) fn emit_config(
    write: &mut Writing<'_, '_>,
    settings: &Settings,
) -> Result<(), CallError> {
    let config = without_secret(write, settings)?;
    write.emit(Event::changed(CONFIG, None, &config)?);
    Ok(())
}

/// The same, with the policy, which is what changed.
pub(super) fn emit_policy(
    write: &mut Writing<'_, '_>,
    policy: &ShownPolicy,
) -> Result<(), CallError> {
    let no_event = |_| CallError::internal("no event was made");
    let config = without_secret(write, &write.tx.settings()?)?;
    let mut fields = to_value(config).map_err(no_event)?;
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("policy".to_owned(), to_value(policy).map_err(no_event)?);
    }
    write.emit(Event::changed(CONFIG, None, &fields)?);
    Ok(())
}

fn without_secret(write: &Writing<'_, '_>, settings: &Settings) -> Result<Config, CallError> {
    let first = match devices::first_active(write.tx, ROOT) {
        // What is turned off needs no device that can be read.
        Err(CallError::Store(StoreError::Damaged { .. })) if !settings.enabled => None,
        first => first?,
    };
    let shape = first.map(|record| (record.digits, record.step));
    Ok(Config::new(settings, ShownSecret::Withheld, shape))
}

/// The settings as the original shows them, in its order.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Config {
    /// Always 1.
    id: u8,
    /// Digits of a code.
    otp_digits: u8,
    /// The secret in base32, or null before there is one.
    #[serde(skip_serializing_if = "ShownSecret::is_withheld")]
    #[schemars(with = "Option<String>")]
    secret: ShownSecret,
    /// Steps accepted on each side of now.
    window: u8,
    /// Seconds that a code is valid for.
    interval: u32,
    /// Which services ask for a code.
    services: Services,
    /// Whether a code is asked for at all.
    enabled: bool,
}

/// Which services ask for a code.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Services {
    /// Whether sshd does.
    ssh: bool,
}

impl Config {
    fn in_clear(settings: &Settings, device: Option<&StoredDevice>) -> Self {
        let shape = device.map(|stored| (stored.device.digits, stored.device.step));
        Self::new(settings, ShownSecret::of(device), shape)
    }

    /// `shape` is how the codes of root's first device look, if there is one; else the next one's
    /// will look as the settings say.
    fn new(settings: &Settings, secret: ShownSecret, shape: Option<(Digits, TimeStep)>) -> Self {
        let (digits, step) = shape.unwrap_or((settings.digits, settings.step));
        Self {
            id: 1,
            otp_digits: digits.get(),
            secret,
            window: settings.window.steps(),
            interval: step.as_secs(),
            services: Services { ssh: settings.ssh },
            enabled: settings.enabled,
        }
    }
}

/// What is shown of the secret.
enum ShownSecret {
    /// It is not for this reader, or cannot be read.
    Withheld,
    /// There is none.
    None,
    /// All of it.
    Clear(Zeroizing<String>),
}

impl ShownSecret {
    fn of(stored: Option<&StoredDevice>) -> Self {
        stored.map_or(Self::None, |stored| {
            Self::Clear(stored.device.secret.to_base32())
        })
    }

    const fn is_withheld(&self) -> bool {
        matches!(self, Self::Withheld)
    }
}

impl Serialize for ShownSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Withheld | Self::None => serializer.serialize_none(),
            Self::Clear(secret) => serializer.serialize_str(secret),
        }
    }
}
