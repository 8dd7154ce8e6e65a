//! The drop-in: what sshd must say. Its text is one of a few, so that any change shows.

use crate::methods::{EITHER, KEY};

/// What stands for the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A password and a code, or a key and a code.
    PasswordOrKey,
    /// A key and a code: for machines where a password helped nobody before.
    KeyOnly,
}

/// How root comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootDoor {
    /// With a key and a code.
    Key,
    /// With a password and a code too.
    PasswordOrKey,
    /// As sshd had it, which is not at all: `PermitRootLogin no`.
    AsItWas,
}

/// The whole drop-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropIn {
    /// For everybody.
    pub mode: Mode,
    /// For root.
    pub root: RootDoor,
}

const MARK: &str = "\
# Managed by middlewared (midclt 2fa ssh): do not edit. To take it away: midclt 2fa ssh disable
";
const NO_QUOTES: &str = "\
# No quotes around the lists: with them it is one list, which nobody can satisfy.
";
/// Keyboard-interactive is how a code is asked for, password never is: sshd would hand over the
/// password in its place.
const PAM: &str = "\
UsePAM yes
KbdInteractiveAuthentication yes
PasswordAuthentication no
";

impl Mode {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PasswordOrKey => "PASSWORD_OR_KEY",
            Self::KeyOnly => "KEY_ONLY",
        }
    }

    /// Its `AuthenticationMethods`.
    #[must_use]
    pub const fn methods(self) -> &'static str {
        match self {
            Self::PasswordOrKey => EITHER,
            Self::KeyOnly => KEY,
        }
    }

    const fn comment(self) -> &'static str {
        match self {
            Self::PasswordOrKey => "# A key and a code, or a password and a code.\n",
            Self::KeyOnly => {
                "# A key and a code. A password helped nobody before, and helps nobody now.\n"
            }
        }
    }
}

impl RootDoor {
    const fn text(self) -> &'static str {
        match self {
            Self::Key => {
                "\
# Root: a key and a code. prohibit-password would refuse it, after having asked for the code.
PermitRootLogin yes
Match User root
    AuthenticationMethods publickey,keyboard-interactive:pam
"
            }
            Self::PasswordOrKey => {
                "\
# Root: a key and a code, or a password and a code.
PermitRootLogin yes
Match User root
    AuthenticationMethods publickey,keyboard-interactive:pam keyboard-interactive:pam
"
            }
            Self::AsItWas => "# Root: as it was, not at all.\n",
        }
    }
}

impl DropIn {
    const ALL: [Self; 6] = {
        const fn one(mode: Mode, root: RootDoor) -> DropIn {
            DropIn { mode, root }
        }
        use Mode::{KeyOnly, PasswordOrKey};
        [
            one(PasswordOrKey, RootDoor::Key),
            one(PasswordOrKey, RootDoor::PasswordOrKey),
            one(PasswordOrKey, RootDoor::AsItWas),
            one(KeyOnly, RootDoor::Key),
            one(KeyOnly, RootDoor::PasswordOrKey),
            one(KeyOnly, RootDoor::AsItWas),
        ]
    };

    /// The text of the file.
    #[must_use]
    pub fn text(self) -> String {
        let methods = format!("AuthenticationMethods {}\n", self.mode.methods());
        let parts = [
            MARK,
            self.mode.comment(),
            NO_QUOTES,
            &methods,
            PAM,
            self.root.text(),
        ];
        parts.concat()
    }

    /// Reads it back. None: it is not exactly as one that was written here.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dropin| dropin.text() == text)
    }

    /// Whether root comes in at all.
    #[must_use]
    pub fn lets_root_in(self) -> bool {
        self.root != RootDoor::AsItWas
    }

    /// Whether root needs no key.
    #[must_use]
    pub fn lets_root_in_by_password(self) -> bool {
        self.root == RootDoor::PasswordOrKey
    }

    /// What sshd must say of root, or of any other account that has no block of its own.
    #[must_use]
    pub const fn expected(self, is_root: bool) -> &'static str {
        match (is_root, self.root) {
            (true, RootDoor::Key) => KEY,
            (true, RootDoor::PasswordOrKey) => EITHER,
            _ => self.mode.methods(),
        }
    }
}

/// Whether a file was written here, changed or not.
#[must_use]
pub fn is_ours(text: &str) -> bool {
    text.starts_with("# Managed by middlewared")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = "\
# Managed by middlewared (midclt 2fa ssh): do not edit. To take it away: midclt 2fa ssh disable
# A key and a code, or a password and a code.
# No quotes around the lists: with them it is one list, which nobody can satisfy.
AuthenticationMethods publickey,keyboard-interactive:pam keyboard-interactive:pam
UsePAM yes
KbdInteractiveAuthentication yes
PasswordAuthentication no
# Root: a key and a code. prohibit-password would refuse it, after having asked for the code.
PermitRootLogin yes
Match User root
    AuthenticationMethods publickey,keyboard-interactive:pam
";

    #[test]
    fn the_text() {
        let dropin = DropIn {
            mode: Mode::PasswordOrKey,
            root: RootDoor::Key,
        };
        assert_eq!(dropin.text(), GOLDEN);
    }

    #[test]
    fn every_form_is_known_again_and_no_other() {
        for dropin in DropIn::ALL {
            let text = dropin.text();
            assert_eq!(DropIn::parse(&text), Some(dropin));
            assert!(is_ours(&text));
            assert_eq!(DropIn::parse(&format!("{text}\n")), None);
            assert_eq!(
                DropIn::parse(&text.replace("PasswordAuthentication no", "")),
                None
            );
        }
    }

    /// `sshd -t` takes the quoted form, `sshd -T` prints it alike, and it refuses everyone.
    #[test]
    fn authentication_methods_in_quotes_is_one_list() {
        for dropin in DropIn::ALL {
            assert!(!dropin.text().contains(['"', '\'']), "{dropin:?}");
        }
    }
}
