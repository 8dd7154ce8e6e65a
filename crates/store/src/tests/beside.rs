//! A second process beside the daemon, which may hang: it takes no lock, and makes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use super::*;

fn beside(place: &Place) -> Result<Store, StateError> {
    Store::beside(&place.dir(), None)
}

fn refused(place: &Place) -> StateError {
    let opened = beside(place).and_then(Store::into_writer);
    opened.err().expect("the state should be refused")
}

#[test]
fn it_writes_beside_a_daemon_that_holds_the_lock() {
    let mut desk = Desk::new();
    let mut second = beside(&desk.place).unwrap().into_writer().unwrap();
    let ran = second.batch(&CLOCKS, Reserve::MayUse, &[()], |(), tx| enable(tx));
    assert!(matches!(ran.as_deref(), Ok([Ran::Returned(Ok(()))])));
    assert!(desk.read(settings).enabled, "the next answer knows");
    drop(second);
    desk.write(|tx| tx.put_settings(&tx.stored_settings()?));
    assert!(
        desk.place.open().is_err(),
        "the daemon still holds the lock"
    );
}

/// The daemon was stopped within a write. Somebody waits at a console, so this is told soon.
#[test]
fn it_does_not_wait_long_for_a_write_that_never_ends() {
    let desk = Desk::new();
    let stopped = desk.other();
    stopped.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut second = beside(&desk.place).unwrap().into_writer().unwrap();
    let began = Instant::now();
    let ran = second.batch(&CLOCKS, Reserve::MayUse, &[()], |(), tx| enable(tx));
    assert!(matches!(ran, Err(StoreError::Busy)), "{ran:?}");
    assert!(began.elapsed() < Duration::from_millis(1500));
}

#[test]
fn it_makes_nothing_and_says_what_is_wrong() {
    let place = Place::new();
    assert_eq!(refused(&place).errno(), nix::errno::Errno::ENOENT);
    assert!(!place.dir().exists());
    drop(place.open().unwrap());
    let old = Connection::open(place.file("middlewared.db")).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    assert!(matches!(refused(&place), StateError::Older { .. }));
    for content in ["", "no database at all, but long enough to look like one"] {
        fs::write(place.file("middlewared.db"), content).unwrap();
        let error = refused(&place);
        let known = matches!(error, StateError::Lost { .. } | StateError::Damaged { .. });
        assert!(known, "{error}");
        let left = fs::read_to_string(place.file("middlewared.db")).unwrap();
        assert_eq!(left, content, "left as it was");
    }
    fs::remove_file(place.file("middlewared.db")).unwrap();
    assert!(matches!(refused(&place), StateError::Lost { .. }));
    assert!(!place.file("middlewared.db").exists());
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(place.dir(), open).unwrap();
    assert!(matches!(refused(&place), StateError::NotPrivate { .. }));
}
