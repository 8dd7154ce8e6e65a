//! How far a phone's clock is off, as far as a wrong code of it tells.
//!
//! Nothing here accepts a code. What it finds is for administrators alone: whoever stands at a door
//! must not learn that the code of another time would do.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::totp::Generator;
use crate::{Code, Device, TimeStep, UnixTime};

/// How far on each side of now a code is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Ten minutes, as after any wrong code.
    Minutes,
    /// A day, because an administrator asked: also a wrong time zone is found.
    Day,
}

impl Reach {
    const fn secs(self) -> u64 {
        match self {
            Self::Minutes => 600,
            Self::Day => 86_400,
        }
    }
}

/// Which step of a device a code is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The counter of that step.
    pub counter: u64,
    /// How many seconds the phone is ahead of this machine, give or take a step; below 0 it is behind.
    pub secs: i64,
    /// The step is used up.
    pub is_burned: bool,
}

/// Looks for what was typed among the codes that a device makes about now; the nearest counts.
///
/// All codes are made and compared, whatever was typed, so that the time it takes tells nothing.
#[must_use]
pub fn search(device: &Device, typed: &str, now: UnixTime, reach: Reach) -> Option<Sighting> {
    let code = Code::parse(typed, device.digits);
    let is_code = Choice::from(u8::from(code.is_some()));
    let code = code.unwrap_or_else(Code::empty);
    let generator = Generator::new(&device.secret, device.algorithm, device.digits);
    let current = device.step.counter_at(now);
    let steps = reach.secs().div_ceil(u64::from(device.step.as_secs()));
    let (mut any, mut nearest) = (Choice::from(0), 0);
    // From far to near: the last match is the nearest.
    for away in (0..=steps).rev() {
        for counter in [current.saturating_sub(away), current.saturating_add(away)] {
            let equal = generator.code(counter).ct_eq(&code) & is_code;
            any |= equal;
            nearest.conditional_assign(&counter, equal);
        }
    }
    bool::from(any).then(|| Sighting {
        counter: nearest,
        secs: ahead(device.step, nearest, now),
        is_burned: device.step.end_of(nearest) <= device.floor,
    })
}

/// From now to the middle of a step, but none within the step of now.
fn ahead(step: TimeStep, counter: u64, now: UnixTime) -> i64 {
    if counter == step.counter_at(now) {
        return 0;
    }
    let middle = step
        .end_of(counter)
        .as_secs()
        .saturating_sub(u64::from(step.as_secs()) / 2);
    // Neither side of a search is further away than a day and a step.
    let signed = |secs: u64| i64::try_from(secs).unwrap_or(i64::MAX);
    signed(middle).saturating_sub(signed(now.as_secs()))
}

/// What is remembered of a device's clock: the newest finding, and whether the one before says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// The counter of the newest finding.
    pub counter: u64,
    /// How many seconds the phone is ahead of this machine; below 0 it is behind.
    pub secs: i64,
    /// When that was found.
    pub at: UnixTime,
    /// Two findings agree. One alone may be chance, or a code that was read off late.
    pub is_agreed: bool,
}

impl Skew {
    /// Puts a finding to what is remembered. The same code once more says nothing new, and one that was
    /// used up was right when it was new.
    #[must_use]
    pub fn after(
        before: Option<Self>,
        found: &Sighting,
        step: TimeStep,
        at: UnixTime,
    ) -> Option<Self> {
        if found.is_burned || before.is_some_and(|before| before.counter == found.counter) {
            return before;
        }
        // Each is right to half a step, and typing takes time.
        let near = 2 * u64::from(step.as_secs());
        let agrees = |before: Self| before.secs.abs_diff(found.secs) <= near;
        Some(Self {
            counter: found.counter,
            secs: found.secs,
            at,
            is_agreed: before.is_some_and(agrees),
        })
    }

    /// Whether two devices are off alike: then it is this machine's clock that is wrong, not both.
    #[must_use]
    pub const fn is_like(&self, other: &Self) -> bool {
        const ALIKE_SECS: u64 = 60;
        self.secs.abs_diff(other.secs) <= ALIKE_SECS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::totp::CODES_MADE;
    use crate::{Algorithm, Digits, Secret};

    const NOW: UnixTime = UnixTime::from_secs(1_900_000_031);

    fn device() -> Device {
        Device {
            secret: Secret::from_bytes(&[7; 20]).unwrap(),
            algorithm: Algorithm::Sha1,
            digits: Digits::default(),
            step: TimeStep::default(),
            floor: UnixTime::EPOCH,
        }
    }

    /// The code that a phone shows whose clock is off by this.
    fn shown(device: &Device, off: i64) -> String {
        let time = NOW.as_secs().saturating_add_signed(off);
        totp_rs::Builder::new()
            .with_secret(device.secret.bytes())
            .with_step_duration(1)
            .build_noncompliant()
            .generate(device.step.counter_at(UnixTime::from_secs(time)))
            .to_string()
    }

    #[test]
    fn a_phone_that_is_off_is_found_to_half_a_step() {
        let device = device();
        for off in [-590, -92, -31, 31, 92, 590] {
            let found = search(&device, &shown(&device, off), NOW, Reach::Minutes).unwrap();
            assert!(found.secs.abs_diff(off) <= 15, "{off}: {found:?}");
        }
        assert_eq!(
            search(&device, &shown(&device, 5), NOW, Reach::Minutes)
                .unwrap()
                .secs,
            0
        );
        for off in [-86_000, -3_600, 3_600, 86_000] {
            let typed = shown(&device, off);
            assert_eq!(search(&device, &typed, NOW, Reach::Minutes), None, "{off}");
            let found = search(&device, &typed, NOW, Reach::Day).unwrap();
            assert!(found.secs.abs_diff(off) <= 15, "{off}: {found:?}");
        }
        assert_eq!(
            search(&device, &shown(&device, 90_000), NOW, Reach::Day),
            None
        );
    }

    #[test]
    fn searching_costs_the_same_whatever_is_typed() {
        let device = device();
        for typed in ["", "abc", "000000", "00000000", &shown(&device, 92)] {
            let before = CODES_MADE.get();
            let _ = search(&device, typed, NOW, Reach::Minutes);
            assert_eq!(CODES_MADE.get() - before, 2 * 21, "{typed}");
        }
    }

    #[test]
    fn nothing_overflows_at_the_ends_of_time() {
        for now in [0, 1, 29, u64::MAX - 1, u64::MAX] {
            let now = UnixTime::from_secs(now);
            for reach in [Reach::Minutes, Reach::Day] {
                let _ = search(&device(), "123456", now, reach);
            }
        }
    }

    /// One finding may be chance, the same code twice is one, and what was used up says nothing.
    #[test]
    fn two_that_agree_are_believed() {
        let step = TimeStep::default();
        let found = |counter, secs| Sighting {
            counter,
            secs,
            is_burned: false,
        };
        let after = |before, found: &Sighting| Skew::after(before, found, step, NOW);
        let first = after(None, &found(10, -92));
        assert!(!first.unwrap().is_agreed);
        assert_eq!(after(first, &found(10, -120)), first, "the same code");
        let second = after(first, &found(11, -75)).unwrap();
        assert!(second.is_agreed && second.secs == -75, "{second:?}");
        assert!(!after(first, &found(11, 92)).unwrap().is_agreed);
        assert!(!after(Some(second), &found(14, 300)).unwrap().is_agreed);
        let burned = Sighting {
            is_burned: true,
            ..found(12, -90)
        };
        assert_eq!(after(first, &burned), first);
        assert_eq!(after(None, &burned), None);
    }

    #[test]
    fn a_step_that_is_used_up_is_said_to_be() {
        let mut device = device();
        device.floor = NOW;
        let found = |off| search(&device, &shown(&device, off), NOW, Reach::Minutes).unwrap();
        assert!(found(-92).is_burned && !found(92).is_burned);
    }
}
