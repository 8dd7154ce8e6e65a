//! Python peers: programs of a few lines that use other people's packages.
//!
//! `./check` installs the packages of `requirements.txt` and says where in
//! `MIDDLEWARED_TEST_PYTHON`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use testkit::run_with_deadline;

/// How long one program may take; Python alone needs a part of a second to start.
const LIMIT: Duration = Duration::from_mins(1);

/// The interpreter that has the packages.
pub(crate) fn interpreter() -> PathBuf {
    let path = env::var_os("MIDDLEWARED_TEST_PYTHON").expect(
        "MIDDLEWARED_TEST_PYTHON names no Python: run ./check, or make a virtual environment with \
         tests/requirements.txt and set it to its bin/python",
    );
    PathBuf::from(path)
}

/// A program of this directory, to be given arguments.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(interpreter());
    // Nothing of the caller's own Python, and no files left behind.
    command.args(["-I", "-B"]);
    command.arg(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("python")
            .join(name),
    );
    command
}

/// Runs a command that must succeed, and what it printed.
pub(crate) fn output_of(command: &mut Command) -> String {
    let output: Output = run_with_deadline(command, LIMIT);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}
