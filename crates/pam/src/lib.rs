//! Asks: `pam_middleware.so`, which stands in a PAM stack and asks middlewared for the second factor.
//!
//! It decides nothing. The daemon says whether a code is asked for and whether it is right; the module
//! passes on what PAM knows of the login, shows what the daemon says to whoever has proven a first
//! factor, and refuses where there is no answer. No threads, no runtime, nothing kept between calls
//! but the outcome of the auth phase, as PAM data for the account phase. It logs no code, password,
//! invite or key.
#![deny(unsafe_code)]
#![expect(
    missing_docs,
    reason = "the entry points that pam_hooks! makes have none"
)]

mod account;
mod ask;
mod auth;
mod conversation;
mod door;
mod enrol;
mod ffi;
mod login;
mod options;
mod qr;
mod terminal;
mod verdict;

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};

/// What libpam calls.
struct Module;

pam::pam_hooks!(Module);

impl PamHooks for Module {
    fn sm_authenticate(handle: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        guarded(|| {
            #[cfg(feature = "panics")]
            panics();
            auth::authenticate(handle, &args, flags)
        })
    }

    fn acct_mgmt(handle: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        guarded(|| account::permit(handle, &args, flags))
    }

    /// sshd ends a login of which no module says this, `pam_setcred(3)`. The line of keys ends the stack
    /// where it succeeds, and must not keep the modules below from setting their credentials.
    fn sm_setcred(_: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        if args.contains(&c"key") {
            PamResultCode::PAM_IGNORE
        } else {
            PamResultCode::PAM_SUCCESS
        }
    }
}

/// A panic is no answer, and must not end the program that has loaded the module.
fn guarded(run: impl FnOnce() -> PamResultCode) -> PamResultCode {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(PamResultCode::PAM_AUTHINFO_UNAVAIL)
}

#[cfg(feature = "panics")]
fn panics() {
    panic!("built to panic");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_refuses() {
        assert_eq!(
            guarded(|| panic!("in a test")),
            PamResultCode::PAM_AUTHINFO_UNAVAIL
        );
        assert_eq!(
            guarded(|| PamResultCode::PAM_SUCCESS),
            PamResultCode::PAM_SUCCESS
        );
    }
}
