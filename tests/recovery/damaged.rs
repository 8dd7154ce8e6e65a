//! A state that cannot be used: damaged, lost, another's, of a newer release, without its key.

use std::fs;
use std::os::unix::fs::chown;

use rusqlite::Connection;
use serde_json::json;
use testkit::Daemon;

use super::scene::{OWNER, Scene};
use crate::support::{eventually, stderr};

fn assert_overridden(scene: &Scene, because: &str) {
    let said = scene.unlock();
    assert!(said.contains("UNTIL THE NEXT REBOOT"), "{said}");
    assert!(said.contains(because), "{because}: {said}");
    assert_eq!(scene.overriding().as_deref(), Some("off"));
    let words = ["2fa", "bypass", "alice", "--reason", "x"];
    let said = stderr(&scene.midclt(&words));
    assert!(said.contains("nobody needs a bypass"), "{said}");
}

#[test]
fn a_damaged_database() {
    let mut scene = Scene::new();
    assert!(scene.daemon.stop().success());
    for name in ["middlewared.db-wal", "middlewared.db-shm"] {
        scene.remove(name);
    }
    let garbage = b"no database at all, but long enough to look like one";
    scene.put("middlewared.db", garbage);
    assert_overridden(&scene, "is damaged");
    let left = fs::read(scene.state.join("middlewared.db")).unwrap();
    assert_eq!(left, garbage, "nothing is silently reset");
    scene.assert_state_is_the_owners();
}

/// The newest good copy is offered, and put back by one command; what was there is kept.
#[test]
fn and_a_copy_is_put_back() {
    let mut scene = Scene::new();
    eventually("a copy", || scene.state.join("backups").exists());
    assert!(scene.daemon.stop().success());
    for name in ["middlewared.db-wal", "middlewared.db-shm"] {
        scene.remove(name);
    }
    scene.put("middlewared.db", b"no database at all");
    let said = scene.unlock();
    assert!(said.contains("good copy: middlewared restore"), "{said}");
    let program = testkit::binaries::middlewared();
    let program = program.to_str().unwrap();
    let told = scene.machine.run_ok([program, "restore"]);
    assert!(told.contains("Put back: "), "{told}");
    let again = scene.machine.run([program, "restore"]);
    assert!(stderr(&again).contains("is not damaged"), "{again:?}");
    let aside = told
        .lines()
        .find_map(|line| line.strip_prefix("What was there is kept: "));
    assert_eq!(fs::read(aside.unwrap()).unwrap(), b"no database at all");
    scene.assert_state_is_the_owners();
    scene.daemon.restart();
    assert_eq!(
        scene.ask("auth.two_factor_auth", json!([])),
        false,
        "as root has said"
    );
    let row = scene.ask("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(row["secret"], json!(scene.secret));
}

#[test]
fn a_lost_database() {
    let mut scene = Scene::new();
    assert!(scene.daemon.stop().success());
    for name in ["middlewared.db-wal", "middlewared.db-shm", "middlewared.db"] {
        scene.remove(name);
    }
    assert_overridden(&scene, "shows that there was one");
    assert!(!scene.state.join("middlewared.db").exists());
}

#[test]
fn a_database_of_a_newer_release() {
    let mut scene = Scene::new();
    assert!(scene.daemon.stop().success());
    let newer = Connection::open(scene.state.join("middlewared.db")).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    let sql = "UPDATE meta SET value = 99 WHERE name = 'min_reader_version'";
    newer.execute(sql, []).unwrap();
    drop(newer);
    for name in ["", "-wal", "-shm"] {
        let path = scene.state.join(format!("middlewared.db{name}"));
        let _ = chown(path, Some(OWNER), Some(OWNER));
    }
    assert_overridden(&scene, "schema version 99");
}

/// Nobody opens what belongs to two owners; and nobody is asked for a code because of it.
#[test]
fn a_database_of_another_owner() {
    let mut scene = Scene::new();
    assert!(scene.daemon.stop().success());
    chown(scene.state.join("middlewared.db"), Some(1000), Some(1000)).unwrap();
    assert_overridden(&scene, "middlewared.db");
    chown(scene.state.join("middlewared.db"), Some(OWNER), Some(OWNER)).unwrap();
    // The directory alone is root's, as after a careless copy.
    chown(&scene.state, Some(0), Some(0)).unwrap();
    assert_overridden(&scene, "belongs to uid 12345");
}

/// Nothing is sealed that turning off needs. The daemon is not there either.
#[test]
fn without_the_key() {
    let mut scene = Scene::new();
    assert!(scene.daemon.stop().success());
    let key = fs::read(scene.state.join("middlewared.key")).unwrap();
    for spoilt in [None, Some(&[7; 32][..]), Some(b"short")] {
        match spoilt {
            None => scene.remove("middlewared.key"),
            Some(bytes) => scene.put("middlewared.key", bytes),
        }
        let said = scene.unlock();
        assert!(
            !said.contains("UNTIL THE NEXT REBOOT"),
            "it is stored: {said}"
        );
        assert!(!scene.is_stored_on());
        let (status, _) = scene.midclt_ok(&["2fa", "status"]);
        assert!(status.contains("The master key is missing"), "{status}");
    }
    scene.put("middlewared.key", &key);
    fs::set_permissions(
        scene.state.join("middlewared.key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    scene.daemon.restart();
    let row = scene.ask("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(row["secret"], json!(scene.secret));
}

/// A copy is put back whose settings are older than the unlock: it stays off, until root says otherwise.
#[test]
fn a_copy_that_is_put_back_does_not_undo_the_unlock() {
    let mut scene = Scene::new();
    assert!(scene.daemon.stop().success());
    let copy = fs::read(scene.state.join("middlewared.db")).unwrap();
    for name in ["middlewared.db-wal", "middlewared.db-shm"] {
        scene.remove(name);
    }
    scene.put("middlewared.db", b"x");
    scene.unlock();
    let refused = Daemon::builder().state_dir(&scene.state).run_to_end();
    assert!(stderr(&refused).contains("belongs to uid"), "not as root");
    scene.put("middlewared.db", &copy);
    assert!(scene.is_stored_on());
    scene.daemon.restart();
    assert_eq!(scene.ask("auth.two_factor_auth", json!([])), false);
    eventually("it is stored", || !scene.is_stored_on());
}
