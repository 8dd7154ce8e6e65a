//! `auth.twofactor.try`: how a trial begins.

use nix::errno::Errno;
use serde_json::Value;
use store::ReadTx;
use twofactor::{Changes, Settings, Trial, TrialSecs};

use super::shown::Begun;
use super::{settle, tell};
use crate::CallError;
use crate::access::{Proof, Right};
use crate::auth_twofactor::lockout::{self, Logins, Seen, Step};
use crate::auth_twofactor::settings::{self, ServiceChanges, check_span};
use crate::auth_twofactor::{ROOT, policy};
use crate::bounded::{Service, Whole};
use crate::error::Issue;
use crate::fields::WindowSteps;
use crate::method::{Declared, Reading, Slow, Stage, Writing};
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
    pub(in crate::auth_twofactor) fn changes(&self) -> Changes {
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
    const RIGHT: Right = Right::Administrator(Proof::Fresh);
    type Output = Begun;

    /// The policy is for root at this machine, and turning it off wants a code of its own.
    fn right(&self) -> Right {
        let changes = &self.auth_twofactor_try.changes;
        match (&changes.policy, changes.enabled) {
            (Some(_), _) => Right::Root,
            (None, Some(false)) => Right::Administrator(Proof::New),
            (None, _) => Self::RIGHT,
        }
    }
}

impl Slow for Try {
    type Job = ();
    type Found = Seen;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<(), Seen>, CallError> {
        let changes = self.auth_twofactor_try.changes.changes();
        let (old, old_policy) = (read.tx.settings()?, read.tx.policy()?);
        let new = changes.settings(old);
        let shuts_out = lockout::shuts_out(read.tx, &old_policy, &changes.policy(old_policy))?;
        let is_asking = (Step { old, new }).makes_sshd_ask();
        Ok(Logins::wanted(shuts_out || is_asking))
    }

    fn work((): ()) -> Result<Stage<(), Seen>, CallError> {
        Ok(Logins::seen())
    }

    fn finish(&self, seen: &Seen, write: &mut Writing<'_, '_>) -> Result<Begun, CallError> {
        let wanted = &self.auth_twofactor_try;
        settle(write)?;
        refuse_second(write.tx)?;
        let changes = wanted.changes.changes();
        let old = write.tx.settings()?;
        let step = Step {
            old,
            new: changes.settings(old),
        };
        check(write, &changes, step, seen.as_ref())?;
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
        Ok(Begun::new(id, until, &changes))
    }
}

fn check(
    write: &Writing<'_, '_>,
    changes: &Changes,
    step: Step,
    seen: Option<&Logins>,
) -> Result<(), CallError> {
    let old_policy = write.tx.policy()?;
    let policy = changes.policy(old_policy);
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
    if !step.makes_sshd_ask() && lockout::shuts_out(write.tx, &old_policy, &policy)? {
        lockout::check_policy(write, &policy, seen, &format!("{OBJECT}.policy"))?;
    }
    step.check(write.tx, &policy, write.today()?, seen, OBJECT)
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
