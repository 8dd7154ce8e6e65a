//! Other programs: run within a time, in a known language, with what they said.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// What a program that ended said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// The last line of its complaint.
    pub(crate) fn complaint(&self) -> String {
        let mut lines = self.stdout.lines().chain(self.stderr.lines());
        let last = lines.rfind(|line| !line.trim().is_empty());
        last.unwrap_or("it failed, and said nothing")
            .trim()
            .to_owned()
    }
}

/// Runs it to its end, without input.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Said, Error> {
    let name = describe(command);
    let failed = |why: String| Error::Program {
        program: name.clone(),
        why,
    };
    let mut child = command
        .env("LC_ALL", "C.UTF-8")
        .env_remove("LANGUAGE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    // Threads, since a program that waits for a reader of one pipe would never end.
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let status = wait(&mut child, limit).map_err(&failed)?;
    Ok(Said {
        success: status.success(),
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
    })
}

/// The same, where a failure is an error.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<String, Error> {
    let said = run(command, limit)?;
    if said.success {
        return Ok(said.stdout);
    }
    Err(Error::Program {
        program: describe(command),
        why: said.complaint(),
    })
}

fn describe(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit('/').next().unwrap_or_default();
    let first = command
        .get_args()
        .take(2)
        .map(|word| word.to_string_lossy());
    std::iter::once(name.into())
        .chain(first)
        .collect::<Vec<_>>()
        .join(" ")
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(pipe) = pipe {
            // What came until it broke is what there is.
            let _ = pipe.take(1024 * 1024).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

fn wait(child: &mut Child, limit: Duration) -> Result<std::process::ExitStatus, String> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if began.elapsed() < limit => thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                // It is ours, and did not end.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no end after {} s", limit.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Result<Said, Error> {
        let mut command = Command::new("/bin/sh");
        run(command.args(["-c", script]), Duration::from_millis(500))
    }

    #[test]
    fn what_it_said() {
        let said = sh("echo out; echo one >&2; echo two >&2; exit 3").unwrap();
        assert_eq!((said.success, said.stdout.as_str()), (false, "out\n"));
        assert_eq!(said.complaint(), "two");
        assert!(sh("exit 0").unwrap().success);
    }

    #[test]
    fn one_that_hangs_or_is_not_there() {
        assert_eq!(
            sh("exec sleep 10").unwrap_err().to_string(),
            "sh -c exec sleep 10: no end after 0 s"
        );
        let missing = output(&mut Command::new("/nowhere/sshd"), Duration::from_secs(1));
        let text = missing.unwrap_err().to_string();
        assert!(text.starts_with("sshd: cannot be run: "), "{text}");
    }

    #[test]
    fn much_is_no_deadlock() {
        let said = sh("head -c 300000 /dev/zero | tr '\\0' x").unwrap();
        assert_eq!(said.stdout.len(), 300_000);
    }
}
