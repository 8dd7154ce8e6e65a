//! The results that are shown to people. What a daemon of another version adds is not read.

use serde::Deserialize;

/// A device, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Device {
    pub(super) id: i64,
    pub(super) username: String,
    pub(super) name: String,
    state: String,
    pub(super) otp_digits: u8,
    pub(super) interval: u32,
    pub(super) last_used: Option<i64>,
    /// When a pending device is forgotten.
    pub(super) expires: Option<i64>,
}

impl Device {
    pub(super) fn is_active(&self) -> bool {
        self.state.eq_ignore_ascii_case("active")
    }

    /// `active`, `pending`.
    pub(super) fn state(&self) -> String {
        self.state.to_ascii_lowercase()
    }
}

/// A device that was just created. Not `Debug`: it has the secret.
#[derive(Deserialize)]
pub(super) struct NewDevice {
    pub(super) id: i64,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) expires: Option<i64>,
    pub(super) provisioning_uri: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Bypass {
    pub(super) id: i64,
    /// None: everybody.
    pub(super) username: Option<String>,
    pub(super) until: i64,
    pub(super) uses_left: u32,
    pub(super) reason: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Exemption {
    pub(super) id: i64,
    pub(super) username: String,
    pub(super) until: i64,
    pub(super) reason: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Grace {
    pub(super) username: String,
    pub(super) until: i64,
}

/// Invites of a list come without their text.
#[derive(Deserialize)]
pub(super) struct Invitation {
    pub(super) id: i64,
    pub(super) username: String,
    #[serde(default)]
    pub(super) invite: Option<String>,
    pub(super) expires: i64,
}
