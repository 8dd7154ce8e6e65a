//! Decides: the pure two-factor core, without I/O, clock or randomness.
//!
//! Time and random bytes are arguments. A door asks in this order: a [`Standing`] says whether a
//! code is required, a [`Tally`] whether one may be judged now, and [`judge`] whether it is right;
//! then the tally counts it. What they change must be durable before the answer leaves.
//!
//! Everything else here is a value that is valid because it exists: whoever holds a [`Digits`], a
//! [`TimeStep`], a [`Window`], a [`Secret`], a [`Code`] or an [`AccountName`] need not check it again.
#![forbid(unsafe_code)]

mod account;
mod bypass;
mod code;
mod device;
mod explain;
mod limits;
mod lookup_hash;
mod policy;
mod provisioning;
mod recovery;
mod requirement;
mod secret;
mod settings;
mod skew;
mod source;
mod ssh_key;
mod throttle;
mod time;
mod totp;
mod trial;
mod verdict;

pub use account::{Account, AccountKey, AccountName, NameKey};
pub use bypass::{Bypass, BypassMinutes, BypassUses};
pub use code::Code;
pub use device::{Device, Enrolment, Judged, PENDING_SECS, counting, judge};
pub use explain::{Explanation, explain};
pub use limits::Limits;
pub use lookup_hash::{LookupHash, NoMemory, RECOVERY_CODES, Salt, find};
pub use policy::{OutOfRange, Policy, SecurityKeys, Unenrolled};
pub use provisioning::ProvisioningUri;
pub use recovery::LookupSecret;
pub use requirement::{Identity, Reason, Requirement, Standing};
pub use secret::{Secret, SecretError};
pub use settings::Settings;
pub use skew::{Reach, Sighting, Skew, search};
pub use source::{Source, WebAddress};
pub use ssh_key::{Fingerprint, SshKey};
pub use throttle::{Budget, Level, LockCause, Locked, PARTS_PER_FAILURE, Streak, Tally};
pub use time::{Boot, BootId, Clocks, UnixTime};
pub use totp::{Algorithm, Digits, MAX_SPAN_SECS, TimeStep, Window};
pub use trial::{Changes, RolledBack, Trial, TrialSecs};
pub use verdict::Verdict;
