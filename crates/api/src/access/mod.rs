//! Who may call what, at which entrance: the one place that says no.
//!
//! There are two entrances. Whoever comes by root's socket may do everything. The web's socket is open to
//! a process without rights, so a connection there begins as a stranger's and gets rights by signing
//! in. What is asked of a caller is declared with each method ([`Right`]); nothing is permitted that is
//! not declared.

mod right;
mod sessions;
mod throttle;
mod tokens;
mod visit;

use std::fmt;
use std::sync::Arc;

use nix::errno::Errno;
use twofactor::{Account, AccountName, Source};

pub use right::{Proof, Right};
pub(crate) use sessions::Listed;
pub use sessions::{CheckPassword, PasswordAnswer, Question, SessionRules, Sessions};
pub(crate) use tokens::NewToken;
pub(crate) use visit::{Change, LoginGuard, Pending, SignedIn, Signing};
pub use visit::{SessionChange, Visit};

use crate::CallError;
use crate::core::Ping;
use crate::method::Declared;

/// The service that people sign in to on the web, as PAM and the doors name it.
pub(crate) const SERVICE: &str = "middlewared";

/// For whom a call is done, and what that permits: as it was when the call came.
#[derive(Clone)]
pub struct Access(Option<Web>);

#[derive(Clone)]
struct Web {
    visit: Arc<Visit>,
    signed_in: Option<SignedIn>,
    /// A code was given for this very call.
    is_new: bool,
    /// Seconds of this boot.
    now: u64,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() {
            "Access(root)"
        } else {
            "Access(web)"
        })
    }
}

impl Access {
    /// Of root's socket.
    #[must_use]
    pub const fn root() -> Self {
        Self(None)
    }

    /// Of a call of this method on the web's socket, at a second of this boot. A code that was given for
    /// it is used up by it, whatever comes of it.
    #[must_use]
    pub(crate) fn of_call(visit: &Arc<Visit>, method: &str, now: u64) -> Self {
        let signed_in = visit.signed_in(now);
        // A page that only looks whether we are there would keep its session for ever.
        if method != Ping::NAME {
            visit.touch(now);
        }
        Self(Some(Web {
            visit: Arc::clone(visit),
            signed_in,
            is_new: visit.take_new(method, now),
            now,
        }))
    }

    /// Of a connection by which nothing is called now.
    pub(crate) fn of_visit(visit: &Arc<Visit>, now: u64) -> Self {
        Self(Some(Web {
            visit: Arc::clone(visit),
            signed_in: visit.signed_in(now),
            is_new: false,
            now,
        }))
    }

    /// Whether it comes by root's socket.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// Refuses a call that this caller may not make.
    pub(crate) fn admit(&self, right: Right) -> Result<(), CallError> {
        let Some(web) = &self.0 else {
            return Ok(());
        };
        if right == Right::Anybody {
            return Ok(());
        }
        let signed_in = web.signed_in.as_ref().ok_or(CallError::NotSignedIn)?;
        let is_enough = match right {
            Right::Root => false,
            Right::Administrator(_) => signed_in.is_administrator,
            Right::Own(_) | Right::SignedIn | Right::Anybody => true,
        };
        match right {
            Right::Root => return Err(refused(ROOT_ONLY)),
            _ if !is_enough => return Err(refused(ADMINISTRATORS_ONLY)),
            _ => {}
        }
        match right.proof() {
            Some(Proof::Fresh) if !web.is_fresh() => Err(stale(FRESH)),
            Some(Proof::New) if !web.is_new => Err(stale(NEW)),
            _ => Ok(()),
        }
    }

    /// Whether to tell of an event that whoever has this right may hear, about an account, if it is about one.
    pub(crate) fn may_hear(&self, right: Right, owner: Option<u32>) -> bool {
        let is_theirs = || owner.is_some_and(|uid| self.permits(uid));
        self.admit(right).is_ok()
            && match right {
                Right::Own(_) => self.is_administrator() || is_theirs(),
                _ => true,
            }
    }

    /// Whether this call may show a secret: on the web only after a code for that very call.
    pub(crate) fn may_reveal(&self) -> bool {
        self.0.as_ref().is_none_or(|web| web.is_new)
    }

    /// Refuses what needs a code of the last five minutes, where that depends on the state.
    pub(crate) fn require_fresh(&self) -> Result<(), CallError> {
        match &self.0 {
            Some(web) if !web.is_fresh() => Err(stale(FRESH)),
            _ => Ok(()),
        }
    }

    /// Whether the caller may act on every account.
    pub(crate) fn is_administrator(&self) -> bool {
        let Some(web) = &self.0 else {
            return true;
        };
        web.signed_in
            .as_ref()
            .is_some_and(|signed_in| signed_in.is_administrator)
    }

    /// The second of this boot that the call came at; none on root's socket, where nothing ends.
    pub(crate) fn now(&self) -> u64 {
        self.0.as_ref().map_or(0, |web| web.now)
    }

    /// The account that is signed in; none on root's socket.
    pub(crate) fn account(&self) -> Option<&Account> {
        Some(&self.signed_in()?.account)
    }

    pub(crate) fn signed_in(&self) -> Option<&SignedIn> {
        self.0.as_ref()?.signed_in.as_ref()
    }

    /// The uid of whoever is signed in; none on root's socket.
    #[must_use]
    pub fn uid(&self) -> Option<u32> {
        self.account().map(|account| account.uid)
    }

    /// Whether this account may be acted on.
    pub(crate) fn permits(&self, uid: u32) -> bool {
        self.is_administrator() || self.account().is_some_and(|account| account.uid == uid)
    }

    /// Whether a name may be looked up: else one could ask which ones there are.
    pub(crate) fn may_name(&self, name: &AccountName) -> Result<(), CallError> {
        let is_own = self.account().is_some_and(|account| account.name == *name);
        if is_own || self.is_administrator() {
            Ok(())
        } else {
            Err(refused(OTHERS))
        }
    }

    /// From where somebody calls: this machine, or the address that the web process has told.
    pub(crate) fn source(&self) -> Source {
        match &self.0 {
            None => Source::Local,
            Some(web) => web.visit.source(),
        }
    }

    /// The connection, which signing in and out is about.
    ///
    /// # Errors
    /// On root's socket there is nobody to sign in.
    pub(crate) fn visit(&self) -> Result<&Arc<Visit>, CallError> {
        match &self.0 {
            Some(web) => Ok(&web.visit),
            None => Err(CallError::refused(Errno::EOPNOTSUPP, NO_LOGIN)),
        }
    }

    /// Remembers what a durable call has changed of the session. For the writer, after the commit.
    pub fn apply(&self, change: SessionChange, now: u64) {
        if let Some(web) = &self.0 {
            Visit::apply(&web.visit, change, now);
        }
    }
}

impl Web {
    fn is_fresh(&self) -> bool {
        let signed_in = self.signed_in.as_ref();
        signed_in.is_some_and(|signed_in| signed_in.is_fresh(self.now))
    }
}

const ROOT_ONLY: &str = "Not authorized: this is for root at this machine, by midclt";
const ADMINISTRATORS_ONLY: &str = "Not authorized: this is for administrators";
pub(crate) const OTHERS: &str = "Not authorized: this is about another account";
const FRESH: &str =
    "This needs a code that is at most 5 minutes old. Give one by auth.reauthenticate";
const NEW: &str = "This needs a new code for this very call. Give one by auth.reauthenticate";
const NO_LOGIN: &str = "There is no login on this socket: it is root's";

pub(crate) fn refused(message: &str) -> CallError {
    CallError::refused(Errno::EACCES, message)
}

/// An errno of its own, so that a page knows to ask for a code.
fn stale(message: &str) -> CallError {
    CallError::refused(Errno::EKEYEXPIRED, message)
}
