//! A state of another release: an older one is brought up to date after a copy, a newer one is read where it
//! says so, and is refused with the cure where not. Either way root gets in.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use rusqlite::Connection;
use serde_json::json;
use testkit::binaries;

use super::scene::{OWNER, Scene};
use crate::support::{eventually, good_codes, stderr, verify};

/// The version of each schema before ours, and its scripts.
const OLDER: [(i64, &[&str]); 2] = [
    (1, &[include_str!("../../crates/store/src/schema/1.sql")]),
    (
        2,
        &[
            include_str!("../../crates/store/src/schema/1.sql"),
            include_str!("../../crates/store/src/schema/2.sql"),
        ],
    ),
];

/// What release 1 knew already. Whatever it knew less of is made by the later scripts.
const TAKE_OVER: &str = "
    INSERT OR REPLACE INTO settings (id, enabled, ssh, window_steps, digits, step_secs)
        SELECT id, enabled, ssh, window_steps, digits, step_secs FROM new.settings;
    INSERT INTO devices (id, uid, secret, algorithm, digits, step_secs, floor, created, last_used)
        SELECT id, uid, secret, algorithm, digits, step_secs, floor, created, last_used
        FROM new.devices;
    INSERT INTO meta SELECT name, value FROM new.meta
        WHERE name IN ('key_id', 'min_reader_version');";

/// The version of the newest schema that this release knows.
const OURS: i64 = 4;

/// Makes the database one that an older release has left.
fn make_older(scene: &Scene, (version, scripts): (i64, &[&str])) {
    let database = scene.state.join("middlewared.db");
    let new = scene.state.join("new.db");
    fs::rename(&database, &new).unwrap();
    let older = Connection::open(&database).unwrap();
    let attach = format!("ATTACH '{}' AS new", new.display());
    older.execute_batch(&attach).unwrap();
    for (at, script) in scripts.iter().enumerate() {
        older.execute_batch(script).unwrap();
        if at == 0 {
            older.execute_batch(TAKE_OVER).unwrap();
        }
    }
    older.pragma_update(None, "user_version", version).unwrap();
    older.close().unwrap();
    fs::remove_file(&new).unwrap();
    make_the_owners(scene);
}

/// Changes the database by hand.
fn change(scene: &Scene, sql: &str) {
    let database = Connection::open(scene.state.join("middlewared.db")).unwrap();
    database.execute_batch(sql).unwrap();
    drop(database);
    make_the_owners(scene);
}

fn make_the_owners(scene: &Scene) {
    for name in ["", "-wal", "-shm"] {
        let path = scene.state.join(format!("middlewared.db{name}"));
        if path.exists() {
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(&path, private).unwrap();
            chown(path, Some(OWNER), Some(OWNER)).unwrap();
        }
    }
}

fn version(database: &Path) -> i64 {
    let database = Connection::open(database).unwrap();
    database
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

/// A machine whose daemon is not running, on which this code of root's was accepted.
fn used() -> (Scene, Vec<String>) {
    let mut scene = Scene::new();
    scene.ask("auth.twofactor.update", json!([{"window": 10}]));
    let codes = good_codes(&scene.secret);
    assert!(verify(&mut scene.daemon.connect(), &codes[3]));
    assert!(scene.daemon.stop().success());
    (scene, codes)
}

fn restore(scene: &Scene, words: &[&str]) -> String {
    let program = binaries::middlewared();
    let words = [&[program.to_str().unwrap(), "restore"], words].concat();
    scene.machine.run_ok(words)
}

#[test]
fn an_older_one_is_brought_up_to_date_after_a_copy_which_can_be_put_back() {
    for older in OLDER {
        let (from, _) = older;
        let (mut scene, codes) = used();
        make_older(&scene, older);
        scene.daemon.restart();
        let mut socket = scene.daemon.connect();
        assert!(!verify(&mut socket, &codes[3]), "{from}: used before");
        assert!(verify(&mut socket, &codes[5]), "{from}");
        drop(socket);
        assert!(scene.daemon.stop().success());
        assert_eq!(version(&scene.state.join("middlewared.db")), OURS);
        let copy = format!("backups/before-migration-from-{from}.db");
        let copy = scene.state.join(copy);
        assert_eq!(version(&copy), from);
        let told = restore(&scene, &[copy.to_str().unwrap()]);
        assert!(told.contains("Put back: "), "{told}");
        assert_eq!(version(&scene.state.join("middlewared.db")), from);
        scene.assert_state_is_the_owners();
        scene.daemon.restart();
        let row = scene.ask("auth.twofactor.config", json!([]));
        let found = (&row["enabled"], &row["secret"], &row["window"]);
        assert_eq!(found, (&json!(true), &json!(scene.secret), &json!(10)));
        let mut socket = scene.daemon.connect();
        assert!(!verify(&mut socket, &codes[5]), "{from}: used since");
        assert!(verify(&mut socket, &codes[15]), "{from}");
    }
}

/// Nobody has brought it up to date yet, and the daemon does not start: somebody stands at the console.
#[test]
fn an_older_one_can_be_turned_off_before_a_daemon_has_seen_it() {
    for older in OLDER {
        let (from, _) = older;
        let (mut scene, _) = used();
        make_older(&scene, older);
        let said = scene.unlock();
        assert!(said.contains("it is stored"), "{said}");
        assert!(!scene.is_stored_on());
        scene.assert_state_is_the_owners();
        let copy = format!("backups/before-migration-from-{from}.db");
        assert_eq!(version(&scene.state.join(copy)), from);
        scene.daemon.restart();
        let row = scene.ask("auth.twofactor.update", json!([{"enabled": true}]));
        assert_eq!(row["secret"], json!(scene.secret));
    }
}

/// A newer release that only added to it says so, and everything goes on, also after it.
#[test]
fn a_newer_one_that_says_that_it_can_be_read_is_read_and_written() {
    let (mut scene, codes) = used();
    change(
        &scene,
        "PRAGMA user_version = 7;
        UPDATE meta SET value = 3 WHERE name = 'min_reader_version';
        ALTER TABLE settings ADD COLUMN later TEXT NOT NULL DEFAULT 'kept';
        ALTER TABLE devices ADD COLUMN later INTEGER;
        ALTER TABLE audit ADD COLUMN later TEXT NOT NULL DEFAULT '';
        CREATE TABLE later (id INTEGER PRIMARY KEY, of INTEGER) STRICT;
        INSERT INTO later VALUES (1, 17)",
    );
    // Without the daemon, and with it.
    let said = scene.unlock();
    assert!(!said.contains("UNTIL THE NEXT REBOOT"), "{said}");
    scene.daemon.restart();
    let row = scene.ask("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(row["secret"], json!(scene.secret));
    assert!(verify(&mut scene.daemon.connect(), &codes[5]));
    assert!(scene.daemon.stop().success());
    let database = scene.state.join("middlewared.db");
    assert_eq!(version(&database), 7, "it is the newer release's still");
    let database = Connection::open(&database).unwrap();
    let sql = "SELECT later.of || settings.later || meta.value FROM later, settings, meta \
        WHERE meta.name = 'min_reader_version'";
    let kept: String = database.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "17kept3");
}

/// One that only its own release may read. The cure that is named works: a copy of before the upgrade.
#[test]
fn a_newer_one_that_may_not_be_read_is_refused_and_a_copy_of_before_is_put_back() {
    let (mut scene, codes) = used();
    // As that release would have made it before it changed anything.
    let copy = scene.state.join("backups/before-migration-from-4.db");
    fs::copy(scene.state.join("middlewared.db"), &copy).unwrap();
    chown(&copy, Some(OWNER), Some(OWNER)).unwrap();
    let newer = "PRAGMA user_version = 5;
        UPDATE meta SET value = 5 WHERE name = 'min_reader_version'";
    change(&scene, newer);
    let program = binaries::middlewared();
    let state = ["--state-dir", scene.state.to_str().unwrap()];
    let words = [&[
        "setpriv",
        "--reuid=12345",
        "--regid=12345",
        "--clear-groups",
    ][..]];
    let words = [words[0], &[program.to_str().unwrap()], &state].concat();
    let refused = scene.machine.run(words);
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    for words in [
        "has schema version 5, and this middlewared reads up to 4",
        "install the newer release again",
        "middlewared restore",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let said = scene.unlock();
    assert!(said.contains("has schema version 5"), "{said}");
    assert_eq!(scene.overriding().as_deref(), Some("off"));
    let told = restore(&scene, &[]);
    assert!(told.contains("before-migration-from-4.db"), "{told}");
    scene.daemon.restart();
    eventually("it is stored", || !scene.is_stored_on());
    let row = scene.ask("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(row["secret"], json!(scene.secret));
    let mut socket = scene.daemon.connect();
    assert!(!verify(&mut socket, &codes[3]));
    assert!(verify(&mut socket, &codes[15]));
}
