//! Devices: pending and active, their floors and their seals.

use std::fs;

use twofactor::{Algorithm, Digits, Source, TimeStep};

use super::*;

const PENDING: Enrolment = Enrolment::Pending {
    until: after(7 * 86_400),
};

struct Added<'a> {
    uid: u32,
    name: &'a str,
    enrolment: Enrolment,
    replaces: Option<i64>,
}

const ACTIVE: Added<'_> = Added {
    uid: 1000,
    name: "phone",
    enrolment: Enrolment::Active,
    replaces: None,
};

fn add(desk: &mut Desk, added: &Added<'_>) -> i64 {
    desk.write(|tx| {
        tx.add_device(&NewDevice {
            uid: added.uid,
            name: added.name,
            enrolment: added.enrolment,
            replaces: added.replaces,
            device: &device(Secret::generate([7; 20])),
        })
    })
}

fn ids(desk: &mut Desk, uid: u32) -> Vec<i64> {
    let found = desk.read(|tx| tx.devices(uid));
    found.iter().map(|device| device.id).collect()
}

#[test]
fn what_is_stored_comes_back() {
    for enrolment in [Enrolment::Active, PENDING] {
        let mut desk = Desk::new();
        let stored = Device {
            secret: Secret::generate([9; 20]),
            algorithm: Algorithm::Sha512,
            digits: Digits::new(8).unwrap(),
            step: TimeStep::from_secs(60).unwrap(),
            floor: after(30),
        };
        let record = DeviceRecord {
            id: 1,
            uid: 1000,
            name: "Alice's phone".to_owned(),
            algorithm: stored.algorithm,
            digits: stored.digits,
            step: stored.step,
            floor: stored.floor,
            created: NOW,
            last_used: None,
            enrolment,
            replaces: Some(17),
        };
        let id = desk.write(|tx| {
            tx.add_device(&NewDevice {
                uid: record.uid,
                name: &record.name,
                enrolment,
                replaces: record.replaces,
                device: &stored,
            })
        });
        let mut desk = desk.restarted();
        assert_eq!(id, 1);
        assert_eq!(desk.read(|tx| tx.device(id)).as_ref(), Some(&record));
        assert_eq!(
            desk.read(|tx| tx.devices(1000)).as_slice(),
            std::slice::from_ref(&record)
        );
        let opened = desk.read(|tx| tx.open_device(id)).unwrap();
        assert_eq!((&opened.record, &opened.device), (&record, &stored));
        let all = desk.read(|tx| tx.open_devices(1000));
        assert_eq!(
            all.iter().map(|it| &it.device).collect::<Vec<_>>(),
            [&stored]
        );
        assert_eq!(desk.read(|tx| tx.device(2)), None);
        assert_eq!(desk.read(|tx| tx.count_devices(1000)), 1);
        assert_eq!(desk.read(|tx| tx.count_devices(1001)), 0);
    }
}

/// A pending device alone leaves its account unenrolled.
#[test]
fn a_pending_device_is_no_active_one() {
    let mut desk = Desk::new();
    let pending = add(
        &mut desk,
        &Added {
            enrolment: PENDING,
            ..ACTIVE
        },
    );
    assert!(!desk.read(|tx| tx.has_active_device(1000)));
    assert!(desk.read(|tx| tx.first_active_device(1000)).is_none());
    let active = add(&mut desk, &ACTIVE);
    assert!(desk.read(|tx| tx.has_active_device(1000)));
    let first = desk.read(|tx| tx.first_active_device(1000)).unwrap();
    assert_eq!(first.record.id, active);
    assert!(desk.write(|tx| tx.activate_device(pending)));
    let first = desk.read(|tx| tx.first_active_device(1000)).unwrap();
    assert_eq!(first.record.id, pending, "the oldest");
    assert!(!desk.read(|tx| tx.has_active_device(1001)));
}

#[test]
fn activating_removes_the_replaced_device() {
    let mut desk = Desk::new();
    let old = add(&mut desk, &ACTIVE);
    let other = add(
        &mut desk,
        &Added {
            name: "key",
            ..ACTIVE
        },
    );
    let renewed = Added {
        enrolment: PENDING,
        replaces: Some(old),
        ..ACTIVE
    };
    let new = add(&mut desk, &renewed);
    assert_eq!(
        ids(&mut desk, 1000),
        [old, other, new],
        "the old one works on"
    );
    desk.write(|tx| tx.record_use(new, after(30), Source::Local));
    assert!(desk.write(|tx| tx.activate_device(new)));
    assert_eq!(ids(&mut desk, 1000), [other, new]);
    let activated = desk.read(|tx| tx.device(new)).unwrap();
    assert_eq!(
        (activated.enrolment, activated.floor, activated.replaces),
        (Enrolment::Active, after(30), None),
        "its confirming code is burned"
    );
    assert!(
        !desk.write(|tx| tx.activate_device(new)),
        "it was not pending"
    );
    assert!(!desk.write(|tx| tx.activate_device(99)));
}

#[test]
fn a_device_replaces_none_of_another_account_and_never_itself() {
    let mut desk = Desk::new();
    let bobs = add(
        &mut desk,
        &Added {
            uid: 1001,
            ..ACTIVE
        },
    );
    let alices = Added {
        enrolment: PENDING,
        replaces: Some(bobs),
        ..ACTIVE
    };
    let alices = add(&mut desk, &alices);
    assert!(desk.write(|tx| tx.activate_device(alices)));
    assert_eq!(ids(&mut desk, 1001), [bobs]);
    let own = add(
        &mut desk,
        &Added {
            enrolment: PENDING,
            replaces: Some(alices + 1),
            ..ACTIVE
        },
    );
    assert!(desk.write(|tx| tx.activate_device(own)));
    assert_eq!(ids(&mut desk, 1000), [alices, own]);
}

/// "Replay memory erased by a re-render": one floor per secret, which use only raises.
#[test]
fn use_raises_the_floor_and_only_an_unlock_lowers_it() {
    for enrolment in [Enrolment::Active, PENDING] {
        let mut desk = Desk::new();
        let id = add(
            &mut desk,
            &Added {
                enrolment,
                ..ACTIVE
            },
        );
        let floor = |desk: &mut Desk| {
            let found = desk.read(|tx| tx.device(id)).unwrap();
            assert_eq!(found.enrolment, enrolment);
            (found.floor, found.last_used)
        };
        assert_eq!(floor(&mut desk), (UnixTime::EPOCH, None));
        desk.write(|tx| tx.record_use(id, after(30), Source::Local));
        assert_eq!(floor(&mut desk), (after(30), Some(NOW)));
        desk.wait_until(40);
        desk.write(|tx| tx.record_use(id, after(10), Source::Local));
        assert_eq!(floor(&mut desk), (after(30), Some(after(40))));
        let mut desk = desk.restarted();
        assert_eq!(floor(&mut desk), (after(30), Some(after(40))));
        desk.write(|tx| tx.set_floor(id, after(5)));
        assert_eq!(floor(&mut desk), (after(5), Some(after(40))));
    }
}

/// Otherwise a code would be accepted that is not burned.
#[test]
fn a_use_of_a_device_that_is_gone_is_an_error() {
    let mut desk = Desk::new();
    let id = add(&mut desk, &ACTIVE);
    assert!(desk.write(|tx| tx.delete_device(id)));
    assert!(!desk.write(|tx| tx.delete_device(id)));
    let used = desk.try_write(|tx| tx.record_use(id, after(30), Source::Local));
    assert!(matches!(used, Err(StoreError::Damaged { .. })), "{used:?}");
    let next = add(&mut desk, &ACTIVE);
    assert!(next > id, "an id is never used again");
}

#[test]
fn a_device_is_renamed_and_reshaped_with_its_secret_and_floor() {
    let mut desk = Desk::new();
    let id = add(&mut desk, &ACTIVE);
    desk.write(|tx| tx.record_use(id, after(30), Source::Local));
    let before = desk.read(|tx| tx.open_device(id)).unwrap();
    assert!(desk.write(|tx| tx.rename_device(id, "tablet")));
    assert!(!desk.write(|tx| tx.rename_device(99, "tablet")));
    let (digits, step) = (Digits::new(8).unwrap(), TimeStep::from_secs(60).unwrap());
    desk.write(|tx| tx.reshape_device(id, digits, step));
    let after = desk.read(|tx| tx.open_device(id)).unwrap();
    assert_eq!(after.record.name, "tablet");
    assert_eq!(
        after.device,
        Device {
            digits,
            step,
            ..before.device
        }
    );
}

#[test]
fn pages_of_all_devices() {
    let mut desk = Desk::new();
    for uid in [5, 3, 5, 4] {
        add(&mut desk, &Added { uid, ..ACTIVE });
    }
    let mut page = |after, limit| -> Vec<(i64, u32)> {
        let found = desk.read(|tx| tx.all_devices(after, limit));
        found.iter().map(|it| (it.id, it.uid)).collect()
    };
    assert_eq!(page(None, 3), [(1, 5), (2, 3), (3, 5)]);
    assert_eq!(page(Some(3), 3), [(4, 4)]);
}

#[test]
fn a_deleted_secret_is_overwritten() {
    let mut desk = Desk::new();
    let id = add(&mut desk, &ACTIVE);
    let sealed: Vec<u8> = desk
        .other()
        .query_row("SELECT secret FROM devices", [], |row| row.get(0))
        .unwrap();
    desk.write(|tx| tx.delete_device(id));
    let database = desk.place.file("middlewared.db");
    // Closing folds the log into the database.
    drop((desk.writer, desk.reader));
    let bytes = fs::read(database).unwrap();
    assert!(!bytes.windows(sealed.len()).any(|window| window == sealed));
}

/// The 22.12 API shows the first active device: after a renewal that is the renewed one, also where
/// there is another.
#[test]
fn a_renewed_device_keeps_its_place_and_its_old_secret_is_overwritten() {
    let mut desk = Desk::new();
    let first = add(&mut desk, &ACTIVE);
    add(&mut desk, &ACTIVE);
    desk.write(|tx| tx.record_use(first, after(30), Source::Local));
    let first_secret = "SELECT secret FROM devices WHERE id = 1";
    let old: Vec<u8> = desk
        .other()
        .query_row(first_secret, [], |row| row.get(0))
        .unwrap();
    desk.wait_until(60);
    let renewed = Device {
        digits: Digits::new(8).unwrap(),
        step: TimeStep::from_secs(60).unwrap(),
        ..device(Secret::generate([8; 20]))
    };
    desk.write(|tx| tx.renew_device(first, &renewed));
    let mut desk = desk.restarted();
    let found = desk.read(|tx| tx.first_active_device(1000)).unwrap();
    assert_eq!(found.device, renewed);
    let record = DeviceRecord {
        id: first,
        uid: 1000,
        name: "phone".to_owned(),
        algorithm: Algorithm::Sha1,
        digits: renewed.digits,
        step: renewed.step,
        floor: UnixTime::EPOCH,
        created: after(60),
        last_used: None,
        enrolment: Enrolment::Active,
        replaces: None,
    };
    assert_eq!(found.record, record);
    let pending = add(
        &mut desk,
        &Added {
            enrolment: PENDING,
            ..ACTIVE
        },
    );
    for none in [pending, 99] {
        let refused = desk.try_write(|tx| tx.renew_device(none, &renewed));
        assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{none}");
    }
    let database = desk.place.file("middlewared.db");
    drop((desk.writer, desk.reader));
    let bytes = fs::read(database).unwrap();
    assert!(!bytes.windows(old.len()).any(|window| window == old));
}

#[test]
fn damage_is_an_error_and_not_a_default() {
    let mut desk = Desk::new();
    add(&mut desk, &ACTIVE);
    add(
        &mut desk,
        &Added {
            enrolment: PENDING,
            ..ACTIVE
        },
    );
    let changes = [
        "UPDATE devices SET algorithm = 'MD5'",
        "UPDATE devices SET digits = 9",
        "UPDATE devices SET digits = -6",
        "UPDATE devices SET step_secs = 0",
        "UPDATE devices SET step_secs = 4294967326",
        "UPDATE devices SET floor = -1 WHERE id = 1",
        "UPDATE devices SET pending_floor = -1 WHERE id = 2",
        "UPDATE devices SET pending_floor = NULL WHERE id = 2",
        "UPDATE devices SET pending_until = NULL WHERE id = 2",
        "UPDATE devices SET pending_until = -1 WHERE id = 2",
        "UPDATE devices SET created = -1",
        "UPDATE devices SET last_used = -1",
    ];
    desk.damages(&changes, |tx| tx.devices(1000));
    desk.damages(&["UPDATE devices SET secret = x''"], |tx| {
        tx.open_devices(1000)
    });
    let swapped = "UPDATE devices SET secret = (SELECT secret FROM devices WHERE id = 1)";
    desk.damages(&[swapped], |tx| tx.open_device(2));
}
