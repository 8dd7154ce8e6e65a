//! Settings and policy on trial: live for every door at once, and gone by themselves.
//!
//! A trial lies over what is stored and replaces nothing, so that nothing has to happen for it to end:
//! not at its deadline, not after a crash, not after a reboot. It ends by boot time, which nobody can
//! set, and with the boot it began in.

use crate::{Boot, Policy, Requirement, SecurityKeys, Settings, Unenrolled, Window};

/// What a trial changes. Where a field is `None`, what is stored counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// [`Settings::enabled`].
    pub enabled: Option<bool>,
    /// [`Settings::ssh`].
    pub ssh: Option<bool>,
    /// [`Settings::window`].
    pub window: Option<Window>,
    /// [`Policy::unenrolled`].
    pub unenrolled: Option<Unenrolled>,
    /// [`Policy::security_keys`].
    pub security_keys: Option<SecurityKeys>,
    /// [`Policy::grace_days`].
    pub grace_days: Option<u16>,
    /// [`Policy::bypass_minutes_max`].
    pub bypass_minutes_max: Option<u32>,
    /// [`Policy::bypass_uses_max`].
    pub bypass_uses_max: Option<u32>,
    /// [`Limits::free_failures`](crate::Limits::free_failures).
    pub free_failures: Option<u32>,
    /// [`Limits::first_wait_secs`](crate::Limits::first_wait_secs).
    pub first_wait_secs: Option<u32>,
    /// [`Limits::source_failures`](crate::Limits::source_failures).
    pub source_failures: Option<u32>,
    /// [`Limits::account_failures`](crate::Limits::account_failures).
    pub account_failures: Option<u32>,
}

impl Changes {
    /// The settings with these changes.
    #[must_use]
    pub fn settings(&self, stored: Settings) -> Settings {
        Settings {
            enabled: self.enabled.unwrap_or(stored.enabled),
            ssh: self.ssh.unwrap_or(stored.ssh),
            window: self.window.unwrap_or(stored.window),
            ..stored
        }
    }

    /// The policy with these changes.
    #[must_use]
    pub fn policy(&self, stored: Policy) -> Policy {
        let mut policy = stored;
        set(&mut policy.unenrolled, self.unenrolled);
        set(&mut policy.security_keys, self.security_keys);
        set(&mut policy.grace_days, self.grace_days);
        set(&mut policy.bypass_minutes_max, self.bypass_minutes_max);
        set(&mut policy.bypass_uses_max, self.bypass_uses_max);
        let limits = &mut policy.limits;
        set(&mut limits.free_failures, self.free_failures);
        set(&mut limits.first_wait_secs, self.first_wait_secs);
        set(&mut limits.source_failures, self.source_failures);
        set(&mut limits.account_failures, self.account_failures);
        policy
    }

    /// Whether any of them is of the policy.
    #[must_use]
    pub fn concern_policy(&self) -> bool {
        let of_policy = Changes {
            enabled: None,
            ssh: None,
            window: None,
            ..*self
        };
        of_policy != Changes::default()
    }

    /// What is still on trial once an administrator has decided on `later`: what they wrote is stored,
    /// and counts whatever becomes of the trial.
    #[must_use]
    pub fn without(self, later: &Changes) -> Changes {
        Changes {
            enabled: unless(self.enabled, later.enabled),
            ssh: unless(self.ssh, later.ssh),
            window: unless(self.window, later.window),
            unenrolled: unless(self.unenrolled, later.unenrolled),
            security_keys: unless(self.security_keys, later.security_keys),
            grace_days: unless(self.grace_days, later.grace_days),
            bypass_minutes_max: unless(self.bypass_minutes_max, later.bypass_minutes_max),
            bypass_uses_max: unless(self.bypass_uses_max, later.bypass_uses_max),
            free_failures: unless(self.free_failures, later.free_failures),
            first_wait_secs: unless(self.first_wait_secs, later.first_wait_secs),
            source_failures: unless(self.source_failures, later.source_failures),
            account_failures: unless(self.account_failures, later.account_failures),
        }
    }
}

fn set<T>(field: &mut T, change: Option<T>) {
    if let Some(change) = change {
        *field = change;
    }
}

fn unless<T: Copy>(change: Option<T>, later: Option<T>) -> Option<T> {
    change.filter(|_| later.is_none())
}

/// How long a trial may last, in seconds: 30 to 3,600.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialSecs(u32);

impl TrialSecs {
    /// The shortest: time for one login.
    pub const MIN: u32 = 30;
    /// The longest.
    pub const MAX: u32 = 3600;

    /// So many seconds, if a trial may last that long.
    #[must_use]
    pub fn new(secs: u32) -> Option<TrialSecs> {
        (TrialSecs::MIN..=TrialSecs::MAX)
            .contains(&secs)
            .then_some(TrialSecs(secs))
    }

    /// The number of seconds.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for TrialSecs {
    fn default() -> TrialSecs {
        TrialSecs(300)
    }
}

/// Settings and policy on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What is tried.
    pub changes: Changes,
    /// The second of which boot it is over at.
    pub ends: Boot,
}

/// Why a trial was rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolledBack {
    /// Nobody has shown in time that they get in.
    Deadline,
    /// The machine was started anew.
    Reboot,
    /// An administrator wanted it so.
    Asked,
}

impl Trial {
    /// A trial that begins now.
    #[must_use]
    pub fn new(changes: Changes, now: Boot, lasts: TrialSecs) -> Trial {
        let ends = Boot {
            id: now.id,
            secs: now.secs.saturating_add(u64::from(lasts.get())),
        };
        Trial { changes, ends }
    }

    /// How many seconds are left: none once it is over.
    ///
    /// # Errors
    /// Why it is over.
    pub fn left(&self, now: Boot) -> Result<u64, RolledBack> {
        if now.id != self.ends.id {
            return Err(RolledBack::Reboot);
        }
        match self.ends.secs.saturating_sub(now.secs) {
            0 => Err(RolledBack::Deadline),
            // It began at most that long ago; more is damage, and not worth trust.
            left if left > u64::from(TrialSecs::MAX) => Err(RolledBack::Deadline),
            left => Ok(left),
        }
    }

    /// Whether a login by a code has shown what the trial was to show: that somebody gets in who is
    /// asked because of it. Somebody who had to have a code before shows nothing new.
    #[must_use]
    pub fn is_shown_by(stored: &Requirement, tried: &Requirement) -> bool {
        *tried == Requirement::Code && *stored != Requirement::Code
    }
}
