//! Decides: the pure two-factor core, without I/O, clock or randomness.
//!
//! Time and random bytes are arguments. What a caller wants to know is a [`Verdict`], which a
//! [`Device`] gives about the code that somebody typed. Everything else here is a value that is
//! valid because it exists: whoever holds a [`Digits`], a [`TimeStep`], a [`Window`], a [`Secret`]
//! or a [`Code`] need not check it again.
#![forbid(unsafe_code)]

mod code;
mod device;
mod provisioning;
mod secret;
mod time;
mod totp;
mod verdict;

pub use code::Code;
pub use device::Device;
pub use provisioning::ProvisioningUri;
pub use secret::{Secret, SecretError};
pub use time::UnixTime;
pub use totp::{Algorithm, Digits, MAX_SPAN_SECS, TimeStep, Window};
pub use verdict::Verdict;
