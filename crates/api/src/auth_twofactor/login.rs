//! `auth.twofactor.authenticate` and `verify`: what doors ask.

use serde_json::Value;
use twofactor::{AccountName, Source};

use super::enabled_settings;
use crate::CallError;
use crate::access::Right;
use crate::bounded::{Service, Uid};
use crate::door::{self, Answer, Attempt, Counting, Factor, Hashed, ToHash, Typed, Who};
use crate::fields::{NullableText, Token};
use crate::lookup;
use crate::method::{Declared, Reading, Slow, Stage, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

fields! {
    /// Decides whether somebody who logs in to a service may pass, and judges the code if there is one.
    ///
    /// What PAM and a web login ask. Without `token` it says whether to prompt for a code: `CODE_REQUIRED`
    /// means to ask and to call again. Only `NOT_REQUIRED`, `EXEMPT`, `BYPASSED` and `ACCEPTED` let anybody in;
    /// an error never does. A code or a recovery code is good once, at whatever door.
    ///
    /// Wrong codes are counted per account and source. Too many of them, and nothing is looked at for
    /// a while: `LOCKED`. Before a password or a key is proven (`factor`), an account that there is not
    /// is answered like one that has a device.
    pub(crate) struct Authenticate {
        /// Who, at which door.
        authenticate: Login,
    }
}

fields! {
    /// A login.
    pub(crate) struct Login {
        /// The account, as getpwnam writes it.
        username: String,
        /// Its uid. Without it, the system is asked once a password or a key is proven.
        uid: Option<Uid>,
        /// What was typed: a code, or a recovery code. Null or empty is none.
        token: Option<Token>,
        /// The service that asks, by its PAM name.
        service: Service,
        /// The address that the login comes from; null or empty for this machine itself. A name is no
        /// address, and is treated as an unknown place.
        source: Option<NullableText>,
        /// The terminal.
        #[expect(dead_code, reason = "sent by PAM; no decision depends on it")]
        tty: Option<NullableText>,
        /// What is proven already: "password"; "publickey:" and the key as sshd names it (kind and
        /// base64); "session" for something, nobody knows what, as in PAM's account phase; or null
        /// for nothing. Any other word proves nothing.
        factor: Option<NullableText>,
    }
}

impl Field for Login {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Login {
    fn typed(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.0.as_str())
    }

    fn source(&self) -> Source {
        Source::parse(text(self.source.as_ref()))
    }

    fn factor(&self) -> Factor {
        Factor::parse(text(self.factor.as_ref()))
    }

    /// The uid, as far as it is known without the user database.
    fn uid(&self) -> Result<Option<u32>, CallError> {
        if self.uid.is_none() && self.username == lookup::ROOT {
            return lookup::root().map(|root| Some(root.uid));
        }
        Ok(self.uid.as_ref().map(|uid| uid.0))
    }

    /// The name whose uid the user database is asked for. Not for strangers: whoever has proven nothing
    /// is taken for the record of the name and passes by a code alone; and as no name is looked up,
    /// the time it takes does not tell which ones there are.
    fn to_look_up(&self) -> Result<Option<AccountName>, CallError> {
        let is_asked = self.factor().is_proven() && self.uid()?.is_none();
        Ok(AccountName::new(&self.username).filter(|_| is_asked))
    }
}

pub(crate) fn text(nullable: Option<&NullableText>) -> &str {
    nullable
        .and_then(|nullable| nullable.0.as_deref())
        .unwrap_or_default()
}

/// What has to be done before the writer can decide: first the look-up, then the hash, since one that
/// waits must not keep the other's place.
pub(crate) struct Work {
    /// Whose uid is looked up.
    name: Option<AccountName>,
    to_hash: Option<ToHash>,
    found: Found,
}

/// What came of that work.
#[derive(Default)]
pub(crate) struct Found {
    uid: Option<u32>,
    hashed: Option<Hashed>,
}

impl Work {
    fn new(name: Option<AccountName>, to_hash: Option<ToHash>) -> Self {
        Self {
            name,
            to_hash,
            found: Found::default(),
        }
    }

    fn run(mut self) -> Result<Stage<Self, Found>, CallError> {
        if let Some(name) = self.name.take() {
            self.found.uid = lookup::uid(&name)?;
        } else if let Some(to_hash) = self.to_hash.take() {
            self.found.hashed = Some(to_hash.hash()?);
        }
        Ok(self.staged())
    }

    fn staged(self) -> Stage<Self, Found> {
        match (&self.name, &self.to_hash) {
            (Some(_), _) => Stage::Work(self),
            (None, Some(_)) => Stage::Heavy(self),
            (None, None) => Stage::Ready(self.found),
        }
    }
}

impl Declared for Authenticate {
    const NAME: &'static str = "auth.twofactor.authenticate";
    const RIGHT: Right = Right::Root;
    type Output = Answer;
}

impl Slow for Authenticate {
    const IS_DOOR: bool = true;
    type Job = Work;
    type Found = Found;

    fn at_once(&self, read: &Reading<'_>) -> Result<Option<Answer>, CallError> {
        let login = &self.authenticate;
        let is_proven = login.factor().is_proven();
        door::not_asked(read, login.service.as_str(), &login.username, is_proven)
    }

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<Work, Found>, CallError> {
        let login = &self.authenticate;
        let who = Who::find(read.tx, &login.username, login.uid()?)?;
        let to_hash = match login.typed() {
            Some(typed) => door::to_hash(read, &who, login.source(), typed)?,
            None => None,
        };
        Ok(Work::new(login.to_look_up()?, to_hash).staged())
    }

    fn work(job: Work) -> Result<Stage<Work, Found>, CallError> {
        job.run()
    }

    fn finish(&self, found: &Found, write: &mut Writing<'_, '_>) -> Result<Answer, CallError> {
        let login = &self.authenticate;
        let uid = login.uid()?.or(found.uid);
        let who = Who::find(write.tx, &login.username, uid)?;
        let attempt = Attempt {
            who: &who,
            service: login.service.as_str(),
            source: login.source(),
            factor: login.factor(),
            typed: login
                .typed()
                .map(|typed| Typed::new(typed, found.hashed.as_ref())),
        };
        door::decide(write, &attempt)
    }
}

fields! {
    /// Checks a code of root: of any of its devices, or a recovery code. A code is good once.
    ///
    /// Refused while two-factor authentication is off, and with EBUSY after too many wrong codes.
    pub(crate) struct Verify {
        /// The code as typed: digits, with or without spaces between groups. A number is taken for
        /// its digits, so a code that starts with 0 must be a string. Null is no code.
        token: Token,
    }
}

impl Declared for Verify {
    const NAME: &'static str = "auth.twofactor.verify";
    const RIGHT: Right = Right::Root;
    type Output = bool;
}

impl Slow for Verify {
    const IS_DOOR: bool = true;
    type Job = Work;
    type Found = Found;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<Work, Found>, CallError> {
        let who = Who::known(lookup::uid_0(read.tx)?);
        let to_hash = door::to_hash(read, &who, Source::Local, &self.token.0)?;
        Ok(Work::new(None, to_hash).staged())
    }

    fn work(job: Work) -> Result<Stage<Work, Found>, CallError> {
        job.run()
    }

    fn finish(&self, found: &Found, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        enabled_settings(write.tx)?;
        let who = Who::known(lookup::uid_0(write.tx)?);
        let attempt = Attempt {
            who: &who,
            service: "verify",
            source: Source::Local,
            factor: Factor::Nothing,
            typed: Some(Typed::new(&self.token.0, found.hashed.as_ref())),
        };
        door::judge(write, &attempt, &Counting::AtDoor)?.into_bool(write)
    }
}
