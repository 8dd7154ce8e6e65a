//! Points in time, as the callers hand them in.

use std::fmt;

/// A point in time: whole seconds since 1970-01-01 00:00:00 UTC, without leap seconds.
///
/// It is T of RFC 6238 §4.2 before the division by the time step. There is no way here to ask for
/// the present: the `clock` crate does that, and everybody else takes the time as an argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// Zero seconds. As a replay floor it means that no code was accepted yet.
    pub const EPOCH: UnixTime = UnixTime(0);

    /// The point `secs` seconds after the epoch.
    #[must_use]
    pub const fn from_secs(secs: u64) -> UnixTime {
        UnixTime(secs)
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// The point `secs` seconds later, or the last there is.
    #[must_use]
    pub const fn saturating_add_secs(self, secs: u64) -> UnixTime {
        UnixTime(self.0.saturating_add(secs))
    }

    /// How many seconds have passed since `earlier`: none if it is still to come.
    ///
    /// Saturating, because clocks are set back. What that means is the caller's to say.
    #[must_use]
    pub const fn since(self, earlier: UnixTime) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UnixTime {
    /// Writes the seconds, as `date +%s` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Which boot of the machine: `/proc/sys/kernel/random/boot_id`, as 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootId(pub [u8; 16]);

/// A point in time that nobody can set: seconds since a boot, and since which.
///
/// The time asleep counts (`CLOCK_BOOTTIME` of `clock_gettime(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The boot that the seconds are counted from.
    pub id: BootId,
    /// Whole seconds since then.
    pub secs: u64,
}

/// What the clocks of the machine say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The time of day, which somebody may have set wrong.
    pub wall: UnixTime,
    /// The time since boot.
    pub boot: Boot,
    /// Whether the kernel has the wall clock for synchronised (adjtimex(2)).
    pub synchronised: bool,
}

#[cfg(test)]
mod tests {
    use super::UnixTime;

    #[test]
    fn arithmetic_stops_at_the_ends_of_time() {
        let cases = [(0, 0, 0), (5, 3, 8), (u64::MAX, 1, u64::MAX)];
        for (start, secs, end) in cases {
            let start = UnixTime::from_secs(start);
            assert_eq!(start.saturating_add_secs(secs).as_secs(), end);
        }
        let cases = [(0, 0, 0), (8, 3, 5), (3, 8, 0), (u64::MAX, 0, u64::MAX)];
        for (later, earlier, secs) in cases {
            assert_eq!(
                UnixTime::from_secs(later).since(UnixTime::from_secs(earlier)),
                secs
            );
        }
    }

    #[test]
    fn shows_and_orders_seconds() {
        for secs in [0, 1, 1_700_000_000, u64::MAX] {
            let time = UnixTime::from_secs(secs);
            assert_eq!(time.as_secs(), secs);
            assert_eq!(time.to_string(), secs.to_string());
        }
        assert_eq!(UnixTime::EPOCH, UnixTime::from_secs(0));
        assert!(UnixTime::EPOCH < UnixTime::from_secs(1));
    }
}
