//! Streaks, levels and known sources: exact, bounded, and only as much written as changed.

use twofactor::{AccountKey, Budget, Level, Limits, PARTS_PER_FAILURE, Source, Streak, Tally};

use super::*;

const LIMITS: Limits = Limits::DEFAULT;
pub(super) const DAY: u64 = 86_400;
pub(super) const ALICE: AccountKey = AccountKey::Known(1000);

pub(super) fn from(source: &str) -> Source {
    Source::parse(source)
}

pub(super) fn attempt(account: AccountKey, source: &str) -> Attempt {
    Attempt {
        account,
        source: from(source),
        budget: Budget::Codes,
    }
}

pub(super) fn tally(desk: &mut Desk, attempt: &Attempt) -> Tally {
    let now = desk.clocks.wall;
    desk.read(|tx| tx.tally(attempt, now, &LIMITS))
}

/// What a door does with a wrong code.
pub(super) fn fail(desk: &mut Desk, attempt: &Attempt) {
    desk.write(|tx| {
        let old = tx.tally(attempt, tx.now(), &LIMITS)?;
        let mut new = old;
        new.failed(tx.now(), &LIMITS);
        tx.put_tally(attempt, &old, &new)
    });
}

/// What a door does with a right one.
fn succeed(desk: &mut Desk, attempt: &Attempt) {
    desk.write(|tx| {
        let old = tx.tally(attempt, tx.now(), &LIMITS)?;
        let mut new = old;
        new.succeeded();
        tx.put_tally(attempt, &old, &new)
    });
}

fn level(failures: u64) -> Level {
    if failures == 0 {
        return Level::default();
    }
    Level {
        parts: failures * PARTS_PER_FAILURE,
        last: NOW,
    }
}

pub(super) fn streak(failures: u32) -> Streak {
    if failures == 0 {
        return Streak::default();
    }
    Streak {
        failures,
        last: NOW,
    }
}

#[test]
fn failures_are_counted_where_they_belong() {
    let mut desk = Desk::new();
    let unknown = desk.read(|tx| tx.unknown_name("nobody"));
    let recovery = Attempt {
        budget: Budget::Recovery,
        ..attempt(ALICE, "192.0.2.1")
    };
    let sequence = [
        attempt(ALICE, "192.0.2.1"),
        attempt(ALICE, "192.0.2.1"),
        attempt(ALICE, "2001:db8::1"),
        attempt(ALICE, ""),
        attempt(ALICE, "gateway"),
        recovery,
        attempt(unknown, "192.0.2.1"),
    ];
    for attempt in &sequence {
        fail(&mut desk, attempt);
    }
    let mut desk = desk.restarted();
    // (attempt, in a row, of the source, of the account)
    let cases = [
        (attempt(ALICE, "192.0.2.1"), 2, Some(3), Some(4)),
        (attempt(ALICE, "2001:db8::2"), 1, Some(1), Some(4)),
        (attempt(ALICE, "2001:db8:0:1::1"), 0, Some(0), Some(4)),
        (attempt(ALICE, ""), 1, None, None),
        (attempt(ALICE, "gateway"), 1, Some(1), Some(4)),
        (recovery, 1, Some(1), None),
        (attempt(unknown, "192.0.2.1"), 1, Some(3), Some(1)),
        (
            attempt(AccountKey::Known(1001), "192.0.2.1"),
            0,
            Some(3),
            Some(0),
        ),
    ];
    for (attempt, pair, source, account) in cases {
        let expected = Tally {
            pair: streak(pair),
            source: source.map(level),
            account: account.map(level),
        };
        assert_eq!(tally(&mut desk, &attempt), expected, "{attempt:?}");
    }
}

/// "20 addresses × 5 codes lock the owner out": success forgives its own pair, nobody else's.
#[test]
fn success_forgives_only_its_own_pair() {
    let mut desk = Desk::new();
    let (home, stranger) = (attempt(ALICE, "192.0.2.1"), attempt(ALICE, "198.51.100.7"));
    for _ in 0..3 {
        fail(&mut desk, &home);
        fail(&mut desk, &stranger);
    }
    succeed(&mut desk, &home);
    let after = tally(&mut desk, &home);
    assert_eq!((after.pair, after.source), (streak(0), Some(level(0))));
    let stranger = tally(&mut desk, &stranger);
    assert_eq!(stranger.pair, streak(3));
    assert_eq!(
        (stranger.source, stranger.account),
        (Some(level(3)), Some(level(3)))
    );
    // Rows that say nothing are not kept.
    assert_eq!(desk.count("SELECT count(*) FROM streaks"), 1);
    assert_eq!(desk.count("SELECT count(*) FROM source_levels"), 1);
}

/// Who shares an address with a guesser, behind a proxy or at a provider, still has the recovery codes;
/// and whoever tries those from one address is slowed all the same, since each costs 30 ms of hashing.
#[test]
fn wrong_codes_of_a_source_do_not_lock_recovery_codes() {
    let mut desk = Desk::new();
    let of = |uid: u32, budget| Attempt {
        budget,
        ..attempt(AccountKey::Known(uid), "192.0.2.1")
    };
    for (spent, left) in [
        (Budget::Codes, Budget::Recovery),
        (Budget::Recovery, Budget::Codes),
    ] {
        let before = tally(&mut desk, &of(1, left));
        for uid in 1000..1020 {
            fail(&mut desk, &of(uid, spent));
        }
        let locked = tally(&mut desk, &of(1, spent)).check(NOW, &LIMITS);
        assert!(locked.is_err(), "{spent:?}");
        assert_eq!(tally(&mut desk, &of(1, left)), before, "{left:?}");
        for uid in 1000..1020 {
            desk.write(|tx| tx.forgive(AccountKey::Known(uid)));
        }
        assert_eq!(desk.count("SELECT count(*) FROM source_levels"), 0);
    }
}

/// "The waits of one unknown name show who else is unknown": no two names wait together, and the levels
/// take no more room than that of 1,024.
#[test]
fn an_unknown_name_does_not_wait_for_another_s_failures() {
    let mut desk = Desk::new();
    let first = desk.read(|tx| tx.unknown_name("nobody"));
    // About 20 of them share its level; that none does has the odds of 1 to 300 million.
    let near: Vec<AccountKey> = desk.read(|tx| {
        (0..20_000)
            .map(|number| tx.unknown_name(&format!("nobody{number}")))
            .filter(|key| {
                key.as_ref()
                    .is_ok_and(|key| key.of_level() == first.of_level())
            })
            .collect()
    });
    assert!(!near.is_empty());
    for _ in 0..5 {
        fail(&mut desk, &attempt(first, "192.0.2.1"));
    }
    let failed = tally(&mut desk, &attempt(first, "192.0.2.1"));
    assert!(failed.check(NOW, &LIMITS).is_err());
    for (number, key) in (5..).zip(&near) {
        let other = attempt(*key, "198.51.100.1");
        let counted = tally(&mut desk, &other);
        let expected = (streak(0), Some(level(number)));
        assert_eq!((counted.pair, counted.account), expected);
        fail(&mut desk, &other);
    }
    assert_eq!(desk.count("SELECT count(*) FROM account_levels"), 1);
    assert_eq!(
        desk.count("SELECT account BETWEEN -1024 AND -1 FROM account_levels"),
        1
    );
    let forgiven = desk.write(|tx| tx.forgive(first));
    assert_eq!(usize::try_from(forgiven).unwrap(), 5 + near.len());
    assert_eq!(desk.count("SELECT count(*) FROM account_levels"), 0);
}

#[test]
fn the_count_of_a_thousand_guesses_is_exact() {
    let mut desk = Desk::new();
    let guesses = attempt(ALICE, "192.0.2.1");
    let calls = [(); 50];
    for _ in 0..20 {
        let ran = desk.writer.batch(&CLOCKS, Reserve::Keep, &calls, |(), tx| {
            let old = tx.tally(&guesses, NOW, &LIMITS)?;
            let mut new = old;
            new.failed(NOW, &LIMITS);
            tx.put_tally(&guesses, &old, &new)
        });
        for ran in ran.unwrap() {
            assert!(matches!(ran, Ran::Returned(Ok::<(), StoreError>(()))));
        }
    }
    let counted = tally(&mut desk, &guesses);
    assert_eq!(counted.pair, streak(1000));
    assert_eq!(
        (counted.source, counted.account),
        (Some(level(1000)), Some(level(1000)))
    );
}

#[test]
fn only_what_changed_is_written() {
    let mut desk = Desk::new();
    let attempt = attempt(ALICE, "192.0.2.1");
    fail(&mut desk, &attempt);
    // A row that must not be touched is one that may not be.
    for table in [
        "streaks",
        "source_levels",
        "account_levels",
        "known_sources",
    ] {
        desk.sql(&format!(
            "CREATE TRIGGER no_update_{table} BEFORE UPDATE ON {table} \
                BEGIN SELECT raise(ABORT, '{table}'); END;
            CREATE TRIGGER no_insert_{table} BEFORE INSERT ON {table} \
                BEGIN SELECT raise(ABORT, '{table}'); END;
            CREATE TRIGGER no_delete_{table} BEFORE DELETE ON {table} \
                BEGIN SELECT raise(ABORT, '{table}'); END;"
        ));
    }
    desk.write(|tx| {
        let tally = tx.tally(&attempt, NOW, &LIMITS)?;
        tx.put_tally(&attempt, &tally, &tally)
    });
    // A right code of somebody without failures writes nothing here.
    let bob = Attempt {
        account: AccountKey::Known(1001),
        ..attempt
    };
    desk.sql("DROP TRIGGER no_update_source_levels; DROP TRIGGER no_delete_source_levels");
    succeed(&mut desk, &bob);
    let touched = desk.try_write(|tx| {
        let old = tx.tally(&attempt, NOW, &LIMITS)?;
        let mut new = old;
        new.failed(NOW, &LIMITS);
        tx.put_tally(&attempt, &old, &new)
    });
    assert!(touched.is_err(), "the triggers work");
}

#[test]
fn a_settled_time_is_written_back() {
    let mut desk = Desk::new();
    let attempt = attempt(ALICE, "192.0.2.1");
    desk.wait_until(30 * DAY);
    fail(&mut desk, &attempt);
    desk.wait_until(0);
    desk.write(|tx| {
        let old = tx.tally(&attempt, NOW, &LIMITS)?;
        let mut new = old;
        assert!(new.settle(NOW), "a clock was ahead");
        tx.put_tally(&attempt, &old, &new)
    });
    let settled = tally(&mut desk, &attempt);
    assert_eq!((settled.pair, settled.source), (streak(1), Some(level(1))));
}

#[test]
fn a_known_source_stays_open_for_thirty_days() {
    let mut desk = Desk::new();
    let home = attempt(ALICE, "192.0.2.1");
    assert!(tally(&mut desk, &home).account.is_some());
    desk.write(|tx| tx.remember_source(1000, home.source));
    let cases = [(0, true), (30 * DAY - 1, true), (30 * DAY, false)];
    for (secs, is_known) in cases {
        desk.wait_until(secs);
        assert_eq!(
            tally(&mut desk, &home).account.is_none(),
            is_known,
            "after {secs} s"
        );
    }
    desk.wait_until(0);
    let unknown = desk.read(|tx| tx.unknown_name("alice"));
    let others = [
        attempt(AccountKey::Known(1001), "192.0.2.1"),
        attempt(ALICE, "192.0.2.2"),
        attempt(unknown, "192.0.2.1"),
    ];
    for other in others {
        assert!(tally(&mut desk, &other).account.is_some(), "{other:?}");
    }
}

#[test]
fn an_unlock_forgives_an_account_and_no_other() {
    let mut desk = Desk::new();
    let bob = attempt(AccountKey::Known(1001), "192.0.2.1");
    let recovery = Attempt {
        budget: Budget::Recovery,
        ..attempt(ALICE, "192.0.2.1")
    };
    for _ in 0..3 {
        fail(&mut desk, &attempt(ALICE, "192.0.2.1"));
        fail(&mut desk, &attempt(ALICE, ""));
        fail(&mut desk, &recovery);
        fail(&mut desk, &bob);
    }
    let worst: Vec<u32> = desk
        .read(|tx| tx.streaks(ALICE))
        .iter()
        .map(|stored| stored.streak.failures)
        .collect();
    assert_eq!(worst, [3, 3, 3]);
    assert_eq!(desk.write(|tx| tx.forgive(ALICE)), 9);
    assert_eq!(desk.read(|tx| tx.streaks(ALICE)), []);
    let alice = tally(&mut desk, &attempt(ALICE, "192.0.2.1"));
    assert_eq!((alice.pair, alice.account), (streak(0), Some(level(0))));
    assert_eq!(alice.source, Some(level(3)), "bob's are still there");
    assert_eq!(tally(&mut desk, &bob).pair, streak(3));
    assert_eq!(desk.write(|tx| tx.forgive(ALICE)), 0);
    assert_eq!(desk.write(|tx| tx.forgive(AccountKey::Known(1001))), 3);
    assert_eq!(desk.count("SELECT count(*) FROM source_levels"), 0);
    // Streaks end after a day, and the hard stop stays: that counts too.
    desk.sql("INSERT INTO account_levels VALUES (1000, 8640000, 1700000000)");
    assert_eq!(desk.write(|tx| tx.forgive(ALICE)), 100);
    assert_eq!(
        tally(&mut desk, &attempt(ALICE, "192.0.2.1")).account,
        Some(level(0))
    );
}

#[test]
fn damage_is_an_error_and_not_a_default() {
    let mut desk = Desk::new();
    let home = attempt(ALICE, "192.0.2.1");
    fail(&mut desk, &home);
    desk.write(|tx| tx.remember_source(1001, home.source));
    let bob = Attempt {
        account: AccountKey::Known(1001),
        ..home
    };
    let changes = [
        "UPDATE streaks SET failures = -1",
        "UPDATE streaks SET failures = 4294967296",
        "UPDATE streaks SET last = -1",
        "UPDATE source_levels SET parts = -1",
        "UPDATE source_levels SET last = -1",
        "UPDATE account_levels SET parts = -1",
        "UPDATE account_levels SET last = -1",
        "UPDATE known_sources SET last = -1",
    ];
    desk.damages(&changes, |tx| {
        Ok((
            tx.tally(&home, NOW, &LIMITS)?,
            tx.tally(&bob, NOW, &LIMITS)?,
        ))
    });
    let changes = [
        "UPDATE streaks SET source = '192.0.2.1.example.org'",
        "UPDATE streaks SET source = '::ffff:192.0.2.1'",
        "UPDATE streaks SET kind = 2",
        "UPDATE streaks SET account = 4294967296",
        "UPDATE source_levels SET source = ''",
        "UPDATE account_levels SET account = -1025",
    ];
    desk.damages(&changes, |tx| {
        tx.failing(UnixTime::EPOCH, 1, 9)?;
        tx.raised_accounts(0, 9)?;
        tx.raised_sources(0, 9)
    });
}
