//! `auth.twofactor.preflight`: what would come of a change, before it is made.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use twofactor::{Policy, Settings, Unenrolled};

use super::lockout::Logins;
use super::people::Login;
use super::trial::Tried;
use super::{ROOT, ssh};
use crate::CallError;
use crate::access::{Proof, Right};
use crate::method::{Declared, Reading, Slow, Stage, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

/// How many of those who would be locked out are named.
const NAMED: usize = 50;

fields! {
    /// Says who would be locked out of SSH after a change of settings and policy, and what else to know
    /// before it. Changes nothing.
    pub(crate) struct Preflight {
        /// The change; none if it is not given.
        auth_twofactor_preflight: Option<ToCheck>,
    }
}

fields! {
    /// The change.
    pub(crate) struct ToCheck {
        /// The settings and the policy, as auth.twofactor.try takes them.
        changes: Option<Tried>,
    }
}

impl Field for ToCheck {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

/// What would come of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outlook {
    /// Accounts with a login shell that could not log in any more; root first, the first 50.
    locked_out: Vec<LockedOut>,
    /// How many there are of those; null where /etc/passwd cannot be read.
    locked_out_count: Option<usize>,
    /// What else to know, each with the cure.
    warnings: Vec<String>,
    /// How root would get in.
    root: Root,
}

/// An account that could not log in any more.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct LockedOut {
    /// Its name.
    username: String,
    /// Its uid.
    uid: u32,
    /// Always `NO_DEVICE`.
    reason: &'static str,
    /// What helps.
    cure: String,
}

/// How root would get in.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Root {
    /// Whether it has an active device.
    active_device: bool,
    /// How many recovery codes it has that are not used.
    recovery_codes: usize,
}

impl Declared for Preflight {
    const NAME: &'static str = "auth.twofactor.preflight";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    type Output = Outlook;
}

impl Slow for Preflight {
    type Job = ();
    type Found = Logins;

    fn prepare(&self, _: &Reading<'_>) -> Result<Stage<(), Logins>, CallError> {
        Ok(Stage::Work(()))
    }

    fn work((): ()) -> Result<Stage<(), Logins>, CallError> {
        Ok(Stage::Ready(Logins::look()))
    }

    fn finish(&self, logins: &Logins, write: &mut Writing<'_, '_>) -> Result<Outlook, CallError> {
        let asked = self.auth_twofactor_preflight.as_ref();
        let changes = asked.and_then(|asked| asked.changes.as_ref());
        let changes = changes.map(Tried::changes).unwrap_or_default();
        let settings = changes.settings(write.tx.settings()?);
        let policy = changes.policy(write.tx.policy()?);
        let locked_out = if settings.asks(Settings::SSHD) {
            logins.refused(write.tx, &policy, write.today()?)?
        } else {
            Vec::new()
        };
        let root = Root {
            active_device: write.tx.has_active_device(ROOT)?,
            recovery_codes: write.tx.recovery_set(ROOT)?.map_or(0, |set| set.left()),
        };
        let mut warnings = warnings(write, &settings, &policy)?;
        if !logins.are_known() {
            warnings.push(UNKNOWN.to_owned());
        }
        if root.recovery_codes == 0 {
            warnings.push(NO_CODES.to_owned());
        }
        Ok(Outlook {
            locked_out_count: logins.are_known().then_some(locked_out.len()),
            locked_out: locked_out
                .into_iter()
                .take(NAMED)
                .map(LockedOut::new)
                .collect(),
            warnings,
            root,
        })
    }
}

impl LockedOut {
    fn new(login: Login) -> Self {
        Self {
            cure: format!(
                "midclt 2fa device add {0}, or for some days: midclt 2fa grace {0}",
                login.name
            ),
            username: login.name,
            uid: login.uid,
            reason: "NO_DEVICE",
        }
    }
}

const UNKNOWN: &str =
    "/etc/passwd cannot be read, so only root and accounts on record were looked at";

const NO_CODES: &str = "root has no recovery codes: without the phone the console is the only way in. \
    To make some: midclt 2fa recovery root";

/// What else to know.
fn warnings(
    write: &Writing<'_, '_>,
    settings: &Settings,
    policy: &Policy,
) -> Result<Vec<String>, CallError> {
    let mut warnings = Vec::new();
    if let Some(missing) = write.tx.degraded() {
        warnings.push(format!(
            "The master key is missing, so no code can be checked: {missing}"
        ));
    }
    if settings.ssh && !ssh::is_ready(write.tx)? {
        warnings.push(
            "sshd does not ask middlewared yet, or nobody has looked: midclt 2fa ssh check --report"
                .to_owned(),
        );
    }
    if policy.unenrolled == Unenrolled::Allow {
        warnings.push(
            "Accounts without a device are let in with their password or key alone. To refuse them: \
             midclt 2fa policy unenrolled=DENY"
                .to_owned(),
        );
    }
    if !write.clocks().synchronised {
        warnings.push(
            "Nothing keeps the clock right; once it is half a minute wrong, right codes are refused. \
             To see what should keep it: timedatectl status"
                .to_owned(),
        );
    }
    Ok(warnings)
}
