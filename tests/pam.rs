//! The PAM module in a stack, loaded by a program that is no sshd: what it asks, shows, and refuses.
mod asked;
#[cfg(feature = "system")]
mod broken;
#[cfg(feature = "system")]
mod codes;
#[cfg(feature = "system")]
mod enrolment;
mod fake;
#[cfg(feature = "system")]
mod host;
#[cfg(feature = "system")]
mod overrides;
#[cfg(feature = "system")]
mod permits;
mod refusals;
#[cfg(feature = "system")]
mod stacks;

/// What PAM calls its answers, in `_pam_types.h`.
const SUCCESS: i64 = 0;
const SERVICE_ERR: i64 = 3;
#[cfg(feature = "system")]
const PERM_DENIED: i64 = 6;
const AUTH_ERR: i64 = 7;
const AUTHINFO_UNAVAIL: i64 = 9;
const MAXTRIES: i64 = 11;
const CONV_ERR: i64 = 19;

/// The usual prompt.
const CODE: &str = "Verification code: ";

/// What sshd says of a key.
const KEY: &str = "env=SSH_AUTH_INFO_0=publickey ssh-ed25519 AAAAC3Nza\n";
