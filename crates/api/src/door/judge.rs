//! Judges what was typed: the budget first, then the code, then what is remembered of it.

use store::{StoredDevice, WriteTx};
use twofactor::{
    Algorithm, Budget, Code, Device, Digits, Enrolment, Judged, Limits, LockCause, Secret, Tally,
    TimeStep, UnixTime, counting,
};

use super::recovery::{self, Hashed, Typed};
use super::{Answer, Attempt, Verdict, answer, skew};
use crate::alert::{Alert, AlertKind};
use crate::auth_twofactor::invite::TypedInvite;
use crate::method::Writing;
use crate::{CallError, devices};

/// Which devices a code may be of.
pub(crate) enum Counting {
    /// Those that count at a door.
    AtDoor,
    /// Those, and pending ones: the first right code of one makes it active.
    Pending,
    /// This one.
    Only(i64),
}

/// Judges what was typed, against the account's devices or recovery codes.
///
/// A locked attempt is not looked at; a wrong code is counted; a right one is burned, and forgives what
/// this source did wrong before. An account that is not on record costs the same work, and nobody
/// gets in.
///
/// # Errors
/// The state cannot be used, or the devices cannot be read.
pub(crate) fn judge(
    write: &mut Writing<'_, '_>,
    attempt: &Attempt<'_>,
    counting: &Counting,
) -> Result<Answer, CallError> {
    let limits = write.tx.policy()?.limits;
    let budget = match attempt.typed {
        Some(Typed::Recovery(_) | Typed::TooSoon) => Budget::Recovery,
        Some(Typed::Code(_) | Typed::Invite(_) | Typed::InviteToSignIn(_)) | None => Budget::Codes,
    };
    let charge = Charge {
        attempt,
        to: attempt.charged_to(budget),
        limits,
    };
    let now = write.tx.now();
    let stored = write.tx.tally(&charge.to, write.tx.today()?, &limits)?;
    let mut tally = stored;
    // What was counted in a future that did not come is written back, so that waiting ends.
    if tally.settle(now) {
        write.tx.put_tally(&charge.to, &stored, &tally)?;
    }
    if let Err(locked) = tally.check(now, &limits) {
        return Ok(answer::locked(attempt, &locked, now));
    }
    match attempt.typed {
        None => Ok(answer::code_required()),
        Some(Typed::Code(typed)) if typed.trim().is_empty() => Ok(answer::code_required()),
        Some(Typed::Code(typed)) => charge.code(write, typed, counting, tally),
        Some(Typed::Recovery(hashed)) => charge.recovery(write, hashed, tally),
        Some(Typed::TooSoon) => Ok(answer::too_soon()),
        Some(Typed::Invite(invite) | Typed::InviteToSignIn(invite)) => {
            charge.invite(write, invite, tally)
        }
    }
}

/// An attempt, and what it is charged to.
struct Charge<'a> {
    attempt: &'a Attempt<'a>,
    to: store::Attempt,
    limits: Limits,
}

impl Charge<'_> {
    fn code(
        &self,
        write: &mut Writing<'_, '_>,
        typed: &str,
        counting: &Counting,
        tally: Tally,
    ) -> Result<Answer, CallError> {
        let (now, window) = (write.tx.now(), write.tx.settings()?.window);
        let mut stored = self.devices(write.tx, counting)?;
        let mut devices: Vec<Device> = match stored.as_slice() {
            // As much work as for an account with one device, and no way to be right.
            [] => vec![decoy()],
            some => some.iter().map(|stored| stored.device.clone()).collect(),
        };
        let judged = twofactor::judge(&mut devices, typed, now, window);
        for (stored, device) in stored.iter_mut().zip(devices) {
            stored.device = device;
        }
        match judged {
            Judged::Accepted { devices } => {
                let accepted: Vec<_> = devices.iter().filter_map(|at| stored.get(*at)).collect();
                match burn(write, self.attempt, &accepted)? {
                    Some(name) => self.accepted(write, name, tally),
                    None => self.wrong(write, tally, answer::wrong()),
                }
            }
            Judged::Replayed { last } => {
                let last: Vec<_> = last.iter().filter_map(|at| stored.get(*at)).collect();
                self.used_elsewhere(write, &last)?;
                self.replayed(write, &stored, now)
            }
            Judged::Malformed if !is_of_some_length(typed) => Ok(answer::malformed()),
            // Six to eight digits are a guess whatever the device has: if only those of its own length
            // were counted, a stranger could tell an account with an unusual one from one that there
            // is not.
            Judged::Wrong | Judged::Malformed => {
                if matches!(counting, Counting::AtDoor) {
                    skew::look_later(write, &stored, typed);
                }
                self.wrong(write, tally, answer::wrong())
            }
        }
    }

    /// Whether the invite is right. That is no login: it forgives nothing, and makes no source a known
    /// one.
    fn invite(
        &self,
        write: &mut Writing<'_, '_>,
        invite: &TypedInvite,
        tally: Tally,
    ) -> Result<Answer, CallError> {
        let is_right = match (self.attempt.who.known_uid(), self.attempt.typed) {
            (Some(uid), Some(Typed::InviteToSignIn(_))) => invite.is_right(write, uid)?,
            (Some(uid), _) => invite.use_up(write, uid)?,
            (None, _) => false,
        };
        if is_right {
            Ok(Answer::of(Verdict::Accepted, ""))
        } else {
            self.wrong(write, tally, answer::wrong_invite())
        }
    }

    /// The devices that a code may be of.
    fn devices(&self, tx: &WriteTx<'_>, which: &Counting) -> Result<Vec<StoredDevice>, CallError> {
        let Some(uid) = self.attempt.who.known_uid() else {
            return Ok(Vec::new());
        };
        let mut stored = tx.open_devices(uid)?;
        let today = tx.today()?;
        match which {
            Counting::Only(id) => stored.retain(|stored| stored.record.id == *id),
            Counting::Pending => stored.retain(|stored| is_alive(stored, today)),
            Counting::AtDoor => {
                let enrolments: Vec<Enrolment> = stored
                    .iter()
                    .map(|stored| stored.record.enrolment)
                    .collect();
                let mut counts = counting(&enrolments, today).into_iter();
                stored.retain(|_| counts.next().unwrap_or(false));
            }
        }
        Ok(stored)
    }

    fn recovery(
        &self,
        write: &mut Writing<'_, '_>,
        hashed: &Hashed,
        tally: Tally,
    ) -> Result<Answer, CallError> {
        let uid = self.attempt.who.known_uid();
        let Some(left) = recovery::use_up(write, uid, hashed)? else {
            return self.wrong(write, tally, answer::wrong_recovery());
        };
        let mut answer = self.accepted(write, "recovery code".to_owned(), tally)?;
        answer.warnings.extend(answer::few_codes_left(left));
        write.alert(Alert {
            kind: AlertKind::RecoveryUsed,
            account: self.attempt.who.name().cloned(),
            source: Some(self.attempt.source),
            message: format!("A recovery code was used; {left} are left"),
        })?;
        Ok(answer)
    }

    fn accepted(
        &self,
        write: &mut Writing<'_, '_>,
        device: String,
        tally: Tally,
    ) -> Result<Answer, CallError> {
        let mut forgiven = tally;
        forgiven.succeeded();
        write.tx.put_tally(&self.to, &tally, &forgiven)?;
        let mut answer = Answer {
            device: Some(device),
            ..Answer::of(Verdict::Accepted, "")
        };
        if let Some(uid) = self.attempt.who.known_uid() {
            write.tx.remember_source(uid, self.attempt.source)?;
            // Only a login tells the owner; a code alone does not show who reads the answer.
            if self.attempt.is_proven() {
                let failures = write.tx.note_login(uid)?;
                answer
                    .warnings
                    .extend(answer::failures_since_login(failures));
            }
        }
        let source = self.attempt.source.to_string();
        write.audit_login(answer.verdict.outcome(), &self.attempt.subject(&source))?;
        answer.tell(write, self.attempt)?;
        Ok(answer)
    }

    fn replayed(
        &self,
        write: &mut Writing<'_, '_>,
        stored: &[StoredDevice],
        now: UnixTime,
    ) -> Result<Answer, CallError> {
        let step = |stored: &StoredDevice| u64::from(stored.device.step.as_secs());
        let next = |step: u64| step - now.as_secs() % step;
        let secs = stored.iter().map(step).map(next).min().unwrap_or(1);
        let answer = answer::replayed(secs);
        self.refused(write, &answer)?;
        Ok(answer)
    }

    /// A right code that was used up somewhere else is known to two people. From the same place it is a
    /// double click, or somebody who has typed it again.
    fn used_elsewhere(
        &self,
        write: &mut Writing<'_, '_>,
        last: &[&StoredDevice],
    ) -> Result<(), CallError> {
        for StoredDevice { record, .. } in last {
            let before = write.tx.last_source(record.id)?;
            let Some(before) = before.filter(|before| !before.is_same_place(self.attempt.source))
            else {
                continue;
            };
            let message = format!(
                "A code of '{}' was used from {} and then typed again from {}: somebody else has seen it",
                record.name,
                before.in_words(),
                self.attempt.source.in_words()
            );
            return self.alert(write, AlertKind::CodeReused, message);
        }
        Ok(())
    }

    fn wrong(
        &self,
        write: &mut Writing<'_, '_>,
        tally: Tally,
        answer: Answer,
    ) -> Result<Answer, CallError> {
        let now = write.tx.now();
        let mut counted = tally;
        counted.failed(now, &self.limits);
        write.tx.put_tally(&self.to, &tally, &counted)?;
        self.refused(write, &answer)?;
        let Some(uid) = self.attempt.who.known_uid() else {
            return Ok(answer);
        };
        let after_password = if self.attempt.is_proven() {
            write.tx.note_failure_after_password(uid)?
        } else {
            0
        };
        // Guesses from everywhere lock nobody, and are the alarm all the same.
        if is_alarming(after_password, &self.limits) {
            let message = format!(
                "{after_password} wrong codes after a right password or key: it is known to somebody"
            );
            self.alert(write, AlertKind::FailuresAfterPassword, message)?;
        } else if begins_to_lock(&counted, now, &self.limits) {
            self.alert(write, AlertKind::Locked, "Too many wrong codes".to_owned())?;
        }
        Ok(answer)
    }

    fn refused(&self, write: &mut Writing<'_, '_>, answer: &Answer) -> Result<(), CallError> {
        let source = self.attempt.source.to_string();
        write.audit_often(answer.verdict.outcome(), &self.attempt.subject(&source))?;
        answer.tell(write, self.attempt)
    }

    fn alert(
        &self,
        write: &mut Writing<'_, '_>,
        kind: AlertKind,
        message: String,
    ) -> Result<(), CallError> {
        write.alert(Alert {
            kind,
            account: self.attempt.who.name().cloned(),
            source: Some(self.attempt.source),
            message,
        })
    }
}

/// Makes the accepted steps count as used. The name of the device whose code it was, if there is one.
fn burn(
    write: &mut Writing<'_, '_>,
    attempt: &Attempt<'_>,
    accepted: &[&StoredDevice],
) -> Result<Option<String>, CallError> {
    for StoredDevice { record, device } in accepted {
        (write.tx).record_use(record.id, device.floor, attempt.source)?;
        if let (Enrolment::Pending { .. }, Some(name)) = (record.enrolment, attempt.who.name()) {
            devices::activate(write, name, record)?;
        }
    }
    Ok(accepted.first().map(|stored| stored.record.name.clone()))
}

/// Whether a device is active, or may still become it.
fn is_alive(stored: &StoredDevice, today: UnixTime) -> bool {
    match stored.record.enrolment {
        Enrolment::Active => true,
        Enrolment::Pending { until } => today < until,
    }
}

/// Whether so many failures since the last login, from wherever, are news: as many as lock one source,
/// and each time that they have doubled.
fn is_alarming(failures: u32, limits: &Limits) -> bool {
    let free = limits.free_failures.max(1);
    failures.is_multiple_of(free) && (failures / free).is_power_of_two()
}

/// Whether this failure, just counted, is the first that locks.
fn begins_to_lock(tally: &Tally, now: UnixTime, limits: &Limits) -> bool {
    match tally.check(now, limits) {
        Ok(()) => false,
        Err(locked) if locked.cause == LockCause::Account => true,
        Err(_) => tally.pair.failures == limits.free_failures,
    }
}

/// Whether a device of some kind makes such codes.
fn is_of_some_length(typed: &str) -> bool {
    let lengths = (0..=u8::MAX).filter_map(Digits::new);
    lengths
        .map(|digits| Code::parse(typed, digits))
        .any(|code| code.is_some())
}

/// A device that nobody has.
pub(super) fn decoy() -> Device {
    Device {
        secret: Secret::generate([0; 20]),
        algorithm: Algorithm::default(),
        digits: Digits::default(),
        step: TimeStep::default(),
        floor: UnixTime::EPOCH,
    }
}
