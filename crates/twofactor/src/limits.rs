//! The numbers of the throttle, and how strict they may be made.

use crate::{OutOfRange, UnixTime};

const DAY_SECS: u64 = 86_400;

/// The numbers of the throttle. A policy can make each stricter than its default, and none weaker;
/// no wait is longer than [`Limits::LONGEST_WAIT_SECS`].
///
/// Sources: RFC 4226 §7.3 (delays, not only locks), NIST SP 800-63B §5.2.2 (at most 100 failures).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures in a row of an account and source until there is a wait: 1 to 5.
    pub free_failures: u32,
    /// The first wait; each further one is twice as long: 30 to 3,600 s.
    pub first_wait_secs: u32,
    /// Failures of a source over all accounts until there is a wait: 5 to 20.
    pub source_failures: u32,
    /// Failures of an account's new sources until new sources are closed: 10 to 100.
    pub account_failures: u32,
    /// How many of those are forgotten in a day: 1 to 10.
    pub account_forgets_per_day: u32,
    /// How many days a source is known after an accepted code: 1 to 30.
    pub known_days: u32,
}

impl Limits {
    /// The numbers of a machine whose administrator decided nothing.
    pub const DEFAULT: Limits = Limits {
        free_failures: 5,
        first_wait_secs: 30,
        source_failures: 20,
        account_failures: 100,
        account_forgets_per_day: 10,
        known_days: 30,
    };

    /// How long a wait is at most, however many failures there were: an hour, in seconds. The hard
    /// stop is no wait.
    pub const LONGEST_WAIT_SECS: u32 = 3600;

    /// How many known sources an account has at most; the newest stay.
    pub const KNOWN_SOURCES: usize = 8;

    /// How many failures of a source are forgotten in a day.
    pub const SOURCE_FORGETS_PER_DAY: u32 = 20;

    /// The limits, if all are in range.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn validated(self) -> Result<Limits, OutOfRange> {
        let fields = [
            ("free_failures", self.free_failures, 1..=5),
            (
                "first_wait_secs",
                self.first_wait_secs,
                30..=Limits::LONGEST_WAIT_SECS,
            ),
            ("source_failures", self.source_failures, 5..=20),
            ("account_failures", self.account_failures, 10..=100),
            (
                "account_forgets_per_day",
                self.account_forgets_per_day,
                1..=10,
            ),
            ("known_days", self.known_days, 1..=30),
        ];
        for (field, number, allowed) in fields {
            OutOfRange::check(field, number, allowed)?;
        }
        Ok(self)
    }

    /// Whether a source is known, from when the account's last code from it was accepted.
    ///
    /// A time in the future (a clock that was ahead) is taken for now: it was accepted.
    #[must_use]
    pub fn is_known(&self, last_accepted: Option<UnixTime>, today: UnixTime) -> bool {
        last_accepted.is_some_and(|last| today.since(last) < u64::from(self.known_days) * DAY_SECS)
    }

    /// The wait after this many failures, in seconds, where `free` of them cost nothing.
    pub(crate) fn wait_after(&self, failures: u64, free: u32) -> u64 {
        let Some(doublings) = failures.checked_sub(u64::from(free)) else {
            return 0;
        };
        // 32 bits shifted by at most 31 fit into 64.
        let wait = u64::from(self.first_wait_secs) << doublings.min(31);
        wait.min(u64::from(Limits::LONGEST_WAIT_SECS))
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY_SECS, Limits};
    use crate::UnixTime;

    type Field = fn(&mut Limits) -> &mut u32;

    #[test]
    fn the_default_is_valid_and_each_number_has_its_range() {
        assert_eq!(Limits::DEFAULT.validated(), Ok(Limits::DEFAULT));
        let fields: [(&str, Field, u32, u32); 6] = [
            ("free_failures", |l| &mut l.free_failures, 1, 5),
            ("first_wait_secs", |l| &mut l.first_wait_secs, 30, 3600),
            ("source_failures", |l| &mut l.source_failures, 5, 20),
            ("account_failures", |l| &mut l.account_failures, 10, 100),
            (
                "account_forgets_per_day",
                |l| &mut l.account_forgets_per_day,
                1,
                10,
            ),
            ("known_days", |l| &mut l.known_days, 1, 30),
        ];
        for (name, field, least, most) in fields {
            let with = |number| {
                let mut limits = Limits::DEFAULT;
                *field(&mut limits) = number;
                limits.validated()
            };
            for number in [least, most] {
                assert!(with(number).is_ok(), "{name} {number}");
            }
            for number in [0, least - 1, most + 1, u32::MAX] {
                let error = with(number).unwrap_err();
                assert_eq!(error.field, name, "{number}");
                assert_eq!(
                    error.to_string(),
                    format!("{name} must be between {least} and {most}")
                );
            }
        }
    }

    /// Each number may be made stricter than its default, and none weaker.
    #[test]
    fn no_policy_weakens_the_throttle() {
        let weaker: [(&str, Field, i64); 6] = [
            ("free_failures", |l| &mut l.free_failures, 1),
            ("first_wait_secs", |l| &mut l.first_wait_secs, -1),
            ("source_failures", |l| &mut l.source_failures, 1),
            ("account_failures", |l| &mut l.account_failures, 1),
            (
                "account_forgets_per_day",
                |l| &mut l.account_forgets_per_day,
                1,
            ),
            ("known_days", |l| &mut l.known_days, 1),
        ];
        for (name, field, step) in weaker {
            let by = |step: i64| {
                let mut limits = Limits::DEFAULT;
                let number = field(&mut limits);
                *number = u32::try_from(i64::from(*number) + step).unwrap();
                limits.validated()
            };
            assert_eq!(by(step).unwrap_err().field, name);
            assert!(by(-step).is_ok(), "{name}");
        }
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits = [
            (0, 0),
            (4, 0),
            (5, 30),
            (6, 60),
            (7, 120),
            (8, 240),
            (9, 480),
            (10, 960),
            (11, 1920),
            (12, 3600),
            (13, 3600),
            (100, 3600),
            (u64::MAX, 3600),
        ];
        for (failures, secs) in waits {
            assert_eq!(Limits::DEFAULT.wait_after(failures, 5), secs, "{failures}");
        }
        let longest = Limits {
            first_wait_secs: u32::MAX,
            ..Limits::DEFAULT
        };
        assert_eq!(longest.wait_after(u64::MAX, 0), 3600);
    }

    #[test]
    fn known_for_30_days() {
        let today = UnixTime::from_secs(1_789_000_020);
        let ago = |secs| Some(UnixTime::from_secs(today.as_secs() - secs));
        let ahead = Some(today.saturating_add_secs(31_557_600));
        let cases = [
            (None, false),
            (ago(0), true),
            (ago(30 * DAY_SECS - 1), true),
            (ago(30 * DAY_SECS), false),
            (ahead, true),
        ];
        for (last_accepted, is_known) in cases {
            assert_eq!(
                Limits::DEFAULT.is_known(last_accepted, today),
                is_known,
                "{last_accepted:?}"
            );
        }
    }
}
