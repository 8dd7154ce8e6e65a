//! Unix accounts that only one daemon sees, so that tests need none on this machine.
//!
//! `nss_wrapper`, loaded into the built program, answers `getpwnam(3)` from a file. It looks at the
//! file before each answer, so a test changes the accounts while the daemon runs.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian's package `libnss-wrapper` puts the library.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/libnss_wrapper.so",
    "/usr/lib/aarch64-linux-gnu/libnss_wrapper.so",
];

/// The user database of one daemon: root, and whom the test adds.
#[derive(Debug)]
pub struct Accounts {
    passwd: PathBuf,
    group: PathBuf,
}

impl Accounts {
    pub(crate) fn create(directory: &Path, accounts: &[(&str, u32)]) -> Self {
        let database = Self {
            passwd: directory.join("passwd"),
            group: directory.join("group"),
        };
        replace(&database.group, "root:x:0:\n");
        database.set(accounts);
        database
    }

    /// From now on, these are the accounts besides root: names with their uids.
    pub fn set(&self, accounts: &[(&str, u32)]) {
        replace(&self.passwd, &lines(accounts));
    }

    /// The file that the daemon reads the accounts from.
    pub fn file(&self) -> &Path {
        &self.passwd
    }

    pub(crate) fn library() -> &'static Path {
        LIBRARIES
            .iter()
            .map(Path::new)
            .find(|path| path.exists())
            .expect("nss_wrapper is missing: apt-get install libnss-wrapper")
    }

    /// The environment that makes a program with the library read these files.
    pub(crate) fn apply(&self, command: &mut Command) {
        command
            .env("NSS_WRAPPER_PASSWD", &self.passwd)
            .env("NSS_WRAPPER_GROUP", &self.group);
    }
}

/// The lines of passwd(5) of root and these accounts.
pub fn lines(accounts: &[(&str, u32)]) -> String {
    let mut lines = String::from("root:x:0:0::/root:/bin/sh\n");
    for (name, uid) in accounts {
        writeln!(lines, "{name}:x:{uid}:{uid}::/nonexistent:/bin/sh").expect("write to a string");
    }
    lines
}

/// Replaces a file in one step: the daemon, perhaps of another user, may read it at any moment.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).expect("write the accounts");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).expect("open the accounts");
    fs::rename(&new, file).expect("replace the accounts");
}
