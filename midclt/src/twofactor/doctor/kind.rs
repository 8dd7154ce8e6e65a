//! What the doctor may find. For sshd there are the names of `midclt 2fa ssh check` besides.

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The daemon does not answer.
    Silent,
    /// Two-factor authentication is off for everybody.
    Off,
    /// What `midclt 2fa status` says: clock, accounts, codes, waits, window.
    Status,
    /// An exemption ends within a week.
    ExemptionEnds,
    /// What sshd does cannot be found out.
    SshdUnknown,
    /// SSH logins need no code.
    SshOff,
    /// The state is no directory.
    StateNoDirectory,
    /// Others may look into the state.
    StateOpen,
    /// The master key is not there.
    KeyMissing,
    /// Others may read the master key.
    KeyOpen,
    /// Others may read the database.
    DatabaseOpen,
    /// The state cannot be written.
    ReadOnly,
    /// The disk of the state is nearly full.
    LittleRoom,
    /// Something else is where the socket should be.
    NotASocket,
    /// Others may call the daemon.
    SocketOpen,
    /// Systemd may not start the daemon.
    UnitMasked,
    /// After the next boot nobody answers.
    SocketDisabled,
    /// TrueNAS or its client is here too.
    TrueNas,
}

impl Kind {
    /// Its name for programs; `docs/recovery.md` has them all.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "DAEMON",
            Self::Off => "OFF",
            Self::Status => "STATUS",
            Self::ExemptionEnds => "EXEMPTION_ENDS",
            Self::SshdUnknown => "SSHD_UNKNOWN",
            Self::SshOff => "SSH_OFF",
            Self::StateNoDirectory => "STATE_NO_DIRECTORY",
            Self::StateOpen => "STATE_OPEN",
            Self::KeyMissing => "KEY_MISSING",
            Self::KeyOpen => "KEY_OPEN",
            Self::DatabaseOpen => "DATABASE_OPEN",
            Self::ReadOnly => "READ_ONLY",
            Self::LittleRoom => "LITTLE_ROOM",
            Self::NotASocket => "NOT_A_SOCKET",
            Self::SocketOpen => "SOCKET_OPEN",
            Self::UnitMasked => "UNIT_MASKED",
            Self::SocketDisabled => "SOCKET_DISABLED",
            Self::TrueNas => "TRUENAS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Kind; 18] = [
        Kind::Silent,
        Kind::Off,
        Kind::Status,
        Kind::ExemptionEnds,
        Kind::SshdUnknown,
        Kind::SshOff,
        Kind::StateNoDirectory,
        Kind::StateOpen,
        Kind::KeyMissing,
        Kind::KeyOpen,
        Kind::DatabaseOpen,
        Kind::ReadOnly,
        Kind::LittleRoom,
        Kind::NotASocket,
        Kind::SocketOpen,
        Kind::UnitMasked,
        Kind::SocketDisabled,
        Kind::TrueNas,
    ];

    /// The cases that provoke each of them are held against the document.
    #[test]
    fn every_kind_is_documented() {
        let document = include_str!("../../../../docs/recovery.md");
        for (at, kind) in ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "{kind:?}");
            assert!(
                document.contains(&format!("| `{}` | ", kind.as_str())),
                "{kind:?}"
            );
        }
        assert_eq!(Kind::TrueNas as usize + 1, ALL.len());
    }
}
