//! The one verifier: whatever door somebody stands at, this decides.
//!
//! `auth.twofactor.authenticate` asks [`decide`], which first finds out whether a code is asked for at
//! all; the methods that only judge a code ask [`judge`]. Both charge the same budgets, burn the same
//! codes and write the same audit, so no door is weaker than another.

mod answer;
mod judge;
mod recovery;
mod who;

use store::{ReadTx, Subject};
use twofactor::{Budget, Reason, Requirement, Source, Standing, UnixTime};

pub(crate) use answer::{Answer, Verdict, span};
pub(crate) use judge::{Counting, judge};
pub(crate) use recovery::{Hashed, ToHash, Typed, to_hash};
pub(crate) use who::Who;

use crate::CallError;
use crate::alert::{Alert, AlertKind};
use crate::method::{Reading, Writing};

/// Somebody at a door.
pub(crate) struct Attempt<'a> {
    /// Who it is said to be.
    pub(crate) who: &'a Who,
    /// Which door.
    pub(crate) service: &'a str,
    /// From where.
    pub(crate) source: Source,
    /// Whether a password or a key was proven before. Without, nothing is told about the account, and
    /// only a code lets anybody in.
    pub(crate) is_proven: bool,
    /// What was typed, if anything was.
    pub(crate) typed: Option<Typed<'a>>,
}

impl Attempt<'_> {
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
    let standing = standing(write, attempt)?;
    match standing.requirement(&policy, today) {
        Requirement::Code => judge(write, attempt, &Counting::AtDoor),
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

/// What a door is told whose service asks nobody. It takes no write: a full disk, or one that is
/// read-only, must not keep everybody out who was let in before.
///
/// # Errors
/// The settings cannot be read.
pub(crate) fn not_asked(read: &Reading<'_>, service: &str) -> Result<Option<Answer>, CallError> {
    let answer = || Answer::of(Verdict::NotRequired, "");
    Ok((!is_asked(read.tx, service)?).then(answer))
}

/// Whether a service asks at all.
fn is_asked(tx: &ReadTx<'_>, service: &str) -> Result<bool, CallError> {
    let settings = tx.settings()?;
    Ok(settings.enabled && (settings.ssh || service != SSHD))
}

/// All that decides whether a code is asked for.
fn standing(write: &Writing<'_, '_>, attempt: &Attempt<'_>) -> Result<Standing, CallError> {
    let mut standing = Standing {
        is_asked: is_asked(write.tx, attempt.service)?,
        is_proven: attempt.is_proven,
        identity: attempt.who.identity(),
        exempt_until: None,
        bypass: false,
        has_active_device: false,
        grace_until: None,
    };
    let uid = attempt.who.known_uid();
    let bypasses = write.tx.bypasses_for(uid)?;
    let (clocks, today) = (write.tx.clocks(), write.tx.today()?);
    standing.bypass = bypasses
        .iter()
        .any(|record| record.bypass.is_valid(clocks, today));
    if let Some(uid) = uid {
        standing.exempt_until = write.tx.exempt_until(uid)?;
        standing.has_active_device = write.tx.has_active_device(uid)?;
        standing.grace_until = grace(write, uid)?;
    }
    Ok(standing)
}

fn grace(write: &Writing<'_, '_>, uid: u32) -> Result<Option<UnixTime>, CallError> {
    Ok(write.tx.account(uid)?.and_then(|record| record.grace_until))
}

/// The one service that has a switch of its own; every other asks when its stack names the module.
const SSHD: &str = "sshd";
