//! The auth phase: whoever logs in is asked, unless they sit at the machine.

use std::ffi::CStr;
use std::time::Duration;

use pam::constants::{PamFlag, PamResultCode};
use pam::module::PamHandle;

use crate::conversation::Conversation;
use crate::door::Door;
use crate::ffi::{self, Outcome};
use crate::login::{self, Login, SSHD};
use crate::options::{Options, Wrong};

/// What a refusal costs: as much as a wrong password of `pam_unix(8)`.
const FAIL_DELAY: Duration = Duration::from_secs(2);

/// `pam_sm_authenticate`.
pub(crate) fn authenticate(
    handle: &mut PamHandle,
    args: &[&CStr],
    flags: PamFlag,
) -> PamResultCode {
    // Whatever an earlier login of the same handle came to.
    if ffi::remember(handle, Outcome::None).is_err() {
        return PamResultCode::PAM_AUTHINFO_UNAVAIL;
    }
    let (code, who) = decide(handle, args, flags).unwrap_or_else(|code| (code, None));
    let outcome = match (&code, who) {
        (PamResultCode::PAM_SUCCESS, Some(who)) => Outcome::Passed(who),
        // The line of keys has nothing to say, or nobody was asked: the account phase asks by itself.
        (PamResultCode::PAM_IGNORE | PamResultCode::PAM_SUCCESS, _) => return code,
        _ => Outcome::Refused,
    };
    if ffi::remember(handle, outcome).is_err() {
        return PamResultCode::PAM_AUTHINFO_UNAVAIL;
    }
    if is_worth_a_wait(&code) {
        ffi::delay_failure(handle, FAIL_DELAY);
    }
    code
}

/// What PAM is told, and of which account the daemon has said so.
fn decide(
    handle: &mut PamHandle,
    args: &[&CStr],
    flags: PamFlag,
) -> Result<(PamResultCode, Option<String>), PamResultCode> {
    let options = Options::parse(args).map_err(|Wrong(what)| misconfigured(handle, &what))?;
    let factor = if options.key {
        if login::service(handle) != SSHD {
            let what = "the option 'key' is for the stack of sshd, which checks keys";
            return Err(misconfigured(handle, what));
        }
        // Without a key this line has nothing to say: the next ones ask for a password.
        Some(login::proven_key(handle).ok_or(PamResultCode::PAM_IGNORE)?)
    } else {
        login::proven(handle)
    };
    if login::service(handle) == login::DAEMON {
        // Never a success: a stack with nothing else must not let anybody in.
        return Ok((PamResultCode::PAM_IGNORE, None));
    }
    // Before the user database is asked: it may not answer, on a bad day at the console.
    if login::is_at_console(handle) && !options.asks_console {
        return Ok((PamResultCode::PAM_SUCCESS, None));
    }
    let login = Login::gather(handle, factor)?;
    let conversation = Conversation::new(handle, flags);
    let door = Door {
        handle,
        options: &options,
        login: &login,
        conversation: &conversation,
    };
    Ok((door.pass(), Some(login.username)))
}

/// A mistake in the stack: logged for root, and a refusal.
pub(crate) fn misconfigured(handle: &PamHandle, what: &str) -> PamResultCode {
    ffi::log(handle, libc::LOG_ERR, &format!("refused: {what}"));
    PamResultCode::PAM_SERVICE_ERR
}

/// Whether somebody was refused for what they did: the daemon's silence costs its deadline, and no more.
const fn is_worth_a_wait(code: &PamResultCode) -> bool {
    matches!(
        code,
        PamResultCode::PAM_AUTH_ERR | PamResultCode::PAM_MAXTRIES | PamResultCode::PAM_PERM_DENIED
    )
}
