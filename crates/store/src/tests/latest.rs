//! The latest time that was ever seen.

use twofactor::{Bypass, BypassMinutes, BypassUses, Source};

use super::*;

#[test]
fn the_latest_time_survives_and_is_not_set_back() {
    let mut desk = Desk::new();
    // (wall clock, remembered after it, what permissions are judged by)
    let day = 86_400;
    let cases = [
        (0, 0, 0),
        (59, 0, 59),
        (60, 60, 60),
        (day, day, day),
        (10, day, day),
        (day + 59, day, day + 59),
    ];
    for (wall, remembered, today) in cases {
        desk.wait_until(wall);
        assert_eq!(desk.write(|tx| tx.today()), after(today), "at {wall}");
        desk = desk.restarted();
        assert_eq!(desk.read(|tx| tx.latest()), after(remembered), "at {wall}");
    }
}

/// A date that ended within the minute that is not stored yet is over all the same, for as long as the
/// clock stays set back.
#[test]
fn a_clock_set_back_within_the_minute_brings_nothing_back() {
    let mut desk = Desk::new();
    // (wall clock, what permissions are judged by)
    for (wall, today) in [(60, 60), (61, 61), (60, 61), (0, 61), (119, 119), (0, 119)] {
        desk.wait_until(wall);
        assert_eq!(desk.write(|tx| tx.today()), after(today), "at {wall}");
    }
    desk.write(|tx| tx.reset_latest());
    assert_eq!(desk.write(|tx| tx.today()), NOW);
}

#[test]
fn a_new_store_has_seen_no_time() {
    assert_eq!(Desk::new().read(|tx| tx.latest()), UnixTime::EPOCH);
}

/// A door that has said "that is over" does not take it back when the clock is set back, and it writes
/// nothing else when it says so.
#[test]
fn a_batch_that_changes_nothing_still_notes_the_time() {
    let mut desk = Desk::new();
    desk.wait_until(86_400);
    desk.write(|tx| tx.today().and_then(|_| tx.settings()));
    assert_eq!(desk.read(|tx| tx.latest()), after(86_400));
}

#[test]
fn only_an_unlock_resets_the_latest_time() {
    let mut desk = Desk::new();
    desk.wait_until(86_400);
    desk.write(|_| Ok(()));
    desk.wait_until(0);
    desk.write(|tx| {
        assert_eq!(tx.today()?, after(86_400));
        tx.reset_latest()?;
        assert_eq!(tx.today()?, NOW, "at once");
        Ok(())
    });
    let mut desk = desk.restarted();
    assert_eq!(desk.read(|tx| tx.latest()), NOW);
}

/// What is granted while a clock is ahead counts from its time: once that was taken back, all of it
/// would have been good for decades.
#[test]
fn what_was_granted_by_a_clock_that_was_ahead_ends_after_its_reset() {
    let day = 86_400;
    let minutes = BypassMinutes::new(1440).unwrap();
    let uses = BypassUses::new(1).unwrap();
    let grant = |tx: &mut WriteTx<'_>| {
        let today = tx.today()?;
        let in_days = |days: u64| today.saturating_add_secs(days * day);
        tx.ensure_account(&account(1000, "alice"))?;
        tx.set_grace(1000, Some(in_days(90)))?;
        tx.add_exemption(1000, in_days(366), "job")?;
        tx.add_invite(1000, &hash(1), in_days(7))?;
        tx.add_device(&NewDevice {
            uid: 1000,
            name: "phone",
            enrolment: Enrolment::Pending { until: in_days(7) },
            replaces: None,
            device: &device(Secret::generate([7; 20])),
        })?;
        let bypass = Bypass::new(tx.clocks(), today, minutes, uses);
        tx.add_bypass(Some(1000), &bypass, "phone lost")?;
        tx.remember_source(1000, Source::parse("192.0.2.1"))
    };
    // When the clock is ahead at the time of the grant, and when only the latest time is.
    for (ahead, at_grant) in [
        (40 * 365 * day, 40 * 365 * day),
        (40 * 365 * day, 0),
        (0, 0),
    ] {
        let mut desk = Desk::new();
        desk.wait_until(ahead);
        desk.write(|tx| tx.today());
        desk.wait_until(at_grant);
        desk.write(grant);
        desk.wait_until(0);
        desk.write(|tx| tx.reset_latest());
        let Some(Enrolment::Pending { until: pending }) = desk
            .read(|tx| tx.devices(1000))
            .pop()
            .map(|it| it.enrolment)
        else {
            panic!("it is pending");
        };
        let ends = [
            desk.read(|tx| tx.account(1000))
                .unwrap()
                .grace_until
                .unwrap(),
            desk.read(|tx| tx.exempt_until(1000)).unwrap(),
            desk.read(|tx| tx.invites_for(1000))[0].until,
            pending,
            desk.read(|tx| tx.bypasses_for(Some(1000)))[0].bypass.until,
        ];
        // The longest that can be granted now, and no less: on a right clock nothing is taken.
        let days = [90, 366, 7, 7, 1];
        assert_eq!(
            ends,
            days.map(|days| after(days * day)),
            "{ahead} {at_grant}"
        );
        let known = desk.count("SELECT last FROM known_sources");
        assert_eq!(known, 1_700_000_000, "{ahead} {at_grant}");
    }
}

/// A hard stop that was counted by a clock that was ahead would otherwise last until that time.
#[test]
fn a_hard_stop_counted_ahead_of_time_is_forgotten_from_the_reset_on() {
    let mut desk = Desk::new();
    let guess = throttle::attempt(throttle::ALICE, "192.0.2.1");
    desk.wait_until(86_400);
    throttle::fail(&mut desk, &guess);
    desk.wait_until(0);
    let counted = |desk: &mut Desk| throttle::tally(desk, &guess).account.unwrap().last;
    assert_eq!(counted(&mut desk), after(86_400));
    desk.write(|tx| tx.reset_latest());
    assert_eq!(counted(&mut desk), NOW);
}

/// A call that fails does not keep the others of its batch from remembering the time, and its own
/// reset is undone.
#[test]
fn a_reset_that_fails_is_undone() {
    let mut desk = Desk::new();
    desk.wait_until(86_400);
    desk.write(|_| Ok(()));
    desk.wait_until(0);
    let failed = desk.try_write(|tx| {
        tx.reset_latest()?;
        Err::<(), _>(StoreError::Busy)
    });
    assert!(failed.is_err());
    assert_eq!(desk.read(|tx| tx.latest()), after(86_400));
}

/// What permits cannot be judged then; everything else goes on, and an unlock mends it.
#[test]
fn a_damaged_latest_time_permits_nothing_and_locks_nobody_out() {
    let changes = [
        "UPDATE meta SET value = -1 WHERE name = 'latest'",
        "UPDATE meta SET value = 'now' WHERE name = 'latest'",
        "UPDATE meta SET value = x'00' WHERE name = 'latest'",
        "UPDATE meta SET value = 1.5 WHERE name = 'latest'",
        "DELETE FROM meta WHERE name = 'latest'",
    ];
    Desk::new().damages(&changes, |tx| tx.latest());
    for change in changes {
        let mut desk = Desk::new();
        desk.sql(change);
        let today = desk.try_write(|tx| tx.today());
        assert!(matches!(today, Err(StoreError::Damaged { .. })), "{change}");
        desk.write(enable);
        assert!(desk.read(settings).enabled, "{change}");
        assert!(
            desk.reader.read(&CLOCKS, |tx| tx.latest()).is_err(),
            "{change}: not papered over"
        );
        desk.write(|tx| tx.reset_latest());
        assert_eq!(desk.read(|tx| tx.latest()), NOW, "{change}");
    }
}
