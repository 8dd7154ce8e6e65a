//! The provisioning URI, which contains the secret: for the one caller who asked, and nobody else.

use std::fmt;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use twofactor::{AccountName, Device, ProvisioningUri};

use crate::Identity;

/// The URI, to be sent to this one caller.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(crate) struct ShownUri(#[schemars(with = "String")] ProvisioningUri);

impl ShownUri {
    /// Of the machine's one device in the 22.12 API: the label says `hostname@product`.
    pub(crate) fn of_machine(identity: &Identity, device: &Device) -> Self {
        let label = format!("{}@{}", hostname(), identity.product);
        Self(ProvisioningUri::new(&identity.issuer, &label, device))
    }

    /// Of a device of an account: the label says `username-hostname@product`.
    pub(crate) fn of_account(identity: &Identity, name: &AccountName, device: &Device) -> Self {
        let label = format!("{name}-{}@{}", hostname(), identity.product);
        Self(ProvisioningUri::new(&identity.issuer, &label, device))
    }
}

impl fmt::Debug for ShownUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for ShownUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// As the machine calls itself.
pub(crate) fn hostname() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
