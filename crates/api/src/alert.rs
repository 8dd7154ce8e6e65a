//! What somebody should look at: an event for subscribers, and a line in the journal at warning with a
//! `MESSAGE_ID` of its kind, so that mail or monitoring can hang on it.
//!
//! The ids are for ever: a new meaning gets a new one. Never holds a secret, a code, or a name that
//! somebody typed and nobody has.

use serde::Serialize;
use serde_json::{Value, json};
use store::Audience;
use twofactor::{AccountName, Source};

use crate::CallError;
use crate::event::{ALERT, Event};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertKind {
    /// An account does not take codes for a while.
    Locked,
    /// Wrong codes came after a right password or key.
    FailuresAfterPassword,
    /// A bypass was made or used.
    Bypass,
    /// Two-factor authentication is off for everybody.
    Disabled,
    /// Two-factor authentication is on.
    Enabled,
    /// An account is never asked, up to a date.
    Exemption,
    /// A device can give codes now.
    DeviceAdded,
    /// A device cannot give codes any more.
    DeviceRemoved,
    /// A recovery code was used.
    RecoveryUsed,
    /// The failures of an account were forgiven.
    Unlocked,
    /// The rules changed.
    PolicyChanged,
    /// Settings on trial were rolled back.
    TrialRolledBack,
    /// sshd does not ask any more as it should.
    SshdDrifted,
    /// Somebody has all devices now, to move them.
    Exported,
    /// The state is what an export had.
    Restored,
    /// A code that was used was typed again somewhere else.
    CodeReused,
    /// The clock shows an earlier time than it did.
    ClockBehind,
}

impl AlertKind {
    /// Every kind.
    const ALL: [Self; 17] = [
        Self::Locked,
        Self::FailuresAfterPassword,
        Self::Bypass,
        Self::Disabled,
        Self::Enabled,
        Self::Exemption,
        Self::DeviceAdded,
        Self::DeviceRemoved,
        Self::RecoveryUsed,
        Self::Unlocked,
        Self::PolicyChanged,
        Self::TrialRolledBack,
        Self::SshdDrifted,
        Self::Exported,
        Self::Restored,
        Self::CodeReused,
        Self::ClockBehind,
    ];

    /// Name, id, and what it means. Long on purpose: it is a table.
    const fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Locked => (
                "LOCKED",
                "3c612f25cfef4d9180597e08f52e6ec2",
                "After wrong codes, an account takes no code for a while.",
            ),
            Self::FailuresAfterPassword => (
                "FAILURES_AFTER_PASSWORD",
                "84f25a8560044a82991256f84f0bdedc",
                "Wrong codes came after a right password or key: it is known to somebody else.",
            ),
            Self::Bypass => (
                "BYPASS",
                "15eb3b8c36c74a3187601825d77d95f9",
                "A bypass was made or used.",
            ),
            Self::Disabled => (
                "DISABLED",
                "06833ae7f38348be97729923dc2a3310",
                "Two-factor authentication was turned off, for everybody.",
            ),
            Self::Enabled => (
                "ENABLED",
                "b5769854fa3a4560b9aaa7ba8a432b3b",
                "Two-factor authentication was turned on.",
            ),
            Self::Exemption => (
                "EXEMPTION",
                "0cb339f5f55e46eb8d06f5191e546301",
                "An account was exempted from being asked for a code, or was given grace.",
            ),
            Self::DeviceAdded => (
                "DEVICE_ADDED",
                "c23446be25e14d9baa8c268b8a134bc1",
                "An account has a new device that can give codes.",
            ),
            Self::DeviceRemoved => (
                "DEVICE_REMOVED",
                "acfe37a1beef4caba44a339c4287bdc5",
                "A device of an account cannot give codes any more.",
            ),
            Self::RecoveryUsed => (
                "RECOVERY_USED",
                "adab2e1284ea462dadceb21e2afc7b66",
                "A recovery code was used.",
            ),
            Self::Unlocked => (
                "UNLOCKED",
                "0825ba72775644b7891578a27ad99fc4",
                "The failures of an account were forgiven.",
            ),
            Self::PolicyChanged => (
                "POLICY_CHANGED",
                "399faa7a02fb4b94a4ed5118bae086a9",
                "The rules for accounts changed.",
            ),
            Self::TrialRolledBack => (
                "TRIAL_ROLLED_BACK",
                "81e38fbe191a42ee9f9b527b745dde09",
                "A trial of settings was rolled back.",
            ),
            Self::SshdDrifted => (
                "SSHD_DRIFTED",
                "e94c3c84be154edc95efec6c89e1eb21",
                "sshd asks for codes no longer as it should.",
            ),
            Self::Exported => (
                "EXPORTED",
                "589e254e7377494d90f017bc9ff313e4",
                "Settings and devices were exported, with their secrets.",
            ),
            Self::Restored => (
                "RESTORED",
                "270b51e2eafa4a3fbd7bb749bae6767d",
                "Settings and devices of an export were restored.",
            ),
            Self::CodeReused => (
                "CODE_REUSED",
                "4a0d9befc2f248a39dd0074465a76ec4",
                "A right code that was used was typed again from another place: somebody has seen it.",
            ),
            Self::ClockBehind => (
                "CLOCK_BEHIND",
                "7905227dce254bb8ae929c8214630e91",
                "The clock shows an earlier time than it did: right codes may be refused.",
            ),
        }
    }

    /// Who is told of it at the next login. The owner of an account has a line of their own for wrong codes,
    /// and who did something on purpose need not be told by it.
    pub(crate) const fn told_at_login(self) -> Option<Audience> {
        match self {
            Self::CodeReused | Self::DeviceAdded => Some(Audience::Both),
            Self::FailuresAfterPassword
            | Self::Disabled
            | Self::SshdDrifted
            | Self::ClockBehind => Some(Audience::Root),
            Self::Locked
            | Self::Bypass
            | Self::Enabled
            | Self::Exemption
            | Self::DeviceRemoved
            | Self::RecoveryUsed
            | Self::Unlocked
            | Self::PolicyChanged
            | Self::TrialRolledBack
            | Self::Exported
            | Self::Restored => None,
        }
    }

    /// Its name for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The journal's `MESSAGE_ID` (systemd.journal-fields(7)).
    #[must_use]
    pub const fn message_id(self) -> &'static str {
        self.row().1
    }
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Alert {
    /// What happened.
    pub kind: AlertKind,
    /// To whom; nobody in particular where it is for everybody.
    pub account: Option<AccountName>,
    /// From where, where that matters.
    pub source: Option<Source>,
    /// A sentence for people.
    pub message: String,
}

#[derive(Serialize)]
struct Fields<'a> {
    kind: &'static str,
    message_id: &'static str,
    username: Option<&'a str>,
    source: Option<String>,
    message: &'a str,
}

impl Alert {
    /// To whom it happened, if to anybody in particular.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.account.as_ref().map(AccountName::as_str)
    }

    /// The event for subscribers.
    pub(crate) fn event(&self) -> Result<Event, CallError> {
        let fields = Fields {
            kind: self.kind.as_str(),
            message_id: self.kind.message_id(),
            username: self.username(),
            source: self.source.map(|source| source.to_string()),
            message: &self.message,
        };
        Event::happened(ALERT, &fields)
    }
}

/// The table, for the contract.
pub(crate) fn table() -> Vec<Value> {
    let describe = |kind: AlertKind| {
        let (name, message_id, description) = kind.row();
        json!({ "kind": name, "message_id": message_id, "description": description })
    };
    AlertKind::ALL.into_iter().map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_with_a_name_and_an_id_of_its_own() {
        for (at, kind) in AlertKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "{kind:?}");
            let (name, id, _) = kind.row();
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            assert!(id.len() == 32 && id.bytes().all(is_hex), "{name}");
            let same = |other: &AlertKind| other.as_str() == name || other.message_id() == id;
            let same = AlertKind::ALL.into_iter().filter(same).count();
            assert_eq!(same, 1, "{name}");
        }
        assert_eq!(AlertKind::ClockBehind as usize + 1, AlertKind::ALL.len());
    }

    /// Ids are for ever, and people look them up: the document has them all.
    #[test]
    fn every_id_is_documented() {
        let document = include_str!("../../../docs/protocol.md");
        for kind in AlertKind::ALL {
            let line = format!("| `{}` | `{}` |", kind.as_str(), kind.message_id());
            assert!(document.contains(&line), "{line}");
        }
    }

    #[test]
    fn an_alert_is_an_event_and_no_change() {
        let alert = Alert {
            kind: AlertKind::Locked,
            account: AccountName::new("alice"),
            source: Some(Source::parse("192.0.2.1")),
            message: "Too many wrong codes".to_owned(),
        };
        let event = alert.event().unwrap();
        assert!(!event.is_change());
        let text = serde_json::to_string(&event).unwrap();
        let expected = r#"{"msg":"added","collection":"auth.twofactor.alert","fields":{"kind":"LOCKED","message_id":"3c612f25cfef4d9180597e08f52e6ec2","username":"alice","source":"192.0.2.1","message":"Too many wrong codes"}}"#;
        assert_eq!(text, expected);
    }
}
