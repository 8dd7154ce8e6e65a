//! What takes long to make and rarely changes, kept outside the repository.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::process::run_with_deadline;

/// How long one thing may take to be made: packages are downloaded.
const LIMIT: Duration = Duration::from_mins(10);

/// What nobody has used for so long is removed when something of its kind is made anew.
const KEEP: Duration = Duration::from_hours(24);

/// A script that fills its working directory, and what it is given.
#[derive(Debug)]
pub(super) struct Recipe<'a> {
    /// The first part of the directory's name.
    pub(super) kind: &'static str,
    /// Lines for bash, run in a mount namespace of their own.
    pub(super) script: &'static str,
    /// The script's arguments: files, whose content counts too, or directories of this cache, whose
    /// name says what they hold.
    pub(super) from: &'a [PathBuf],
}

impl Recipe<'_> {
    /// The directory with what this recipe makes. It is made once, whoever else wants it waits.
    pub(super) fn made(&self) -> PathBuf {
        let cache = directory();
        fs::create_dir_all(&cache).expect("create the cache");
        let lock = File::create(cache.join(format!("{}.lock", self.kind))).expect("create a lock");
        lock.lock().expect("take the lock");
        let made = cache.join(format!("{}-{}", self.kind, self.hash()));
        if !made.exists() {
            self.remove_unused(&cache);
            self.make(&made);
        }
        fs::write(made.join(".used"), "\n").expect("mark what is used");
        made
    }

    fn make(&self, made: &Path) {
        let begun = made.with_extension("begun");
        let _ = fs::remove_dir_all(&begun);
        fs::create_dir(&begun).expect("create a directory of the cache");
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "--"])
            .args(["bash", "-euo", "pipefail", "-c", self.script, self.kind])
            .args(self.from)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(&begun);
        let output = run_with_deadline(&mut command, LIMIT);
        assert!(
            output.status.success(),
            "cannot make {}: {}{}",
            self.kind,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        fs::rename(&begun, made).expect("put it into the cache");
    }

    fn hash(&self) -> String {
        let mut hash = Sha256::new_with_prefix(self.script);
        for from in self.from {
            if from.is_dir() {
                hash.update(from.as_os_str().as_encoded_bytes());
            } else {
                let content = fs::read(from);
                hash.update(content.unwrap_or_else(|error| panic!("{}: {error}", from.display())));
            }
        }
        let mut text = String::new();
        for byte in hash.finalize().iter().take(8) {
            write!(text, "{byte:02x}").unwrap();
        }
        text
    }

    fn remove_unused(&self, cache: &Path) {
        for entry in fs::read_dir(cache).expect("read the cache").flatten() {
            let is_ours = entry
                .file_name()
                .to_str()
                .and_then(|name| name.strip_prefix(self.kind))
                .is_some_and(|rest| rest.starts_with('-'));
            let used = fs::metadata(entry.path().join(".used")).and_then(|used| used.modified());
            let is_unused = used.is_ok_and(|used| used.elapsed().is_ok_and(|age| age > KEEP));
            if is_ours && is_unused {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// `$XDG_CACHE_HOME/middlewared-tests`, else in `~/.cache`.
fn directory() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cache")));
    cache.expect("a home directory").join("middlewared-tests")
}
