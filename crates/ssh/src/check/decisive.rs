//! The settings that decide who comes in.

use crate::config::Setting;
use crate::methods::Methods;

/// Settings on which it depends who comes in, and how.
pub(super) const DECISIVE: [&str; 9] = [
    "authenticationmethods",
    "kbdinteractiveauthentication",
    "challengeresponseauthentication",
    "passwordauthentication",
    "pubkeyauthentication",
    "permitrootlogin",
    "authorizedkeysfile",
    "authorizedkeyscommand",
    "pamservicename",
];

/// The service whose stack has our lines. `sshd -T` names it from OpenSSH 9.8 on.
pub(super) const PAM_SERVICE: &str = "sshd";

/// Whether it lets somebody in without a code, for whomever it holds.
pub(super) fn goes_around(setting: &Setting) -> bool {
    match setting.keyword.as_str() {
        "authenticationmethods" => !Methods::parse(&setting.value()).always_ask_pam(),
        "pamservicename" => setting.value() != PAM_SERVICE,
        _ => false,
    }
}
