//! What a restore writes: counts only rise, and of an account's devices none is left by accident.

use twofactor::{Level, PARTS_PER_FAILURE, Streak};

use super::throttle::{ALICE, attempt, tally};
use super::*;

/// The higher count and the later time, each for itself, whichever side has it.
#[test]
fn counts_only_rise() {
    let from = attempt(ALICE, "192.0.2.1");
    for (stored, moved, expected) in [
        ((3, 10), (5, 20), (5, 20)),
        ((5, 20), (3, 10), (5, 20)),
        ((7, 10), (3, 30), (7, 30)),
        ((3, 30), (7, 10), (7, 30)),
    ] {
        let mut desk = Desk::new();
        for (failures, at) in [stored, moved] {
            let last = after(at);
            desk.write(|tx| tx.raise_streak(&from, &Streak { failures, last }));
            let parts = u64::from(failures) * PARTS_PER_FAILURE;
            desk.write(|tx| tx.raise_level(ALICE, &Level { parts, last }));
        }
        let (failures, last) = (expected.0, after(expected.1));
        assert_eq!(tally(&mut desk, &from).pair, Streak { failures, last });
        let parts = u64::from(failures) * PARTS_PER_FAILURE;
        let level = desk.read(|tx| tx.account_level(ALICE));
        assert_eq!(level, Some(Level { parts, last }));
    }
}

#[test]
fn failures_and_the_last_login_only_rise() {
    let mut desk = Desk::new();
    desk.write(|tx| tx.ensure_account(&account(1000, "alice")));
    for (failures, last_login, expected) in [
        (0, None, (0, None)),
        (3, None, (3, None)),
        (1, Some(after(20)), (3, Some(after(20)))),
        (4, Some(after(10)), (4, Some(after(20)))),
        (0, None, (4, Some(after(20)))),
    ] {
        desk.write(|tx| tx.raise_failures(1000, failures, last_login));
        let found = desk.read(|tx| tx.account(1000)).unwrap();
        assert_eq!((found.failures_since_login, found.last_login), expected);
    }
}

#[test]
fn of_the_devices_only_those_named_stay() {
    let mut desk = Desk::new();
    let ids: Vec<i64> = (1..=4_u8)
        .map(|byte| {
            desk.write(|tx| {
                tx.add_device(&NewDevice {
                    uid: if byte == 4 { 1001 } else { 1000 },
                    name: "phone",
                    enrolment: Enrolment::Active,
                    replaces: None,
                    device: &device(Secret::generate([byte; 20])),
                })
            })
        })
        .collect();
    // One that nobody can read goes as well.
    desk.sql("UPDATE devices SET algorithm = 'MD5' WHERE id = 3");
    desk.write(|tx| tx.delete_devices_but(1000, &ids[..1]));
    assert_eq!(desk.count("SELECT count(*) FROM devices"), 2);
    assert!(desk.read(|tx| tx.device(ids[0])).is_some());
    assert!(
        desk.read(|tx| tx.device(ids[3])).is_some(),
        "of another account"
    );
    desk.write(|tx| tx.put_history(ids[0], after(1), Some(after(2))));
    let found = desk.read(|tx| tx.device(ids[0])).unwrap();
    assert_eq!((found.created, found.last_used), (after(1), Some(after(2))));
}

#[test]
fn exemptions_of_an_account_go_together() {
    let mut desk = Desk::new();
    for uid in [1000, 1000, 1001] {
        desk.write(|tx| tx.add_exemption(uid, after(100), "backups"));
    }
    assert_eq!(desk.read(|tx| tx.exemptions_of(1000)).len(), 2);
    desk.write(|tx| tx.delete_exemptions_of(1000));
    assert_eq!(desk.read(|tx| tx.exemptions_of(1000)).len(), 0);
    assert_eq!(desk.read(|tx| tx.exemptions_of(1001)).len(), 1);
}

/// What was tried is gone, and what comes after it in the same call stays.
#[test]
fn a_rehearsal_leaves_nothing() {
    let mut desk = Desk::new();
    desk.write(|tx| {
        let seen = tx.rehearse(|tx| {
            tx.add_exemption(1000, after(100), "rehearsed")?;
            Ok::<_, StoreError>(tx.exemptions_of(1000)?.len())
        })?;
        assert_eq!(seen, 1);
        let refused = tx.rehearse(|tx| {
            tx.add_exemption(1000, after(100), "refused")?;
            Err::<(), _>(StoreError::DiskFull)
        });
        assert!(matches!(refused, Err(StoreError::DiskFull)));
        assert_eq!(tx.exemptions_of(1000)?.len(), 0);
        tx.add_exemption(1000, after(100), "kept")
    });
    let left = desk.read(|tx| tx.exemptions_of(1000));
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].reason, "kept");
}
