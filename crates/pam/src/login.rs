//! What PAM knows of the login: who, by which service, from where, and what is proven.

use nix::unistd::User;
use pam::constants::PamResultCode;
use pam::items::{AuthTok, RHost, Service, Tty};
use pam::module::PamHandle;

use crate::{ffi, terminal};

/// The one service whose word on proven keys counts.
pub(crate) const SSHD: &str = "sshd";

/// The service by which the daemon has passwords checked, for people who sign in on the web. It asks for
/// their codes itself, and nobody is there to answer a prompt: so here the module has nothing to say.
pub(crate) const DAEMON: &str = "middlewared";

/// The account phase: something was proven before, but nobody knows what.
pub(crate) const SESSION: &str = "session";

/// Who logs in, as `auth.twofactor.authenticate` takes it.
#[derive(Debug)]
pub(crate) struct Login {
    /// The canonical name, or what was typed where nobody has that name.
    pub(crate) username: String,
    pub(crate) uid: Option<u32>,
    pub(crate) service: String,
    pub(crate) source: Option<String>,
    pub(crate) tty: Option<String>,
    pub(crate) factor: Option<String>,
}

impl Login {
    /// Gathers it. Whoever the system does not know has proven nothing.
    pub(crate) fn gather(
        handle: &mut PamHandle,
        factor: Option<String>,
    ) -> Result<Self, PamResultCode> {
        let unavailable = PamResultCode::PAM_AUTHINFO_UNAVAIL;
        let typed = handle.get_user(None).map_err(|_| unavailable)?;
        let user = match User::from_name(&typed) {
            Ok(user) => user,
            Err(errno) => {
                ffi::log(
                    handle,
                    libc::LOG_ERR,
                    &format!("refused: the user database does not answer: {errno}"),
                );
                return Err(PamResultCode::PAM_AUTHINFO_UNAVAIL);
            }
        };
        let uid = user.as_ref().map(|user| user.uid.as_raw());
        Ok(Self {
            uid,
            username: user.map_or(typed, |user| user.name),
            service: service(handle),
            source: source(handle),
            tty: tty(handle),
            factor: uid.and(factor),
        })
    }

    /// Whether a password or a key is proven. Before that nothing is shown but the prompt.
    pub(crate) const fn is_proven(&self) -> bool {
        self.factor.is_some()
    }

    /// Who it is, for the log. What nobody has for a name may be a password.
    pub(crate) fn who(&self) -> &str {
        match self.uid {
            Some(_) => &self.username,
            None => "an unknown account",
        }
    }
}

/// The name of the stack.
pub(crate) fn service(handle: &PamHandle) -> String {
    let item = handle.get_item::<Service<'_>>().ok().flatten();
    item.map_or_else(String::new, |Service(name)| {
        name.to_string_lossy().into_owned()
    })
}

/// Whether it comes from a terminal of this machine.
pub(crate) fn is_at_console(handle: &PamHandle) -> bool {
    terminal::is_local(source(handle).as_deref(), tty(handle).as_deref())
}

/// What the auth phase may say of the lines before: sshd's word on a key, or that a password was taken.
///
/// The password is one that the line before has accepted, since a stack ends at one that it has not.
pub(crate) fn proven(handle: &PamHandle) -> Option<String> {
    let token = handle.get_item::<AuthTok<'_>>().ok().flatten();
    if token.is_some_and(|token| !token.as_bytes().is_empty()) {
        return Some("password".to_owned());
    }
    proven_key(handle)
}

/// The key that sshd has checked, as `publickey:TYPE BLOB`.
///
/// Only from PAM's own environment: the process's may be the client's doing.
pub(crate) fn proven_key(handle: &PamHandle) -> Option<String> {
    if service(handle) != SSHD {
        return None;
    }
    let info = ffi::getenv(handle, c"SSH_AUTH_INFO_0")?;
    first_key(&info).map(|key| format!("publickey:{key}"))
}

fn first_key(info: &str) -> Option<&str> {
    let mut keys = info
        .lines()
        .filter_map(|line| line.strip_prefix("publickey "));
    keys.next().map(str::trim).filter(|key| !key.is_empty())
}

fn source(handle: &PamHandle) -> Option<String> {
    let item = handle.get_item::<RHost<'_>>().ok().flatten();
    let text = item.map(|RHost(host)| host.to_string_lossy().into_owned());
    text.filter(|host| !host.is_empty())
}

fn tty(handle: &PamHandle) -> Option<String> {
    let item = handle.get_item::<Tty<'_>>().ok().flatten();
    let text = item.map(|Tty(tty)| tty.to_string_lossy().into_owned());
    text.filter(|tty| !tty.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_of_sshd_counts_and_nothing_like_it() {
        let cases = [
            ("publickey ssh-ed25519 AAAA", Some("ssh-ed25519 AAAA")),
            ("publickey ssh-ed25519 AAAA\n", Some("ssh-ed25519 AAAA")),
            (
                "publickey ssh-ed25519 AAAA\npublickey ssh-rsa BBBB\n",
                Some("ssh-ed25519 AAAA"),
            ),
            (
                "keyboard-interactive/pam\npublickey ssh-rsa BBBB\n",
                Some("ssh-rsa BBBB"),
            ),
            ("", None),
            ("publickey", None),
            ("publickey ", None),
            ("publickey \npublickey ssh-rsa BBBB", None),
            (" publickey ssh-rsa BBBB", None),
            ("publickeys ssh-rsa BBBB", None),
            ("Publickey ssh-rsa BBBB", None),
            ("hostbased ssh-rsa BBBB", None),
            ("password publickey ssh-rsa BBBB", None),
        ];
        for (info, key) in cases {
            assert_eq!(first_key(info), key, "{info:?}");
        }
    }
}
