//! What somebody has proven before a code is asked for, in the words of the caller.

use twofactor::SshKey;

/// What was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Factor {
    /// Nothing, or a word that nobody knows: it must not open what a password opens.
    Nothing,
    /// A password.
    Password,
    /// A key; which one, where it can be read.
    Key(Option<SshKey>),
    /// Something, and nobody knows what: PAM's account phase, which comes also after a key alone.
    Session,
}

impl Factor {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "password" => Self::Password,
            "session" => Self::Session,
            _ => match text.strip_prefix("publickey:") {
                Some(key) if !key.trim().is_empty() => Self::Key(SshKey::parse(key)),
                _ => Self::Nothing,
            },
        }
    }

    /// Whether it is anything.
    pub(crate) const fn is_proven(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}
