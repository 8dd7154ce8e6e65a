//! State that cannot be used: the daemon stops with the path and the cure, and touches nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::json;
use testkit::Daemon;

use crate::support::{enable, stderr};

/// A store that was used and closed. Keep the daemon: its directory goes with it.
fn used_store() -> Daemon {
    let mut daemon = Daemon::start();
    enable(&mut daemon.connect());
    assert!(daemon.stop().success());
    daemon
}

/// What is known of a file: its path, mode, and content where it has some.
type Entry = (PathBuf, u32, Option<Vec<u8>>);

/// Everything in a state directory but the lock, which holds a pid, and what SQLite keeps beside the
/// database while it looks at it.
fn snapshot(directory: &Path) -> Vec<Entry> {
    let is_ours = |path: &PathBuf| {
        let name = path.to_string_lossy();
        !["/lock", "-wal", "-shm"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let paths = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut entries: Vec<Entry> = paths
        .filter(is_ours)
        .map(|path| {
            let found = fs::symlink_metadata(&path).unwrap();
            let content = found.is_file().then(|| fs::read(&path).unwrap());
            (path, found.permissions().mode(), content)
        })
        .collect();
    entries.sort();
    entries
}

struct Case {
    what: &'static str,
    spoil: fn(&Path),
    said: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        what: "no database at all",
        spoil: |db| fs::write(db, "this is no database, but it is long enough to look at").unwrap(),
        said: &["is damaged", "it was left as it is", "middlewared restore"],
    },
    Case {
        what: "half of it",
        spoil: |db| {
            let half = fs::metadata(db).unwrap().len() / 2;
            fs::File::options()
                .write(true)
                .open(db)
                .unwrap()
                .set_len(half)
                .unwrap();
        },
        said: &["is damaged", "middlewared restore"],
    },
    Case {
        what: "a page of rubbish",
        spoil: |db| {
            let mut bytes = fs::read(db).unwrap();
            bytes[4096..8192].fill(0x5a);
            fs::write(db, bytes).unwrap();
        },
        said: &["is damaged", "middlewared restore"],
    },
    Case {
        what: "an empty file",
        spoil: |db| fs::write(db, "").unwrap(),
        said: &[
            "is missing, but",
            "shows that there was one",
            "middlewared restore",
        ],
    },
    Case {
        what: "no file",
        spoil: |db| fs::remove_file(db).unwrap(),
        said: &[
            "is missing, but",
            "to start anew with two-factor authentication off",
        ],
    },
    Case {
        what: "a newer release's",
        spoil: |db| {
            sql(
                db,
                "PRAGMA user_version = 99;
                 UPDATE meta SET value = 99 WHERE name = 'min_reader_version'",
            );
        },
        said: &["has schema version 99", "install the newer release again"],
    },
    Case {
        what: "no schema version",
        spoil: |db| sql(db, "PRAGMA user_version = 0"),
        said: &["is damaged", "no schema version"],
    },
    Case {
        what: "no key id",
        spoil: |db| sql(db, "DELETE FROM meta WHERE name = 'key_id'"),
        said: &["is damaged", "the id of its key is missing"],
    },
    Case {
        what: "readable for others",
        spoil: |db| chmod(db, 0o644),
        said: &["is open to others (mode 0644)", "chmod go-rwx"],
    },
    Case {
        what: "a link",
        spoil: |db| {
            fs::rename(db, db.with_extension("moved")).unwrap();
            symlink(db.with_extension("moved"), db).unwrap();
        },
        said: &["is not a regular file"],
    },
    Case {
        what: "a directory",
        spoil: |db| {
            fs::remove_file(db).unwrap();
            fs::create_dir(db).unwrap();
        },
        said: &["is not a regular file"],
    },
    Case {
        what: "a key that others may read",
        spoil: |db| {
            chmod(&db.with_extension("key"), 0o640);
        },
        said: &["middlewared.key is open to others", "chmod go-rwx"],
    },
    Case {
        what: "a directory that others may enter",
        spoil: |db| {
            chmod(db.parent().unwrap(), 0o755);
        },
        said: &["/state is open to others (mode 0755)", "chmod go-rwx"],
    },
];

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn sql(database: &Path, statements: &str) {
    let database = Connection::open(database).unwrap();
    database.execute_batch(statements).unwrap();
}

#[test]
fn state_that_cannot_be_used_stops_the_daemon_and_is_left_as_it_is() {
    for Case { what, spoil, said } in CASES {
        let before = used_store();
        let database = before.state_dir().join("middlewared.db");
        spoil(&database);
        let spoilt = snapshot(&before.state_dir());
        let refused = Daemon::builder().state_dir(before.state_dir()).run_to_end();
        let heard = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{what}: {heard}");
        for words in *said {
            assert!(heard.contains(words), "{what}: {words:?} in: {heard}");
        }
        assert!(
            heard.contains(&*before.state_dir().to_string_lossy()),
            "{what}: {heard}"
        );
        let after = snapshot(&before.state_dir());
        let names = |entries: &[Entry]| -> Vec<PathBuf> {
            entries.iter().map(|entry| entry.0.clone()).collect()
        };
        assert_eq!(names(&after), names(&spoilt), "{what}");
        assert!(after == spoilt, "{what}: something was written");
    }
}

/// A later release that says that we can read its file is read.
#[test]
fn a_newer_schema_that_we_may_read_is_read() {
    let mut daemon = used_store();
    let newer = "PRAGMA user_version = 5;
        ALTER TABLE settings ADD COLUMN later TEXT;
        CREATE TABLE later (x)";
    sql(&daemon.state_dir().join("middlewared.db"), newer);
    daemon.restart();
    let mut socket = daemon.connect();
    assert_eq!(
        socket.call("auth.twofactor.update", json!([{"enabled": false}]))["enabled"],
        false
    );
}

/// The cure that the daemon names works.
#[test]
fn the_newest_copy_put_back_is_the_state_of_that_day() {
    let mut daemon = Daemon::start();
    enable(&mut daemon.connect());
    let before = daemon.connect().call("auth.twofactor.config", json!([]));
    assert_eq!(before["enabled"], true);
    assert!(daemon.stop().success());
    let state = daemon.state_dir();
    let copy = fs::read_dir(state.join("backups"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max()
        .unwrap();
    assert!(copy.to_string_lossy().contains("daily-"), "{copy:?}");
    assert_eq!(
        fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o600
    );
    fs::write(state.join("middlewared.db"), "rubbish").unwrap();
    fs::copy(&copy, state.join("middlewared.db")).unwrap();
    daemon.restart();
    let mut socket = daemon.connect();
    // A copy was made after it was first turned on, and none before: a restored one is never empty.
    let restored = socket.call("auth.twofactor.config", json!([]));
    assert_eq!(restored, before);
}

#[test]
fn a_state_directory_that_cannot_be_made_is_named() {
    let place = tempfile::TempDir::new().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "x").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    for path in [
        PathBuf::from("/proc/nowhere/state"),
        place.path().join("a/b/c"),
        file.join("state"),
        file,
    ] {
        let refused = Daemon::builder().state_dir(&path).run_to_end();
        let heard = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{heard}");
        assert!(heard.contains(&*path.to_string_lossy()), "{heard}");
    }
}

/// Files of somebody else, and places without permission: other users are needed for that.
#[cfg(feature = "system")]
#[test]
fn foreign_files_and_missing_permissions_are_named_with_the_cure() {
    use std::os::unix::fs::chown;
    const SOMEBODY: u32 = 54_321;
    let spoil: [fn(&Path); 3] = [
        |db| chown(db, Some(SOMEBODY), None).unwrap(),
        |db| chown(db.with_extension("key"), Some(SOMEBODY), None).unwrap(),
        |db| chown(db.parent().unwrap(), Some(SOMEBODY), None).unwrap(),
    ];
    for spoil in spoil {
        let before = used_store();
        spoil(&before.state_dir().join("middlewared.db"));
        let heard = stderr(&Daemon::builder().state_dir(before.state_dir()).run_to_end());
        assert!(
            heard.contains("belongs to uid 54321") && heard.contains("chown 0 "),
            "{heard}"
        );
    }
    // Root's state, opened by an ordinary user.
    let before = used_store();
    fs::set_permissions(before.dir(), Permissions::from_mode(0o755)).unwrap();
    let heard = stderr(
        &Daemon::builder()
            .uid(SOMEBODY)
            .state_dir(before.state_dir())
            .run_to_end(),
    );
    assert!(
        heard.contains("belongs to uid 0, and this process runs as uid 54321"),
        "{heard}"
    );
    // Nowhere to write.
    let place = tempfile::TempDir::new().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    let state = place.path().join("state");
    for own in [false, true] {
        if own {
            fs::create_dir(&state).unwrap();
            chown(&state, Some(SOMEBODY), None).unwrap();
            fs::set_permissions(&state, Permissions::from_mode(0o500)).unwrap();
        }
        let heard = stderr(
            &Daemon::builder()
                .uid(SOMEBODY)
                .state_dir(&state)
                .run_to_end(),
        );
        assert!(heard.contains(&*state.to_string_lossy()), "{heard}");
        assert!(
            heard.contains("uid 54321") && heard.contains("may not"),
            "{heard}"
        );
    }
}
