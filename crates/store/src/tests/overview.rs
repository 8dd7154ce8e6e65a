//! What an administrator's overview counts.

use twofactor::{AccountKey, PARTS_PER_FAILURE, TimeStep};

use super::recovery::add as add_codes;
use super::throttle::{ALICE, attempt, fail};
use super::*;

#[test]
fn accounts_are_counted_by_what_they_have() {
    let mut desk = Desk::new();
    let pending = |secs| Enrolment::Pending { until: after(secs) };
    let cases: &[(u32, &[Enrolment])] = &[
        (1000, &[Enrolment::Active]),
        (1001, &[Enrolment::Active, Enrolment::Active, pending(60)]),
        (1002, &[pending(60), pending(60)]),
        (1003, &[pending(0)]),
        (1004, &[]),
    ];
    for (uid, enrolments) in cases {
        desk.write(|tx| tx.ensure_account(&account(*uid, &format!("user{uid}"))));
        for enrolment in *enrolments {
            desk.write(|tx| {
                tx.add_device(&NewDevice {
                    uid: *uid,
                    name: "phone",
                    enrolment: *enrolment,
                    replaces: None,
                    device: &device(Secret::generate([7; 20])),
                })
            });
        }
    }
    let counts = |without_codes| AccountCounts {
        known: 5,
        with_active_device: 2,
        pending_only: 1,
        without_codes,
    };
    assert_eq!(desk.read(|tx| tx.account_counts(NOW)), counts(2));
    let set = add_codes(&mut desk, 1001, 0);
    assert_eq!(
        desk.read(|tx| tx.account_counts(NOW)),
        counts(2),
        "not saved"
    );
    desk.write(|tx| tx.confirm_recovery_set(set));
    assert_eq!(desk.read(|tx| tx.account_counts(NOW)), counts(1));
    for position in 0..10 {
        desk.write(|tx| tx.use_recovery_code(set, position));
    }
    assert_eq!(desk.read(|tx| tx.account_counts(NOW)), counts(2), "used up");
}

/// What is weak shows without the master key.
#[test]
fn devices_that_are_not_as_advised_are_counted() {
    let mut desk = Desk::new();
    let none = DeviceShapes {
        longest_step: None,
        odd_steps: 0,
        weak_secrets: 0,
    };
    assert_eq!(desk.read(|tx| tx.device_shapes()), none);
    assert_eq!(desk.read(|tx| tx.enrolled_uids()), []);
    let pending = Enrolment::Pending { until: after(60) };
    for (uid, step, secret_bytes, enrolment) in [
        (1000, 15, 16, Enrolment::Active),
        (1000, 120, 20, Enrolment::Active),
        (1001, 14, 15, Enrolment::Active),
        (1002, 121, 10, pending),
    ] {
        let step = TimeStep::from_secs(step).unwrap();
        let secret = Secret::from_bytes(&[7; 20][..secret_bytes]).unwrap();
        desk.write(|tx| {
            tx.add_device(&NewDevice {
                uid,
                name: "phone",
                enrolment,
                replaces: None,
                device: &Device {
                    step,
                    ..device(secret.clone())
                },
            })
        });
    }
    std::fs::remove_file(desk.place.file("middlewared.key")).unwrap();
    let mut desk = desk.restarted();
    let shapes = DeviceShapes {
        longest_step: TimeStep::from_secs(120),
        odd_steps: 2,
        weak_secrets: 2,
    };
    assert_eq!(desk.read(|tx| tx.device_shapes()), shapes);
    assert_eq!(desk.read(|tx| tx.enrolled_uids()), [1000, 1001]);
}

#[test]
fn who_has_few_left() {
    let mut desk = Desk::new();
    for (uid, used) in [(1000, 8), (1001, 10), (1002, 7)] {
        let id = add_codes(&mut desk, uid, 0);
        desk.write(|tx| tx.confirm_recovery_set(id));
        for position in 0..used {
            desk.write(|tx| tx.use_recovery_code(id, position));
        }
        // One that is not saved does not count.
        add_codes(&mut desk, uid, 10);
    }
    let few = desk.read(|tx| tx.few_recovery_codes(2, 9));
    assert_eq!(
        few,
        [
            CodesLeft { uid: 1001, left: 0 },
            CodesLeft { uid: 1000, left: 2 }
        ]
    );
    assert_eq!(desk.read(|tx| tx.few_recovery_codes(2, 1)).len(), 1);
}

#[test]
fn an_overview_of_locks() {
    let mut desk = Desk::new();
    let bob = attempt(AccountKey::Known(1001), "192.0.2.2");
    desk.wait_until(1);
    for _ in 0..5 {
        fail(&mut desk, &attempt(ALICE, "192.0.2.1"));
    }
    desk.wait_until(10);
    for _ in 0..7 {
        fail(&mut desk, &bob);
    }
    let mut failing = |since, failures, limit| -> Vec<u32> {
        let found = desk.read(|tx| tx.failing(after(since), failures, limit));
        found.iter().map(|found| found.streak.failures).collect()
    };
    assert_eq!(failing(0, 5, 9), [7, 5]);
    assert_eq!(failing(1, 5, 9), [7], "only later ones");
    assert_eq!(failing(0, 6, 9), [7]);
    assert_eq!(failing(0, 5, 1), [7]);
    let sources = desk.read(|tx| tx.raised_sources(6 * PARTS_PER_FAILURE, 9));
    assert_eq!(
        sources
            .iter()
            .map(|(source, _)| *source)
            .collect::<Vec<_>>(),
        [bob.source]
    );
    let accounts = desk.read(|tx| tx.raised_accounts(0, 9));
    let accounts: Vec<AccountKey> = accounts.iter().map(|(account, _)| *account).collect();
    assert_eq!(accounts, [bob.account, ALICE]);
}
