//! The parameters of TOTP (RFC 6238), each a type, and the making of codes.

use std::ops::RangeInclusive;

use crate::{Code, Secret, UnixTime};

/// The longest time, in seconds, over which the codes of one moment may be spread:
/// (2 · window + 1) · time step (see [`Window::span_secs`]). RFC 6238 §5.2 wants it small.
pub const MAX_SPAN_SECS: u64 = 900;

/// How many digits a code has: 6 to 8 (RFC 4226 §5.3), by default 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digits(u8);

impl Digits {
    /// `None` outside 6 to 8.
    #[must_use]
    pub const fn new(digits: u8) -> Option<Digits> {
        match digits {
            6..=8 => Some(Digits(digits)),
            _ => None,
        }
    }

    /// The number of digits.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Digits {
    fn default() -> Digits {
        Digits(6)
    }
}

/// How long a code is the current one: seconds per step (X of RFC 6238 §4.1), at least 5, by
/// default 30.
///
/// The wire calls it `interval`, the provisioning URI `period`. An upper limit is the API's
/// business; no value overflows here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeStep(u32);

impl TimeStep {
    /// `None` under 5 seconds.
    #[must_use]
    pub const fn from_secs(secs: u32) -> Option<TimeStep> {
        match secs {
            0..=4 => None,
            _ => Some(TimeStep(secs)),
        }
    }

    /// Seconds per step.
    #[must_use]
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// The counter at a time: T = time / X, with T0 = 0 (RFC 6238 §4.2).
    pub(crate) fn counter_at(self, time: UnixTime) -> u64 {
        time.as_secs() / u64::from(self.0)
    }

    /// The first second after the step of `counter`.
    ///
    /// Saturating: the last step before `u64::MAX` ends there, which only makes it shorter.
    pub(crate) fn end_of(self, counter: u64) -> UnixTime {
        UnixTime::from_secs(counter.saturating_add(1).saturating_mul(u64::from(self.0)))
    }
}

impl Default for TimeStep {
    fn default() -> TimeStep {
        TimeStep(30)
    }
}

/// How many steps are accepted on *each* side of the current one: 0 to 10, by default 0.
///
/// It makes up for clocks that differ and for the time it takes to type (RFC 6238 §5.2 and §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(u8);

impl Window {
    /// `None` over 10 steps.
    #[must_use]
    pub const fn new(steps: u8) -> Option<Window> {
        match steps {
            0..=10 => Some(Window(steps)),
            _ => None,
        }
    }

    /// Steps on each side.
    #[must_use]
    pub const fn steps(self) -> u8 {
        self.0
    }

    /// Seconds covered by all the steps whose codes are accepted at one moment:
    /// (2 · window + 1) · time step. The API keeps it at or under [`MAX_SPAN_SECS`].
    #[must_use]
    pub fn span_secs(self, step: TimeStep) -> u64 {
        (2 * u64::from(self.0) + 1) * u64::from(step.as_secs())
    }

    /// The counters around `current`, ascending.
    ///
    /// Saturating: near the epoch there are fewer, since there was no step before counter 0.
    pub(crate) fn counters_around(self, current: u64) -> RangeInclusive<u64> {
        let steps = u64::from(self.0);
        current.saturating_sub(steps)..=current.saturating_add(steps)
    }
}

/// The hash under the HMAC (RFC 6238 §1.2), by default SHA-1.
///
/// Many authenticators ignore the others silently, so new devices get SHA-1; the others are for
/// imported devices. HMAC-SHA-1 is not weakened by collisions of SHA-1 (RFC 4226 appendix B.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC-SHA-1, the algorithm of RFC 4226.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// The name in a provisioning URI: `SHA1`, `SHA256` or `SHA512`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
            Algorithm::Sha512 => "SHA512",
        }
    }

    /// Reads a name as [`as_str`](Algorithm::as_str) writes it, in any case of letters.
    #[must_use]
    pub fn parse(name: &str) -> Option<Algorithm> {
        [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]
            .into_iter()
            .find(|algorithm| name.eq_ignore_ascii_case(algorithm.as_str()))
    }
}

#[cfg(test)]
std::thread_local! {
    /// How many codes this thread made: the same number whatever is typed.
    pub(crate) static CODES_MADE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Makes the codes of one secret. It holds a copy of the secret and wipes it on drop.
pub(crate) struct Generator(totp_rs::Totp);

impl Generator {
    pub(crate) fn new(secret: &Secret, algorithm: Algorithm, digits: Digits) -> Generator {
        let algorithm = match algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        };
        // Steps of one second make its "time" our counter, so that no counter can overflow on the
        // way. "Noncompliant" turns off its refusal of secrets under 128 bits; our types hold its
        // other conditions (digits under 10, a step above 0).
        Generator(
            totp_rs::Builder::new()
                .with_algorithm(algorithm)
                .with_digits(digits.get())
                .with_step_duration(1)
                .with_secret(secret.bytes())
                .build_noncompliant(),
        )
    }

    /// The code of one counter: HOTP of RFC 4226 §5.3.
    pub(crate) fn code(&self, counter: u64) -> Code {
        #[cfg(test)]
        CODES_MADE.set(CODES_MADE.get() + 1);
        Code::generated(&self.0.generate(counter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_valid_exists() {
        for number in 0..=u8::MAX {
            assert_eq!(
                Digits::new(number).map(Digits::get),
                (6..=8).contains(&number).then_some(number)
            );
            assert_eq!(
                Window::new(number).map(Window::steps),
                (number <= 10).then_some(number)
            );
        }
        for secs in [0, 4, 5, 30, 3600, u32::MAX] {
            assert_eq!(
                TimeStep::from_secs(secs).map(TimeStep::as_secs),
                (secs >= 5).then_some(secs)
            );
        }
        assert_eq!(Digits::default().get(), 6);
        assert_eq!(TimeStep::default().as_secs(), 30);
        assert_eq!(Window::default().steps(), 0);
    }

    #[test]
    fn span_covers_both_sides() {
        let cases = [
            (0, 30, 30),
            (1, 30, 90),
            (10, 30, 630),
            (1, 300, MAX_SPAN_SECS),
            (10, u32::MAX, 90_194_313_195),
        ];
        for (window, step, secs) in cases {
            let (window, step) = (
                Window::new(window).unwrap(),
                TimeStep::from_secs(step).unwrap(),
            );
            assert_eq!(window.span_secs(step), secs);
        }
    }

    #[test]
    fn counters_stay_in_range_at_the_ends_of_time() {
        let window = Window::new(2).unwrap();
        let cases = [
            (0, 0..=2),
            (1, 0..=3),
            (2, 0..=4),
            (3, 1..=5),
            (u64::MAX, u64::MAX - 2..=u64::MAX),
        ];
        for (current, counters) in cases {
            assert_eq!(window.counters_around(current), counters);
        }
        assert_eq!(Window::default().counters_around(7), 7..=7);
    }

    #[test]
    fn a_step_ends_where_the_next_begins() {
        let step = TimeStep::default();
        for (time, counter, end) in [(0, 0, 30), (29, 0, 30), (30, 1, 60), (59, 1, 60)] {
            assert_eq!(step.counter_at(UnixTime::from_secs(time)), counter);
            assert_eq!(step.end_of(counter), UnixTime::from_secs(end));
        }
        let last = step.counter_at(UnixTime::from_secs(u64::MAX));
        for counter in [last, last + 10, u64::MAX] {
            assert_eq!(step.end_of(counter), UnixTime::from_secs(u64::MAX));
        }
    }

    #[test]
    fn algorithm_names() {
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
            assert_eq!(
                Algorithm::parse(&algorithm.as_str().to_lowercase()),
                Some(algorithm)
            );
        }
        for name in ["", "SHA", "SHA-1", "SHA1 ", "MD5", "SHA384"] {
            assert_eq!(Algorithm::parse(name), None, "{name}");
        }
        assert_eq!(Algorithm::default(), Algorithm::Sha1);
    }
}
