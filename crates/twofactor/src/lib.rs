//! Decides: the pure two-factor core, without I/O, clock or randomness.
//!
//! Time and random bytes are arguments. What a caller wants to know is a [`Verdict`], which a
//! [`Device`] gives about the code that somebody typed. Everything else here is a value that is
//! valid because it exists: whoever holds a [`Digits`], a [`TimeStep`], a [`Window`], a [`Secret`]
//! or a [`Code`] need not check it again.
#![forbid(unsafe_code)]

mod account;
mod bypass;
mod code;
mod device;
mod policy;
mod provisioning;
mod recovery;
mod secret;
mod source;
mod throttle;
mod time;
mod totp;
mod verdict;

pub use account::{Account, AccountKey, AccountName};
pub use bypass::{Bypass, BypassMinutes, BypassUses};
pub use code::Code;
pub use device::{Device, Enrolment, Judged, PENDING_SECS, counting, judge};
pub use policy::{Identity, OutOfRange, Policy, Reason, Requirement, Standing, Unenrolled};
pub use provisioning::ProvisioningUri;
pub use recovery::{LookupHash, LookupSecret, NoMemory, RECOVERY_CODES, Salt, find};
pub use secret::{Secret, SecretError};
pub use source::Source;
pub use throttle::{Budget, Level, Limits, LockCause, Locked, PARTS_PER_FAILURE, Streak, Tally};
pub use time::{Boot, BootId, Clocks, UnixTime};
pub use totp::{Algorithm, Digits, MAX_SPAN_SECS, TimeStep, Window};
pub use verdict::Verdict;
