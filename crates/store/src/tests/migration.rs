//! From a file of the first release to this one, and back.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::params;
use twofactor::{AccountKey, Digits, Identity, Policy, Source, TimeStep, Verdict, Window};

use super::*;

/// What release 1 knew of a device, in its own words.
const RELEASE_1_DEVICE: &str = "SELECT id, secret, algorithm, digits, step_secs, floor \
    FROM devices WHERE uid = ?1 ORDER BY id LIMIT 1";

/// A directory as release 1 left it: enabled, with one device of root's or none.
fn release_1(has_device: bool) -> Place {
    let mut desk = Desk::new();
    let id = desk.write(|tx| {
        renew(tx, 0, Secret::generate([7; 20]))?;
        Ok(tx.devices(0)?[0].id)
    });
    let blob =
        |sql: &str| -> Vec<u8> { desk.other().query_row(sql, [], |row| row.get(0)).unwrap() };
    let sealed = blob("SELECT secret FROM devices");
    let key_id = blob("SELECT value FROM meta WHERE name = 'key_id'");
    let place = desk.place;
    drop((desk.writer, desk.reader));
    let database = place.file("middlewared.db");
    fs::remove_file(&database).unwrap();
    let conn = Connection::open(&database).unwrap();
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).unwrap();
    conn.execute_batch(include_str!("../schema/1.sql")).unwrap();
    conn.pragma_update(None, "user_version", 1).unwrap();
    conn.execute(
        "INSERT INTO meta (name, value) VALUES ('min_reader_version', 1), ('key_id', ?1)",
        [key_id],
    )
    .unwrap();
    conn.execute_batch(
        "UPDATE settings SET enabled = 1, ssh = 1, window_steps = 1, digits = 8, step_secs = 60;
        INSERT INTO audit (at, uid, pid, method, outcome) \
            VALUES (1700000000, 0, 17, 'auth.twofactor.verify', 'accepted');",
    )
    .unwrap();
    if has_device {
        conn.execute(
            "INSERT INTO devices \
                (id, uid, secret, algorithm, digits, step_secs, floor, created, last_used) \
                VALUES (?1, 0, ?2, 'SHA1', 6, 30, 1700000010, 1600000000, 1700000000)",
            params![id, sealed],
        )
        .unwrap();
    }
    place
}

#[test]
fn a_store_of_release_1_becomes_one_of_this_release() {
    let mut desk = Desk::at(release_1(true));
    assert_eq!(desk.count("PRAGMA user_version"), 4);
    let settings = desk.read(settings);
    assert!(settings.enabled && settings.ssh);
    let numbers = (
        settings.window.steps(),
        settings.digits.get(),
        settings.step.as_secs(),
    );
    assert_eq!(numbers, (1, 8, 60));
    let stored = desk.read(|tx| tx.first_active_device(0)).unwrap();
    assert_eq!(stored.device.secret, Secret::generate([7; 20]));
    let expected = DeviceRecord {
        id: 1,
        uid: 0,
        name: "phone".to_owned(),
        algorithm: twofactor::Algorithm::Sha1,
        digits: Digits::default(),
        step: TimeStep::default(),
        floor: after(10),
        created: UnixTime::from_secs(1_600_000_000),
        last_used: Some(NOW),
        enrolment: Enrolment::Active,
        replaces: None,
    };
    assert_eq!(stored.record, expected, "the floor above all");
    assert_eq!(
        desk.read(|tx| tx.identity(&account(0, "root"))),
        Identity::Known
    );
    let root = desk.read(|tx| tx.account(0)).unwrap();
    assert_eq!((root.grace_until, root.last_login), (None, None));
    assert_eq!(desk.read(|tx| tx.policy()), Policy::DEFAULT);
    assert_eq!(desk.read(|tx| tx.latest()), UnixTime::EPOCH);
    assert_eq!(desk.read(|tx| tx.streaks(AccountKey::Known(0))), []);
    let audited = desk.read(|tx| tx.audit_entries(&AuditFilter::default(), 9));
    assert_eq!((audited.len(), audited[0].count), (1, 1));
    assert_eq!(audited[0].account, None);
}

#[test]
fn a_store_without_a_device_has_no_account() {
    let mut desk = Desk::at(release_1(false));
    assert_eq!(desk.read(|tx| tx.accounts(None, 9)), []);
    assert!(!desk.read(|tx| tx.has_active_device(0)));
}

#[test]
fn a_copy_is_made_before_a_migration() {
    let place = release_1(true);
    drop(place.open().unwrap());
    let copy = Connection::open(place.file("backups/before-migration-from-1.db")).unwrap();
    let version: i64 = copy
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 1);
    let floor: i64 = copy
        .query_row("SELECT floor FROM devices", [], |row| row.get(0))
        .unwrap();
    assert_eq!(floor, 1_700_000_010);
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let place = release_1(true);
    let conn = Connection::open(place.file("middlewared.db")).unwrap();
    // In the way of the last statement but one.
    conn.execute_batch("CREATE TABLE audit_coalesced (x)")
        .unwrap();
    assert!(place.open().is_err());
    let version: i64 = conn
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 1);
    conn.execute_batch("DROP TABLE audit_coalesced").unwrap();
    assert!(Desk::at(place).read(|tx| tx.has_active_device(0)));
}

/// After a downgrade the settings can still be read and the second factor be turned off; what
/// release 1 writes is read again after the upgrade.
#[test]
fn release_1_reads_and_writes_on() {
    let mut desk = Desk::at(release_1(true));
    let root = Enrolment::Pending { until: after(60) };
    desk.write(|tx| {
        tx.add_device(&NewDevice {
            uid: 0,
            name: "second",
            enrolment: root,
            replaces: None,
            device: &device(Secret::generate([8; 20])),
        })
    });
    let conn = desk.other();
    let needs: i64 = conn
        .query_row(
            "SELECT value FROM meta WHERE name = 'min_reader_version'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(needs, 1);
    let (id, floor): (i64, i64) = conn
        .query_row(RELEASE_1_DEVICE, [0], |row| Ok((row.get(0)?, row.get(5)?)))
        .unwrap();
    assert_eq!((id, floor), (1, 1_700_000_010), "the active one");
    let sealed: Vec<u8> = conn
        .query_row(RELEASE_1_DEVICE, [0], |row| row.get(1))
        .unwrap();
    conn.execute(
        "UPDATE settings SET enabled = ?1, ssh = ?2, window_steps = ?3, digits = ?4, \
        step_secs = ?5 WHERE id = 1",
        [0, 0, 1, 6, 30],
    )
    .unwrap();
    conn.execute(
        "UPDATE devices SET floor = ?2, last_used = ?3 WHERE id = ?1",
        [1, 1_700_000_030, 1_700_000_011],
    )
    .unwrap();
    conn.execute(
        "INSERT INTO audit (at, uid, pid, login_uid, method, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![1_700_000_011, 0, 17, None::<u32>, "auth.twofactor.verify", "accepted"],
    )
    .unwrap();
    let mut desk = desk.restarted();
    assert!(!desk.read(settings).enabled);
    let found = desk.read(|tx| tx.devices(0));
    assert_eq!(
        (found[0].floor, found[0].enrolment),
        (after(30), Enrolment::Active)
    );
    assert_eq!(found[1].enrolment, root);
    // A renewal by release 1.
    conn.execute("DELETE FROM devices WHERE uid = ?1", [0])
        .unwrap();
    conn.execute(
        "INSERT INTO devices (id, uid, secret, algorithm, digits, step_secs, floor, created) \
            VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![0, sealed, "SHA1", 6, 30, 0, 1_700_000_020],
    )
    .unwrap();
    let mut desk = desk.restarted();
    let first = desk.read(|tx| tx.first_active_device(0)).unwrap();
    assert_eq!(
        (first.record.name.as_str(), first.record.floor),
        ("phone", UnixTime::EPOCH)
    );
}

/// Set up anew by release 1 after a downgrade, root was nobody to this release: refused at every door,
/// with the right code.
#[test]
fn a_device_that_release_1_made_after_a_downgrade_is_root_s() {
    let sealed: Vec<u8> = Desk::at(release_1(true))
        .other()
        .query_row("SELECT secret FROM devices", [], |row| row.get(0))
        .unwrap();
    let enrol = |desk: &Desk| {
        let values = params![0, sealed, "SHA1", 6, 30, 0, 1_700_000_020];
        desk.other()
            .execute(
                "INSERT INTO devices \
                    (id, uid, secret, algorithm, digits, step_secs, floor, created) \
                    VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                values,
            )
            .unwrap();
    };
    let root = account(0, "root");
    // (what else is on record, what root is then)
    let cases = [
        (None, Identity::Known),
        // A name is one account's: which of them is right is for an administrator to say.
        (Some(account(7, "root")), Identity::Mismatch),
        (Some(account(0, "toor")), Identity::Mismatch),
    ];
    for (other, identity) in cases {
        let mut desk = Desk::at(release_1(false));
        if let Some(other) = &other {
            desk.write(|tx| tx.ensure_account(other));
        }
        enrol(&desk);
        let mut desk = desk.restarted();
        assert_eq!(desk.read(|tx| tx.identity(&root)), identity, "{other:?}");
        assert!(desk.read(|tx| tx.has_active_device(0)));
        let records = desk.read(|tx| tx.accounts(None, 9));
        assert_eq!(records.len(), 1, "{records:?}");
    }
}

/// The first release reads this store after a downgrade, and knows no pending devices. Nothing that
/// is done to one makes its codes good there.
#[test]
fn release_1_refuses_every_code_of_a_pending_device() {
    type Change = fn(&mut WriteTx<'_>, i64) -> Result<(), StoreError>;
    const CHANGES: [(&str, Change); 4] = [
        ("added", |_, _| Ok(())),
        ("used", |tx, id| {
            tx.record_use(id, UnixTime::from_secs(30), Source::Local)
        }),
        ("unlocked", |tx, id| {
            tx.set_floor(id, UnixTime::from_secs(60))
        }),
        ("reshaped", |tx, id| {
            tx.reshape_device(id, Digits::default(), TimeStep::default())
        }),
    ];
    let mut fresh = device(Secret::generate([7; 20]));
    let window = Window::default();
    let code = (0..1_000_000)
        .map(|code| format!("{code:06}"))
        .find(|code| fresh.verify(code, NOW, window).is_accepted())
        .unwrap();
    for (what, change) in CHANGES {
        let mut desk = Desk::new();
        let id = desk.write(|tx| {
            tx.add_device(&NewDevice {
                uid: 0,
                name: "phone",
                enrolment: Enrolment::Pending { until: after(60) },
                replaces: None,
                device: &device(Secret::generate([7; 20])),
            })
        });
        desk.write(|tx| change(tx, id));
        let stored = desk.read(|tx| tx.open_device(id)).unwrap().device;
        let is_accepted = |mut device: Device| device.verify(&code, NOW, window).is_accepted();
        assert!(is_accepted(stored.clone()), "{what}: this release");
        let floor = desk.count("SELECT floor FROM devices WHERE uid = 0 ORDER BY id LIMIT 1");
        let floor = UnixTime::from_secs(u64::try_from(floor).unwrap());
        let mut as_release_1 = Device { floor, ..stored };
        let verdict = as_release_1.verify(&code, NOW, window);
        assert_eq!(verdict, Verdict::Replayed, "{what}: release 1");
    }
}
