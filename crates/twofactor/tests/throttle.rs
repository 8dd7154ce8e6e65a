//! What is counted, what locks, and for how long.

use proptest::prelude::*;
use twofactor::{Level, Limits, LockCause, Locked, PARTS_PER_FAILURE, Streak, Tally, UnixTime};

const NOON: u64 = 1_789_000_020;
const DAY: u64 = 86_400;
const LIMITS: Limits = Limits::DEFAULT;

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

/// A new source with nothing against it.
fn new_source() -> Tally {
    Tally {
        pair: Streak::default(),
        source: Some(Level::default()),
        account: Some(Level::default()),
    }
}

/// With so many failures at noon.
fn tally(pair: u32, source: u64, account: u64) -> Tally {
    let level = |failures| Level {
        parts: failures * PARTS_PER_FAILURE,
        last: at(NOON),
    };
    Tally {
        pair: Streak {
            failures: pair,
            last: at(NOON),
        },
        source: Some(level(source)),
        account: Some(level(account)),
    }
}

/// How long it is locked after noon, and why.
fn locked(tally: &Tally) -> Option<(u64, LockCause)> {
    let Locked { until, cause } = tally.check(at(NOON), &LIMITS).err()?;
    Some((until.as_secs() - NOON, cause))
}

#[test]
fn what_locks_and_how_long() {
    let cases = [
        ("nothing", (0, 0, 0), None),
        ("free failures", (4, 19, 99), None),
        (
            "the fifth of a pair",
            (5, 5, 5),
            Some((30, LockCause::Pair)),
        ),
        ("the twelfth", (12, 12, 12), Some((3600, LockCause::Pair))),
        (
            "the 20th of a source",
            (1, 20, 1),
            Some((30, LockCause::Source)),
        ),
        ("the 27th", (1, 27, 1), Some((3600, LockCause::Source))),
        (
            "a flood from a source",
            (1, 1000, 1),
            Some((3600, LockCause::Source)),
        ),
        (
            "the hard stop",
            (1, 1, 100),
            Some((8640, LockCause::Account)),
        ),
        (
            "beyond it",
            (1, 1, 103),
            Some((4 * 8640, LockCause::Account)),
        ),
        (
            "the longest of them",
            (6, 22, 0),
            Some((120, LockCause::Source)),
        ),
        (
            "the longest of all",
            (6, 22, 100),
            Some((8640, LockCause::Account)),
        ),
    ];
    for (what, (pair, source, account), lock) in cases {
        assert_eq!(locked(&tally(pair, source, account)), lock, "{what}");
    }
}

#[test]
fn a_wait_ends_at_its_second() {
    for (failed, secs) in [((5, 0, 0), 30), ((0, 21, 0), 60), ((0, 0, 100), 8640)] {
        let tally = tally(failed.0, failed.1, failed.2);
        let until = tally.check(at(NOON), &LIMITS).unwrap_err().until;
        assert_eq!(until, at(NOON + secs));
        assert!(tally.check(at(NOON + secs - 1), &LIMITS).is_err());
        assert_eq!(tally.check(until, &LIMITS), Ok(()), "{failed:?}");
    }
}

#[test]
fn without_a_level_only_the_pair_waits() {
    let mut local = Tally {
        source: None,
        account: None,
        ..tally(4, 0, 0)
    };
    assert_eq!(locked(&local), None);
    local.failed(at(NOON), &LIMITS);
    assert_eq!(locked(&local), Some((30, LockCause::Pair)));
    assert_eq!((local.source, local.account), (None, None));
}

#[test]
fn levels_are_forgotten_steadily_and_exactly() {
    let level = tally(0, 0, 100).account.unwrap();
    let cases = [
        (0, 100),
        (8639, 100),
        (8640, 99),
        (8641, 99),
        (DAY, 90),
        (10 * DAY - 1, 1),
        (10 * DAY, 0),
        (u64::MAX - NOON, 0),
    ];
    for (secs, failures) in cases {
        assert_eq!(level.failures(at(NOON + secs), 10), failures, "{secs}");
    }
    // A failure every 1/7 of a day is forgotten as fast as it comes, to the second.
    let mut tally = new_source();
    let limits = Limits {
        account_forgets_per_day: 7,
        ..LIMITS
    };
    for number in 0..700 {
        let now = at(NOON + number * DAY / 7);
        let _ = tally.settle(now);
        tally.failed(now, &limits);
        assert!(tally.account.unwrap().failures(now, 7) <= 2, "{number}");
    }
    let last = at(NOON + 699 * DAY / 7);
    assert_eq!(
        tally
            .account
            .unwrap()
            .failures(last.saturating_add_secs(DAY / 7 + 1), 7),
        0
    );
}

#[test]
fn a_day_without_a_failure_ends_a_streak() {
    let mut tally = tally(40, 0, 0);
    assert!(!tally.settle(at(NOON + DAY - 1)));
    assert_eq!(tally.pair.failures, 40);
    let mut unsettled = tally;
    unsettled.failed(at(NOON + DAY), &LIMITS);
    assert_eq!(unsettled.pair.failures, 1);
    assert!(tally.settle(at(NOON + DAY)));
    assert_eq!(tally.pair, Streak::default());
}

#[test]
fn success_forgives_only_its_own_pair() {
    let cases = [
        ((3, 10, 50), (7, 47)),
        ((3, 3, 3), (0, 0)),
        ((9, 4, 50), (0, 41)),
        ((0, 10, 50), (10, 50)),
    ];
    for ((pair, source, account), (source_left, account_left)) in cases {
        let mut tally = tally(pair, source, account);
        tally.succeeded();
        assert_eq!(tally.pair, Streak::default());
        let parts = |level: Option<Level>| level.unwrap().parts / PARTS_PER_FAILURE;
        assert_eq!(
            (parts(tally.source), parts(tally.account)),
            (source_left, account_left)
        );
        // Nothing is left of an empty level that would have to be stored.
        assert_eq!(tally.source == Some(Level::default()), source_left == 0);
    }
}

/// A clock was a year ahead when failures were counted, and is right now.
#[test]
fn a_future_clock_then_corrected_clamps_waits_to_an_hour() {
    let ahead = NOON + 365 * DAY;
    let mut tally = tally(30, 60, 50);
    tally.pair.last = at(ahead);
    for level in [&mut tally.source, &mut tally.account]
        .into_iter()
        .flatten()
    {
        level.last = at(ahead);
    }
    // Even what was not settled waits an hour, not a year.
    assert_eq!(locked(&tally), Some((3600, LockCause::Source)));
    assert!(tally.settle(at(NOON)));
    assert!(!tally.settle(at(NOON)), "nothing is left to settle");
    for (secs, is_open) in [(0, false), (3599, false), (3600, true)] {
        assert!(!tally.settle(at(NOON + secs)), "{secs}");
        assert_eq!(
            tally.check(at(NOON + secs), &LIMITS).is_ok(),
            is_open,
            "{secs}"
        );
    }
}

#[test]
fn nothing_panics_and_nothing_opens_at_the_ends_of_time() {
    let most = Level {
        parts: u64::MAX,
        last: at(u64::MAX),
    };
    let worst = Tally {
        pair: Streak {
            failures: u32::MAX,
            last: at(u64::MAX),
        },
        source: Some(most),
        account: Some(most),
    };
    for now in [0, 1, NOON, u64::MAX] {
        let mut tally = worst;
        let _ = tally.settle(at(now));
        assert!(tally.check(at(now), &LIMITS).is_err(), "{now}");
        tally.failed(at(now), &LIMITS);
        assert_eq!(tally.pair.failures, u32::MAX);
        assert!(tally.check(at(now), &LIMITS).is_err(), "{now}");
        tally.succeeded();
        assert_eq!(tally.pair, Streak::default());
    }
}

#[test]
fn even_numbers_that_no_policy_allows_do_not_panic() {
    for number in [0, 1, u32::MAX] {
        let limits = Limits {
            free_failures: number,
            first_wait_secs: number,
            source_failures: number,
            account_failures: number,
            account_forgets_per_day: number,
            known_days: number,
        };
        let mut tally = tally(u32::MAX, u64::from(u32::MAX), 1000);
        tally.failed(at(NOON), &limits);
        let _ = tally.check(at(NOON), &limits);
    }
}

fn any_level() -> impl Strategy<Value = Option<Level>> {
    let parts = prop_oneof![0..200 * PARTS_PER_FAILURE, any::<u64>()];
    prop::option::of((parts, any_time()).prop_map(|(parts, last)| Level { parts, last }))
}

fn any_time() -> impl Strategy<Value = UnixTime> {
    prop_oneof![NOON - 2 * DAY..NOON + 2 * DAY, any::<u64>()].prop_map(at)
}

fn any_tally() -> impl Strategy<Value = Tally> {
    let pair = (prop_oneof![0_u32..30, any::<u32>()], any_time())
        .prop_map(|(failures, last)| Streak { failures, last });
    (pair, any_level(), any_level()).prop_map(|(pair, source, account)| Tally {
        pair,
        source,
        account,
    })
}

proptest! {
    /// Whatever was loaded: what is settled stays settled, lies in the past, and waits no longer than
    /// the longest wait; only the hard stop may, which stays as it was counted.
    #[test]
    fn settled_waits_are_clamped(tally in any_tally(), now in any_time()) {
        let mut settled = tally;
        prop_assert_eq!(settled.settle(now), settled != tally);
        let mut again = settled;
        prop_assert!(!again.settle(now));
        prop_assert!(settled.pair.last <= now);
        prop_assert!(settled.source.is_none_or(|level| level.last <= now));
        prop_assert_eq!(settled.account, tally.account, "the hard stop is no wait");
        prop_assert!(settled.pair.failures <= tally.pair.failures);
        prop_assert_eq!(
            settled.source.map(|level| level.parts),
            tally.source.map(|level| level.parts)
        );

        let waits = Tally { account: None, ..settled };
        if let Err(lock) = waits.check(now, &LIMITS) {
            prop_assert!(now < lock.until || now == at(u64::MAX));
            prop_assert!(lock.until <= now.saturating_add_secs(3600));
            prop_assert_ne!(lock.cause, LockCause::Account);
        }
    }

    /// A lock that is over when it said, and not a second before.
    #[test]
    fn locks_end_when_they_say(tally in any_tally(), now in any_time()) {
        let mut tally = tally;
        let _ = tally.settle(now);
        if let Err(lock) = tally.check(now, &LIMITS) {
            prop_assume!(lock.until < at(u64::MAX));
            prop_assert_eq!(tally.check(lock.until, &LIMITS), Ok(()));
            let second_before = at(lock.until.as_secs() - 1);
            prop_assert!(tally.check(second_before, &LIMITS).is_err());
        }
    }

    /// A failure never opens anything, a success never closes anything.
    #[test]
    fn failures_close_and_successes_open(tally in any_tally(), now in any_time()) {
        let mut tally = tally;
        let _ = tally.settle(now);
        let until = |tally: &Tally| tally.check(now, &LIMITS).err().map(|lock| lock.until);
        let (mut failed, mut succeeded) = (tally, tally);
        failed.failed(now, &LIMITS);
        prop_assert!(until(&failed) >= until(&tally));
        prop_assert_eq!(failed.pair.failures, tally.pair.failures.saturating_add(1));
        succeeded.succeeded();
        prop_assert!(until(&succeeded) <= until(&tally));
        prop_assert_eq!(succeeded.pair.failures, 0);
    }
}
