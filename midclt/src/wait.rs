//! `midclt ping` and `midclt waitready`.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use client::{Client, Deadline, Error};

use crate::cli::{Connection, PingArgs, WaitreadyArgs};
use crate::failure::{Failure, Request};
use crate::{output, result};

const PING_SECONDS: u64 = 10;
const READY_SECONDS: u64 = 60;

/// One try of `waitready` may not use up the whole time: a daemon that hung may be restarted.
const TRY: Duration = Duration::from_secs(5);

/// Asks once, and prints the answer.
pub(crate) fn ping(connection: &Connection, args: &PingArgs) -> Result<(), Failure> {
    let limit = connection.time_limit(args.timeout, PING_SECONDS);
    let answer = ask(&connection.socket, Deadline::after(limit));
    output::line(&answer.map_err(|error| said("ping", connection, limit, &error))?)
}

/// Asks until there is an answer. Prints nothing: the exit status is the answer.
pub(crate) fn until_ready(connection: &Connection, args: &WaitreadyArgs) -> Result<(), Failure> {
    let limit = connection.time_limit(args.timeout, READY_SECONDS);
    let deadline = Deadline::after(limit);
    let mut pause = Duration::from_millis(10);
    loop {
        let Err(error) = ask(&connection.socket, deadline.at_most(TRY)) else {
            return Ok(());
        };
        // Waiting makes nobody root.
        let hopeless = matches!(
            error,
            Error::PermissionDenied { .. } | Error::Refused(403) | Error::Call(_)
        );
        if !hopeless {
            sleep(pause);
        }
        if hopeless || deadline.expired() {
            return Err(said("waitready", connection, limit, &error));
        }
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

fn ask(socket: &Path, deadline: Deadline) -> Result<String, Error> {
    let answer = Client::connect(socket, deadline)?.call("core.ping", &[0; 0])?;
    Ok(result::to_line(&answer))
}

fn said(command: &str, connection: &Connection, limit: Duration, error: &Error) -> Failure {
    let request = Request {
        command,
        socket: &connection.socket,
        seconds: limit.as_secs(),
        quiet: connection.quiet,
    };
    request.failed(error)
}
