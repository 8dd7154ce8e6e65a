//! The state directory and its files: opening, locking, sealing, copies, and every way in which they
//! can be wrong.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;
use twofactor::{Secret, UnixTime, Window};

use super::*;

#[test]
fn a_new_store_is_private_off_and_comes_back() {
    let place = Place::new();
    assert!(!enabled(&place));
    write(&place, enable).unwrap();
    assert!(enabled(&place));
    for name in ["", "middlewared.db", "middlewared.key", "ballast", "lock"] {
        let mode = fs::metadata(place.file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
    assert_eq!(
        fs::metadata(place.file("middlewared.key")).unwrap().len(),
        32
    );
}

#[test]
fn a_second_daemon_is_refused_and_told_the_pid() {
    let place = Place::new();
    let _first = place.open().unwrap();
    assert!(
        place
            .refusal()
            .contains(&format!("(pid {})", std::process::id()))
    );
}

#[test]
fn state_that_others_may_read_is_refused() {
    for name in ["middlewared.db", "middlewared.key", ""] {
        let place = Place::new();
        drop(place.open().unwrap());
        fs::set_permissions(place.file(name), fs::Permissions::from_mode(0o744)).unwrap();
        assert!(place.refusal().contains("chmod go-rwx"), "{name}");
    }
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let place = Place::new();
    drop(place.open().unwrap());
    let (database, moved) = (
        place.file("middlewared.db"),
        place.0.path().join("elsewhere.db"),
    );
    fs::rename(&database, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &database).unwrap();
    assert!(place.refusal().contains("is not a regular file"));
}

#[test]
fn a_damaged_database_stops_the_daemon_and_stays_as_it_is() {
    let place = Place::new();
    drop(place.open().unwrap());
    let database = place.file("middlewared.db");
    let whole = fs::read(&database).unwrap();
    let garbage = vec![0x55; whole.len()];
    let half = whole[..whole.len() / 2].to_vec();
    for damaged in [garbage, half] {
        fs::write(&database, &damaged).unwrap();
        let refusal = place.refusal();
        assert!(
            refusal.contains("is damaged") && refusal.contains("middlewared restore"),
            "{refusal}"
        );
        assert_eq!(fs::read(&database).unwrap(), damaged);
    }
}

#[test]
fn a_lost_database_is_never_replaced_by_an_empty_one() {
    let lose = |database: &Path| fs::remove_file(database).unwrap();
    let empty = |database: &Path| fs::write(database, b"").unwrap();
    for (how, damage) in [("removed", &lose as &dyn Fn(&Path)), ("emptied", &empty)] {
        let place = Place::new();
        write(&place, enable).unwrap();
        damage(&place.file("middlewared.db"));
        assert!(
            place.refusal().contains("shows that there was one"),
            "{how}"
        );
        assert!(
            place.refusal().contains("shows that there was one"),
            "{how}, asked again"
        );
    }
}

#[test]
fn a_creation_that_was_cut_short_is_taken_up_again() {
    let place = Place::new();
    fs::create_dir(place.dir()).unwrap();
    fs::set_permissions(place.dir(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(place.file("middlewared.key.new"), [9; 32]).unwrap();
    fs::write(place.file("middlewared.db"), b"").unwrap();
    for name in ["middlewared.key.new", "middlewared.db"] {
        fs::set_permissions(place.file(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert!(place.open().unwrap().degraded().is_none());
    // Stopped after the commit, before the key had its name.
    fs::rename(
        place.file("middlewared.key"),
        place.file("middlewared.key.new"),
    )
    .unwrap();
    assert!(place.open().unwrap().degraded().is_none());
    assert!(place.file("middlewared.key").exists());
}

#[test]
fn a_newer_schema_is_read_only_if_it_says_that_this_release_can() {
    let place = Place::new();
    drop(place.open().unwrap());
    let set = |version: i64, min_reader: i64| {
        let conn = Connection::open(place.file("middlewared.db")).unwrap();
        conn.pragma_update(None, "user_version", version).unwrap();
        let sql = "UPDATE meta SET value = ?1 WHERE name = 'min_reader_version'";
        conn.execute(sql, [min_reader]).unwrap();
    };
    set(1000, 1);
    assert!(!enabled(&place));
    set(1000, 999);
    assert!(place.refusal().contains("schema version 1000"));
}

#[test]
fn secrets_are_sealed_on_disk_and_gone_after_renewal() {
    let place = Place::new();
    let secret = place.with_device();
    let on_disk = |needle: &[u8]| {
        let bytes = fs::read(place.file("middlewared.db")).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    };
    assert!(!on_disk(secret.bytes()) && !on_disk(secret.to_base32().as_bytes()));
    let sealed: Vec<u8> = {
        let conn = Connection::open(place.file("middlewared.db")).unwrap();
        conn.query_row("SELECT secret FROM devices", [], |row| row.get(0))
            .unwrap()
    };
    assert!(on_disk(&sealed));
    write(&place, |tx| renew(tx, 0, Secret::generate([8; 20]))).unwrap();
    assert!(!on_disk(&sealed), "the old seal is overwritten");
}

#[test]
fn without_its_key_the_store_degrades_and_never_mints_another() {
    let missing = |key: &Path| fs::remove_file(key).unwrap();
    let other = |key: &Path| fs::write(key, [1; 32]).unwrap();
    let short = |key: &Path| fs::write(key, [1; 31]).unwrap();
    let damages: [&dyn Fn(&Path); 3] = [&missing, &other, &short];
    for damage in damages {
        let place = Place::new();
        place.with_device();
        write(&place, enable).unwrap();
        damage(&place.file("middlewared.key"));
        let store = place.open().unwrap();
        assert!(
            store
                .degraded()
                .is_some_and(|why| why.contains("middlewared.key"))
        );
        let mut reader = store.reader().unwrap();
        let read = reader.read(&CLOCKS, |tx| tx.first_active_device(0));
        assert!(matches!(read, Err(StoreError::NoKey { .. })), "{read:?}");
        assert!(reader.read(&CLOCKS, |tx| tx.has_active_device(0)).unwrap());
        drop((store, reader));
        let minted = write(&place, |tx| renew(tx, 1, Secret::generate([3; 20])));
        assert!(
            matches!(minted, Err(StoreError::NoKey { .. })),
            "{minted:?}"
        );
        write(&place, |tx| {
            let settings = Settings {
                enabled: false,
                ..tx.settings()?
            };
            tx.put_settings(&settings)
        })
        .unwrap();
        assert!(!enabled(&place), "unlocking needs no key");
    }
}

#[test]
fn a_key_from_the_credentials_directory_leaves_no_key_file() {
    let place = Place::new();
    let credentials = TempDir::new().unwrap();
    fs::write(credentials.path().join("middlewared.key"), [5; 32]).unwrap();
    let open = || Store::open(&place.dir(), Some(credentials.path())).unwrap();
    assert!(open().degraded().is_none());
    assert!(!place.file("middlewared.key").exists());
    assert!(open().degraded().is_none());
    assert!(place.open().unwrap().degraded().is_some());
}

#[test]
fn calls_of_a_batch_fail_alone_and_commit_together() {
    let place = Place::new();
    let mut writer = place.open().unwrap().into_writer().unwrap();
    let answers = writer
        .batch(&CLOCKS, Reserve::Keep, &[1_u8, 2, 3, 4], |call, tx| {
            let settings = Settings {
                window: Window::new(*call).unwrap(),
                ..tx.settings()?
            };
            tx.put_settings(&settings)?;
            match call {
                2 => Err(StoreError::Busy),
                4 => panic!("a bug in one method"),
                _ => Ok(settings.window),
            }
        })
        .unwrap();
    let [first, refused, third, panicked] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    assert!(matches!(first, Ran::Returned(Ok(_))));
    assert!(matches!(refused, Ran::Returned(Err(StoreError::Busy))));
    assert!(matches!(third, Ran::Returned(Ok(_))));
    assert!(matches!(panicked, Ran::Panicked));
    drop(writer);
    let mut reader = place.open().unwrap().reader().unwrap();
    assert_eq!(reader.read(&CLOCKS, settings).unwrap().window.steps(), 3);
}

#[test]
fn a_change_by_another_process_is_seen_by_the_next_read() {
    let place = Place::new();
    let store = place.open().unwrap();
    let mut reader = store.reader().unwrap();
    let mut enabled = || reader.read(&CLOCKS, settings).unwrap().enabled;
    assert!(!enabled());
    let other = Connection::open(place.file("middlewared.db")).unwrap();
    other
        .execute("UPDATE settings SET enabled = 1", [])
        .unwrap();
    assert!(enabled());
}

#[test]
fn one_copy_a_day_is_made_and_seven_are_kept() {
    let place = Place::new();
    place.with_device();
    let mut writer = place.open().unwrap().into_writer().unwrap();
    for day in 0..9 {
        let at = UnixTime::from_secs(NOW.as_secs() + day * 86_400);
        assert!(writer.keep_house(at, Copy::Daily).unwrap());
        assert!(!writer.keep_house(at, Copy::Daily).unwrap(), "one a day");
        if day == 8 {
            writer
                .batch(&clocks_at(at), Reserve::Keep, &[()], |(), tx| enable(tx))
                .unwrap();
            assert!(writer.keep_house(at, Copy::Fresh).unwrap(), "in its place");
        }
    }
    drop(writer);
    let copies = names_of_copies(&place);
    assert_eq!(copies.len(), 7);
    fs::copy(copies.last().unwrap(), place.file("middlewared.db")).unwrap();
    assert!(enabled(&place), "a copy put back is a whole store");
}

/// Copies with the names of a time to come took all places, and each new one was removed at once: after a
/// clock that was ahead, and while one is behind.
#[test]
fn copies_of_a_clock_that_was_wrong_make_room_for_todays() {
    const DAY: u64 = 86_400;
    for wrong in [NOW.as_secs() + 40_000 * DAY, 0] {
        let place = Place::new();
        place.with_device();
        let writer = place.open().unwrap().into_writer().unwrap();
        let keep = |from: u64, days: u64| {
            let mut made = Vec::new();
            for at in (0..days).map(|day| from + day * DAY) {
                let before = names_of_copies(&place);
                let at = UnixTime::from_secs(at);
                assert!(writer.keep_house(at, Copy::Daily).unwrap());
                assert!(!writer.keep_house(at, Copy::Daily).unwrap(), "again: {at}");
                made.extend(names_of_copies(&place).difference(&before).cloned());
            }
            made
        };
        let right = keep(NOW.as_secs(), 7);
        let first = keep(wrong, 1);
        let kept = names_of_copies(&place);
        assert!(
            right
                .iter()
                .skip(1)
                .chain(&first)
                .all(|name| kept.contains(name))
        );
        keep(wrong + DAY, 6);
        let again = keep(NOW.as_secs() + 7 * DAY, 7);
        assert_eq!(names_of_copies(&place), again.into_iter().collect());
    }
}

fn names_of_copies(place: &Place) -> BTreeSet<PathBuf> {
    let Ok(copies) = fs::read_dir(place.file("backups")) else {
        return BTreeSet::new();
    };
    copies.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_store_in_which_nothing_happened_has_no_copy_to_start_anew_from() {
    let place = Place::new();
    let writer = place.open().unwrap().into_writer().unwrap();
    for due in [Copy::Daily, Copy::Fresh] {
        assert!(!writer.keep_house(NOW, due).unwrap());
    }
    assert!(!place.file("backups").exists());
}

#[test]
fn a_snapshot_ends_with_its_read_however_that_ends() {
    type Way = fn(&mut Reader);
    let ways: [(&str, Way); 4] = [
        ("returns", |reader| {
            reader.read(&CLOCKS, settings).unwrap();
        }),
        ("fails", |reader| {
            let failed = reader.read(&CLOCKS, |tx| {
                tx.settings()?;
                Err::<(), _>(StoreError::Busy)
            });
            assert!(matches!(failed, Err(StoreError::Busy)));
        }),
        ("panics", |reader| {
            let read = AssertUnwindSafe(|| {
                reader.read(&CLOCKS, |tx| -> Result<(), StoreError> {
                    tx.settings()?;
                    panic!("a bug in one method")
                })
            });
            assert!(catch_unwind(read).is_err());
        }),
        ("could not be rolled back", |reader| {
            let begun = reader.conn.execute_batch("BEGIN; SELECT * FROM settings");
            begun.unwrap();
        }),
    ];
    let mut desk = Desk::new();
    for (what, read) in ways {
        desk.sql("UPDATE settings SET enabled = 0");
        read(&mut desk.reader);
        desk.sql("UPDATE settings SET enabled = 1");
        assert!(desk.read(settings).enabled, "a read that {what}");
    }
}

/// With a key that is the same everywhere, anybody could find two names that are charged together.
#[test]
fn the_key_of_unknown_names_is_made_once_for_each_store_and_after_damage() {
    let budget = |desk: &mut Desk| desk.read(|tx| tx.unknown_name("nobody"));
    let (mut here, mut there) = (Desk::new(), Desk::new());
    let first = budget(&mut here);
    assert_ne!(first, budget(&mut there));
    let mut here = here.restarted();
    assert_eq!(first, budget(&mut here), "what was counted still counts");
    let changes = [
        "DELETE FROM meta WHERE name = 'name_key'",
        "UPDATE meta SET value = 'sixteen letters.' WHERE name = 'name_key'",
        "UPDATE meta SET value = x'00' WHERE name = 'name_key'",
    ];
    here.damages(&changes, |tx| tx.unknown_name("nobody"));
    for change in changes {
        let mut desk = Desk::new();
        let before = budget(&mut desk);
        desk.sql(change);
        assert_ne!(budget(&mut desk.restarted()), before, "{change}");
    }
}
