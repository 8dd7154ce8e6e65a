//! `auth.twofactor.*`: the 22.12 API, whose one secret is root's first device, and what it grew into. A
//! file of this directory holds a namespace below it, or the methods of one concern.

mod login;
mod secret;
mod settings;

use nix::errno::Errno;
use store::{ReadTx, Settings};

use crate::CallError;
use crate::method::Method;
use login::{Authenticate, Verify};
use secret::{GetProvisioningUri, RenewSecret};
pub(crate) use settings::emit_config;
use settings::{GetConfig, Update};

/// Whose device the 22.12 API acts on.
pub(crate) const ROOT: u32 = 0;

/// The settings, or the original's refusal while it is off.
fn enabled_settings(tx: &ReadTx<'_>) -> Result<Settings, CallError> {
    let settings = tx.settings()?;
    if settings.enabled {
        return Ok(settings);
    }
    let message = "Please enable Two Factor Authentication first.";
    Err(CallError::refused(Errno::EFAULT, message))
}

pub(crate) const METHODS: &[Method] = &[
    Method::slow::<Authenticate>(),
    Method::read::<GetConfig>(),
    Method::read::<GetProvisioningUri>(),
    Method::write::<RenewSecret>(),
    Method::write::<Update>(),
    Method::slow::<Verify>(),
];
