//! A move from TrueNAS with a backup of its configuration, and then its phones.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::python::{output_of, program};
use crate::site::{Site, login};
use crate::support::stderr;

/// As long as today's pyotp wants it; 22.12 made half of it.
const SECRET: &str = "JBSWY3DPEHPK3PXPGEZDGNBVGY3TQOJQ";

/// A backup of a machine of some release, in a directory of its own.
fn backup(site: &Site, kind: &str, digits: u32, interval: u32) -> PathBuf {
    let dir = site.daemon.dir().join(kind);
    fs::create_dir(&dir).unwrap();
    let mut made = program("truenas_backup.py");
    made.arg(&dir).args([kind, SECRET]);
    output_of(made.args([digits.to_string(), interval.to_string()]));
    dir
}

/// What the phone of that machine shows now, by pyotp.
fn shown(site: &Site, digits: u32, interval: u32) -> String {
    let asked = site.daemon.dir().join("asked");
    let line = json!({
        "secret": SECRET, "digits": digits, "interval": interval, "times": [site.now()],
    });
    fs::write(&asked, format!("{line}\n")).unwrap();
    let mut phone = program("authenticator.py");
    let answer = phone.stdin(File::open(&asked).unwrap()).output().unwrap();
    let codes: Vec<String> = serde_json::from_slice(&answer.stdout).unwrap();
    codes[0].clone()
}

fn import(site: &Site, file: &Path, more: &[&str]) -> std::process::Output {
    let words = ["2fa", "import", file.to_str().unwrap()];
    site.daemon.midclt(words.iter().chain(more))
}

/// The archive with its key, and the database with the key beside it: of the one secret of 22.12, and
/// of a secret for each account.
#[test]
fn phones_go_on_after_a_backup_of_truenas() {
    for (kind, user, digits, interval) in [("22.12", "root", 8, 60), ("23.10", "alice", 6, 30)] {
        let mut site = Site::new();
        let dir = backup(&site, kind, digits, interval);
        let dry = import(&site, &dir.join("backup.tar"), &["--dry-run"]);
        assert!(dry.status.success(), "{dry:?}");
        let told = String::from_utf8_lossy(&dry.stdout).into_owned();
        assert!(told.contains("to be added"), "{told}");
        let before = shown(&site, digits, interval);
        let tried = site.verdict(&login(user).code(&before));
        let expected = if user == "root" {
            "WRONG"
        } else {
            "NOT_ENROLLED"
        };
        assert_eq!(tried, expected, "{kind}");

        let key = dir.join("pwenc_secret");
        let beside = ["--key", key.to_str().unwrap(), "--yes"];
        let done = import(&site, &dir.join("freenas-v1.db"), &beside);
        assert!(done.status.success(), "{done:?}");
        let told = stderr(&done);
        assert_eq!(
            told.contains("its window is not taken over"),
            kind == "22.12"
        );
        assert!(!told.contains(SECRET), "{told}");
        // It may have been used at the old system.
        assert_eq!(site.verdict(&login(user).code(&before)), "REPLAYED");
        site.pass(120);
        let fresh = shown(&site, digits, interval);
        assert_eq!(site.verdict(&login(user).code(&fresh)), "ACCEPTED");
        assert_eq!(site.verdict(&login(user).code(&fresh)), "REPLAYED");
        let again = import(&site, &dir.join("backup.tar"), &["--yes"]);
        let told = String::from_utf8_lossy(&again.stdout).into_owned();
        assert!(told.contains("there already"), "{again:?}");
    }
}

/// Each says what is wrong, and leaves everything as it was.
#[test]
fn a_backup_that_cannot_be_opened_changes_nothing() {
    let mut site = Site::new();
    let dir = backup(&site, "22.12", 6, 30);
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let database = dir.join("freenas-v1.db");
    let archive = fs::read(dir.join("backup.tar")).unwrap();
    let half = write("half.tar", &archive[..archive.len() / 2]);
    let stored = fs::read(&database).unwrap();
    let cut = write("cut.db", &stored[..stored.len() / 2]);
    let other = write("other", &[7; 32]);
    let short = write("short", b"password\n");
    let huge = dir.join("huge.tar");
    File::create(&huge).unwrap().set_len(17 << 20).unwrap();
    let key = dir.join("pwenc_secret");
    let absent = dir.join("absent");
    let devices = site.call("auth.twofactor.device.query", json!([]));
    for (file, key, expected) in [
        (&database, None, "the key is not in it"),
        (&database, None, "--key FILE"),
        (
            &database,
            Some(&other),
            "the key does not open the secret of 'root'",
        ),
        (&database, Some(&short), "the key has 9 bytes"),
        (&database, Some(&absent), "cannot read"),
        (&half, None, "the archive is damaged or cut off"),
        (&cut, Some(&key), "the database is damaged or cut off"),
        (&huge, None, "is larger than 16 MiB"),
    ] {
        let key = key.map(|key| ["--key", key.to_str().unwrap()]);
        let words = key.iter().flatten().copied().chain(["--yes"]);
        let refused = import(&site, file, &words.collect::<Vec<_>>());
        let told = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{file:?}: {told}");
        assert!(told.contains(expected), "{file:?}: {told}");
        assert!(told.lines().all(|line| line.len() <= 160), "{told}");
        let left = site.call("auth.twofactor.device.query", json!([]));
        assert_eq!(left, devices, "{file:?}");
    }
    let code = shown(&site, 6, 30);
    assert_eq!(site.verdict(&login("root").code(&code)), "WRONG");
}
