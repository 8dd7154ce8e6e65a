//! Settings and policy of an export.

use twofactor::{Changes, Policy, Settings};

use super::report::{Report, SettingsReport, Switches};
use super::{Found, Restore, no_pages};
use crate::CallError;
use crate::auth_twofactor::config::emit_config;
use crate::auth_twofactor::lockout::Step;
use crate::auth_twofactor::{policy, settings, trial};
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
        let new_policy = restored(&first.policy, old_policy)?;
        let new = self.allowed(found, write, Step { old, new: exported })?;
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
        };
        if self.is_dry() {
            return Ok(());
        }
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
        step: Step,
    ) -> Result<Settings, CallError> {
        let Step { old, new } = step;
        let stays_off = self.stays_off() && !old.enabled || write.tx.is_off_by_override();
        let new = Settings {
            enabled: new.enabled && !stays_off,
            ..new
        };
        let today = write.today()?;
        let first = self.pages.first().ok_or_else(no_pages)?;
        let policy = restored(&first.policy, write.tx.stored_policy()?)?;
        let is_allowed = |new: &Settings| {
            let step = Step { old, new: *new };
            let checked = step.check(write.tx, &policy, today, found.logins.as_ref(), "settings");
            match checked {
                Ok(()) => Ok(true),
                Err(CallError::Invalid(_)) => Ok(false),
                Err(error) => Err(error),
            }
        };
        for ssh in [new.ssh, old.ssh] {
            let new = Settings { ssh, ..new };
            if is_allowed(&new)? {
                return Ok(new);
            }
        }
        Ok(Settings { ssh: false, ..new })
    }
}

/// A policy with what an export says of it.
fn restored(exported: &policy::Changes, old: Policy) -> Result<Policy, CallError> {
    let mut changes = Changes::default();
    exported.add_to(&mut changes);
    let new = changes.policy(old).validated();
    new.map_err(|wrong| CallError::refused(nix::errno::Errno::EINVAL, wrong.to_string()))
}
