//! The functions of libpam that pam-bindings lacks, and the one of its own that is unsafe.
#![expect(unsafe_code, reason = "libpam is a C library")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::time::Duration;

use pam::constants::PamResultCode;
use pam::module::PamHandle;

unsafe extern "C" {
    fn pam_getenv(handle: *const PamHandle, name: *const c_char) -> *const c_char;
    fn pam_syslog(handle: *const PamHandle, priority: c_int, format: *const c_char, ...);
    fn pam_fail_delay(handle: *mut PamHandle, micros: c_uint) -> c_int;
}

/// The name of our PAM data; nobody else uses it.
const OUTCOME: &str = "middlewared-outcome";

/// What came of the auth phase, for the account phase of the same login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has not come to a decision.
    None,
    /// This account was let in.
    Passed(String),
    /// It was refused.
    Refused,
}

/// A variable of PAM's own environment, which the program sets and nobody else, `pam_getenv(3)`.
pub(crate) fn getenv(handle: &PamHandle, name: &CStr) -> Option<String> {
    // SAFETY: the handle is valid as long as the reference is, the name ends with a 0 byte, and
    // pam_getenv changes neither.
    let value = unsafe { pam_getenv(handle, name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: it points into PAM's environment, to a text that ends with a 0 byte and stays until the
    // environment is changed, which nobody does while we copy it.
    let value = unsafe { CStr::from_ptr(value) };
    Some(value.to_string_lossy().into_owned())
}

/// Writes a line to the system's log, as of the facility `authpriv`, `pam_syslog(3)`.
pub(crate) fn log(handle: &PamHandle, priority: c_int, message: &str) {
    let Ok(message) = CString::new(message.replace(char::is_control, " ")) else {
        return;
    };
    // SAFETY: the handle is valid; the format takes exactly one text, which is given and ends with a 0
    // byte.
    unsafe { pam_syslog(handle, priority, c"%s".as_ptr(), message.as_ptr()) }
}

/// Asks libpam to wait about this long before it tells of a failure, `pam_fail_delay(3)`.
pub(crate) fn delay_failure(handle: &mut PamHandle, delay: Duration) {
    let micros = c_uint::try_from(delay.as_micros()).unwrap_or(c_uint::MAX);
    // SAFETY: the handle is valid, and nobody else uses it during the call.
    unsafe { pam_fail_delay(handle, micros) };
}

/// Remembers what came of the auth phase until `pam_end(3)`.
pub(crate) fn remember(handle: &mut PamHandle, outcome: Outcome) -> Result<(), PamResultCode> {
    handle.set_data(OUTCOME, Box::new(outcome))
}

/// What came of the auth phase of this handle; `Outcome::None` also where there was none.
pub(crate) fn remembered(handle: &PamHandle) -> &Outcome {
    // SAFETY: under this name only `remember` stores anything, and that is an `Outcome`. It is
    // replaced and freed only through a `&mut` of the handle, which the returned reference excludes.
    unsafe { handle.get_data::<Outcome>(OUTCOME) }.unwrap_or(&Outcome::None)
}
