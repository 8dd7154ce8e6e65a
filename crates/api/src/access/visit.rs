//! One connection on the web's socket: who is signed in there, and how far a login has come.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use twofactor::{Account, Source};

use super::sessions::Sessions;
use super::throttle::Address;
use crate::CallError;

/// A session ends when nothing was called for so many seconds.
const IDLE_SECS: u64 = 30 * 60;

/// And after so many in any case.
const LONGEST_SECS: u64 = 12 * 60 * 60;

/// How long a code counts as fresh.
const FRESH_SECS: u64 = 5 * 60;

/// How long a code may be on its way after the password, and a call after the code for it.
const PENDING_SECS: u64 = 5 * 60;
const NEW_SECS: u64 = 60;

/// A connection.
pub struct Visit {
    source: Source,
    address: Address,
    sessions: Arc<Sessions>,
    state: Mutex<State>,
    /// Called when the session was ended by another one.
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    signed_in: Option<SignedIn>,
    pending: Option<Pending>,
    new: Option<New>,
    has_login: bool,
    /// By its time or by another session, and not because somebody signed out here.
    is_ended: bool,
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    /// The session's name, which is no secret.
    pub(crate) id: String,
    pub(crate) account: Account,
    pub(crate) is_administrator: bool,
    /// Let in by an invite, to set up a first device; not for what administrators may.
    pub(crate) is_newcomer: bool,
    /// Seconds since 1970, for people.
    pub(crate) created: u64,
    /// Seconds of this boot, as the others.
    pub(crate) ends: u64,
    pub(crate) last_call: u64,
    pub(crate) code_at: Option<u64>,
}

impl SignedIn {
    pub(crate) const fn is_fresh(&self, now: u64) -> bool {
        self.fresh_secs(now).is_some()
    }

    /// How long the newest code stays fresh.
    pub(crate) const fn fresh_secs(&self, now: u64) -> Option<u64> {
        let Some(at) = self.code_at else {
            return None;
        };
        match (at + FRESH_SECS).checked_sub(now) {
            Some(0) | None => None,
            left => left,
        }
    }

    /// When it is over, unless something is called before.
    pub(crate) fn over_at(&self) -> u64 {
        self.ends.min(self.last_call + IDLE_SECS)
    }
}

/// Somebody whose password was right, and whose code is missing.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) account: Account,
    pub(crate) is_administrator: bool,
    pub(crate) options: Signing,
    until: u64,
}

/// What is wanted of a login besides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signing {
    pub(crate) user_info: bool,
    pub(crate) reconnect_token: bool,
}

/// A code that was given for one call.
struct New {
    method: String,
    until: u64,
}

/// What a durable call has changed of the session that it came by.
pub struct SessionChange(pub(crate) Change);

impl fmt::Debug for SessionChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionChange(..)")
    }
}

pub(crate) enum Change {
    /// The password was right, and a code is asked for.
    Pending {
        account: Account,
        is_administrator: bool,
        options: Signing,
    },
    SignIn(SignedIn),
    /// A code was right, for whatever needs a fresh one.
    Fresh,
    /// A code was right, for one call of this method.
    New(String),
}

impl SignedIn {
    /// Signed in now.
    pub(crate) fn new(
        id: String,
        account: Account,
        is_administrator: bool,
        at: (u64, u64),
    ) -> Self {
        let (created, now) = at;
        Self {
            id,
            account,
            is_administrator,
            is_newcomer: false,
            created,
            ends: now + LONGEST_SECS,
            last_call: now,
            code_at: None,
        }
    }
}

/// Held while a login runs: one at a time on a connection.
pub(crate) struct LoginGuard(Arc<Visit>);

impl Drop for LoginGuard {
    fn drop(&mut self) {
        self.0.state().has_login = false;
    }
}

impl Visit {
    pub(super) fn new(
        sessions: Arc<Sessions>,
        address: &str,
        wake: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        Self {
            source: Source::of_web(address),
            address: Address::parse(address),
            sessions,
            state: Mutex::default(),
            wake,
        }
    }

    pub(crate) const fn source(&self) -> Source {
        self.source
    }

    /// The address; its text is empty where there is none.
    pub(crate) const fn address(&self) -> Address {
        self.address
    }

    pub(crate) const fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// Who is signed in at this second of this boot.
    pub(crate) fn signed_in(&self, now: u64) -> Option<SignedIn> {
        let mut state = self.state();
        if let Some(found) = &state.signed_in
            && now >= found.over_at()
        {
            state.end();
        }
        state.signed_in.clone()
    }

    /// Something was called.
    pub(super) fn touch(&self, now: u64) {
        if let Some(signed_in) = &mut self.state().signed_in {
            signed_in.last_call = now;
        }
    }

    /// How long the session has unless something is called; nothing where nobody is signed in.
    #[must_use]
    pub fn secs_left(&self, now: u64) -> Option<u64> {
        let signed_in = self.signed_in(now)?;
        Some(signed_in.over_at().saturating_sub(now))
    }

    /// Whether a session was here and is over: the connection is to be closed.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.state().is_ended
    }

    /// Begins a login. Whoever was signed in is not any more, and a code that was asked for is not
    /// taken any more. Whether one was.
    pub(crate) fn begin_login(
        self: &Arc<Self>,
    ) -> Result<(LoginGuard, Option<Account>), CallError> {
        let guard = self.guard()?;
        let mut state = self.state();
        let abandoned = state.pending.take().map(|pending| pending.account);
        state.sign_out();
        drop(state);
        Ok((guard, abandoned))
    }

    /// The login that waits for a code, which it has one try for.
    pub(crate) fn continue_login(
        self: &Arc<Self>,
        now: u64,
    ) -> Result<(LoginGuard, Pending), CallError> {
        let guard = self.guard()?;
        let pending = self.state().pending.take();
        let Some(pending) = pending.filter(|pending| now < pending.until) else {
            let message = "OTP_TOKEN: no authentication in progress";
            return Err(CallError::refused(Errno::EINVAL, message));
        };
        Ok((guard, pending))
    }

    fn guard(self: &Arc<Self>) -> Result<LoginGuard, CallError> {
        let mut state = self.state();
        if state.has_login {
            let message = "A login is under way on this connection. Wait for its answer";
            return Err(CallError::refused(Errno::EBUSY, message));
        }
        state.has_login = true;
        drop(state);
        Ok(LoginGuard(Arc::clone(self)))
    }

    /// Uses up the code that was given for a call of this method. Whether there was one.
    pub(super) fn take_new(&self, method: &str, now: u64) -> bool {
        let mut state = self.state();
        let new = state.new.take_if(|new| new.method == method);
        new.is_some_and(|new| now < new.until)
    }

    /// Signs out; the connection stays.
    pub(crate) fn sign_out(&self) {
        self.state().sign_out();
    }

    /// Ends the session from elsewhere: the connection is closed.
    pub(super) fn terminate(&self) {
        self.state().end();
        (self.wake)();
    }

    pub(super) fn apply(this: &Arc<Self>, SessionChange(change): SessionChange, now: u64) {
        let mut state = this.state();
        match change {
            Change::Pending {
                account,
                is_administrator,
                options,
            } => {
                state.pending = Some(Pending {
                    account,
                    is_administrator,
                    options,
                    until: now + PENDING_SECS,
                });
            }
            Change::SignIn(signed_in) => {
                state.sign_out();
                state.signed_in = Some(signed_in);
                drop(state);
                this.sessions.opened(this);
                // The socket has to know when it ends.
                (this.wake)();
            }
            Change::Fresh => state.is_fresh_at(now),
            Change::New(method) => {
                state.is_fresh_at(now);
                let until = now + NEW_SECS;
                state.new = Some(New { method, until });
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sign_out(&mut self) {
        self.signed_in = None;
        self.new = None;
        self.pending = None;
    }

    fn end(&mut self) {
        self.sign_out();
        self.is_ended = true;
    }

    fn is_fresh_at(&mut self, now: u64) {
        if let Some(signed_in) = &mut self.signed_in {
            signed_in.code_at = Some(now);
        }
    }
}
