//! Settings and policy of an export.

use twofactor::{Changes, Policy, Settings};

use super::report::{Report, SettingsReport, Switches};
use super::{Found, Restore, no_pages};
use crate::CallError;
use crate::auth_twofactor::config::emit_config;
use crate::auth_twofactor::lockout::Step;
use crate::auth_twofactor::{lockout, policy, settings, trial};
use crate::method::Writing;

impl Restore {
    /// Puts them back, after the accounts: who would be locked out depends on their devices.
    pub(super) fn put_settings(
        &self,
        found: &Found,
        write: &mut Writing<'_, '_>,
        report: &mut Report,
    ) -> Result<(), CallError> {
        let first = self.pages.first().ok_or_else(no_pages)?;
        let (exported, old) = (first.settings.settings(), write.tx.stored_settings()?);
        let old_policy = write.tx.stored_policy()?;
        let asked = restored(&first.policy, old_policy)?;
        let new_policy = allowed_policy(found, write, (old_policy, asked))?;
        let step = Step { old, new: exported };
        let new = self.allowed(found, write, (step, &new_policy))?;
        // Under an override it stays off.
        let live = Settings {
            enabled: new.enabled && !write.tx.is_off_by_override(),
            ..new
        };
        report.settings = SettingsReport {
            before: Switches::of(&write.tx.settings()?),
            after: Switches::of(&live),
            exported: Switches::of(&exported),
            changed: new != old || new_policy != old_policy,
            still_lets_in: new_policy != asked,
        };
        write.tx.put_settings(&new)?;
        write.tx.put_policy(&new_policy)?;
        trial::give_way(write, &Changes::default())?;
        settings::check_span(write.tx, &new, "page.settings.window")?;
        settings::alert(write, Step { old, new }, "An export was restored")?;
        policy::alert(write, &old_policy, &new_policy, "by a restore")?;
        emit_config(write, &write.tx.settings()?)
    }

    /// The settings of the export, as far as nobody is locked out by them: sshd is made to ask only
    /// where it does, and lets in all who should get in. What root has turned off stays off where that
    /// was said, or while an override says it.
    fn allowed(
        &self,
        found: &Found,
        write: &Writing<'_, '_>,
        (step, policy): (Step, &Policy),
    ) -> Result<Settings, CallError> {
        let Step { old, new } = step;
        let stays_off = self.stays_off() && !old.enabled || write.tx.is_off_by_override();
        let new = Settings {
            enabled: new.enabled && !stays_off,
            ..new
        };
        let today = write.today()?;
        let may_be = |new: &Settings| {
            let step = Step { old, new: *new };
            let seen = found.logins.as_ref();
            is_allowed(step.check(write.tx, policy, today, seen, "settings"))
        };
        for ssh in [new.ssh, old.ssh] {
            let new = Settings { ssh, ..new };
            if may_be(&new)? {
                return Ok(new);
            }
        }
        Ok(Settings { ssh: false, ..new })
    }
}

/// The policy of the export, save that whoever has no device is still let in where they would be locked
/// out now.
fn allowed_policy(
    found: &Found,
    write: &Writing<'_, '_>,
    (old, new): (Policy, Policy),
) -> Result<Policy, CallError> {
    if lockout::shuts_out(write.tx, &old, &new)? {
        let checked = lockout::check_policy(write, &new, found.logins.as_ref(), "policy");
        if !is_allowed(checked)? {
            return Ok(Policy {
                unenrolled: old.unenrolled,
                ..new
            });
        }
    }
    Ok(new)
}

/// Whether a check has refused nothing.
fn is_allowed(checked: Result<(), CallError>) -> Result<bool, CallError> {
    match checked {
        Ok(()) => Ok(true),
        Err(CallError::Invalid(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A policy with what an export says of it.
fn restored(exported: &policy::Changes, old: Policy) -> Result<Policy, CallError> {
    let mut changes = Changes::default();
    exported.add_to(&mut changes);
    let new = changes.policy(old).validated();
    new.map_err(|wrong| CallError::refused(nix::errno::Errno::EINVAL, wrong.to_string()))
}
