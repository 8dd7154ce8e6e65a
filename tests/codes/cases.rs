//! Settings and moments.

use std::env;
use std::ops::Range;

use testkit::now;

/// One set of settings at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Seconds since 1970.
    pub(crate) time: u64,
    pub(crate) digits: u32,
    /// Seconds of a time step.
    pub(crate) interval: u64,
    /// Steps on each side.
    pub(crate) window: u64,
}

const fn case(time: u64, digits: u32, interval: u64, window: u64) -> Case {
    Case {
        time,
        digits,
        interval,
        window,
    }
}

/// The ends of time, of 32 bits, of a step, and of the settings.
pub(crate) const EDGES: &[Case] = &[
    case(0, 6, 30, 0),
    case(0, 8, 30, 10),
    case(29, 6, 30, 1),
    case(59, 8, 30, 1),
    case(100, 7, 300, 1),
    case(1_111_111_109, 8, 30, 0),
    case(1_111_111_110, 8, 30, 0),
    case((1 << 31) - 1, 6, 30, 1),
    case(1 << 31, 6, 30, 1),
    case((1 << 32) - 1, 6, 60, 2),
    case(1 << 32, 7, 60, 2),
    case(4_133_980_800, 6, 30, 1),
    case(20_000_000_000, 8, 30, 2),
    case(253_402_300_799, 6, 30, 1),
    case(1_700_000_000, 6, 5, 10),
    case(1_700_000_000, 6, 45, 9),
    case(1_700_000_000, 8, 900, 0),
    case(1_700_000_000, 6, 300, 1),
    case(1_700_000_000, 7, 7, 10),
];

impl Case {
    /// Anything that the API takes, mostly near the present.
    pub(crate) fn random(random: &mut Random) -> Self {
        let interval = match random.below(8) {
            0..4 => 30,
            4 => 60,
            5 => *random.one_of(&[5, 15, 45, 90, 120, 300]),
            _ => 5 + random.below(896),
        };
        // (2 * window + 1) * interval is at most 900 s.
        let widest = ((900 / interval).saturating_sub(1) / 2).min(10);
        let time = match random.below(4) {
            0 => random.below(2_000),
            1 => now() + random.below(100_000),
            2 => (1 << 31) - 1_000 + random.below(2_000),
            _ => random.below(10_000_000_000),
        };
        Self {
            time,
            digits: *random.one_of(&[6, 7, 8]),
            interval,
            window: random.below(widest + 1),
        }
    }

    /// The counters of the window and of `more` steps on each side; none is before 1970.
    pub(crate) fn steps_around(self, more: u64) -> Range<u64> {
        let (now, reach) = (self.time / self.interval, self.window + more);
        now.saturating_sub(reach)..now + reach + 1
    }
}

/// Steele, Lea and Flood's `SplitMix64`: enough for test cases, and repeatable.
pub(crate) struct Random(u64);

impl Random {
    /// From `MIDDLEWARED_TEST_SEED`, else from the clock. The seed is for the failure's report.
    pub(crate) fn seeded() -> (u64, Self) {
        let seed = match env::var("MIDDLEWARED_TEST_SEED") {
            Ok(seed) => seed.parse().expect("a number"),
            Err(_) => now(),
        };
        (seed, Self(seed))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = self.below(choices.len() as u64);
        &choices[usize::try_from(index).unwrap()]
    }
}
