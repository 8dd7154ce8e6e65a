//! `auth.twofactor.*`: the 22.12 API, whose one secret is root's first device, and what it grew into. A
//! file of this directory holds a namespace below it, or the methods of one concern.

pub(crate) mod account;
mod audit;
pub(crate) mod bypass;
mod config;
pub(crate) mod device;
pub(crate) mod exemption;
mod export;
pub(crate) mod grace;
mod import;
pub(crate) mod invite;
mod lockout;
pub(crate) mod login;
pub(crate) mod overriding;
pub(crate) mod people;
pub(crate) mod policy;
mod preflight;
mod record;
pub(crate) mod recovery;
pub(crate) mod restore;
mod secret;
mod settings;
pub(crate) mod ssh;
mod status;
pub(crate) mod trial;
mod unlock;
pub(crate) mod whose;

use nix::errno::Errno;
use store::ReadTx;
use twofactor::Settings;

use crate::CallError;
use crate::method::Method;
use audit::Audit;
use config::GetConfig;
pub(crate) use config::emit_config;
use export::Export;
use import::Import;
use login::{Authenticate, Verify};
use preflight::Preflight;
use restore::{Restore, RestorePage};
use secret::{GetProvisioningUri, RenewSecret};
pub(crate) use settings::Update;
use status::GetStatus;
use trial::{Commit, GetTrial, Rollback, Try};
use unlock::Unlock;

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
    Method::read::<Audit>(),
    Method::slow::<Authenticate>(),
    Method::write::<Commit>(),
    Method::read::<GetConfig>(),
    Method::write::<Export>(),
    Method::on_account::<Import>(),
    Method::slow::<Preflight>(),
    Method::read::<GetProvisioningUri>(),
    Method::write::<RenewSecret>(),
    Method::of_session::<Restore>(),
    Method::session::<RestorePage>(),
    Method::write::<Rollback>(),
    Method::slow::<GetStatus>(),
    Method::read::<GetTrial>(),
    Method::slow::<Try>(),
    Method::on_account::<Unlock>(),
    Method::slow::<Update>(),
    Method::slow::<Verify>(),
];
