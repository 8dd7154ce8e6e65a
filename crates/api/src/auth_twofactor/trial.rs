//! `auth.twofactor.try`, `commit` and `rollback`: settings that end by themselves unless somebody shows
//! that they get in.
//!
//! The store decides what counts now ([`store::ReadTx::settings`]); here a trial begins, ends, and is
//! told of.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::{ReadTx, TrialRecord, TrialState};
use twofactor::{Changes, RolledBack, Settings, Trial, TrialSecs};

use super::lockout::{Logins, Step};
use super::policy::{self, ShownPolicy};
use super::settings::{ServiceChanges, check_span, emit_config, emit_policy};
use super::{ROOT, settings};
use crate::CallError;
use crate::alert::{Alert, AlertKind};
use crate::bounded::{Id, Service, Whole};
use crate::error::Issue;
use crate::fields::WindowSteps;
use crate::method::{Declared, Reading, Slow, Stage, Write, WriteCall, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

fields! {
    /// Tries settings and policy: they count at once, at every door, and are rolled back by themselves.
    ///
    /// They are kept when somebody logs in through the service by a code whom nobody asked for one
    /// before, or by auth.twofactor.commit. Else they end after the seconds given, and with this boot
    /// of the machine. One trial at a time. What an administrator changes meanwhile is kept whatever
    /// becomes of it; turning two-factor authentication off ends it.
    pub(crate) struct Try {
        /// What to try.
        auth_twofactor_try: ToTry,
    }
}

fields! {
    /// What to try.
    pub(crate) struct ToTry {
        /// The settings and the policy.
        changes: Tried,
        /// For how long; 300 seconds if it is not given.
        seconds: Option<Whole<30, 3600>>,
        /// The service that a login has to come through to keep them; sshd if it is not given.
        service: Option<Service>,
    }
}

fields! {
    /// What can be tried: not how codes look, which is the devices' own.
    pub(crate) struct Tried {
        /// Whether a code is asked for at all.
        enabled: Option<bool>,
        /// Steps accepted on each side of now.
        window: Option<WindowSteps>,
        /// Which services ask for a code.
        services: Option<ServiceChanges>,
        /// The rules for accounts, as auth.twofactor.policy.update takes them.
        policy: Option<policy::Changes>,
    }
}

impl Field for ToTry {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Field for Tried {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Tried {
    pub(super) fn changes(&self) -> Changes {
        let mut changes = Changes {
            enabled: self.enabled,
            ssh: ServiceChanges::ssh(self.services.as_ref()),
            window: self.window.map(|window| window.0),
            ..Changes::default()
        };
        if let Some(policy) = &self.policy {
            policy.add_to(&mut changes);
        }
        changes
    }
}

/// The name of the object, for what is wrong in it.
const OBJECT: &str = "auth_twofactor_try.changes";

impl Declared for Try {
    const NAME: &'static str = "auth.twofactor.try";
    type Output = Begun;
}

impl Slow for Try {
    type Job = ();
    type Found = Option<Logins>;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<(), Option<Logins>>, CallError> {
        let old = read.tx.settings()?;
        let new = self.auth_twofactor_try.changes.changes().settings(old);
        Ok(match (Step { old, new }).makes_sshd_ask() {
            true => Stage::Work(()),
            false => Stage::Ready(None),
        })
    }

    fn work((): ()) -> Result<Stage<(), Option<Logins>>, CallError> {
        Ok(Stage::Ready(Some(Logins::look())))
    }

    fn finish(
        &self,
        seen: &Option<Logins>,
        write: &mut Writing<'_, '_>,
    ) -> Result<Begun, CallError> {
        let wanted = &self.auth_twofactor_try;
        settle(write)?;
        refuse_second(write.tx)?;
        let changes = wanted.changes.changes();
        let old = write.tx.settings()?;
        let step = Step {
            old,
            new: changes.settings(old),
        };
        self.check(write, &changes, step, seen.as_ref())?;
        let lasts = wanted.seconds.and_then(|secs| TrialSecs::new(secs.0));
        let lasts = lasts.unwrap_or_default();
        let trial = Trial::new(changes, write.clocks().boot, lasts);
        let service = wanted.service.as_ref();
        let service = service.map_or(Settings::SSHD, Service::as_str);
        let old_policy = write.tx.policy()?;
        let id = write.tx.begin_trial(&trial, service)?;
        write.wake_in(u64::from(lasts.get()));
        write.audit("begun")?;
        tell(write, &changes)?;
        let how_long = format!("on trial for {} s", lasts.get());
        settings::alert(write, step, &how_long)?;
        policy::alert(write, &old_policy, &changes.policy(old_policy), &how_long)?;
        let until = write.tx.now().saturating_add_secs(u64::from(lasts.get()));
        Ok(Begun {
            id,
            until: until.as_secs(),
            changes: ShownChanges::new(&changes),
        })
    }
}

impl Try {
    fn check(
        &self,
        write: &Writing<'_, '_>,
        changes: &Changes,
        step: Step,
        seen: Option<&Logins>,
    ) -> Result<(), CallError> {
        let policy = changes.policy(write.tx.policy()?);
        policy
            .validated()
            .map_err(|wrong| CallError::refused(Errno::EINVAL, wrong.to_string()))?;
        if changes.window.is_some() {
            check_span(write.tx, &step.new, &format!("{OBJECT}.window"))?;
        }
        // A trial makes no device, since it could not take it back.
        if step.new.enabled && !step.old.enabled && !write.tx.has_active_device(ROOT)? {
            let message = "root has no device. To set one up: midclt 2fa device add root";
            let issue = Issue::new(format!("{OBJECT}.enabled"), message);
            return Err(CallError::Invalid(vec![issue]));
        }
        step.check(write.tx, &policy, write.today()?, seen, OBJECT)
    }
}

fn refuse_second(tx: &ReadTx<'_>) -> Result<(), CallError> {
    let Some((record, left)) = tx.live_trial()? else {
        return Ok(());
    };
    let message = format!(
        "The trial {} runs for another {left} s. To end it: midclt call auth.twofactor.rollback",
        record.id
    );
    Err(CallError::refused(Errno::EBUSY, message))
}

fields! {
    /// Keeps the settings that are on trial.
    ///
    /// Meant for the console: over the network a login by a code does it, which shows that there is a
    /// way in.
    pub(crate) struct Commit {
        /// Which trial; the one that is on if it is not given.
        id: Option<Id>,
    }
}

impl Declared for Commit {
    const NAME: &'static str = "auth.twofactor.commit";
    type Output = bool;
}

impl Write for Commit {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let record = live(write.tx, self.id)?;
        keep(write, &record)?;
        write.audit("committed")?;
        Ok(true)
    }
}

fields! {
    /// Rolls back the settings that are on trial, now.
    pub(crate) struct Rollback {
        /// Which trial; the one that is on if it is not given.
        id: Option<Id>,
    }
}

impl Declared for Rollback {
    const NAME: &'static str = "auth.twofactor.rollback";
    type Output = bool;
}

impl Write for Rollback {
    fn is_way_back(&self) -> bool {
        true
    }

    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let record = live(write.tx, self.id)?;
        end(write, &record, RolledBack::Asked)?;
        Ok(true)
    }
}

/// The trial that is on, if it is the one that was meant.
fn live(tx: &ReadTx<'_>, id: Option<Id>) -> Result<TrialRecord, CallError> {
    let live = tx.live_trial()?.map(|(record, _)| record);
    match (live, id) {
        (Some(record), None) => Ok(record),
        (Some(record), Some(id)) if record.id == id.0 => Ok(record),
        _ => {
            let message = "There is no such trial: it was rolled back or kept. What became of the last \
                one: midclt call auth.twofactor.status";
            Err(CallError::refused(Errno::ENOENT, message))
        }
    }
}

/// What falls due by itself: run at the start, now and then, and when a call has asked to be woken.
#[must_use]
pub fn upkeep() -> WriteCall {
    WriteCall::of_daemon(Rollback::NAME, |write| {
        settle(write)?;
        if let Some((_, left)) = write.tx.live_trial()? {
            write.wake_in(left);
        }
        Ok(())
    })
}

/// Tells of a trial that is over. It has ended before: nothing of it counts any more.
pub(super) fn settle(write: &mut Writing<'_, '_>) -> Result<(), CallError> {
    match not_told(write)? {
        Some((record, Err(why))) => end(write, &record, why),
        _ => Ok(()),
    }
}

/// Ends the trial, if there is one that nobody was told the end of.
pub(super) fn end_whichever(write: &mut Writing<'_, '_>) -> Result<(), CallError> {
    match not_told(write)? {
        Some((record, left)) => end(write, &record, left.err().unwrap_or(RolledBack::Asked)),
        None => Ok(()),
    }
}

/// A trial that nobody was told the end of, and whether it is over.
fn not_told(
    write: &Writing<'_, '_>,
) -> Result<Option<(TrialRecord, Result<u64, RolledBack>)>, CallError> {
    let record = write.tx.trial()?;
    let record = record.filter(|record| record.state == TrialState::Live);
    Ok(record.map(|record| {
        let left = record.trial.left(write.clocks().boot);
        (record, left)
    }))
}

/// What an administrator has decided meanwhile is not on trial any more, and what was rolled back before
/// that is no news any more.
pub(super) fn give_way(write: &mut Writing<'_, '_>, later: &Changes) -> Result<(), CallError> {
    let Some(record) = write.tx.trial()? else {
        return Ok(());
    };
    match record.state {
        TrialState::Live => write.tx.put_tried(&record.trial.changes.without(later))?,
        TrialState::RolledBack(_) => write.tx.end_trial(TrialState::Forgotten)?,
        TrialState::Committed | TrialState::Forgotten => {}
    }
    Ok(())
}

/// What is on trial beside these changes, if anything is.
pub(super) fn beside(tx: &ReadTx<'_>, later: &Changes) -> Result<Changes, CallError> {
    let live = tx.live_trial()?;
    let tried = live.map(|(record, _)| record.trial.changes.without(later));
    Ok(tried.unwrap_or_default())
}

/// Keeps the settings that are on trial, if this login by a code has shown that they work.
pub(crate) fn shown(
    write: &mut Writing<'_, '_>,
    service: &str,
    is_asked_because: impl FnOnce(&ReadTx<'_>) -> Result<bool, CallError>,
) -> Result<bool, CallError> {
    let Some((record, _)) = write.tx.live_trial()? else {
        return Ok(false);
    };
    if record.service != service || !is_asked_because(write.tx)? {
        return Ok(false);
    }
    keep(write, &record)?;
    Ok(true)
}

fn keep(write: &mut Writing<'_, '_>, record: &TrialRecord) -> Result<(), CallError> {
    let (settings, policy) = (write.tx.settings()?, write.tx.policy()?);
    write.tx.put_settings(&settings)?;
    if policy != write.tx.stored_policy()? {
        write.tx.put_policy(&policy)?;
    }
    write.tx.end_trial(TrialState::Committed)?;
    tell(write, &record.trial.changes)
}

fn end(
    write: &mut Writing<'_, '_>,
    record: &TrialRecord,
    why: RolledBack,
) -> Result<(), CallError> {
    write.tx.end_trial(TrialState::RolledBack(why))?;
    write.audit("rolled back")?;
    let because = match why {
        RolledBack::Deadline => "nobody logged in by a code in time",
        RolledBack::Reboot => "the machine was started anew",
        RolledBack::Asked => "an administrator wanted it so",
    };
    write.alert(Alert {
        kind: AlertKind::TrialRolledBack,
        account: None,
        source: None,
        message: format!("The trial {} was rolled back: {because}", record.id),
    })?;
    tell(write, &record.trial.changes)
}

/// Tells subscribers of the settings that count now.
fn tell(write: &mut Writing<'_, '_>, changed: &Changes) -> Result<(), CallError> {
    let settings = write.tx.settings()?;
    match write.tx.policy() {
        Ok(policy) if changed.concern_policy() => emit_policy(write, &ShownPolicy::new(&policy)),
        // A policy that is damaged must not stand in the way of turning it off.
        _ => emit_config(write, &settings),
    }
}

/// A trial that has begun.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Begun {
    /// Its number; never used again for another one.
    id: i64,
    /// When it ends by itself, in seconds since 1970, UTC, if nobody sets the clock.
    until: u64,
    /// What is tried.
    changes: ShownChanges,
}

/// What is tried.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct ShownChanges {
    /// Whether a code is asked for at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    /// Steps accepted on each side of now.
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<u8>,
    /// Which services ask for a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<ShownServices>,
    /// The rules for accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<policy::ShownChanges>,
}

/// Which services ask for a code.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
struct ShownServices {
    /// Whether sshd does.
    ssh: bool,
}

impl ShownChanges {
    fn new(changes: &Changes) -> Self {
        Self {
            enabled: changes.enabled,
            window: changes.window.map(twofactor::Window::steps),
            services: changes.ssh.map(|ssh| ShownServices { ssh }),
            policy: policy::ShownChanges::new(changes),
        }
    }
}

/// The trial that is on.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct ShownTrial {
    /// Its number.
    id: i64,
    /// When it ends by itself, in seconds since 1970, UTC, if nobody sets the clock.
    until: u64,
    /// How many seconds that are.
    seconds_left: u64,
    /// The service that a login has to come through to keep it.
    service: String,
    /// What is tried, and was not changed since by an administrator.
    changes: ShownChanges,
}

impl ShownTrial {
    pub(super) fn stored(tx: &ReadTx<'_>) -> Result<Option<Self>, CallError> {
        let live = tx.live_trial()?;
        Ok(live.map(|(record, seconds_left)| Self {
            id: record.id,
            until: record.until.as_secs(),
            seconds_left,
            service: record.service,
            changes: ShownChanges::new(&record.trial.changes),
        }))
    }
}

/// The last trial, if it was rolled back and nothing was changed since.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct ShownRollback {
    /// When that was noticed, in seconds since 1970, UTC.
    at: u64,
    /// Its number.
    id: i64,
    /// "deadline", "reboot" or "asked".
    why: &'static str,
}

impl ShownRollback {
    pub(super) fn stored(read: &Reading<'_>) -> Result<Option<Self>, CallError> {
        let Some(record) = read.tx.trial()? else {
            return Ok(None);
        };
        let (why, at) = match record.state {
            TrialState::RolledBack(why) => (why, record.ended),
            TrialState::Live => match record.trial.left(read.clocks.boot) {
                Ok(_) => return Ok(None),
                Err(why) => (why, None),
            },
            TrialState::Committed | TrialState::Forgotten => return Ok(None),
        };
        let at = at.unwrap_or(read.clocks.wall).as_secs();
        let why = match why {
            RolledBack::Deadline => "deadline",
            RolledBack::Reboot => "reboot",
            RolledBack::Asked => "asked",
        };
        let id = record.id;
        Ok(Some(Self { at, id, why }))
    }
}
