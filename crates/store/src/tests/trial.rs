//! A trial lies over what is stored, and ends by itself.

use twofactor::{Changes, Policy, RolledBack, SecurityKeys, Trial, TrialSecs, Unenrolled, Window};

use super::*;

const ALL: Changes = Changes {
    enabled: Some(true),
    ssh: Some(true),
    window: None,
    unenrolled: Some(Unenrolled::Allow),
    security_keys: Some(SecurityKeys::BothFactors),
    grace_days: Some(21),
    bypass_minutes_max: Some(240),
    bypass_uses_max: Some(2),
    free_failures: Some(3),
    first_wait_secs: Some(60),
    source_failures: Some(10),
    account_failures: Some(50),
};

fn begin(desk: &mut Desk, changes: Changes) -> i64 {
    desk.write(move |tx| {
        let trial = Trial::new(changes, tx.clocks().boot, TrialSecs::default());
        tx.begin_trial(&trial, "sshd")
    })
}

#[test]
fn what_is_tried_counts_and_what_is_stored_stays() {
    let mut desk = Desk::new();
    let window = Window::new(2);
    assert_eq!(desk.read(|tx| tx.trial()), None);
    assert_eq!(begin(&mut desk, Changes { window, ..ALL }), 1);
    let mut desk = desk.restarted();
    let (record, left) = desk.read(|tx| tx.live_trial()).unwrap();
    assert_eq!((record.id, left, record.until), (1, 300, after(300)));
    assert_eq!(record.trial.changes, Changes { window, ..ALL });
    let now = desk.read(settings);
    assert!(now.enabled && now.ssh && Some(now.window) == window);
    let policy = desk.read(|tx| tx.policy());
    assert_eq!(policy, ALL.policy(Policy::DEFAULT));
    assert_eq!(
        (policy.grace_days, policy.limits.account_failures),
        (21, 50)
    );
    // A release that knows no trials reads what is stored.
    assert_eq!(
        desk.count("SELECT enabled + ssh + window_steps FROM settings"),
        0
    );
    assert!(!desk.read(|tx| tx.stored_settings()).enabled);
    assert_eq!(desk.read(|tx| tx.stored_policy()), Policy::DEFAULT);
    // What is written meanwhile is stored, and changes nothing of the trial.
    desk.write(|tx| tx.put_settings(&tx.stored_settings()?));
    assert!(desk.read(settings).enabled);
}

#[test]
fn it_ends_at_its_second_of_its_boot_and_nothing_has_to_be_written_for_it() {
    for (what, secs, id, is_on) in [
        ("at once", 1000, 1, true),
        ("in its last second", 1299, 1, true),
        ("at its deadline", 1300, 1, false),
        ("long after", 9_999_999, 1, false),
        ("in another boot", 1010, 2, false),
        ("in another boot, before it", 10, 2, false),
        ("before it could be", 0, 1, true),
    ] {
        let mut desk = Desk::new();
        begin(&mut desk, ALL);
        desk.clocks.boot = Boot {
            id: BootId([id; 16]),
            secs,
        };
        // Whatever somebody sets the clock to.
        for wall in [UnixTime::EPOCH, NOW, after(1_000_000_000)] {
            desk.clocks.wall = wall;
            assert_eq!(desk.read(settings).enabled, is_on, "{what}");
            assert_eq!(
                desk.read(|tx| tx.policy()) != Policy::DEFAULT,
                is_on,
                "{what}"
            );
            assert_eq!(desk.read(|tx| tx.live_trial()).is_some(), is_on, "{what}");
            let written = desk.write(|tx| Ok((tx.settings()?.enabled, tx.policy()?)));
            assert_eq!(written.0, is_on, "{what}");
        }
        assert_eq!(desk.read(|tx| tx.trial()).unwrap().state, TrialState::Live);
    }
}

#[test]
fn what_became_of_it_is_remembered_and_its_number_is_not_used_again() {
    let mut desk = Desk::new();
    for (id, state) in (1..).zip(TrialState::ALL).skip(1) {
        begin(&mut desk, ALL);
        desk.wait_until(10);
        desk.write(|tx| tx.end_trial(state));
        let record = desk.read(|tx| tx.trial()).unwrap();
        assert_eq!(
            (record.id, record.state, record.ended),
            (id - 1, state, Some(after(10)))
        );
        assert!(!desk.read(settings).enabled, "{state:?}");
        desk = desk.restarted();
    }
    begin(&mut desk, Changes::default());
    assert!(!desk.read(settings).enabled, "nothing is tried");
    desk.write(|tx| tx.put_tried(&ALL));
    assert!(desk.read(settings).enabled);
    desk.write(|tx| tx.end_trial(TrialState::RolledBack(RolledBack::Asked)));
    assert!(!desk.read(settings).enabled);
}

/// Others take its place, and what became of it is still known.
#[test]
fn the_fate_of_a_trial_outlives_the_next_ones() {
    let mut desk = Desk::new();
    assert_eq!(desk.read(|tx| tx.trial_fate(1)), None);
    let kept = begin(&mut desk, ALL);
    let fate = |desk: &mut Desk, id| desk.read(|tx| tx.trial_fate(id));
    assert_eq!(fate(&mut desk, kept), Some(TrialFate::Live));
    desk.write(|tx| tx.end_trial(TrialState::Committed));
    assert_eq!(fate(&mut desk, kept), Some(TrialFate::Committed));
    let lost = begin(&mut desk, ALL);
    desk.write(|tx| tx.end_trial(TrialState::RolledBack(RolledBack::Asked)));
    assert_eq!(fate(&mut desk, lost), Some(TrialFate::RolledBack));
    let late = begin(&mut desk, ALL);
    desk.clocks.boot.secs += 300;
    let mut desk = desk.restarted();
    // Nobody has written that it is over.
    assert_eq!(fate(&mut desk, late), Some(TrialFate::RolledBack));
    assert_eq!(fate(&mut desk, kept), Some(TrialFate::Committed));
    assert_eq!(fate(&mut desk, lost), None);
    assert_eq!(fate(&mut desk, late + 1), None);
    for _ in 0..7 {
        begin(&mut desk, ALL);
        desk.write(|tx| tx.end_trial(TrialState::Committed));
    }
    assert_eq!(fate(&mut desk, kept), Some(TrialFate::Committed));
    assert_eq!(fate(&mut desk, late + 1), Some(TrialFate::Committed));
    begin(&mut desk, ALL);
    desk.write(|tx| tx.end_trial(TrialState::Committed));
    assert_eq!(fate(&mut desk, kept), None, "eight are remembered");
    // One that is damaged is none.
    desk.sql("UPDATE meta SET value = x'00' WHERE name = 'kept_trials'");
    assert_eq!(fate(&mut desk, kept), None);
}

/// The last resort, `sqlite3` by hand, and an older release that turns it off after a downgrade.
#[test]
fn off_by_hand_is_off_in_the_midst_of_a_trial() {
    for stored in [0, 1] {
        let mut desk = Desk::new();
        desk.sql(&format!("UPDATE settings SET enabled = {stored}"));
        begin(&mut desk, ALL);
        // What else is decided meanwhile says nothing of it.
        let other = |tx: &mut WriteTx<'_>| {
            let settings = Settings {
                window: Window::new(1).unwrap(),
                ..tx.stored_settings()?
            };
            tx.put_settings(&settings)
        };
        desk.write(other);
        assert!(desk.read(settings).enabled, "{stored}");
        desk.sql("UPDATE settings SET enabled = 0");
        assert!(!desk.read(settings).enabled, "{stored}");
    }
}

/// Turning it off must not fail on what nobody needs.
#[test]
fn a_damaged_trial_is_none_and_nothing_of_it_counts() {
    for change in [
        "state = 'ALIVE'",
        "boot_id = x'00'",
        "boot_until = -1",
        "boot_until = 9999999999",
        "until = -1",
        "enabled = 2",
        "ssh = -1",
        "window_steps = 11",
        "window_steps = 256",
        "unenrolled = 'allow'",
        "security_keys = ''",
        "grace_days = 91",
        "bypass_minutes_max = 0",
        "bypass_uses_max = 11",
        "free_failures = 6",
        "first_wait_secs = 29",
        "source_failures = 4",
        "account_failures = 101",
    ] {
        let mut desk = Desk::new();
        begin(&mut desk, ALL);
        assert!(desk.read(settings).enabled);
        desk.sql(&format!("UPDATE trial SET {change}"));
        assert!(!desk.read(settings).enabled, "{change}");
        assert_eq!(desk.read(|tx| tx.policy()), Policy::DEFAULT, "{change}");
        assert_eq!(desk.read(|tx| tx.live_trial()), None, "{change}");
        assert!(begin(&mut desk, ALL) > 1, "{change}");
        assert!(desk.read(settings).enabled, "{change}");
    }
}
