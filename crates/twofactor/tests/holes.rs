//! Holes that other throttles had. Each test is named after one.

use std::collections::HashMap;

use twofactor::{Level, Limits, LockCause, Source, Streak, Tally, UnixTime};

const NOON: u64 = 1_789_000_020;
const DAY: u64 = 86_400;
const OWNER: u32 = 1000;

/// The throttle, with its tables in memory.
#[derive(Clone, Default)]
struct Door {
    pairs: HashMap<(u32, Source), Streak>,
    sources: HashMap<Source, Level>,
    accounts: HashMap<u32, Level>,
    /// The sources that the accounts' codes came from, and when last.
    known: HashMap<(u32, Source), UnixTime>,
}

impl Door {
    /// A code is typed; if one may be judged now, it is right or wrong as said.
    fn types(&mut self, who: (u32, Source), now: u64, is_right: bool) -> Result<(), LockCause> {
        let (limits, now) = (Limits::DEFAULT, UnixTime::from_secs(now));
        let (uid, source) = who;
        let has_stop =
            source != Source::Local && !limits.is_known(self.known.get(&who).copied(), now);
        let level = self.sources.get(&source).copied().unwrap_or_default();
        let mut tally = Tally {
            pair: self.pairs.get(&who).copied().unwrap_or_default(),
            source: source.has_level().then_some(level),
            account: has_stop.then(|| self.accounts.get(&uid).copied().unwrap_or_default()),
        };
        let _ = tally.settle(now);
        tally.check(now, &limits).map_err(|lock| lock.cause)?;
        if is_right {
            tally.succeeded();
            self.known.insert(who, now);
        } else {
            tally.failed(now, &limits);
        }
        self.pairs.insert(who, tally.pair);
        self.sources
            .extend(tally.source.map(|level| (source, level)));
        self.accounts
            .extend(tally.account.map(|level| (uid, level)));
        Ok(())
    }

    fn wrong(&mut self, uid: u32, source: Source, now: u64) -> Result<(), LockCause> {
        self.types((uid, source), now, false)
    }

    fn right(&mut self, uid: u32, source: Source, now: u64) -> Result<(), LockCause> {
        self.types((uid, source), now, true)
    }

    /// How many of so many wrong codes, all typed at once, are judged.
    fn judged(&mut self, who: (u32, Source), now: u64, times: usize) -> usize {
        (0..times)
            .filter(|_| self.types(who, now, false).is_ok())
            .count()
    }
}

fn address(number: u32) -> Source {
    Source::V4((0x0a00_0000 + number).into())
}

#[test]
fn twenty_wrong_codes_in_a_fifth_of_a_second() {
    let mut door = Door::default();
    assert_eq!(door.judged((OWNER, address(1)), NOON, 20), 5);
    assert_eq!(
        door.wrong(OWNER, address(1), NOON + 29),
        Err(LockCause::Pair)
    );
    // A right code is not judged either: the wait would not be one.
    assert_eq!(
        door.right(OWNER, address(1), NOON + 29),
        Err(LockCause::Pair)
    );
    // The owner, elsewhere, does not notice.
    assert_eq!(door.right(OWNER, address(2), NOON), Ok(()));
}

#[test]
fn twenty_addresses_with_five_codes_each_do_not_lock_the_owner_out() {
    let (home, new) = (address(1000), address(2000));
    let mut door = Door::default();
    door.right(OWNER, home, NOON - 29 * DAY).unwrap();
    for number in 0..20 {
        assert_eq!(
            door.judged((OWNER, address(number)), NOON, 5),
            5,
            "{number}"
        );
    }
    assert_eq!(door.right(OWNER, new, NOON), Err(LockCause::Account));
    assert_eq!(door.right(OWNER, home, NOON), Ok(()));
    assert_eq!(door.right(OWNER, Source::Local, NOON), Ok(()));
    // Nobody else's account is closed, not even to the addresses that guessed.
    assert_eq!(door.right(OWNER + 1, address(0), NOON), Ok(()));
    // And it opens by itself.
    assert_eq!(door.right(OWNER, new, NOON + 8639), Err(LockCause::Account));
    assert_eq!(door.right(OWNER, new, NOON + 8640), Ok(()));
}

/// A known source stays open under its own streak only: it is no free ticket.
#[test]
fn a_known_source_waits_like_any_other() {
    let mut door = Door::default();
    door.right(OWNER, address(1), NOON).unwrap();
    assert_eq!(door.judged((OWNER, address(1)), NOON, 20), 5);
    assert_eq!(
        door.accounts.get(&OWNER),
        Some(&Level::default()),
        "nothing new was charged"
    );
}

#[test]
fn the_end_of_a_lockout_does_not_give_back_all_attempts() {
    let mut door = Door::default();
    let guesser = (OWNER, address(1));
    assert_eq!(door.judged(guesser, NOON, 20), 5);
    let mut now = NOON;
    for wait in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600] {
        assert_eq!(door.judged(guesser, now + wait - 1, 20), 0, "{wait}");
        now += wait;
        assert_eq!(door.judged(guesser, now, 20), 1, "{wait}");
    }
}

/// `AuthQuake`: each attempt within its limit, and in sum as many as it takes.
#[test]
fn the_total_of_guesses_is_bounded_not_only_those_in_a_row() {
    let mut door = Door::default();
    let home = address(1_000_000);
    let mut judged = 0;
    for hour in 0..30 * 24 {
        let now = NOON + 3600 * hour;
        // The owner logs in all the time, which ends every row of failures but the guesser's.
        assert_eq!(door.right(OWNER, home, now), Ok(()));
        // Addresses that were never seen before, as many as it takes.
        for number in 0..40 {
            let address = address(u32::try_from(hour).unwrap() * 40 + number);
            judged += door.judged((OWNER, address), now, 5);
        }
    }
    assert!(
        (380..=400).contains(&judged),
        "{judged}: 100, and 10 for each of 30 days"
    );
}

#[test]
fn one_patient_address_gets_one_guess_an_hour() {
    let mut door = Door::default();
    let minutes = 0..30 * 24 * 60;
    let judged: usize = minutes
        .map(|minute| door.judged((OWNER, address(1)), NOON + 60 * minute, 6))
        .sum();
    assert!(
        judged <= 100 + 300,
        "{judged}: the hard stop is nearer than one an hour"
    );
    // One that the owner used before is not stopped, and gets no more than that.
    let mut door = Door::default();
    door.right(OWNER, address(1), NOON).unwrap();
    let minutes = 0..20 * 24 * 60;
    let judged: usize = minutes
        .map(|minute| door.judged((OWNER, address(1)), NOON + 60 * minute, 6))
        .sum();
    assert!(judged <= 5 + 7 + 20 * 24, "{judged}");
}

#[test]
fn success_elsewhere_does_not_forgive_the_guesser() {
    let mut door = Door::default();
    let (guesser, home) = (address(1), address(2));
    assert_eq!(door.judged((OWNER, guesser), NOON, 20), 5);
    assert_eq!(door.judged((OWNER, home), NOON, 3), 3);
    door.right(OWNER, home, NOON).unwrap();
    assert_eq!(door.wrong(OWNER, guesser, NOON), Err(LockCause::Pair));
    let now = UnixTime::from_secs(NOON);
    assert_eq!(door.accounts.get(&OWNER).unwrap().failures(now, 10), 5);
    assert_eq!(door.sources.get(&guesser).unwrap().failures(now, 20), 5);
    // The guesser's own account does not forgive what was guessed for others either.
    door.right(OWNER + 1, guesser, NOON).unwrap();
    assert_eq!(door.sources.get(&guesser).unwrap().failures(now, 20), 5);
    assert_eq!(door.wrong(OWNER, guesser, NOON), Err(LockCause::Pair));
}

#[test]
fn one_code_for_each_of_many_accounts() {
    let mut door = Door::default();
    let judged = (0..1000)
        .filter(|uid| door.wrong(*uid, address(1), NOON).is_ok())
        .count();
    assert_eq!(judged, 20);
    assert_eq!(door.right(OWNER, address(1), NOON), Err(LockCause::Source));
    assert_eq!(door.right(OWNER, address(2), NOON), Ok(()));
}

#[test]
fn a_local_user_does_not_slow_the_others() {
    let mut door = Door::default();
    for uid in 0..1000 {
        assert_eq!(door.judged((uid, Source::Local), NOON, 20), 5);
    }
    assert_eq!(door.right(OWNER, Source::Local, NOON), Ok(()));
    assert_eq!(door.right(0, Source::Local, NOON), Err(LockCause::Pair));
    assert_eq!(door.right(0, address(1), NOON), Ok(()));
}

/// Whoever has an IPv6 network has 2^64 addresses in it.
#[test]
fn an_ipv6_network_is_one_source() {
    let mut door = Door::default();
    let judged = (0..1000)
        .filter(|host| {
            let source = Source::parse(&format!("2001:db8:1:2::{host:x}"));
            door.wrong(OWNER, source, NOON).is_ok()
        })
        .count();
    assert_eq!(judged, 5);
}

/// A machine without a battery starts in 1970 until it has asked for the time. What is tried or counted
/// meanwhile does not make the hard stop 56 years old.
#[test]
fn a_boot_in_1970_forgets_no_hard_stop() {
    let boot = 60;
    for before in [99, 100] {
        let mut door = Door::default();
        for number in 0..before {
            door.wrong(OWNER, address(number), NOON).unwrap();
        }
        // The hundredth is counted in 1970, or refused.
        let hundredth = door.wrong(OWNER, address(before), boot);
        assert_eq!(hundredth.is_ok(), before == 99, "{hundredth:?}");
        for (now, is_open) in [
            (boot, false),
            (NOON - 30 * DAY, false),
            (NOON + 60, false),
            (NOON + 8639, false),
            (NOON + 8640, true),
        ] {
            let answer = door.clone().right(OWNER, address(200), now);
            let expected = if is_open {
                Ok(())
            } else {
                Err(LockCause::Account)
            };
            assert_eq!(answer, expected, "{before} before, at {now}");
        }
    }
}
