//! Time for tests: the real clock, and a faked one for the daemon, moved while it runs.
//!
//! The product has no flag for the time. libfaketime, loaded into the built program, reads
//! a file before each answer, so a test moves the daemon's clock by writing that file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where Debian's package `faketime` puts the library.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// Seconds since 1970, by the real clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own clock, which must not be the product's"
)]
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_secs()
}

/// The wall clock of one daemon. Monotonic time stays real, so that time-outs work.
#[derive(Debug)]
pub struct FakeClock {
    file: PathBuf,
}

impl FakeClock {
    /// A clock that shows the real time until it is moved.
    pub(crate) fn create(file: PathBuf) -> Self {
        let clock = Self { file };
        clock.write("+0");
        clock
    }

    /// Runs on from this time.
    pub fn run_from(&self, unix_time: u64) {
        let (target, real) = (i128::from(unix_time), i128::from(now()));
        self.write(&format!("{:+}", target - real));
    }

    /// Stands still at this time, for tests of a step's very edge.
    pub fn freeze_at(&self, unix_time: u64) {
        self.write(&unix_time.to_string());
    }

    /// The environment that makes a program read this clock.
    pub(crate) fn apply(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", faketime())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_FMT", "%s")
            .env("FAKETIME_NO_CACHE", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    /// Replaces the file in one step: the daemon may read it at any moment.
    fn write(&self, time: &str) {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{time}\n")).expect("write the faked time");
        fs::rename(&new, &self.file).expect("replace the faked time");
    }
}

/// The library that, loaded into a program, has it see the time that `$FAKETIME` says.
pub fn faketime() -> &'static Path {
    LIBRARIES
        .iter()
        .map(Path::new)
        .find(|path| path.exists())
        .expect("libfaketime is missing: apt-get install faketime")
}
