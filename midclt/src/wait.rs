//! `midclt ping` and `midclt waitready`.

use std::thread::sleep;
use std::time::Duration;

use client::{Deadline, Error};

use crate::cli::{Connection, PingArgs, WaitreadyArgs};
use crate::failure::Failure;
use crate::remote::Login;
use crate::{output, result};

const PING_SECONDS: u64 = 10;
const READY_SECONDS: u64 = 60;

/// One try of `waitready` may not use up the whole time: a daemon that hung may be restarted.
const TRY: Duration = Duration::from_secs(5);

/// Asks once, and prints the answer.
pub(crate) fn ping(connection: &Connection, args: &PingArgs) -> Result<(), Failure> {
    let limit = connection.time_limit(args.timeout, PING_SECONDS);
    let request = connection.request("ping", limit);
    connection.begin(Login::Needless, &request)?;
    let answer = ask(connection, Deadline::after(limit));
    output::line(&answer.map_err(|error| request.failed(&error))?)
}

/// Asks until there is an answer. Prints nothing: the exit status is the answer.
pub(crate) fn until_ready(connection: &Connection, args: &WaitreadyArgs) -> Result<(), Failure> {
    let limit = connection.time_limit(args.timeout, READY_SECONDS);
    let deadline = Deadline::after(limit);
    let mut pause = Duration::from_millis(10);
    loop {
        let Err(error) = ask(connection, deadline.at_most(TRY)) else {
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
            return Err(connection.request("waitready", limit).failed(&error));
        }
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

fn ask(connection: &Connection, deadline: Deadline) -> Result<String, Error> {
    let answer = connection.open(deadline)?.call("core.ping", &[0; 0])?;
    Ok(result::to_line(&answer))
}
