//! What all connections on the web's socket share: the rules, who is signed in, tokens, and the wrong
//! passwords by address. In memory: a restart of the daemon signs everybody out. All times are seconds of
//! this boot, which nobody can set.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use nix::errno::Errno;
use zeroize::Zeroizing;

use super::throttle::{Address, Throttle};
use super::tokens::{NewToken, Token, Tokens};
use super::visit::{SignedIn, Visit};
use crate::CallError;

/// What is asked about a password. It goes to a program of its own.
pub struct Question {
    /// The name as it was typed.
    pub username: String,
    /// The password as it was typed.
    pub password: Zeroizing<String>,
    /// The address it came from; empty where none is known.
    pub address: String,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Question(hidden)")
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordAnswer {
    /// It is right, and the account may be used.
    Right,
    /// It is wrong, or there is no such account.
    Wrong,
    /// It is right, and it or the account is over.
    Expired,
    /// It is right, and something else keeps the account out.
    Denied,
}

/// Asks about a password, and waits. An error is no answer: nobody is let in.
pub type CheckPassword = dyn Fn(&Question) -> Result<PasswordAnswer, CallError> + Send + Sync;

/// What was configured.
pub struct SessionRules {
    /// The group whose members are administrators, as root is.
    pub administrators: String,
    /// Who knows passwords.
    pub check_password: Box<CheckPassword>,
}

/// All sessions.
pub struct Sessions {
    rules: SessionRules,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    visits: Vec<Weak<Visit>>,
    tokens: Tokens,
    throttle: Throttle,
}

/// A session, as others see it.
pub(crate) struct Listed {
    pub(crate) signed_in: SignedIn,
    pub(crate) address: String,
    visit: Arc<Visit>,
}

impl Sessions {
    /// Nobody is signed in.
    #[must_use]
    pub fn new(rules: SessionRules) -> Arc<Self> {
        Arc::new(Self {
            rules,
            book: Mutex::default(),
        })
    }

    /// A new connection, from an address that the web process tells. `wake` is called when its session
    /// begins, or is ended by another one.
    pub fn visit(
        self: &Arc<Self>,
        address: &str,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Visit> {
        Arc::new(Visit::new(Arc::clone(self), address, Box::new(wake)))
    }

    pub(crate) fn administrators(&self) -> &str {
        &self.rules.administrators
    }

    /// Asks about a password, unless there were too many wrong ones from this address. It is looked at
    /// here, when it is this one's turn, so that many at once are counted too.
    pub(crate) fn check(&self, question: &Question, now: u64) -> Result<PasswordAnswer, CallError> {
        let address = Address::parse(&question.address);
        self.not_throttled(address, now)?;
        let answer = (self.rules.check_password)(question)?;
        if answer == PasswordAnswer::Wrong {
            self.book().throttle.wrong(address, now);
        }
        Ok(answer)
    }

    fn not_throttled(&self, address: Address, now: u64) -> Result<(), CallError> {
        match self.book().throttle.wait(address, now) {
            None => Ok(()),
            Some(secs) => {
                let message =
                    format!("Too many wrong passwords from your address. Try again in {secs} s");
                Err(CallError::refused(Errno::EBUSY, message))
            }
        }
    }

    /// Makes a token for a session.
    pub(crate) fn make_token(&self, new: &NewToken<'_>) -> Result<Zeroizing<String>, CallError> {
        self.book().tokens.make(new)
    }

    /// Uses a token up. A wrong one counts as a wrong password does.
    pub(crate) fn use_token(
        &self,
        typed: &str,
        address: Address,
        now: u64,
    ) -> Result<Option<Token>, CallError> {
        self.not_throttled(address, now)?;
        let mut book = self.book();
        let token = book.tokens.use_up(typed, address, now);
        if token.is_none() {
            book.throttle.wrong(address, now);
        }
        Ok(token)
    }

    /// Those who are signed in now, the oldest first.
    pub(crate) fn list(&self, now: u64) -> Vec<Listed> {
        let visits: Vec<_> = {
            let mut book = self.book();
            book.visits.retain(|visit| visit.strong_count() > 0);
            book.visits.iter().filter_map(Weak::upgrade).collect()
        };
        let mut listed: Vec<Listed> = visits
            .into_iter()
            .filter_map(|visit| {
                Some(Listed {
                    signed_in: visit.signed_in(now)?,
                    address: visit.address().to_string(),
                    visit,
                })
            })
            .collect();
        listed.sort_by_key(|one| one.signed_in.created);
        listed
    }

    /// Ends a session, and what would bring it back.
    pub(crate) fn terminate(&self, listed: &Listed) {
        self.forget_tokens(&listed.signed_in.id);
        listed.visit.terminate();
    }

    pub(crate) fn forget_tokens(&self, session: &str) {
        self.book().tokens.forget(session);
    }

    pub(super) fn opened(&self, visit: &Arc<Visit>) {
        let mut book = self.book();
        book.visits.retain(|other| other.strong_count() > 0);
        let is_it = |other: &Weak<Visit>| Weak::as_ptr(other) == Arc::as_ptr(visit);
        if !book.visits.iter().any(is_it) {
            book.visits.push(Arc::downgrade(visit));
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing in here panics half way.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
