//! `middlewared once METHOD`, run in place of the daemon. The params go to its standard input: its
//! arguments are for everybody to see.

use std::env;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use client::{CallError, Error};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The name of the daemon's program.
const PROGRAM: &str = "middlewared";

/// The program that can make one call without a daemon.
pub(crate) struct Once(PathBuf);

/// What it answers.
pub(crate) struct Reply {
    pub(crate) answer: Result<Box<RawValue>, Error>,
    /// What there is to say besides.
    pub(crate) notes: Vec<String>,
}

impl Once {
    /// Finds the program.
    pub(crate) fn find() -> Option<Self> {
        places().find(|path| is_program(path)).map(Self)
    }

    /// Makes a call. It has a deadline of its own; this one is for what nobody thought of.
    pub(crate) fn call(
        &self,
        method: &str,
        params: &[Value],
        limit: Duration,
    ) -> Result<Reply, String> {
        let failed = |what: &str| format!("{} once failed: {what}", self.0.display());
        let mut command = Command::new(&self.0);
        for (name, _) in env::vars_os() {
            // It is for the packaged daemon's state, whatever else was set up in this shell.
            if name.to_string_lossy().starts_with("MIDDLEWARED_") {
                command.env_remove(name);
            }
        }
        let child = command
            .args(["once", method])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| failed(&error.to_string()))?;
        if let (Some(mut stdin), Ok(text)) = (child.stdin.take(), serde_json::to_vec(params)) {
            // If it does not read, it does not answer either.
            let _ = stdin.write_all(&text);
        }
        let mut stdout = child.stdout.take().ok_or_else(|| failed("no output"))?;
        let (said, heard) = mpsc::channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stdout.read_to_end(&mut text);
            said.send(text)
        });
        let Ok(text) = heard.recv_timeout(limit) else {
            // It may sit in the kernel: nobody waits for that.
            let _ = child.kill();
            return Err(failed("it did not answer either"));
        };
        let _ = child.wait();
        read(&text).ok_or_else(|| failed("its answer has an unknown form"))
    }
}

/// Where the daemon's program may be: beside this one, or where it is installed.
fn places() -> impl Iterator<Item = PathBuf> {
    let ours = env::current_exe().ok();
    let beside = ours.and_then(|path| Some(path.parent()?.to_owned()));
    let installed = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    beside
        .into_iter()
        .chain(installed)
        .map(|directory| directory.join(PROGRAM))
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn read(text: &[u8]) -> Option<Reply> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(default)]
        result: Option<Box<RawValue>>,
        #[serde(default)]
        error: Option<CallError>,
        #[serde(default)]
        notes: Vec<String>,
    }
    let Line {
        result,
        error,
        notes,
    } = serde_json::from_slice(text).ok()?;
    let answer = match (result, error) {
        (Some(result), None) => Ok(result),
        (None, Some(error)) => Err(Error::Call(Box::new(error))),
        _ => return None,
    };
    Some(Reply { answer, notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let check = |text: &str, expected: Option<(Option<&str>, usize)>| {
            let found = read(text.as_bytes());
            let found = found.map(|reply| {
                let result = reply.answer.ok().map(|result| result.get().to_owned());
                (result, reply.notes.len())
            });
            let expected = expected.map(|(result, notes)| (result.map(str::to_owned), notes));
            assert_eq!(found, expected, "{text}");
        };
        check(r#"{"result": {"a":1}}"#, Some((Some(r#"{"a":1}"#), 0)));
        check(
            r#"{"error": {"code": -32001}, "notes": ["x"], "new": 1}"#,
            Some((None, 1)),
        );
        check(r#"{"result": 1, "error": {"code": 1}}"#, None);
        check("{}", None);
        check("", None);
        check("thread 'main' panicked", None);
    }
}
