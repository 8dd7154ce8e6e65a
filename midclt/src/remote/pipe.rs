//! The program that speaks TLS, and a connection through it.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use client::{Client, Deadline, Error};

use super::Address;
use crate::failure::{Failure, Request};

/// Where the package has it, if it is not beside midclt.
const INSTALLED: &str = "/usr/lib/midclt/midclt-remote";

/// What it says is a few lines.
const MOST_SAID: u64 = 4_096;

/// What is believed of the other machine.
#[derive(Debug)]
pub(super) enum Trust {
    /// What the system's authorities have signed.
    System,
    /// What is in this file.
    File(PathBuf),
    /// Whatever comes.
    Anything,
}

/// Connects. `request` says how what went wrong is put into words.
pub(super) fn open(
    address: &Address,
    trust: &Trust,
    (request, limit): (&Request<'_>, Duration),
) -> Result<Client, Failure> {
    let (ours, child) = start(address, trust, limit)?;
    let error = match Client::over(ours, &address.authority, Deadline::after(limit)) {
        Ok(client) => return Ok(client),
        Err(error) => error,
    };
    let said = last_words(child, &error);
    // Why there is no connection is known to the program that should have made it.
    if said.is_empty() {
        Err(request.failed(&error))
    } else {
        let mut lines = said.lines();
        let first = lines.next().unwrap_or_default();
        Err(Failure::told(format!("midclt: {first}")).with(lines.map(str::to_owned)))
    }
}

fn start(
    address: &Address,
    trust: &Trust,
    limit: Duration,
) -> Result<(UnixStream, Child), Failure> {
    let program = find().ok_or_else(not_installed)?;
    let cannot = |error| {
        let shown = program.display();
        Failure::told(format!("midclt: cannot run {shown}: {error}"))
    };
    let (ours, theirs) = UnixStream::pair().map_err(cannot)?;
    let mut command = Command::new(&program);
    command
        .arg("--seconds")
        .arg(limit.as_secs().max(1).to_string());
    match trust {
        Trust::System => {}
        Trust::File(file) => {
            command.arg("--ca").arg(file);
        }
        Trust::Anything => {
            command.arg("--insecure");
        }
    }
    command.args(["--", &address.host, &address.port.to_string()]);
    command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    // The command, and our copy of its end with it, is gone when this returns.
    let child = command.spawn().map_err(cannot)?;
    Ok((ours, child))
}

/// Beside midclt, where a build and a tarball have it, or where the package does.
fn find() -> Option<PathBuf> {
    let own = std::env::current_exe().ok();
    let beside = own.and_then(|own| Some(own.parent()?.join("midclt-remote")));
    let places = beside.into_iter().chain([PathBuf::from(INSTALLED)]);
    places.into_iter().find(|place| place.is_file())
}

fn not_installed() -> Failure {
    Failure::told(
        "midclt: another machine is reached by midclt-remote, which is not here: install the \
         package midclt-remote",
    )
}

/// What the program has said. It is not waited for where it was waited for in vain.
fn last_words(mut child: Child, error: &Error) -> String {
    if matches!(error, Error::Timeout) {
        // It may have ended by itself.
        let _ = child.kill();
    }
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        // What cannot be read was not said.
        let _ = stderr.take(MOST_SAID).read_to_string(&mut said);
    }
    let _ = child.wait();
    said
}
