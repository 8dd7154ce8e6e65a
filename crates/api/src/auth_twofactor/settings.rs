//! `auth.twofactor.update`: what governs the whole machine.

use serde_json::Value;
use store::{ReadTx, StoreError, Subject};
use twofactor::{Changes, MAX_SPAN_SECS, Settings};

use super::config::{Config, emit_config, without_secret};
use super::lockout::{Logins, Seen, Step};
use super::secret::issue_device;
use super::{ROOT, trial};
use crate::access::{Proof, Right};
use crate::alert::{Alert, AlertKind};
use crate::devices::{self, DeviceEntry};
use crate::error::Issue;
use crate::event::{DEVICE, Event};
use crate::fields::{Interval, OtpDigits, WindowSteps};
use crate::method::{Declared, Reading, Slow, Stage, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};
use crate::{CallError, lookup};

fields! {
    /// Changes the settings: any subset of them, and only those given. Returns all of them.
    ///
    /// Turning two-factor authentication on makes a secret only if there is none. Turning it off is
    /// for everybody on this machine, and keeps the secret for the next time. A change of digits or
    /// interval keeps the secret too, but the phone must be set up again.
    pub(crate) struct Update {
        /// What to change.
        auth_twofactor_update: UpdateChanges,
    }
}

fields! {
    /// The settings that can be changed.
    pub(crate) struct UpdateChanges {
        /// Whether a code is asked for at all.
        enabled: Option<bool>,
        /// Digits of a code.
        otp_digits: Option<OtpDigits>,
        /// Steps accepted on each side of now, at most 900 seconds in all:
        /// (2 * window + 1) * interval.
        window: Option<WindowSteps>,
        /// Seconds that a code is valid for; most apps know only 30.
        interval: Option<Interval>,
        /// Which services ask for a code.
        services: Option<ServiceChanges>,
    }
}

impl Field for UpdateChanges {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

fields! {
    /// The services that can be changed.
    pub(crate) struct ServiceChanges {
        /// Whether sshd asks for a code.
        ssh: Option<bool>,
    }
}

impl ServiceChanges {
    /// Whether sshd is to ask, if anything was said of it.
    pub(super) fn ssh(services: Option<&Self>) -> Option<bool> {
        services.and_then(|services| services.ssh)
    }
}

impl Field for ServiceChanges {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl UpdateChanges {
    fn apply(&self, old: Settings) -> Settings {
        let ssh = ServiceChanges::ssh(self.services.as_ref());
        Settings {
            enabled: self.enabled.unwrap_or(old.enabled),
            ssh: ssh.unwrap_or(old.ssh),
            window: self.window.map_or(old.window, |window| window.0),
            digits: self.otp_digits.map_or(old.digits, |digits| digits.0),
            step: self.interval.map_or(old.step, |interval| interval.0),
        }
    }

    /// Has the codes of root's first device look as it is asked for. Whether they looked otherwise.
    fn reshape(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        if self.otp_digits.is_none() && self.interval.is_none() {
            return Ok(false);
        }
        let Some(mut record) = devices::first_active(write.tx, ROOT)? else {
            return Ok(false);
        };
        let digits = self.otp_digits.map_or(record.digits, |digits| digits.0);
        let step = self.interval.map_or(record.step, |interval| interval.0);
        if (digits, step) == (record.digits, record.step) {
            return Ok(false);
        }
        write.tx.reshape_device(record.id, digits, step)?;
        (record.digits, record.step) = (digits, step);
        let root = lookup::uid_0(write.tx)?;
        let entry = DeviceEntry::new(root.name.as_str(), &record);
        write.emit(Event::changed(DEVICE, Some(record.id), &entry)?.of(record.uid));
        Ok(true)
    }

    /// Which of the two that make a code good for long is changed, if any is. Only such a caller is told,
    /// so that nothing stands in the way of turning it off.
    fn changes_span(&self) -> Option<&'static str> {
        match (self.window, self.interval) {
            (Some(_), _) => Some("auth_twofactor_update.window"),
            (None, Some(_)) => Some("auth_twofactor_update.interval"),
            (None, None) => None,
        }
    }

    /// What can be on trial too.
    fn changes(&self) -> Changes {
        Changes {
            enabled: self.enabled,
            ssh: ServiceChanges::ssh(self.services.as_ref()),
            window: self.window.map(|window| window.0),
            ..Changes::default()
        }
    }
}

/// Refuses settings under which a code, of whatever device, would be good for too long.
pub(super) fn check_span(
    tx: &ReadTx<'_>,
    new: &Settings,
    attribute: &str,
) -> Result<(), CallError> {
    let longest = tx.longest_step()?;
    let longest = longest.filter(|longest| longest.as_secs() > new.step.as_secs());
    let span = new.window.span_secs(longest.unwrap_or(new.step));
    if span <= MAX_SPAN_SECS {
        return Ok(());
    }
    let mut message = format!(
        "(2 * window + 1) * interval should be at most {MAX_SPAN_SECS} seconds, not {span}"
    );
    if let Some(longest) = longest {
        let device = format!(
            ": there is a device with the interval {}",
            longest.as_secs()
        );
        message.push_str(&device);
    }
    Err(CallError::Invalid(vec![Issue::new(attribute, message)]))
}

impl Declared for Update {
    const NAME: &'static str = "auth.twofactor.update";
    const RIGHT: Right = Right::Administrator(Proof::Fresh);
    const OFFLINE: bool = true;
    type Output = Config;

    fn right(&self) -> Right {
        if self.turns_off() {
            Right::Administrator(Proof::New)
        } else {
            Self::RIGHT
        }
    }
}

impl Update {
    pub(crate) fn turns_off(&self) -> bool {
        self.auth_twofactor_update.enabled == Some(false)
    }

    pub(crate) fn turns_on(&self) -> bool {
        self.auth_twofactor_update.enabled == Some(true)
    }

    /// Off, as if somebody had called it.
    pub(super) fn turn_off(write: &mut Writing<'_, '_>) -> Result<(), CallError> {
        let enabled = Some(false);
        let update = Self {
            auth_twofactor_update: UpdateChanges {
                enabled,
                otp_digits: None,
                window: None,
                interval: None,
                services: None,
            },
        };
        update.finish(&None, write).map(drop)
    }

    /// Whoever says whether it is on has decided anew. Whether an override had turned it off.
    fn end_override(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let was_off = write.tx.is_off_by_override();
        if self.auth_twofactor_update.enabled.is_some() {
            write.tx.take_override()?;
        }
        Ok(was_off)
    }
}

impl Slow for Update {
    type Job = ();
    type Found = Seen;

    fn is_way_back(&self) -> bool {
        self.turns_off()
    }

    /// Who may log in is looked at only where sshd is made to ask. Turning it off waits for nobody.
    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<(), Seen>, CallError> {
        let outcomes = self.auth_twofactor_update.outcomes(read.tx)?;
        let is_asking = [outcomes.stored, outcomes.live]
            .into_iter()
            .any(Step::makes_sshd_ask);
        Ok(Logins::wanted(is_asking))
    }

    fn work((): ()) -> Result<Stage<(), Seen>, CallError> {
        Ok(Logins::seen())
    }

    fn finish(&self, seen: &Seen, write: &mut Writing<'_, '_>) -> Result<Config, CallError> {
        let params = &self.auth_twofactor_update;
        // Turning it off ends a trial, and is done before anybody is told anything.
        if params.enabled != Some(false) {
            trial::settle(write)?;
        }
        let is_override_over = self.end_override(write)?;
        let mut outcomes = params.outcomes(write.tx)?;
        // What root's override said counted until now.
        outcomes.live.old.enabled &= !(is_override_over && self.turns_on());
        let Outcomes { stored, live } = outcomes;
        // Not by whatever else is changed: nobody asked for a device then, and nobody would have it.
        let mut is_issued = false;
        if live.is_turned_on() || stored.is_turned_on() {
            is_issued = ensure_device(write, &live.new)?;
        }
        let is_reshaped = params.reshape(write)?;
        params.check(write, &outcomes, seen.as_ref())?;
        if stored.is_change() || live.is_change() || is_reshaped {
            write.tx.put_settings(&stored.new)?;
            trial::give_way(write, &params.changes())?;
            write.audit(outcome(&live.old, &live.new))?;
            alert(write, live, "")?;
            emit_config(write, &live.new)?;
        }
        if params.enabled == Some(false) {
            trial::end_whichever(write)?;
        }
        // Without the master key, and with a damaged device, it can still be turned off; the answer
        // then has no secret at all, since null would say that there is none.
        match write.tx.first_active_device(ROOT) {
            Err(StoreError::NoKey { .. } | StoreError::Damaged { .. }) if !live.new.enabled => {
                without_secret(write, &live.new)
            }
            // On the web a secret is shown when it is made, and else by a code for that alone.
            Ok(_) if !is_issued && !write.access().is_root() => without_secret(write, &live.new),
            device => Ok(Config::in_clear(&live.new, device?.as_ref())),
        }
    }
}

/// What comes of a change: without the trial that is on, and with it.
#[derive(Clone, Copy)]
struct Outcomes {
    stored: Step,
    live: Step,
}

impl UpdateChanges {
    fn outcomes(&self, tx: &ReadTx<'_>) -> Result<Outcomes, CallError> {
        let stored = Step {
            old: tx.stored_settings()?,
            new: self.apply(tx.stored_settings()?),
        };
        // Turning it off ends the trial.
        let beside = match self.enabled {
            Some(false) => Changes::default(),
            _ => trial::beside(tx, &self.changes())?,
        };
        let live = Step {
            old: tx.settings()?,
            new: beside.settings(stored.new),
        };
        Ok(Outcomes { stored, live })
    }

    fn check(
        &self,
        write: &Writing<'_, '_>,
        outcomes: &Outcomes,
        seen: Option<&Logins>,
    ) -> Result<(), CallError> {
        let Outcomes { stored, live } = outcomes;
        if let Some(attribute) = self.changes_span() {
            check_span(write.tx, &live.new, attribute)?;
            check_span(write.tx, &stored.new, attribute)?;
        }
        // Turning it off is never refused; whatever else it changes is looked at when it is turned on.
        if self.enabled == Some(false) {
            return Ok(());
        }
        let today = write.today()?;
        live.check(write.tx, &write.tx.policy()?, today, seen, OBJECT)?;
        stored.check(write.tx, &write.tx.stored_policy()?, today, seen, OBJECT)
    }
}

/// The name of the object, for what is wrong in it.
const OBJECT: &str = "auth_twofactor_update";

const fn outcome(old: &Settings, new: &Settings) -> &'static str {
    match (old.enabled, new.enabled) {
        (false, true) => "enabled",
        (true, false) => "disabled",
        _ => "changed",
    }
}

/// On and off are for everybody, so somebody should know, and how it came to be so.
pub(super) fn alert(write: &mut Writing<'_, '_>, step: Step, how: &str) -> Result<(), CallError> {
    let (kind, message) = match (step.old.enabled, step.new.enabled) {
        (false, true) => (AlertKind::Enabled, "Two-factor authentication is on"),
        (true, false) => (AlertKind::Disabled, OFF),
        _ => return Ok(()),
    };
    let message = match how {
        "" => message.to_owned(),
        how => format!("{how}: {message}"),
    };
    write.alert(Alert {
        kind,
        account: None,
        source: None,
        message,
    })
}

const OFF: &str = "Two-factor authentication is off for everybody. To turn it on again: \
    midclt call auth.twofactor.update '{\"enabled\": true}'. Milder, for one account: midclt 2fa \
    bypass NAME --reason TEXT";

/// Makes a device where there is none; whether it did. One whose secret cannot be read is left alone, and refuses:
/// nobody could pass with it.
fn ensure_device(write: &mut Writing<'_, '_>, settings: &Settings) -> Result<bool, CallError> {
    if write.tx.first_active_device(ROOT)?.is_some() {
        return Ok(false);
    }
    issue_device(write, settings)?;
    let root = lookup::uid_0(write.tx)?;
    let subject = Subject {
        account: Some(root.name.as_str()),
        ..Subject::default()
    };
    write.audit_login("issued", &subject)?;
    Ok(true)
}
