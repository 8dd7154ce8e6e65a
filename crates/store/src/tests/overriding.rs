//! Root's override lies over everything that is stored, until it is taken in.

use breakglass::{Grant, Moment, Override};
use twofactor::BootId;

use super::*;

const fn off(generation: u64) -> Override {
    let grant = Grant::Off;
    Override { generation, grant }
}

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.write(enable);
    desk
}

/// For reads and writes both, as the daemon finds it.
fn find(desk: &mut Desk, found: impl Into<Option<Override>>) {
    let found = found.into();
    desk.reader.obey(found.clone());
    desk.writer.obey(found);
}

#[test]
fn it_counts_until_it_is_taken_in_and_a_newer_one_counts_again() {
    let mut desk = desk();
    find(&mut desk, off(7));
    assert!(!desk.read(settings).enabled);
    assert!(!desk.write(|tx| settings(tx)).enabled);
    assert!(desk.read(|tx| tx.stored_settings()).enabled);
    assert!(desk.write(|tx| tx.take_override()));
    assert!(!desk.write(|tx| tx.take_override()), "once is enough");
    assert!(desk.read(settings).enabled);
    assert!(desk.read(|tx| Ok(tx.has_stale_override())));
    let mut desk = desk.restarted();
    find(&mut desk, off(7));
    assert!(desk.read(settings).enabled, "remembered");
    find(&mut desk, off(8));
    assert!(!desk.read(settings).enabled);
    find(&mut desk, None);
    assert!(desk.read(settings).enabled);
    assert!(!desk.read(|tx| Ok(tx.has_stale_override())));
}

/// The clock since boot starts anew with each boot, and so do the generations.
#[test]
fn what_was_taken_in_says_nothing_about_another_boot() {
    let mut desk = desk();
    find(&mut desk, off(1000));
    desk.write(|tx| tx.take_override());
    desk.clocks.boot.id = BootId([2; 16]);
    find(&mut desk, off(1));
    assert!(!desk.read(settings).enabled);
}

/// Root has said so in this boot, perhaps because of this very damage.
#[test]
fn a_mark_that_cannot_be_read_takes_nothing_away() {
    let mut desk = desk();
    find(&mut desk, off(7));
    desk.write(|tx| tx.take_override());
    for damage in [
        "UPDATE meta SET value = 7 WHERE name = 'override'",
        "UPDATE meta SET value = x'00' WHERE name = 'override'",
        "DROP TABLE meta",
    ] {
        desk.sql(damage);
        assert!(desk.read(|tx| Ok(tx.is_off_by_override())), "{damage}");
    }
}

/// A trial that turns it on for five minutes does not outweigh it either.
#[test]
fn it_lies_over_a_trial() {
    use twofactor::{Changes, Trial, TrialSecs};
    let mut desk = Desk::new();
    desk.write(|tx| {
        let enabled = Changes {
            enabled: Some(true),
            ..Changes::default()
        };
        let trial = Trial::new(enabled, tx.clocks().boot, TrialSecs::default());
        tx.begin_trial(&trial, "sshd")
    });
    assert!(desk.read(settings).enabled);
    find(&mut desk, off(7));
    assert!(!desk.read(settings).enabled);
}

#[test]
fn a_bypass_turns_nothing_off() {
    let mut desk = desk();
    let grant = Grant::Bypass {
        account: "alice".to_owned(),
        until: Moment {
            wall: after(60).as_secs(),
            of_boot: CLOCKS.boot.secs + 60,
        },
    };
    let found = Override {
        generation: 7,
        grant,
    };
    find(&mut desk, found.clone());
    assert!(desk.read(settings).enabled);
    desk.read(|tx| {
        assert_eq!(tx.overriding(), Some(&found));
        Ok(())
    });
}
