//! What the administrator decided.

use std::ops::RangeInclusive;

use thiserror::Error;

use crate::{BypassMinutes, BypassUses, Limits};

/// What happens to an account without an active device, once no grace is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unenrolled {
    /// It is refused.
    #[default]
    Deny,
    /// It is let in with its first factor alone.
    Allow,
}

/// What a proven key in hardware counts for at sshd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecurityKeys {
    /// A key like any other: a code is asked for.
    #[default]
    Ask,
    /// Both factors: something that somebody has, and the PIN or finger it wants. That it wanted one
    /// is for sshd to see to (`PubkeyAuthOptions verify-required`).
    BothFactors,
}

/// What the administrator decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What happens to an account without an active device.
    pub unenrolled: Unenrolled,
    /// What a proven key in hardware counts for.
    pub security_keys: SecurityKeys,
    /// How many days of grace an account is given, unless another number is said: 1 to 90.
    pub grace_days: u16,
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
        security_keys: SecurityKeys::Ask,
        grace_days: 14,
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

#[cfg(test)]
mod tests {
    use super::Policy;
    use crate::Limits;

    #[test]
    fn numbers_in_range() {
        assert_eq!(Policy::DEFAULT.validated(), Ok(Policy::default()));
        let lax = Limits {
            free_failures: 6,
            ..Limits::DEFAULT
        };
        let cases = [
            (
                Policy {
                    grace_days: 0,
                    ..Policy::DEFAULT
                },
                "grace_days must be between 1 and 90",
            ),
            (
                Policy {
                    grace_days: 91,
                    ..Policy::DEFAULT
                },
                "grace_days must be between 1 and 90",
            ),
            (
                Policy {
                    bypass_minutes_max: 0,
                    ..Policy::DEFAULT
                },
                "bypass_minutes_max must be between 1 and 1440",
            ),
            (
                Policy {
                    bypass_minutes_max: 1441,
                    ..Policy::DEFAULT
                },
                "bypass_minutes_max must be between 1 and 1440",
            ),
            (
                Policy {
                    bypass_uses_max: 0,
                    ..Policy::DEFAULT
                },
                "bypass_uses_max must be between 1 and 10",
            ),
            (
                Policy {
                    bypass_uses_max: 11,
                    ..Policy::DEFAULT
                },
                "bypass_uses_max must be between 1 and 10",
            ),
            (
                Policy {
                    limits: lax,
                    ..Policy::DEFAULT
                },
                "free_failures must be between 1 and 5",
            ),
        ];
        for (policy, message) in cases {
            assert_eq!(policy.validated().unwrap_err().to_string(), message);
        }
        for days in [1, 90] {
            assert!(
                Policy {
                    grace_days: days,
                    ..Policy::DEFAULT
                }
                .validated()
                .is_ok()
            );
        }
    }
}
