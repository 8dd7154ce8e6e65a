//! A copy in place of a database that is damaged or lost: what was there is kept, and nothing that was
//! used is good again.

use std::fs;
use std::time::{Duration, SystemTime};

use super::*;

const LATER: UnixTime = NOW.saturating_add_secs(3600);

/// A store that is on, with a device and recovery codes, and a copy of it.
fn copied() -> Place {
    let mut desk = Desk::new();
    desk.write(|tx| {
        enable(tx)?;
        tx.ensure_account(&account(0, "root"))?;
        renew(tx, 0, Secret::generate([7; 20]))?;
        let salt = twofactor::Salt([1; 16]);
        let id = tx.add_recovery_set(0, &salt, &[LookupHash([2; 32])])?;
        tx.confirm_recovery_set(id).map(drop)
    });
    assert!(desk.writer.keep_house(NOW, Copy::Fresh).unwrap());
    let Desk { place, .. } = desk;
    place
}

fn spoil(place: &Place, content: Option<&[u8]>) {
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(place.file(&format!("middlewared.db{end}")));
    }
    let database = place.file("middlewared.db");
    match content {
        Some(content) => fs::write(database, content).unwrap(),
        None => fs::remove_file(database).unwrap(),
    }
}

const GARBAGE: &[u8] = b"no database at all, but long enough to look like one";

fn put_back(place: &Place) -> Result<Restored, NotRestored> {
    restore(&place.dir(), None, LATER)
}

#[test]
fn a_damaged_database_is_kept_and_the_newest_good_copy_takes_its_place() {
    for content in [Some(GARBAGE), None] {
        let place = copied();
        let good = place.file("backups").join("daily-2023-11-14.db");
        let bad = place.file("backups").join("daily-2023-11-15.db");
        let bytes = fs::read(&good).unwrap();
        fs::write(&bad, bytes.get(..9000).unwrap()).unwrap();
        spoil(&place, content);
        let restored = put_back(&place).unwrap();
        assert_eq!((restored.copy, restored.skipped), (good, vec![bad]));
        let kept = restored.aside.map(|aside| fs::read(aside).unwrap());
        assert_eq!(kept.as_deref(), content);
        assert!(enabled(&place));
        let mut desk = Desk::at(place);
        desk.read(|tx| {
            assert!(tx.devices(0)?.iter().all(|device| device.floor == LATER));
            assert_eq!(tx.recovery_codes_left(0)?, 0);
            Ok(())
        });
    }
}

/// One that was made by a clock that was ahead would be the newest for years.
#[test]
fn a_copy_of_a_time_to_come_is_the_last_to_be_taken() {
    let day = Duration::from_hours(24);
    for (age, comes_first) in [(day, true), (10 * day, false)] {
        let place = copied();
        let copy = |name: &str| place.file("backups").join(name);
        let of_then = copy("daily-2123-11-15.db");
        let right = copy("daily-2023-11-14.db");
        fs::copy(&right, &of_then).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(LATER.as_secs());
        for (path, made) in [(&right, now - day / 2), (&of_then, now + age)] {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(made).unwrap();
        }
        spoil(&place, None);
        let expected = if comes_first { of_then } else { right };
        assert_eq!(put_back(&place).unwrap().copy, expected);
    }
}

#[test]
fn nothing_is_done_where_nothing_is_wrong_or_nothing_is_there() {
    let place = copied();
    assert!(matches!(put_back(&place), Err(NotRestored::NotDamaged)));
    let running = place.open().unwrap();
    spoil(&place, Some(GARBAGE));
    let refused = put_back(&place);
    assert!(
        matches!(&refused, Err(NotRestored::State(StateError::InUse { .. }))),
        "{refused:?}"
    );
    drop(running);
    fs::remove_dir_all(place.file("backups")).unwrap();
    fs::create_dir(place.file("backups")).unwrap();
    assert!(matches!(put_back(&place), Err(NotRestored::NoCopy { .. })));
    assert_eq!(fs::read(place.file("middlewared.db")).unwrap(), GARBAGE);
    let nowhere = Place::new();
    assert!(put_back(&nowhere).is_err() && !nowhere.dir().exists());
}

/// Whoever names a copy means it.
#[test]
fn a_copy_that_is_named_is_put_back_though_nothing_is_damaged() {
    let place = copied();
    write(&place, |tx| {
        let settings = Settings {
            enabled: false,
            ..tx.settings()?
        };
        tx.put_settings(&settings)
    })
    .unwrap();
    let copy = place.file("backups").join("daily-2023-11-14.db");
    let restored = restore(&place.dir(), Some(&copy), LATER).unwrap();
    let is_kept = |aside: &Option<PathBuf>| aside.as_ref().is_some_and(|aside| aside.exists());
    assert!(enabled(&place) && is_kept(&restored.aside));
    let again = restore(&place.dir(), Some(&copy), LATER).unwrap();
    assert_ne!(again.aside, restored.aside, "both are kept");
    let none = place.file("backups").join("none.db");
    assert!(restore(&place.dir(), Some(&none), LATER).is_err());
    assert!(enabled(&place));
}
