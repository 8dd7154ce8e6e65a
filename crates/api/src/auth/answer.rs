//! What a login is answered, in the original's words.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use store::Subject;

use super::password::Proven;
use super::sessions::UserInfo;
use super::token::reconnect_token;
use crate::CallError;
use crate::access::{self, Change, SignedIn, Signing};
use crate::auth_twofactor::invite::{ShownText, TypedInvite};
use crate::door::{self, Attempt, Counting, Factor, Hashed, Typed, Verdict, Who};
use crate::method::Writing;
use crate::session::uuid;

/// What came of a login, or of a part of it.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "response_type", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum LoginAnswer {
    /// Signed in on this connection.
    Success(Box<Success>),
    /// The password was right: a code is to be given by `auth.login_ex_continue`.
    OtpRequired {
        /// The account.
        username: String,
    },
    /// Something was wrong; nothing says what.
    AuthErr,
    /// The password is right, and it or the account is over.
    Expired,
    /// The password is right, and the account may not be used here.
    Denied,
}

/// A login that succeeded.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Success {
    /// Who is signed in, or null where it was not asked for.
    user_info: Option<UserInfo>,
    /// `LEVEL_2` where a code was given, else `LEVEL_1`.
    authenticator: &'static str,
    /// A token that signs in again, once and within ten minutes; null where it was not asked for.
    reconnect_token: Option<ShownText>,
    /// What to show to whoever has signed in.
    warnings: Vec<String>,
}

impl LoginAnswer {
    pub(super) const fn is_success(&self) -> bool {
        matches!(self, Self::Success(_))
    }
}

/// Asks the one verifier about somebody whose password was right.
pub(super) fn decide(
    write: &mut Writing<'_, '_>,
    proven: &Proven,
    typed: Option<Given<'_>>,
    options: Signing,
) -> Result<LoginAnswer, CallError> {
    let account = &proven.account;
    let who = Who::find(write.tx, account.name.as_str(), Some(account.uid))?;
    let is_first = typed.is_none();
    let mut attempt = Attempt {
        who: &who,
        service: access::SERVICE,
        source: write.access().source(),
        factor: Factor::Password,
        typed: typed.map(|given| Typed::new(given.text, given.hashed)),
    };
    let mut answer = door::decide(write, &attempt)?;
    let is_newcomer = answer.verdict == Verdict::NotEnrolled && answer.may_enrol;
    let invite = typed.map(|given| TypedInvite::parse(given.text));
    if let (true, Some(invite)) = (is_newcomer, &invite) {
        attempt.typed = Some(Typed::InviteToSignIn(invite));
        answer = door::judge(write, &attempt, &Counting::AtDoor)?;
    }
    match answer.verdict {
        Verdict::NotRequired | Verdict::Exempt | Verdict::Bypassed | Verdict::Accepted => {
            let mut warnings = answer.warnings;
            if !answer.message.is_empty() {
                warnings.insert(0, answer.message);
            }
            let by = match answer.verdict {
                Verdict::Accepted if is_newcomer => By::Invite,
                Verdict::Accepted => By::Code,
                _ => By::Password,
            };
            sign_in(
                write,
                proven,
                Signed {
                    by,
                    options,
                    warnings,
                },
            )
        }
        // What is typed next may be a code or an invite: nobody sees which of them is wanted.
        Verdict::CodeRequired | Verdict::NotEnrolled
            if is_first && (is_newcomer || answer.verdict == Verdict::CodeRequired) =>
        {
            write.change_session(Change::Pending {
                account: account.clone(),
                is_administrator: proven.is_administrator,
                options,
            });
            Ok(LoginAnswer::OtpRequired {
                username: account.name.as_str().to_owned(),
            })
        }
        Verdict::CodeRequired | Verdict::Wrong | Verdict::Replayed => Ok(LoginAnswer::AuthErr),
        Verdict::NotEnrolled => Ok(LoginAnswer::Denied),
        // What was written is kept: the wait that begins now after a clock that was ahead.
        Verdict::Locked => {
            let locked = CallError::refused(Errno::EBUSY, answer.message);
            Err(write.refuse(locked))
        }
    }
}

/// What was typed besides the password.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) text: &'a str,
    /// What came of hashing it, if it has the form of a recovery code.
    pub(super) hashed: Option<&'a Hashed>,
}

/// What somebody got in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// A password, or a token of a session before.
    Password,
    Code,
    /// For a first device and nothing else: whatever the account may, an invite is no second factor.
    Invite,
}

/// How somebody got in.
pub(super) struct Signed {
    pub(super) by: By,
    pub(super) options: Signing,
    pub(super) warnings: Vec<String>,
}

/// Signs in, once that is durable.
pub(super) fn sign_in(
    write: &mut Writing<'_, '_>,
    proven: &Proven,
    signed: Signed,
) -> Result<LoginAnswer, CallError> {
    let now = write.clocks().boot.secs;
    let created = write.tx.now().as_secs();
    let id = uuid(store::entropy::random()?);
    let mut session = SignedIn::new(
        id,
        proven.account.clone(),
        proven.is_administrator && signed.by != By::Invite,
        (created, now),
    );
    session.code_at = (signed.by == By::Code).then_some(now);
    session.is_newcomer = signed.by == By::Invite;
    Ok(LoginAnswer::Success(Box::new(enter(
        write, session, signed,
    )?)))
}

/// Begins a session.
pub(super) fn enter(
    write: &mut Writing<'_, '_>,
    session: SignedIn,
    signed: Signed,
) -> Result<Success, CallError> {
    let source = write.access().source().to_string();
    let subject = Subject {
        account: Some(session.account.name.as_str()),
        service: Some(access::SERVICE),
        source: Some(&source),
    };
    write.audit_login("signed in", &subject)?;
    let now = write.clocks().boot.secs;
    let Signed {
        by,
        options,
        warnings,
    } = signed;
    let token = if options.reconnect_token && !session.is_newcomer {
        Some(ShownText(reconnect_token(write.access(), &session, now)?))
    } else {
        None
    };
    let success = Success {
        user_info: options.user_info.then(|| UserInfo::new(&session, now)),
        authenticator: if by == By::Code { "LEVEL_2" } else { "LEVEL_1" },
        reconnect_token: token,
        warnings,
    };
    write.change_session(Change::SignIn(session));
    Ok(success)
}
