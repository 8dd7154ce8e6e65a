//! The bounds of the tables that strangers fill.

use super::throttle::{ALICE, DAY, attempt, fail, from, streak, tally};
use super::*;

#[test]
fn only_addresses_become_known_and_the_newest_eight_stay() {
    let mut desk = Desk::new();
    for source in ["", "gateway.example.org"] {
        desk.write(|tx| tx.remember_source(1000, from(source)));
    }
    assert_eq!(desk.count("SELECT count(*) FROM known_sources"), 0);
    desk.write(|tx| tx.remember_source(1001, from("192.0.2.1")));
    for last in 1..=12 {
        desk.wait_until(last);
        desk.write(|tx| tx.remember_source(1000, from(&format!("192.0.2.{last}"))));
    }
    let known = "SELECT count(*) FROM known_sources WHERE uid = 1000";
    assert_eq!(desk.count(known), 8);
    let oldest = desk.count("SELECT min(last) FROM known_sources WHERE uid = 1000");
    assert_eq!(oldest, i64::try_from(after(5).as_secs()).unwrap());
    // Clocks are set back; a source that was used now is no older than those of the future.
    desk.wait_until(0);
    desk.write(|tx| tx.remember_source(1000, from("198.51.100.1")));
    assert!(
        tally(&mut desk, &attempt(ALICE, "198.51.100.1"))
            .account
            .is_none()
    );
    assert_eq!(desk.count(known), 8);
    assert_eq!(
        desk.count("SELECT count(*) FROM known_sources WHERE uid = 1001"),
        1
    );
}

#[test]
fn a_known_source_is_written_once_an_hour() {
    let mut desk = Desk::new();
    let remember = |desk: &mut Desk, at| {
        desk.wait_until(at);
        desk.write(|tx| tx.remember_source(1000, from("192.0.2.1")));
        UnixTime::from_secs(desk.count("SELECT last FROM known_sources").unsigned_abs())
    };
    // (time of the login, what is stored after it)
    for (at, stored) in [
        (10, 10),
        (11, 10),
        (3609, 10),
        (3610, 3610),
        // A clock that is set back: the latest time seen counts.
        (5, 3610),
        (100, 3610),
    ] {
        assert_eq!(remember(&mut desk, at), after(stored), "at {at}");
    }
    // Until an unlock says that the clock was ahead: the source was used then at the latest.
    desk.write(|tx| tx.reset_latest());
    assert_eq!(remember(&mut desk, 3699), after(100));
    assert_eq!(remember(&mut desk, 3700), after(3700));
}

/// Fills the tables as far as strangers may, with rows that are older the smaller their number.
fn flood(desk: &Desk) {
    desk.sql(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 59999)
        INSERT INTO streaks SELECT -1 - i % 1024, format('10.%d.%d.%d', i >> 16, (i >> 8) & 255, \
            i & 255), 0, 1, 1699999000 + i / 100 FROM n;
        INSERT INTO source_levels SELECT source, kind, 86400, last FROM streaks \
            WHERE last < 1699999200;
        INSERT INTO account_levels SELECT DISTINCT account, 86400, 1 FROM streaks;",
    );
}

/// "A rate table of 100 rows that refuses everyone when full": bounded tables evict, never deny.
#[test]
fn a_flood_takes_bounded_room_and_evicts_the_oldest() {
    let mut desk = Desk::new();
    flood(&desk);
    let sizes = |desk: &Desk| {
        ["streaks", "source_levels", "account_levels"]
            .map(|table| desk.count(&format!("SELECT count(*) FROM {table}")))
    };
    assert_eq!(sizes(&desk), [60_000, 20_000, 1024]);
    // Two new rows each.
    for host in 0..127 {
        fail(&mut desk, &attempt(ALICE, &format!("192.0.2.{host}")));
    }
    assert_eq!(
        sizes(&desk),
        [60_127, 20_127, 1025],
        "it is not looked at each time"
    );
    for host in 127..129 {
        fail(&mut desk, &attempt(ALICE, &format!("192.0.2.{host}")));
    }
    let [streaks, sources, accounts] = sizes(&desk);
    assert!((50_000..=50_002).contains(&streaks), "{streaks}");
    assert!((10_000..=10_002).contains(&sources), "{sources}");
    assert_eq!(accounts, 1025, "account totals are never evicted");
    let oldest = desk.count("SELECT min(last) FROM streaks");
    assert_eq!(oldest, 1_699_999_101, "the oldest went");
    assert_eq!(
        tally(&mut desk, &attempt(ALICE, "192.0.2.0")).pair,
        streak(1)
    );
    // Rows that are counted again are no new ones; and the count begins anew.
    desk.sql("INSERT INTO streaks SELECT account, source, 1, failures, 1 FROM streaks LIMIT 9");
    let before = sizes(&desk);
    for _ in 0..300 {
        fail(&mut desk, &attempt(ALICE, "192.0.2.128"));
    }
    assert_eq!(sizes(&desk), before);
}

/// By age alone, whoever waits would have the wait removed by failing once at many other accounts or
/// from many addresses.
#[test]
fn a_flood_of_single_failures_ends_no_wait() {
    let mut desk = Desk::new();
    flood(&desk);
    // All of it came after the one who waits.
    desk.sql("UPDATE streaks SET last = last + 3600; UPDATE source_levels SET last = last + 3600");
    let waits = attempt(ALICE, "192.0.2.1");
    for _ in 0..21 {
        fail(&mut desk, &waits);
    }
    let before = tally(&mut desk, &waits);
    desk.wait_until(3600);
    desk.write(|tx| tx.delete_expired());
    assert_eq!(desk.count("SELECT count(*) FROM streaks"), 50_000);
    assert_eq!(desk.count("SELECT count(*) FROM source_levels"), 10_000);
    let after = tally(&mut desk, &waits);
    assert_eq!((after.pair, after.source), (before.pair, before.source));
}

#[test]
fn housekeeping_forgets_what_is_over() {
    let mut desk = Desk::new();
    let (old, new) = (attempt(ALICE, "192.0.2.1"), attempt(ALICE, "192.0.2.2"));
    fail(&mut desk, &old);
    desk.wait_until(DAY - 1);
    fail(&mut desk, &new);
    assert_eq!(desk.count("SELECT count(*) FROM source_levels"), 2);
    let sources = desk.write(|tx| tx.delete_expired());
    assert_eq!(sources, 1, "20 failures of a source are forgotten in a day");
    desk.wait_until(DAY);
    assert_eq!(desk.write(|tx| tx.delete_expired()), 1, "the first streak");
    assert_eq!(tally(&mut desk, &new).pair.failures, 1);
    // Ten failures of an account are forgotten in a day; it had two.
    assert_eq!(desk.count("SELECT count(*) FROM account_levels"), 1);
    desk.wait_until(DAY + DAY / 5);
    desk.write(|tx| tx.delete_expired());
    assert_eq!(desk.count("SELECT count(*) FROM account_levels"), 0);
    flood(&desk);
    desk.write(|tx| tx.delete_expired());
    assert!(desk.count("SELECT count(*) FROM streaks") <= 50_000);
    assert!(desk.count("SELECT count(*) FROM source_levels") <= 10_000);
}
