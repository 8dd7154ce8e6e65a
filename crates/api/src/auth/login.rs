//! `auth.login_ex` and `auth.login`: how a login begins.

use std::sync::Arc;

use serde_json::Value;

use super::answer::{self, By, Given, LoginAnswer, Signed};
use super::continued;
use super::password::{self, Asking, First, Found, Job, Proven, Typed};
use crate::CallError;
use crate::access::{Question, Right, SignedIn, Signing};
use crate::bounded::{OneOf, Word};
use crate::door::{self, ToHash, Who};
use crate::fields::Token;
use crate::method::{Declared, Reading, Slow, Stage, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};
use crate::session::uuid;

fields! {
    /// Begins a login, or gives the code of one that was begun.
    ///
    /// A password is followed by `OTP_REQUIRED` where a code is asked for; `auth.login_ex_continue` takes it.
    /// An account without a device that has an invite is asked too, and gives that.
    /// One wrong code ends the login. What was wrong is not said. A wrong password neither burns a code
    /// nor counts as a guess at one.
    pub(crate) struct LoginEx {
        /// How, and who.
        login_data: LoginData,
    }
}

fields! {
    /// One way to sign in.
    pub(crate) struct LoginData {
        /// `PASSWORD_PLAIN` with username and password; `TOKEN_PLAIN` (or `AUTH_TOKEN_PLAIN`) with token;
        /// `OTP_TOKEN` with `otp_token`.
        mechanism: OneOf<Mechanism>,
        /// The account.
        username: Option<String>,
        /// Its password.
        password: Option<Typed>,
        /// What `auth.generate_token` or a login has given.
        token: Option<Typed>,
        /// A code, or a recovery code.
        otp_token: Option<Typed>,
        /// What is wanted besides.
        login_options: Option<LoginOptions>,
    }
}

fields! {
    /// What is wanted of a login besides.
    pub(crate) struct LoginOptions {
        /// Whether to say who signed in; true if it is not given.
        user_info: Option<bool>,
        /// Whether to give a token that signs in again; false if it is not given.
        reconnect_token: Option<bool>,
    }
}

impl Field for LoginOptions {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Mechanism {
    Password,
    Token,
    Code,
}

impl Word for Mechanism {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("PASSWORD_PLAIN", Self::Password),
        ("TOKEN_PLAIN", Self::Token),
        ("AUTH_TOKEN_PLAIN", Self::Token),
        ("OTP_TOKEN", Self::Code),
    ];
}

impl Field for LoginData {
    /// Each mechanism has its own members.
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let data: Self = decode_object(value, at, issues)?;
        let given = [
            ("username", data.username.is_some()),
            ("password", data.password.is_some()),
            ("token", data.token.is_some()),
            ("otp_token", data.otp_token.is_some()),
        ];
        let wanted: &[&str] = match data.mechanism.0 {
            Mechanism::Password => &["username", "password"],
            Mechanism::Token => &["token"],
            Mechanism::Code => &["otp_token"],
        };
        let mut is_right = true;
        for (position, (name, is_given)) in given.into_iter().enumerate() {
            let message = match (is_given, wanted.contains(&name)) {
                (true, false) => "Field was not expected",
                (false, true) => "Field required",
                _ => continue,
            };
            issues.wrong(&at.field(name, position), message);
            is_right = false;
        }
        is_right.then_some(data)
    }
}

impl LoginData {
    fn options(&self) -> Signing {
        let options = self.login_options.as_ref();
        Signing {
            user_info: options
                .and_then(|options| options.user_info)
                .unwrap_or(true),
            reconnect_token: options
                .and_then(|options| options.reconnect_token)
                .unwrap_or(false),
        }
    }
}

impl Declared for LoginEx {
    const NAME: &'static str = "auth.login_ex";
    const RIGHT: Right = Right::Anybody;
    type Output = LoginAnswer;
}

/// What a login has to have done.
pub(crate) enum Begun {
    Password(Job),
    /// Whose token it was, and when the session ends.
    Token(TokenJob),
    Code(continued::Job),
}

/// What came of it.
pub(crate) enum Done {
    Password(Found),
    Token(Option<(Proven, u64)>),
    Code(continued::Found),
}

/// A token that was right is held against who its account is now.
pub(crate) struct TokenJob {
    sessions: Arc<crate::access::Sessions>,
    account: twofactor::Account,
    ends: u64,
}

impl TokenJob {
    fn run(self) -> Option<(Proven, u64)> {
        let proven = Proven::look_up(self.account.name.as_str(), &self.sessions)?;
        (proven.account == self.account).then_some((proven, self.ends))
    }
}

impl Slow for LoginEx {
    const IS_DOOR: bool = true;
    type Job = Begun;
    type Found = Done;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<Begun, Done>, CallError> {
        let data = &self.login_data;
        match (&data.username, &data.password, &data.token, &data.otp_token) {
            (Some(username), Some(password), _, _) => {
                let asked = ask(read, username, &password.0, None)?;
                Ok(Stage::Ask(Begun::Password(asked)))
            }
            (_, _, Some(token), _) => begin_with_token(read, &token.0),
            (_, _, _, Some(code)) => {
                continued::begin(read, &code.0).map(|stage| stage.map_both(Begun::Code, Done::Code))
            }
            _ => Err(CallError::internal("no mechanism")),
        }
    }

    fn work(job: Begun) -> Result<Stage<Begun, Done>, CallError> {
        Ok(match job {
            Begun::Password(job) => job.run()?.map_both(Begun::Password, Done::Password),
            Begun::Token(job) => Stage::Ready(Done::Token(job.run())),
            Begun::Code(job) => job.run()?.map_both(Begun::Code, Done::Code),
        })
    }

    fn finish(&self, done: &Done, write: &mut Writing<'_, '_>) -> Result<LoginAnswer, CallError> {
        let options = self.login_data.options();
        match done {
            Done::Password(found) => {
                let username = self.login_data.username.as_deref().unwrap_or_default();
                conclude(write, (username, None), found, options)
            }
            Done::Token(found) => by_token(write, found.as_ref(), options),
            Done::Code(found) => {
                let typed = self.login_data.otp_token.as_ref();
                let typed = typed.map(|typed| typed.0.as_str()).unwrap_or_default();
                continued::finish(write, typed, found)
            }
        }
    }
}

/// Has a password asked about. Whatever login was here before is over.
fn ask(
    read: &Reading<'_>,
    username: &str,
    password: &str,
    to_hash: Option<ToHash>,
) -> Result<Job, CallError> {
    let visit = read.access.visit()?;
    let (guard, abandoned) = visit.begin_login()?;
    Ok(Job::Password(Box::new(Asking {
        sessions: Arc::clone(visit.sessions()),
        question: Question {
            username: username.to_owned(),
            password: zeroize::Zeroizing::new(password.to_owned()),
            address: visit.address().to_string(),
        },
        now: read.clocks.boot.secs,
        to_hash,
        found: Found {
            first: First::Wrong,
            hashed: None,
            abandoned,
            _guard: guard,
        },
    })))
}

/// What comes of an answered password.
fn conclude(
    write: &mut Writing<'_, '_>,
    (username, typed): (&str, Option<&str>),
    found: &Found,
    options: Signing,
) -> Result<LoginAnswer, CallError> {
    if let Some(account) = &found.abandoned {
        password::audit(write, account.name.as_str(), "abandoned")?;
    }
    match &found.first {
        First::Wrong => {
            password::audit(write, username, "wrong password")?;
            Ok(LoginAnswer::AuthErr)
        }
        First::Expired => {
            password::audit(write, username, "expired")?;
            Ok(LoginAnswer::Expired)
        }
        First::Denied => {
            password::audit(write, username, "denied")?;
            Ok(LoginAnswer::Denied)
        }
        First::Proven(proven) => {
            let given = typed.map(|text| Given {
                text,
                hashed: found.hashed.as_ref(),
            });
            answer::decide(write, proven, given, options)
        }
    }
}

fn begin_with_token(read: &Reading<'_>, typed: &str) -> Result<Stage<Begun, Done>, CallError> {
    let visit = read.access.visit()?;
    // The look-up is short, and another login that comes meanwhile takes its place.
    visit.begin_login().map(drop)?;
    let now = read.clocks.boot.secs;
    let token = visit.sessions().use_token(typed, visit.address(), now)?;
    Ok(match token {
        None => Stage::Ready(Done::Token(None)),
        Some(token) => Stage::Ask(Begun::Token(TokenJob {
            sessions: Arc::clone(visit.sessions()),
            account: token.account,
            ends: token.ends,
        })),
    })
}

/// A token asks for no code: one was given, where it had to be, when its session began.
fn by_token(
    write: &mut Writing<'_, '_>,
    found: Option<&(Proven, u64)>,
    options: Signing,
) -> Result<LoginAnswer, CallError> {
    let now = write.clocks().boot.secs;
    let Some((proven, ends)) = found.filter(|(_, ends)| now < *ends) else {
        password::audit(write, "", "wrong token")?;
        return Ok(LoginAnswer::AuthErr);
    };
    let at = (write.tx.now().as_secs(), now);
    let id = uuid(store::entropy::random()?);
    let mut session = SignedIn::new(id, proven.account.clone(), proven.is_administrator, at);
    session.ends = *ends;
    let signed = Signed {
        by: By::Password,
        options,
        warnings: Vec::new(),
    };
    let success = answer::enter(write, session, signed)?;
    Ok(LoginAnswer::Success(Box::new(success)))
}

fields! {
    /// Signs in with a password and, where it is asked for, a code. Whether that succeeded; what was wrong
    /// is not said.
    pub(crate) struct Login {
        /// The account.
        username: String,
        /// Its password.
        password: Typed,
        /// A code, or a recovery code; null or absent is none.
        otp_token: Option<Token>,
    }
}

impl Declared for Login {
    const NAME: &'static str = "auth.login";
    const RIGHT: Right = Right::Anybody;
    type Output = bool;
}

impl Slow for Login {
    const IS_DOOR: bool = true;
    type Job = Job;
    type Found = Found;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<Job, Found>, CallError> {
        let who = Who::find(read.tx, &self.username, None)?;
        let to_hash = match self.typed() {
            Some(typed) => door::to_hash(read, &who, read.access.source(), typed)?,
            None => None,
        };
        ask(read, &self.username, &self.password.0, to_hash).map(Stage::Ask)
    }

    fn work(job: Job) -> Result<Stage<Job, Found>, CallError> {
        job.run()
    }

    fn finish(&self, found: &Found, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let answer = conclude(
            write,
            (&self.username, self.typed()),
            found,
            Signing::default(),
        )?;
        Ok(answer.is_success())
    }
}

impl Login {
    fn typed(&self) -> Option<&str> {
        self.otp_token.as_ref().map(|token| token.0.as_str())
    }
}
