//! The wall clock, what the kernel knows about its synchronisation, and the time since boot.
//!
//! The only crate that reads the clock. Everybody else takes a [`UnixTime`] or [`Clocks`] as an
//! argument.

mod boot;
mod ffi;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use twofactor::{Clocks, UnixTime};

pub use boot::{boot, since_boot};

/// The kernel gives a clock up at this error and marks it unsynchronised (`NTP_PHASE_LIMIT` in
/// `include/linux/timex.h`). It is also what it says of a clock that nobody ever set.
const MAX_ERROR_LIMIT: Duration = Duration::from_secs(16);

/// The present time of the wall clock.
///
/// A clock that is set before the epoch (a dead battery, a mistake) reads as the epoch: there are
/// no codes before it.
#[must_use]
pub fn now() -> UnixTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where the clock is read"
    )]
    let now = SystemTime::now();
    since_epoch(now)
}

/// What all clocks of the machine say now.
#[must_use]
pub fn clocks() -> Clocks {
    Clocks {
        wall: now(),
        boot: boot(),
        synchronised: sync_state().synchronised,
    }
}

/// What the kernel knows about the wall clock (adjtimex(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncState {
    /// Something keeps the clock right, and the error is under 16 s: the same rule as
    /// `timedatectl` shows. It does not say that the clock is right, only that it is being kept.
    pub synchronised: bool,
    /// The largest error the kernel expects. It grows by 0.5 ms a second until the next correction.
    pub max_error: Duration,
}

/// Asks the kernel whether the clock is kept right. Needs no privilege.
///
/// Where the kernel does not answer (a system call filter), the clock counts as not synchronised
/// with the largest error, because nothing better is known.
#[must_use]
pub fn sync_state() -> SyncState {
    match ffi::adjtimex_read() {
        Ok(reading) => judge(&reading),
        Err(_) => SyncState {
            synchronised: false,
            max_error: MAX_ERROR_LIMIT,
        },
    }
}

fn since_epoch(time: SystemTime) -> UnixTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_secs(since.as_secs())
}

fn judge(reading: &ffi::Reading) -> SyncState {
    // The kernel never reports a negative error; if it did, the error would be unknown.
    let max_error =
        u64::try_from(reading.max_error_micros).map_or(MAX_ERROR_LIMIT, Duration::from_micros);
    SyncState {
        synchronised: !reading.time_error && max_error < MAX_ERROR_LIMIT,
        max_error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_a_time_of_this_century() {
        let y2026 = UnixTime::from_secs(1_767_225_600);
        let y2100 = UnixTime::from_secs(4_102_444_800);
        assert!((y2026..y2100).contains(&now()), "{}", now());
    }

    #[test]
    fn a_clock_before_the_epoch_reads_as_the_epoch() {
        let cases = [
            (UNIX_EPOCH - Duration::from_hours(24), 0),
            (UNIX_EPOCH - Duration::from_nanos(1), 0),
            (UNIX_EPOCH, 0),
            (UNIX_EPOCH + Duration::from_millis(999), 0),
            (UNIX_EPOCH + Duration::from_millis(1_001), 1),
            (
                UNIX_EPOCH + Duration::from_secs(1_700_000_000),
                1_700_000_000,
            ),
        ];
        for (time, secs) in cases {
            assert_eq!(since_epoch(time), UnixTime::from_secs(secs), "{time:?}");
        }
    }

    #[test]
    fn synchronised_means_no_error_and_less_than_16_seconds() {
        let cases = [
            (false, 0, true, 0),
            (false, 20_000, true, 20_000),
            (false, 15_999_999, true, 15_999_999),
            (false, 16_000_000, false, 16_000_000),
            (true, 20_000, false, 20_000),
            (true, 16_000_000, false, 16_000_000),
            (false, -1, false, 16_000_000),
        ];
        for (time_error, max_error_micros, synchronised, micros) in cases {
            let state = judge(&ffi::Reading {
                time_error,
                max_error_micros,
            });
            let expected = SyncState {
                synchronised,
                max_error: Duration::from_micros(micros),
            };
            assert_eq!(state, expected, "{time_error} {max_error_micros}");
        }
    }

    /// Whatever this machine's clock is, the two fields must agree.
    #[test]
    fn this_kernel_answers_consistently() {
        let state = sync_state();
        assert!(
            !state.synchronised || state.max_error < MAX_ERROR_LIMIT,
            "{state:?}"
        );
    }
}
