//! `auth.twofactor.provisioning_uri` and `renew_secret`: the one secret of the 22.12 API, which is that
//! of root's first device.

use nix::errno::Errno;
use twofactor::Settings;

use super::config::emit_config;
use super::{ROOT, enabled_settings};
use crate::access::{Proof, Right};
use crate::method::{Declared, Read, Reading, Write, Writing};
use crate::params::fields;
use crate::provisioning::ShownUri;
use crate::{CallError, devices, lookup};

fields! {
    /// Makes the provisioning URI of root's first device, which a phone's app reads as a QR code.
    ///
    /// It contains the secret. Before there is one, this is an error.
    pub(crate) struct GetProvisioningUri {}
}

impl Declared for GetProvisioningUri {
    const NAME: &'static str = "auth.twofactor.provisioning_uri";
    const RIGHT: Right = Right::Administrator(Proof::New);
    type Output = ShownUri;
}

impl Read for GetProvisioningUri {
    fn call(self, read: &Reading<'_>) -> Result<ShownUri, CallError> {
        let Some(stored) = read.tx.first_active_device(ROOT)? else {
            return Err(CallError::refused(Errno::ENOENT, NO_SECRET));
        };
        Ok(ShownUri::of_machine(read.identity, &stored.device))
    }
}

const NO_SECRET: &str = "There is no secret yet that can be shown: root has no active device. While \
    two-factor authentication is off: midclt call auth.twofactor.update '{\"enabled\": true}'. \
    While it is on: midclt 2fa device add root";

fields! {
    /// Replaces the secret of root's first device at once: phones that have the old one stop
    /// working.
    ///
    /// Refused while two-factor authentication is off.
    pub(crate) struct RenewSecret {}
}

impl Declared for RenewSecret {
    const NAME: &'static str = "auth.twofactor.renew_secret";
    const RIGHT: Right = Right::Administrator(Proof::Fresh);
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
    let device = devices::fresh(settings.digits, settings.step)?;
    let root = lookup::uid_0(write.tx)?;
    devices::renew(write, &root, &device)
}
