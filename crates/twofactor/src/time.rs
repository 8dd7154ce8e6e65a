//! Points in time, as the callers hand them in.

use std::fmt;

/// A point in time: whole seconds since 1970-01-01 00:00:00 UTC, without leap seconds.
///
/// It is T of RFC 6238 §4.2 before the division by the time step. There is no way here to ask for
/// the present: the `clock` crate does that, and everybody else takes the time as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
}

impl fmt::Display for UnixTime {
    /// Writes the seconds, as `date +%s` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::UnixTime;

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
