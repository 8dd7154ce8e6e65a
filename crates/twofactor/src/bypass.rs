//! A timed and counted permission to skip the second factor.

use crate::{Boot, Clocks, UnixTime};

/// How long a bypass lasts: 1 to 1,440 minutes (a day), by default 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BypassMinutes(u32);

impl BypassMinutes {
    /// The longest.
    pub const MAX: u32 = 1440;

    /// `None` outside 1 to 1,440.
    #[must_use]
    pub const fn new(minutes: u32) -> Option<BypassMinutes> {
        match minutes {
            1..=BypassMinutes::MAX => Some(BypassMinutes(minutes)),
            _ => None,
        }
    }

    /// The number of minutes.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for BypassMinutes {
    fn default() -> BypassMinutes {
        BypassMinutes(15)
    }
}

/// How many logins a bypass is good for: 1 to 10, by default 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BypassUses(u32);

impl BypassUses {
    /// The most.
    pub const MAX: u32 = 10;

    /// `None` outside 1 to 10.
    #[must_use]
    pub const fn new(uses: u32) -> Option<BypassUses> {
        match uses {
            1..=BypassUses::MAX => Some(BypassUses(uses)),
            _ => None,
        }
    }

    /// The number of uses.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for BypassUses {
    fn default() -> BypassUses {
        BypassUses(1)
    }
}

/// A permission to skip the second factor, for an account or for everybody.
///
/// It ends with the wall clock or with the time since boot, whichever is first, so that a clock
/// that is set back does not prolong it, and it dies with a reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bypass {
    /// The first second of the wall clock at which it is over.
    pub until: UnixTime,
    /// The first second since boot at which it is over, and the boot in which it lives.
    pub boot_until: Boot,
    /// How many logins are left.
    pub uses_left: u32,
}

impl Bypass {
    /// A bypass that begins now.
    ///
    /// `today` is the later of the wall clock and the latest time that was ever seen: what is
    /// judged by that later must begin there, else after a clock that was ahead no bypass would
    /// ever be valid.
    #[must_use]
    pub fn new(
        clocks: &Clocks,
        today: UnixTime,
        minutes: BypassMinutes,
        uses: BypassUses,
    ) -> Bypass {
        let secs = 60 * u64::from(minutes.get());
        Bypass {
            until: today.max(clocks.wall).saturating_add_secs(secs),
            boot_until: Boot {
                id: clocks.boot.id,
                secs: clocks.boot.secs.saturating_add(secs),
            },
            uses_left: uses.get(),
        }
    }

    /// Whether it still permits a login. `today` is as for [`new`](Bypass::new).
    #[must_use]
    pub fn is_valid(&self, clocks: &Clocks, today: UnixTime) -> bool {
        self.uses_left > 0
            && today.max(clocks.wall) < self.until
            && clocks.boot.id == self.boot_until.id
            && clocks.boot.secs < self.boot_until.secs
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Bypass, BypassMinutes, BypassUses};
    use crate::{Boot, BootId, Clocks, UnixTime};

    const NOON: u64 = 1_789_000_020;

    fn clocks(wall: u64, boot_id: u8, boot_secs: u64) -> Clocks {
        Clocks {
            wall: UnixTime::from_secs(wall),
            boot: Boot {
                id: BootId([boot_id; 16]),
                secs: boot_secs,
            },
            synchronised: true,
        }
    }

    fn bypass(today: u64) -> Bypass {
        Bypass::new(
            &clocks(NOON, 1, 500),
            UnixTime::from_secs(today),
            BypassMinutes::default(),
            BypassUses::default(),
        )
    }

    #[test]
    fn only_what_is_valid_exists() {
        for number in [0, 1, 10, 11, 1440, 1441, u32::MAX] {
            assert_eq!(
                BypassMinutes::new(number).map(BypassMinutes::get),
                (1..=1440).contains(&number).then_some(number)
            );
            assert_eq!(
                BypassUses::new(number).map(BypassUses::get),
                (1..=10).contains(&number).then_some(number)
            );
        }
        assert_eq!(BypassMinutes::default().get(), 15);
        assert_eq!(BypassUses::default().get(), 1);
    }

    #[test]
    fn ends_on_whichever_clock_is_first() {
        let cases = [
            ("at once", clocks(NOON, 1, 500), true),
            ("the last second", clocks(NOON + 899, 1, 1399), true),
            ("the wall clock", clocks(NOON + 900, 1, 500), false),
            ("the time since boot", clocks(NOON, 1, 1400), false),
            (
                "the wall clock set back",
                clocks(NOON - 86_400, 1, 1400),
                false,
            ),
            ("another boot", clocks(NOON, 2, 500), false),
            ("another boot, just begun", clocks(NOON, 2, 0), false),
        ];
        for (what, clocks, is_valid) in cases {
            assert_eq!(
                bypass(NOON).is_valid(&clocks, clocks.wall),
                is_valid,
                "{what}"
            );
        }
    }

    #[test]
    fn needs_a_use() {
        let mut bypass = bypass(NOON);
        bypass.uses_left = 0;
        assert!(!bypass.is_valid(&clocks(NOON, 1, 500), UnixTime::from_secs(NOON)));
    }

    /// Dates that permit are judged by the latest time ever seen, not by a clock that was set back.
    #[test]
    fn a_clock_set_back_does_not_bring_it_back() {
        let later = UnixTime::from_secs(NOON + 900);
        assert!(!bypass(NOON).is_valid(&clocks(NOON, 1, 500), later));
    }

    /// A clock was a year ahead and is right now. A new bypass works, for its 15 minutes.
    #[test]
    fn works_after_a_clock_that_was_ahead() {
        let ahead = NOON + 31_557_600;
        let bypass = bypass(ahead);
        let today = UnixTime::from_secs(ahead);
        assert!(bypass.is_valid(&clocks(NOON + 899, 1, 1399), today));
        assert!(!bypass.is_valid(&clocks(NOON + 900, 1, 1400), today));
    }

    #[derive(Clone, Debug)]
    enum Event {
        Passes(u64),
        WallIsSet(i64),
        Reboots,
        LogsIn,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            3 => (0_u64..400).prop_map(Event::Passes),
            1 => (-100_000_i64..100_000).prop_map(Event::WallIsSet),
            1 => prop::bool::weighted(0.1).prop_map(|is_reboot| if is_reboot {
                Event::Reboots
            } else {
                Event::Passes(1)
            }),
            4 => Just(Event::LogsIn),
        ]
    }

    proptest! {
        /// Never more uses, never longer, never after a reboot; and no less while the clock is right.
        #[test]
        fn gives_what_was_granted_and_no_more(
            minutes in 1_u32..40,
            uses in 1_u32..=10,
            events in prop::collection::vec(event(), 1..60),
        ) {
            let granted = 60 * u64::from(minutes);
            let (minutes, uses) = (BypassMinutes::new(minutes).unwrap(), BypassUses::new(uses).unwrap());
            let (mut wall, mut latest, mut boot, mut passed) = (NOON, NOON, 1, 0);
            let mut bypass =
                Bypass::new(&clocks(wall, boot, 500), UnixTime::from_secs(latest), minutes, uses);
            let (mut used, mut was_set) = (0, false);
            for event in events {
                match event {
                    Event::Passes(secs) => {
                        passed += secs;
                        wall += secs;
                    }
                    Event::WallIsSet(secs) => {
                        wall = wall.saturating_add_signed(secs);
                        was_set = true;
                    }
                    Event::Reboots => boot += 1,
                    Event::LogsIn => {
                        latest = latest.max(wall);
                        let clocks = clocks(wall, boot, 500 + passed);
                        let is_due = boot == 1 && passed < granted && used < uses.get();
                        let is_valid = bypass.is_valid(&clocks, UnixTime::from_secs(latest));
                        prop_assert!(is_due || !is_valid);
                        prop_assert!(is_valid || !is_due || was_set);
                        if is_valid {
                            bypass.uses_left -= 1;
                            used += 1;
                        }
                    }
                }
            }
        }
    }
}
