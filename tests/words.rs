//! What an administrator types, as the shell really passes it.
//!
//! Two servers answer here: the real daemon where its state is the proof, and a [`Stub`] that
//! shows what arrived and answers as told, for what the daemon has no reason to say.

mod answers;
mod console;
mod forms;
mod options;
mod stub;

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use std::{env, iter};

use testkit::{binaries, run_with_deadline};

use self::stub::{Answer, Stub};

/// How long one command line may take on a loaded machine.
const LIMIT: Duration = Duration::from_secs(30);

/// A shell with `midclt` in its PATH and the socket in its environment, so that a line is what
/// somebody types, letter for letter.
fn shell(program: &[&str], socket: &Path, line: &str) -> Command {
    let (first, rest) = program.split_first().unwrap();
    let mut command = Command::new(first);
    command.args(rest).arg("-c").arg(line);
    command
        .env("PATH", path_with_midclt())
        .env("MIDDLEWARED_SOCKET", socket)
        .env_remove("CALL_TIMEOUT");
    command
}

fn path_with_midclt() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let ours = binaries::directory().to_path_buf();
    env::join_paths(iter::once(ours).chain(env::split_paths(&path))).unwrap()
}

/// Runs a line in `sh`, as from a script.
fn sh(socket: &Path, line: &str) -> Said {
    Said::of(&run_with_deadline(&mut shell(&["sh"], socket, line), LIMIT))
}

/// How a command ended, and what it printed.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    exit: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        Self {
            exit: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// The end of a command that succeeded without a word on stderr.
    fn printed(stdout: &str) -> Self {
        Self {
            exit: Some(0),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        }
    }

    /// The end of a command that failed without a word on stdout.
    fn failed(exit: i32, stderr: &str) -> Self {
        Self {
            exit: Some(exit),
            stdout: String::new(),
            stderr: stderr.to_owned(),
        }
    }
}
