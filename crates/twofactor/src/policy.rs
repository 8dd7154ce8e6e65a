//! Whether a code is asked for at all.

use std::ops::RangeInclusive;

use thiserror::Error;

use crate::{BypassMinutes, BypassUses, Limits, UnixTime};

/// What happens to an account without an active device, once no grace is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unenrolled {
    /// It is refused.
    #[default]
    Deny,
    /// It is let in with its first factor alone.
    Allow,
}

/// What the administrator decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What happens to an account without an active device.
    pub unenrolled: Unenrolled,
    /// How many days of grace an account is given, unless another number is said: 1 to 90.
    pub grace_days: u16,
    /// Whether somebody in grace may set up a first device without an invite. A stolen password is
    /// then enough to do it.
    pub self_enrol: bool,
    /// The longest bypass that may be given, in minutes: 1 to 1,440.
    pub bypass_minutes_max: u32,
    /// The most uses that a bypass may have: 1 to 10.
    pub bypass_uses_max: u32,
    /// The numbers of the throttle.
    pub limits: Limits,
}

impl Policy {
    /// The policy of a machine whose administrator decided nothing.
    pub const DEFAULT: Policy = Policy {
        unenrolled: Unenrolled::Deny,
        grace_days: 14,
        self_enrol: false,
        bypass_minutes_max: BypassMinutes::MAX,
        bypass_uses_max: BypassUses::MAX,
        limits: Limits::DEFAULT,
    };

    /// The longest grace, in days.
    pub const MAX_GRACE_DAYS: u16 = 90;

    /// The policy, if all its numbers are in range.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn validated(self) -> Result<Policy, OutOfRange> {
        let days = 1..=u32::from(Policy::MAX_GRACE_DAYS);
        OutOfRange::check("grace_days", u32::from(self.grace_days), days)?;
        let minutes = 1..=BypassMinutes::MAX;
        OutOfRange::check("bypass_minutes_max", self.bypass_minutes_max, minutes)?;
        let uses = 1..=BypassUses::MAX;
        OutOfRange::check("bypass_uses_max", self.bypass_uses_max, uses)?;
        self.limits.validated()?;
        Ok(self)
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy::DEFAULT
    }
}

/// A number of the policy or of its limits that is not in its range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} must be between {} and {}", allowed.start(), allowed.end())]
pub struct OutOfRange {
    /// The field of [`Policy`] or [`Limits`].
    pub field: &'static str,
    /// What it may be.
    pub allowed: RangeInclusive<u32>,
}

impl OutOfRange {
    pub(crate) fn check(
        field: &'static str,
        number: u32,
        allowed: RangeInclusive<u32>,
    ) -> Result<(), OutOfRange> {
        if allowed.contains(&number) {
            Ok(())
        } else {
            Err(OutOfRange { field, allowed })
        }
    }
}

/// Whether an account is the one that the state knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The state knows it by this uid and this name.
    Known,
    /// The state knows neither the uid nor the name.
    Unknown,
    /// The state knows one of them together with another: a second name for a uid, or a name that
    /// was deleted and made again. Neither inherits anything.
    Mismatch,
}

/// All that decides whether a code is asked for. No secret is needed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent fact, and all are named where a Standing is made"
)]
pub struct Standing {
    /// The second factor is on for this service.
    pub is_asked: bool,
    /// A password or key was proven.
    pub is_proven: bool,
    /// Whether the account is the one that the state knows.
    pub identity: Identity,
    /// The latest end of its exemptions.
    pub exempt_until: Option<UnixTime>,
    /// It, or everybody, has a valid bypass.
    pub bypass: bool,
    /// It has an active device.
    pub has_active_device: bool,
    /// The end of its grace.
    pub grace_until: Option<UnixTime>,
}

/// What a door has to do.
#[must_use = "a requirement that nobody looks at protects nothing"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Let in without a code.
    NotRequired(Reason),
    /// Let in without a code until this date.
    Exempt {
        /// The first second at which a code is needed again.
        until: UnixTime,
    },
    /// Let in without a code, and count a use of the bypass.
    Bypassed,
    /// Ask for a code.
    Code,
    /// Refuse: there is no device whose code could be asked for.
    NotEnrolled,
}

/// Why no code is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The second factor is off for this service.
    Off,
    /// The account has time to set up a device.
    Grace {
        /// The first second at which it is over.
        until: UnixTime,
    },
    /// The policy lets accounts without a device in.
    Allowed,
}

impl Standing {
    /// What a door has to do.
    ///
    /// `today` is the later of the wall clock and the latest time that was ever seen, so that a
    /// date that permits does not come back with a clock that is set back.
    ///
    /// Until the first factor is proven the answer is the same for every account: a code. Nothing
    /// about an account shows before, and nothing that permits is of use to a stranger.
    pub fn requirement(&self, policy: &Policy, today: UnixTime) -> Requirement {
        if !self.is_asked {
            return Requirement::NotRequired(Reason::Off);
        }
        if !self.is_proven {
            return Requirement::Code;
        }
        if self.identity == Identity::Mismatch {
            return Requirement::NotEnrolled;
        }
        let still = |until: &UnixTime| today < *until;
        if let Some(until) = self.exempt_until.filter(still) {
            return Requirement::Exempt { until };
        }
        if self.bypass {
            return Requirement::Bypassed;
        }
        if self.has_active_device {
            return Requirement::Code;
        }
        if let Some(until) = self.grace_until.filter(still) {
            return Requirement::NotRequired(Reason::Grace { until });
        }
        match policy.unenrolled {
            Unenrolled::Allow => Requirement::NotRequired(Reason::Allowed),
            Unenrolled::Deny => Requirement::NotEnrolled,
        }
    }
}
