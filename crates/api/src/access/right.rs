//! Who may call a method, or subscribe to an event: one declaration for each.

use serde::Serialize;
use serde_json::{Value, json};

/// How sure it must be that a signed-in person is there, and not only a browser left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Proof {
    /// Signing in was enough.
    Session,
    /// A code was accepted in the last five minutes.
    Fresh,
    /// A code was accepted for this very call.
    New,
}

/// Who may call a method. Root may call every one on its own socket; the rest is about the web's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Root's socket only.
    Root,
    /// Administrators.
    Administrator(Proof),
    /// Everybody for their own account, and administrators. Such a method says whose account it acts
    /// on, or fails.
    Own(Proof),
    /// Whoever is signed in; it acts on no account.
    SignedIn,
    /// Whoever connects.
    Anybody,
}

impl Right {
    /// Its word in the contract; none where the web's socket never permits it.
    const fn on_web(self) -> Option<&'static str> {
        match self {
            Self::Root => None,
            Self::Administrator(_) => Some("ADMINISTRATOR"),
            Self::Own(_) => Some("OWN_ACCOUNT"),
            Self::SignedIn => Some("SIGNED_IN"),
            Self::Anybody => Some("ANYBODY"),
        }
    }

    /// What has to be proven besides; none where nobody can.
    pub(crate) const fn proof(self) -> Option<Proof> {
        match self {
            Self::Administrator(proof) | Self::Own(proof) => Some(proof),
            Self::Root | Self::SignedIn | Self::Anybody => None,
        }
    }

    /// As the contract shows it: who at which entrance.
    pub(crate) fn describe(self) -> Value {
        json!({ "root": true, "web": self.on_web(), "proof": self.proof() })
    }
}
