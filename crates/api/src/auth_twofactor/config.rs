//! `auth.twofactor.config`: the settings as they are shown, to callers and to subscribers.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::to_value;
use store::{StoreError, StoredDevice};
use twofactor::{Digits, Settings, TimeStep};
use zeroize::Zeroizing;

use super::ROOT;
use super::policy::ShownPolicy;
use crate::access::{Proof, Right};
use crate::event::{CONFIG, Event};
use crate::method::{Declared, Read, Reading, Writing};
use crate::params::fields;
use crate::{CallError, devices};

fields! {
    /// The settings, and root's first device with its secret in clear.
    ///
    /// `secret` is null before two-factor authentication is first turned on. Where the machine's
    /// master key is missing, the secret cannot be read, and this is an error. On the web it is left
    /// out, unless a code was given for this very call (auth.reauthenticate).
    pub(crate) struct GetConfig {}
}

impl Declared for GetConfig {
    const NAME: &'static str = "auth.twofactor.config";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    const OFFLINE: bool = true;
    type Output = Config;
}

impl Read for GetConfig {
    fn call(self, read: &Reading<'_>) -> Result<Config, CallError> {
        let settings = read.tx.settings()?;
        if !read.access.may_reveal() {
            let first = devices::first_active(read.tx, ROOT)?;
            let shape = first.map(|record| (record.digits, record.step));
            return Ok(Config::new(&settings, ShownSecret::Withheld, shape));
        }
        let device = read.tx.first_active_device(ROOT)?;
        Ok(Config::in_clear(&settings, device.as_ref()))
    }
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

pub(super) fn without_secret(
    write: &Writing<'_, '_>,
    settings: &Settings,
) -> Result<Config, CallError> {
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
    pub(super) fn in_clear(settings: &Settings, device: Option<&StoredDevice>) -> Self {
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
