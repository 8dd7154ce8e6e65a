//! `auth.login_ex_continue`: the code of a login whose password was right.

use serde_json::Value;

use super::answer::{self, Given, LoginAnswer};
use super::password::{Proven, Typed};
use crate::CallError;
use crate::access::{LoginGuard, Pending, Right};
use crate::bounded::{OneOf, Word};
use crate::door::{self, Hashed, ToHash, Who};
use crate::method::{Declared, Reading, Slow, Stage, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

fields! {
    /// Gives the code of a login that was answered with `OTP_REQUIRED`. There is one try: then the login
    /// begins anew.
    pub(crate) struct LoginExContinue {
        /// The code.
        login_data: Continuation,
    }
}

fields! {
    /// A code.
    pub(crate) struct Continuation {
        /// `OTP_TOKEN`.
        #[expect(dead_code, reason = "there is one")]
        mechanism: OneOf<Only>,
        /// A code, or a recovery code.
        otp_token: Typed,
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Only;

impl Word for Only {
    const WORDS: &'static [(&'static str, Self)] = &[("OTP_TOKEN", Self)];
}

impl Field for Continuation {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

/// A recovery code that has to be hashed.
pub(crate) struct Job(ToHash, Found);

/// The login that waited for the code.
pub(crate) struct Found {
    pending: Pending,
    hashed: Option<Hashed>,
    _guard: LoginGuard,
}

impl Job {
    pub(super) fn run(self) -> Result<Stage<Self, Found>, CallError> {
        let Self(to_hash, mut found) = self;
        found.hashed = Some(to_hash.hash()?);
        Ok(Stage::Ready(found))
    }
}

/// Takes the login that waits: whatever comes of this code, it waits no more.
pub(super) fn begin(read: &Reading<'_>, typed: &str) -> Result<Stage<Job, Found>, CallError> {
    let visit = read.access.visit()?;
    let (guard, pending) = visit.continue_login(read.clocks.boot.secs)?;
    let account = &pending.account;
    let who = Who::find(read.tx, account.name.as_str(), Some(account.uid))?;
    let to_hash = door::to_hash(read, &who, read.access.source(), typed)?;
    let found = Found {
        pending,
        hashed: None,
        _guard: guard,
    };
    Ok(match to_hash {
        Some(to_hash) => Stage::Heavy(Job(to_hash, found)),
        None => Stage::Ready(found),
    })
}

pub(super) fn finish(
    write: &mut Writing<'_, '_>,
    typed: &str,
    found: &Found,
) -> Result<LoginAnswer, CallError> {
    let pending = &found.pending;
    let proven = Proven {
        account: pending.account.clone(),
        is_administrator: pending.is_administrator,
    };
    let given = Given {
        text: typed,
        hashed: found.hashed.as_ref(),
    };
    answer::decide(write, &proven, Some(given), pending.options)
}

impl Declared for LoginExContinue {
    const NAME: &'static str = "auth.login_ex_continue";
    const RIGHT: Right = Right::Anybody;
    type Output = LoginAnswer;
}

impl Slow for LoginExContinue {
    const IS_DOOR: bool = true;
    type Job = Job;
    type Found = Found;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<Job, Found>, CallError> {
        begin(read, &self.login_data.otp_token.0)
    }

    fn work(job: Job) -> Result<Stage<Job, Found>, CallError> {
        job.run()
    }

    fn finish(&self, found: &Found, write: &mut Writing<'_, '_>) -> Result<LoginAnswer, CallError> {
        finish(write, &self.login_data.otp_token.0, found)
    }
}
