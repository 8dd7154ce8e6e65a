//! Who is at the other end of a socket, and whether that is enough.

use std::fs;

use store::Peer;
use tokio::net::UnixStream;

/// Strangers look like this from inside a user namespace; never an identity.
fn overflow_uid() -> u32 {
    let read = fs::read_to_string("/proc/sys/kernel/overflowuid").ok();
    read.and_then(|uid| uid.trim().parse().ok())
        .unwrap_or(65_534)
}

/// Who may use a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    /// The daemon's own user, where it made the socket itself (a developer, the quickstart).
    own_uid: Option<u32>,
    /// Whoever the socket's file mode lets in: there one has to sign in.
    is_open: bool,
}

impl Admission {
    /// For a socket that was passed by systemd: root alone.
    pub(crate) const fn root_only() -> Self {
        Self {
            own_uid: None,
            is_open: false,
        }
    }

    /// For the web's socket, where nobody has rights by who they are.
    pub(crate) const fn anybody() -> Self {
        Self {
            own_uid: None,
            is_open: true,
        }
    }

    /// For a socket that this process made: root, and whoever runs it.
    pub(crate) fn root_and_self() -> Self {
        let uid = nix::unistd::geteuid().as_raw();
        Self {
            own_uid: Some(uid).filter(|uid| *uid != overflow_uid()),
            is_open: false,
        }
    }

    /// Whether `peer` may call methods.
    pub(crate) fn allows(self, peer: Peer) -> bool {
        self.is_open || peer.uid == 0 || self.own_uid == Some(peer.uid)
    }
}

/// The peer of a connection, from `SO_PEERCRED` (unix(7)): who it was when it connected.
pub(crate) fn of(stream: &UnixStream) -> std::io::Result<Peer> {
    let credentials = stream.peer_cred()?;
    // 0 where the peer lives in another pid namespace.
    let pid = credentials.pid().unwrap_or(0);
    Ok(Peer {
        uid: credentials.uid(),
        pid,
        login_uid: login_uid(pid),
    })
}

/// `4294967295` means that nobody logged in, as for daemons (`proc_pid_loginuid(5)`).
pub(crate) fn login_uid(pid: i32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/loginuid")).ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_and_never_the_overflow_uid() {
        let peer = |uid| Peer {
            uid,
            pid: 1,
            login_uid: None,
        };
        let own = Admission {
            own_uid: Some(1000),
            is_open: false,
        };
        for (admission, uid, allowed) in [
            (Admission::root_only(), 0, true),
            (Admission::root_only(), 1000, false),
            (own, 0, true),
            (own, 1000, true),
            (own, 1001, false),
            (own, overflow_uid(), false),
        ] {
            assert_eq!(admission.allows(peer(uid)), allowed, "{admission:?} {uid}");
        }
    }
}
