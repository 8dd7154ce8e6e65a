//! The job that puts everything back at the end of a trial, unless somebody has said that all is
//! well by then: a timer of systemd, or a process where there is no systemd.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{Error, program, service};

/// The unit of the job, where there is systemd.
const UNIT: &str = "middlewared-ssh-undo";
const LIMIT: Duration = Duration::from_secs(10);

/// Arms the job: this program with these words, which waits until the time is up. It works without
/// us, without a terminal and without the session that we are in.
///
/// # Errors
/// It cannot be started.
pub(crate) fn arm(seconds: u64, this: &Path, words: &[String]) -> Result<&'static str, Error> {
    if service::has_systemd() {
        disarm();
        let mut command = Command::new("systemd-run");
        command
            .args(["--quiet", "--collect", "--timer-property=AccuracySec=1s"])
            .arg(format!("--unit={UNIT}"))
            .arg(format!("--on-active={seconds}"))
            .arg(this)
            .args(words);
        program::output(&mut command, LIMIT)?;
        return Ok("a timer of systemd");
    }
    let spawned = Command::new("setsid")
        .arg(this)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    spawned.map_err(|error| Error::Program {
        program: "setsid".to_owned(),
        why: format!("cannot be run: {error}"),
    })?;
    Ok("a process of its own")
}

/// Takes the timer away. The process without systemd ends when it sees that there is nothing to do.
pub fn disarm() {
    if service::has_systemd() {
        let mut command = Command::new("systemctl");
        command.args(["stop", &format!("{UNIT}.timer")]);
        // Without anything to put back it does nothing.
        let _ = program::run(&mut command, LIMIT);
    }
}
