//! `auth.twofactor.provisioning_uri` and `renew_secret`: the one secret of the 22.12 API, which is that
//! of root's first device.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use store::{NewDevice, Settings, entropy};
use twofactor::{Algorithm, Device, Enrolment, ProvisioningUri, Secret, UnixTime};

use super::settings::emit_config;
use super::{ROOT, enabled_settings};
use crate::CallError;
use crate::method::{Declared, Read, Reading, Write, Writing};
use crate::params::fields;

fields! {
    /// Makes the provisioning URI of root's first device, which a phone's app reads as a QR code.
    ///
    /// It contains the secret. Before there is one, this is an error.
    pub(crate) struct GetProvisioningUri {}
}

impl Declared for GetProvisioningUri {
    const NAME: &'static str = "auth.twofactor.provisioning_uri";
    type Output = ShownUri;
}

impl Read for GetProvisioningUri {
    fn call(self, read: &Reading<'_>) -> Result<ShownUri, CallError> {
        let Some(stored) = read.tx.first_active_device(ROOT)? else {
            return Err(CallError::refused(Errno::ENOENT, NO_SECRET));
        };
        let hostname = nix::unistd::gethostname().unwrap_or_default();
        let label = format!("{}@{}", hostname.to_string_lossy(), read.identity.product);
        Ok(ShownUri(ProvisioningUri::new(
            &read.identity.issuer,
            &label,
            &stored.device,
        )))
    }
}

/// The URI, to be sent to this one caller.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(crate) struct ShownUri(#[schemars(with = "String")] ProvisioningUri);

impl Serialize for ShownUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

const NO_SECRET: &str = "There is no secret yet; it is made when two-factor authentication is \
    first turned on: midclt call auth.twofactor.update '{\"enabled\": true}'";

fields! {
    /// Replaces the secret of root's first device at once: phones that have the old one stop
    /// working.
    ///
    /// Refused while two-factor authentication is off.
    pub(crate) struct RenewSecret {}
}

impl Declared for RenewSecret {
    const NAME: &'static str = "auth.twofactor.renew_secret";
    type Output = bool;
}

impl Write for RenewSecret {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let settings = enabled_settings(write.tx)?;
        issue_device(write, &settings)?;
        write.audit("renewed")?;
        emit_config(write, &settings)?;
        Ok(true)
    }
}

pub(super) fn issue_device(
    write: &mut Writing<'_, '_>,
    settings: &Settings,
) -> Result<(), CallError> {
    let device = Device {
        secret: Secret::generate(entropy::random()?),
        algorithm: Algorithm::default(),
        digits: settings.digits,
        step: settings.step,
        floor: UnixTime::EPOCH,
    };
    for replaced in write.tx.devices(ROOT)? {
        write.tx.delete_device(replaced.id)?;
    }
    write.tx.add_device(&NewDevice {
        uid: ROOT,
        name: "phone",
        enrolment: Enrolment::Active,
        replaces: None,
        device: &device,
    })?;
    Ok(())
}
