//! An authenticator, and what it says about a code.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::totp::Generator;
use crate::{Algorithm, Code, Digits, Secret, TimeStep, UnixTime, Verdict, Window};

/// One enrolled authenticator: its secret, how it makes codes from it, and what was used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The key shared with the authenticator.
    pub secret: Secret,
    /// The hash under its HMAC.
    pub algorithm: Algorithm,
    /// The length of its codes.
    pub digits: Digits,
    /// How long each of its codes is current.
    pub step: TimeStep,
    /// The replay floor: the end of the last accepted step, [`UnixTime::EPOCH`] for "never used".
    ///
    /// A step that ends at or before the floor is burned. The floor is a time and not a counter,
    /// because a counter means another time as soon as the step is changed: after 30 s to 60 s, a
    /// floor of counters would refuse every code until 2083. It belongs to the secret, only rises,
    /// and starts again at the epoch only with a new secret.
    ///
    /// Its limit: an HMAC knows only the counter, and under a longer step a used counter comes
    /// round once more, after counter · (new step - old step) seconds. From 30 s to 60 s that is
    /// the year 2083, from 3,599 s to 3,600 s less than a week. A new secret ends it.
    pub floor: UnixTime,
}

impl Device {
    /// Judges what somebody typed at the time `now`, and burns the step of an accepted code.
    ///
    /// All codes of the window are computed and compared in constant time, whatever was typed, so
    /// that the time it takes does not tell how near a guess was. Where several steps of the window
    /// happen to have the same code, one burned step makes it a replay (digits that somebody may
    /// have seen in use do not open again), else the latest is burned, and with it all before.
    ///
    /// On [`Verdict::Accepted`] the floor has changed; on every other verdict nothing has.
    pub fn verify(&mut self, typed: &str, now: UnixTime, window: Window) -> Verdict {
        let Some(typed) = Code::parse(typed, self.digits) else {
            return Verdict::Malformed;
        };
        let matches = self.matches(&typed, now, window);
        if bool::from(matches.burned) {
            Verdict::Replayed
        } else if bool::from(matches.fresh) {
            self.floor = self.step.end_of(matches.latest);
            Verdict::Accepted {
                counter: matches.latest,
            }
        } else {
            Verdict::Wrong
        }
    }

    fn matches(&self, typed: &Code, now: UnixTime, window: Window) -> Matches {
        let generator = Generator::new(&self.secret, self.algorithm, self.digits);
        let mut matches = Matches::default();
        for counter in window.counters_around(self.step.counter_at(now)) {
            let equal = generator.code(counter).ct_eq(typed);
            let burned = Choice::from(u8::from(self.step.end_of(counter) <= self.floor));
            matches.burned |= equal & burned;
            matches.fresh |= equal & !burned;
            matches.latest.conditional_assign(&counter, equal);
        }
        matches
    }
}

/// What a typed code equals in the window.
struct Matches {
    /// The code of a burned step.
    burned: Choice,
    /// The code of a step that is not burned.
    fresh: Choice,
    /// The highest counter with this code; meaningless without a match.
    latest: u64,
}

impl Default for Matches {
    fn default() -> Matches {
        Matches {
            burned: Choice::from(0),
            fresh: Choice::from(0),
            latest: 0,
        }
    }
}
