//! `auth.twofactor.policy.*`: the rules for accounts, and the numbers of the throttle.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::ReadTx;
use twofactor::{Policy, SecurityKeys, Unenrolled};

use super::config::emit_policy;
use super::lockout::{self, Logins, Seen};
use super::trial;
use crate::CallError;
use crate::access::{Proof, Right};
use crate::alert::{Alert, AlertKind};
use crate::bounded::{OneOf, Whole, Word};
use crate::method::{Declared, Method, Read, Reading, Slow, Stage, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

fields! {
    /// The rules for accounts: what happens without a device, what an administrator may grant, and
    /// how wrong codes are slowed down.
    pub(crate) struct GetPolicy {}
}

impl Declared for GetPolicy {
    const NAME: &'static str = "auth.twofactor.policy.config";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    type Output = ShownPolicy;
}

impl Read for GetPolicy {
    fn call(self, read: &Reading<'_>) -> Result<ShownPolicy, CallError> {
        Ok(ShownPolicy::new(&read.tx.policy()?))
    }
}

fields! {
    /// Changes the rules for accounts: any subset of them, and only those given. Returns all of
    /// them.
    ///
    /// DENY is refused while sshd asks and it would lock somebody out, with the names.
    ///
    /// What was granted before (grace, a bypass) keeps the end it was given. The waits that run now
    /// follow the new numbers at once.
    pub(crate) struct UpdatePolicy {
        /// What to change.
        policy_update: Changes,
    }
}

fields! {
    /// The rules that can be changed.
    #[derive(Serialize)]
    pub(crate) struct Changes {
        /// Whether an account without an active device and without grace is refused (DENY) or let
        /// in with its password or key alone (ALLOW).
        pub(super) unenrolled: Option<OneOf<Unenrolled>>,
        /// Whether a key in hardware (FIDO) that sshd has seen proven is a key like any other (ASK), or
        /// passes without a code (`BOTH_FACTORS`). Have sshd insist on the PIN or finger then:
        /// `PubkeyAuthOptions verify-required`. Else whoever finds the token gets in.
        pub(super) security_keys: Option<OneOf<SecurityKeys>>,
        /// Days of grace, where no other number is said.
        pub(super) grace_days: Option<Whole<1, 90>>,
        /// The longest bypass that may be given, in minutes.
        pub(super) bypass_minutes_max: Option<Whole<1, 1440>>,
        /// The most logins that a bypass may be good for.
        pub(super) bypass_uses_max: Option<Whole<1, 10>>,
        /// How wrong codes are slowed down.
        pub(super) throttle: Option<ThrottleChanges>,
    }
}

impl Field for Changes {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

fields! {
    /// The numbers that can be changed: each can be made stricter than its default, and none
    /// weaker.
    #[derive(Serialize)]
    pub(crate) struct ThrottleChanges {
        /// Wrong codes in a row, of an account from one address, until there is a wait.
        pub(super) free_failures: Option<Whole<1, 5>>,
        /// The first wait, in seconds; each further one is twice as long, up to an hour.
        pub(super) first_wait: Option<Whole<30, 3600>>,
        /// Wrong codes from one address over all accounts, until it has to wait.
        pub(super) source_failures: Option<Whole<5, 20>>,
        /// Wrong codes of an account from addresses that it did not log in from in the last 30
        /// days, until it is closed to such addresses.
        pub(super) account_failures: Option<Whole<10, 100>>,
    }
}

impl Field for ThrottleChanges {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Word for Unenrolled {
    const WORDS: &'static [(&'static str, Self)] = &[("DENY", Self::Deny), ("ALLOW", Self::Allow)];
}

impl Word for SecurityKeys {
    const WORDS: &'static [(&'static str, Self)] =
        &[("ASK", Self::Ask), ("BOTH_FACTORS", Self::BothFactors)];
}

impl Changes {
    /// Adds them to others.
    pub(super) fn add_to(&self, changes: &mut twofactor::Changes) {
        let throttle = self.throttle.as_ref();
        changes.unenrolled = self.unenrolled.map(|word| word.0);
        changes.security_keys = self.security_keys.map(|word| word.0);
        changes.grace_days = self.grace_days.map(days);
        changes.bypass_minutes_max = self.bypass_minutes_max.map(|number| number.0);
        changes.bypass_uses_max = self.bypass_uses_max.map(|number| number.0);
        changes.free_failures = throttle.and_then(|limits| Some(limits.free_failures?.0));
        changes.first_wait_secs = throttle.and_then(|limits| Some(limits.first_wait?.0));
        changes.source_failures = throttle.and_then(|limits| Some(limits.source_failures?.0));
        changes.account_failures = throttle.and_then(|limits| Some(limits.account_failures?.0));
    }
}

fn days(days: Whole<1, 90>) -> u16 {
    u16::try_from(days.0).unwrap_or(u16::MAX)
}

impl Declared for UpdatePolicy {
    const NAME: &'static str = "auth.twofactor.policy.update";
    const RIGHT: Right = Right::Root;
    type Output = ShownPolicy;
}

impl UpdatePolicy {
    fn changes(&self) -> twofactor::Changes {
        let mut changes = twofactor::Changes::default();
        self.policy_update.add_to(&mut changes);
        changes
    }

    /// The policies that count, now and from now on, and those that are stored.
    fn steps(&self, tx: &ReadTx<'_>) -> Result<[Step; 2], CallError> {
        let changes = self.changes();
        let step = |old| Step {
            old,
            new: changes.policy(old),
        };
        Ok([step(tx.policy()?), step(tx.stored_policy()?)])
    }
}

/// A change of the policy.
struct Step {
    old: Policy,
    new: Policy,
}

/// The name of the object, for what is wrong in it.
const OBJECT: &str = "policy_update";

impl Slow for UpdatePolicy {
    type Job = ();
    type Found = Seen;

    fn is_way_back(&self) -> bool {
        let unenrolled = self.policy_update.unenrolled;
        unenrolled.is_some_and(|word| word.0 == Unenrolled::Allow)
    }

    /// Who may log in is looked at only where somebody could be shut out.
    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<(), Seen>, CallError> {
        let mut shuts_out = false;
        for step in self.steps(read.tx)? {
            shuts_out |= lockout::shuts_out(read.tx, &step.old, &step.new)?;
        }
        Ok(Logins::wanted(shuts_out))
    }

    fn work((): ()) -> Result<Stage<(), Seen>, CallError> {
        Ok(Logins::seen())
    }

    fn finish(&self, seen: &Seen, write: &mut Writing<'_, '_>) -> Result<ShownPolicy, CallError> {
        trial::settle(write)?;
        let [live, stored] = self.steps(write.tx)?;
        for step in [&live, &stored] {
            check(write, step, seen.as_ref())?;
        }
        if live.old != live.new || stored.old != stored.new {
            write.tx.put_policy(&stored.new)?;
            trial::give_way(write, &self.changes())?;
            write.audit("changed")?;
            alert(write, &live.old, &live.new, "")?;
            emit_policy(write, &ShownPolicy::new(&live.new))?;
        }
        Ok(ShownPolicy::new(&live.new))
    }
}

fn check(write: &Writing<'_, '_>, step: &Step, seen: Option<&Logins>) -> Result<(), CallError> {
    // The params are in bounds; this is what the state itself insists on.
    step.new
        .validated()
        .map_err(|wrong| CallError::refused(Errno::EINVAL, wrong.to_string()))?;
    if lockout::shuts_out(write.tx, &step.old, &step.new)? {
        lockout::check_policy(write, &step.new, seen, OBJECT)?;
    }
    Ok(())
}

/// Says what is different, if anything is, and how it came to be so.
pub(super) fn alert(
    write: &mut Writing<'_, '_>,
    old: &Policy,
    new: &Policy,
    how: &str,
) -> Result<(), CallError> {
    if new == old {
        return Ok(());
    }
    let space = if how.is_empty() { "" } else { " " };
    write.alert(Alert {
        kind: AlertKind::PolicyChanged,
        account: None,
        source: None,
        message: format!("The policy changed{space}{how}: {}", differences(old, new)),
    })
}

/// What is different, in the words of the API.
fn differences(old: &Policy, new: &Policy) -> String {
    let (old, new) = (ShownPolicy::new(old).rows(), ShownPolicy::new(new).rows());
    let changed = old.into_iter().zip(new).filter(|(old, new)| old != new);
    let line = |((name, old), (_, new))| format!("{name} was {old} and is {new}");
    changed.map(line).collect::<Vec<_>>().join(", ")
}

/// The rules.
#[derive(Clone, Serialize, JsonSchema)]
pub(crate) struct ShownPolicy {
    /// What happens to an account without an active device and without grace: DENY or ALLOW.
    unenrolled: &'static str,
    /// What a key in hardware counts for that sshd has seen proven: ASK or `BOTH_FACTORS`.
    security_keys: &'static str,
    /// Days of grace, where no other number is said.
    grace_days: u16,
    /// The longest bypass that may be given, in minutes.
    bypass_minutes_max: u32,
    /// The most logins that a bypass may be good for.
    bypass_uses_max: u32,
    /// How wrong codes are slowed down.
    throttle: ShownThrottle,
}

/// Rules that are on trial.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct ShownChanges {
    /// What happens to an account without an active device and without grace: DENY or ALLOW.
    #[serde(skip_serializing_if = "Option::is_none")]
    unenrolled: Option<&'static str>,
    /// What a key in hardware counts for that sshd has seen proven: ASK or `BOTH_FACTORS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    security_keys: Option<&'static str>,
    /// Days of grace, where no other number is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    grace_days: Option<u16>,
    /// The longest bypass that may be given, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass_minutes_max: Option<u32>,
    /// The most logins that a bypass may be good for.
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass_uses_max: Option<u32>,
    /// How wrong codes are slowed down.
    #[serde(skip_serializing_if = "ShownLimits::is_empty")]
    throttle: ShownLimits,
}

/// How wrong codes are slowed down, on trial.
#[derive(Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
struct ShownLimits {
    /// Wrong codes in a row, of an account from one address, until there is a wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    free_failures: Option<u32>,
    /// The first wait, in seconds; each further one is twice as long, up to an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_wait: Option<u32>,
    /// Wrong codes from one address over all accounts, until it has to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_failures: Option<u32>,
    /// Wrong codes of an account from unknown addresses, until it is closed to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    account_failures: Option<u32>,
}

impl ShownLimits {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl ShownChanges {
    /// Those of the policy, if there are any.
    pub(super) fn new(changes: &twofactor::Changes) -> Option<Self> {
        changes.concern_policy().then(|| Self {
            unenrolled: changes.unenrolled.map(unenrolled_word),
            security_keys: changes.security_keys.map(security_keys_word),
            grace_days: changes.grace_days,
            bypass_minutes_max: changes.bypass_minutes_max,
            bypass_uses_max: changes.bypass_uses_max,
            throttle: ShownLimits {
                free_failures: changes.free_failures,
                first_wait: changes.first_wait_secs,
                source_failures: changes.source_failures,
                account_failures: changes.account_failures,
            },
        })
    }
}

const fn unenrolled_word(unenrolled: Unenrolled) -> &'static str {
    match unenrolled {
        Unenrolled::Deny => "DENY",
        Unenrolled::Allow => "ALLOW",
    }
}

const fn security_keys_word(security_keys: SecurityKeys) -> &'static str {
    match security_keys {
        SecurityKeys::Ask => "ASK",
        SecurityKeys::BothFactors => "BOTH_FACTORS",
    }
}

/// How wrong codes are slowed down.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
struct ShownThrottle {
    /// Wrong codes in a row, of an account from one address, until there is a wait.
    free_failures: u32,
    /// The first wait, in seconds; each further one is twice as long, up to an hour.
    first_wait: u32,
    /// Wrong codes from one address over all accounts, until it has to wait.
    source_failures: u32,
    /// Wrong codes of an account from unknown addresses, until it is closed to them.
    account_failures: u32,
}

impl ShownPolicy {
    pub(super) fn new(policy: &Policy) -> Self {
        let limits = &policy.limits;
        Self {
            unenrolled: unenrolled_word(policy.unenrolled),
            security_keys: security_keys_word(policy.security_keys),
            grace_days: policy.grace_days,
            bypass_minutes_max: policy.bypass_minutes_max,
            bypass_uses_max: policy.bypass_uses_max,
            throttle: ShownThrottle {
                free_failures: limits.free_failures,
                first_wait: limits.first_wait_secs,
                source_failures: limits.source_failures,
                account_failures: limits.account_failures,
            },
        }
    }

    fn rows(&self) -> [(&'static str, String); 9] {
        let throttle = &self.throttle;
        [
            ("unenrolled", self.unenrolled.to_owned()),
            ("security_keys", self.security_keys.to_owned()),
            ("grace_days", self.grace_days.to_string()),
            ("bypass_minutes_max", self.bypass_minutes_max.to_string()),
            ("bypass_uses_max", self.bypass_uses_max.to_string()),
            ("free_failures", throttle.free_failures.to_string()),
            ("first_wait", throttle.first_wait.to_string()),
            ("source_failures", throttle.source_failures.to_string()),
            ("account_failures", throttle.account_failures.to_string()),
        ]
    }
}

pub(crate) const METHODS: &[Method] =
    &[Method::read::<GetPolicy>(), Method::slow::<UpdatePolicy>()];
