//! The one verifier: whatever door somebody stands at, this decides.
//!
//! `auth.twofactor.authenticate` asks [`decide`], which first finds out whether a code is asked for at
//! all; the methods that only judge a code ask [`judge`]. Both charge the same budgets, burn the same
//! codes and write the same audit, so no door is weaker than another.

mod answer;
mod factor;
mod judge;
mod notices;
mod recovery;
mod skew;
mod who;

use store::{BypassRecord, Subject};
use twofactor::{
    Budget, Policy, Reason, Requirement, Settings, Source, SshKey, Standing, Trial, UnixTime,
};

pub(crate) use answer::{Answer, Verdict, span};
pub(crate) use factor::Factor;
pub(crate) use judge::{Counting, judge};
pub(crate) use recovery::{Hashed, ToHash, Typed, to_hash};
pub(crate) use who::Who;

use crate::CallError;
use crate::alert::{Alert, AlertKind};
use crate::auth_twofactor::{invite, overriding, trial};
use crate::clock_guard;
use crate::lookup;
use crate::method::{Reading, Writing};

/// Somebody at a door.
pub(crate) struct Attempt<'a> {
    /// Who it is said to be.
    pub(crate) who: &'a Who,
    /// Which door.
    pub(crate) service: &'a str,
    /// From where.
    pub(crate) source: Source,
    /// What was proven before.
    pub(crate) factor: Factor,
    /// What was typed, if anything was.
    pub(crate) typed: Option<Typed<'a>>,
}

impl Attempt<'_> {
    /// Whether anything was proven before. Without, nothing is told about the account, and only a code
    /// lets anybody in.
    const fn is_proven(&self) -> bool {
        self.factor.is_proven()
    }

    /// Whether somebody stands at the door who has just proven a password or a key.
    const fn is_login(&self) -> bool {
        matches!(self.factor, Factor::Password | Factor::Key(_))
    }

    /// The key that sshd has seen proven. What other services say of keys counts like a password.
    fn proven_key(&self) -> Option<&SshKey> {
        match &self.factor {
            Factor::Key(key) if self.service == Settings::SSHD => key.as_ref(),
            _ => None,
        }
    }

    /// Whose budget it is charged to.
    fn charged_to(&self, budget: Budget) -> store::Attempt {
        store::Attempt {
            account: self.who.key(),
            source: self.source,
            budget,
        }
    }

    /// What the audit says about it. The name of an account that is not known is left out: people type
    /// passwords there.
    fn subject<'b>(&'b self, source: &'b str) -> Subject<'b> {
        Subject {
            account: self.who.known_name(),
            service: Some(self.service),
            source: Some(source),
        }
    }
}

/// Answers a door.
///
/// # Errors
/// The state cannot be used, or the devices cannot be read: then nobody is let in.
pub(crate) fn decide(
    write: &mut Writing<'_, '_>,
    attempt: &Attempt<'_>,
) -> Result<Answer, CallError> {
    let policy = write.tx.policy()?;
    let today = write.tx.today()?;
    clock_guard::watch(write)?;
    let standing = standing(write, attempt)?;
    let mut answer = open_or_not(write, attempt, &standing, (&policy, today))?;
    let is_without = matches!(answer.verdict, Verdict::NotRequired | Verdict::NotEnrolled);
    // An invite shows nothing to somebody who has proven nothing, or nobody knows what.
    if let (true, true, Some(uid)) = (is_without, attempt.is_login(), attempt.who.known_uid()) {
        answer.may_enrol = invite::may_enrol(write, uid)?;
    }
    notices::tell(write, attempt, &mut answer)?;
    Ok(answer)
}

fn open_or_not(
    write: &mut Writing<'_, '_>,
    attempt: &Attempt<'_>,
    standing: &Standing,
    (policy, today): (&Policy, UnixTime),
) -> Result<Answer, CallError> {
    match standing.requirement(policy, today) {
        Requirement::Code => asked(write, attempt, standing),
        Requirement::NotRequired(Reason::SecurityKey) => {
            let message = "No code was asked for: your security key counts for both factors";
            pass(write, attempt, Answer::of(Verdict::NotRequired, message))
        }
        // Not worth a write: it is so for everybody.
        Requirement::NotRequired(Reason::Off) => Ok(Answer::of(Verdict::NotRequired, "")),
        Requirement::NotRequired(Reason::Allowed) => {
            let message = "This account has no second factor; set one up: midclt 2fa device add";
            pass(write, attempt, Answer::of(Verdict::NotRequired, message))
        }
        Requirement::NotRequired(Reason::Grace { until }) => {
            let answer = Answer::of(Verdict::NotRequired, answer::grace(until, today));
            pass(write, attempt, answer)
        }
        Requirement::Exempt { .. } => pass(write, attempt, Answer::of(Verdict::Exempt, "")),
        Requirement::Bypassed => bypass(write, attempt),
        Requirement::NotEnrolled => {
            write.audit_often(
                "not enrolled",
                &attempt.subject(&attempt.source.to_string()),
            )?;
            let answer = answer::not_enrolled(attempt.who);
            answer.tell(write, attempt)?;
            Ok(answer)
        }
    }
}

/// Judges the code. Where it is right, and was asked for because of settings on trial, these have shown
/// that they work.
fn asked(
    write: &mut Writing<'_, '_>,
    attempt: &Attempt<'_>,
    standing: &Standing,
) -> Result<Answer, CallError> {
    let mut answer = judge(write, attempt, &Counting::AtDoor)?;
    if answer.verdict != Verdict::Accepted || !attempt.is_login() {
        return Ok(answer);
    }
    let today = write.tx.today()?;
    let is_shown = trial::shown(write, attempt.service, |tx| {
        let before = Standing {
            is_asked: tx.stored_settings()?.asks(attempt.service),
            ..*standing
        };
        let before = before.requirement(&tx.stored_policy()?, today);
        Ok(Trial::is_shown_by(&before, &Requirement::Code))
    })?;
    if is_shown {
        let source = attempt.source.to_string();
        write.audit_login("trial committed", &attempt.subject(&source))?;
        let message = "The settings on trial are kept: a code was accepted by them";
        answer.warnings.push(message.to_owned());
    }
    Ok(answer)
}

/// Lets somebody in whom nothing was asked.
fn pass(
    write: &mut Writing<'_, '_>,
    attempt: &Attempt<'_>,
    answer: Answer,
) -> Result<Answer, CallError> {
    let source = attempt.source.to_string();
    let subject = Subject {
        account: answer.name_to_tell(attempt),
        ..attempt.subject(&source)
    };
    let outcome = answer.verdict.outcome();
    if answer.verdict == Verdict::Bypassed {
        write.audit_login(outcome, &subject)?;
    } else {
        // A backup may come every second.
        write.audit_often(outcome, &subject)?;
    }
    answer.tell(write, attempt)?;
    Ok(answer)
}

/// Uses up one use of the bypass that ends first.
fn bypass(write: &mut Writing<'_, '_>, attempt: &Attempt<'_>) -> Result<Answer, CallError> {
    let (clocks, today) = (write.tx.clocks(), write.tx.today()?);
    let bypasses = write.tx.bypasses_for(attempt.who.known_uid())?;
    let Some(used) = bypasses
        .into_iter()
        .filter(|record| record.bypass.is_valid(clocks, today))
        .min_by_key(|record| record.bypass.until)
    else {
        return Err(CallError::internal("the bypass is gone"));
    };
    write.tx.use_bypass(used.id)?;
    let message = answer::bypassed(&used.bypass, today);
    write.alert(Alert {
        kind: AlertKind::Bypass,
        account: attempt.who.name().cloned(),
        source: Some(attempt.source),
        message: format!("Let in without a code: {}", used.reason),
    })?;
    pass(write, attempt, Answer::of(Verdict::Bypassed, message))
}

/// What a door is told whose service asks nobody, or where root's override lets this one in. It takes no
/// write: a full disk, or one that is read-only, must not keep anybody out.
///
/// # Errors
/// The settings cannot be read, and no override says that they do not matter.
pub(crate) fn not_asked(
    read: &Reading<'_>,
    service: &str,
    username: &str,
    is_proven: bool,
) -> Result<Option<Answer>, CallError> {
    let by_override = read.tx.is_off_by_override();
    if by_override || !read.tx.settings()?.asks(service) {
        let is_told = is_proven && username == lookup::ROOT && is_off(read, by_override);
        let notice = if is_told { OFF } else { "" };
        return Ok(Some(Answer::of(Verdict::NotRequired, notice)));
    }
    let Some(found) = read.tx.overriding().filter(|_| is_proven) else {
        return Ok(None);
    };
    if !found
        .grant
        .permits(username, overriding::moment(&read.clocks))
    {
        return Ok(None);
    }
    tracing::warn!(service, "let in without a code, by root's override");
    let message = "You were let in without a code, by an override of the administrator's";
    Ok(Some(Answer::of(Verdict::Bypassed, message)))
}

/// What an administrator is told at each login until it is on again.
const OFF: &str = "Two-factor authentication is off, for everybody. On again: midclt 2fa enable";

/// Whether it was on once, and is not: whoever never turned it on is not told at each login.
fn is_off(read: &Reading<'_>, by_override: bool) -> bool {
    let was_on = read.tx.has_active_device(0).unwrap_or(true);
    let is_on = read.tx.settings().is_ok_and(|settings| settings.enabled);
    by_override || (was_on && !is_on)
}

/// All that decides whether a code is asked for.
pub(crate) fn standing(
    write: &Writing<'_, '_>,
    attempt: &Attempt<'_>,
) -> Result<Standing, CallError> {
    let uid = attempt.who.known_uid();
    let key = attempt.proven_key();
    let mut standing = Standing {
        is_asked: write.tx.settings()?.asks(attempt.service),
        is_proven: attempt.is_proven(),
        identity: attempt.who.identity(),
        exempt_until: None,
        bypass: has_bypass(write, uid)?,
        has_security_key: key.is_some_and(SshKey::is_in_hardware),
        has_active_device: false,
        grace_until: None,
    };
    if let Some(uid) = uid {
        let by_key = match key {
            Some(key) => write.tx.key_exempt_until(uid, key.fingerprint())?,
            None => None,
        };
        standing.exempt_until = write.tx.exempt_until(uid)?.max(by_key);
        standing.has_active_device = write.tx.has_active_device(uid)?;
        standing.grace_until = grace(write, uid)?;
    }
    Ok(standing)
}

fn has_bypass(write: &Writing<'_, '_>, uid: Option<u32>) -> Result<bool, CallError> {
    let (clocks, today) = (write.tx.clocks(), write.tx.today()?);
    let bypasses = write.tx.bypasses_for(uid)?;
    let is_valid = |record: &BypassRecord| record.bypass.is_valid(clocks, today);
    Ok(bypasses.iter().any(is_valid))
}

fn grace(write: &Writing<'_, '_>, uid: u32) -> Result<Option<UnixTime>, CallError> {
    Ok(write.tx.account(uid)?.and_then(|record| record.grace_until))
}
