//! The account phase: what got past the auth phase is stopped here.
//!
//! sshd runs it for every login, also for one by a key alone, whose auth phase no PAM module sees.

use std::ffi::CStr;

use pam::constants::{PamFlag, PamResultCode};
use pam::module::PamHandle;

use crate::auth::misconfigured;
use crate::conversation::Conversation;
use crate::door::Door;
use crate::ffi::{self, Outcome};
use crate::login::{self, Login, SESSION};
use crate::options::{Options, Wrong};

/// `pam_sm_acct_mgmt`.
pub(crate) fn permit(handle: &mut PamHandle, args: &[&CStr], flags: PamFlag) -> PamResultCode {
    decide(handle, args, flags).unwrap_or_else(|code| code)
}

fn decide(
    handle: &mut PamHandle,
    args: &[&CStr],
    flags: PamFlag,
) -> Result<PamResultCode, PamResultCode> {
    let options = Options::parse(args).map_err(|Wrong(what)| misconfigured(handle, &what))?;
    if options.key {
        let what = "the option 'key' belongs to an auth line";
        return Err(misconfigured(handle, what));
    }
    if login::service(handle) == login::DAEMON {
        return Ok(PamResultCode::PAM_IGNORE);
    }
    if login::is_at_console(handle) && !options.asks_console {
        return Ok(PamResultCode::PAM_SUCCESS);
    }
    let login = Login::gather(handle, Some(SESSION.to_owned()))?;
    match ffi::remembered(handle) {
        // A program may begin as one account, and go on as another.
        Outcome::Passed(who) if *who == login.username => return Ok(PamResultCode::PAM_SUCCESS),
        Outcome::Refused => return Err(PamResultCode::PAM_PERM_DENIED),
        Outcome::Passed(_) | Outcome::None => {}
    }
    let conversation = Conversation::new(handle, flags);
    let door = Door {
        handle,
        options: &options,
        login: &login,
        conversation: &conversation,
    };
    Ok(door.pass_unasked())
}
