//! `midclt subscribe`: one line for each event.

use client::{CallError, Deadline, Error, Event};
use serde_json::Value;

use crate::cli::{Connection, SubscribeArgs};
use crate::failure::{Failure, Request};
use crate::remote::Login;
use crate::{output, result};

/// Prints events until the asked number, the time, or the daemon ends it.
pub(crate) fn run(connection: &Connection, args: &SubscribeArgs) -> Result<(), Failure> {
    let limit = connection.call_limit(None);
    let command = format!("subscribe {}", args.event);
    let request = connection.request(&command, limit);
    connection.begin(Login::Wanted, &request)?;
    let end = args.timeout.filter(|&seconds| seconds != 0);
    let end = end.map_or(Deadline::never(), |s| {
        Deadline::after(std::time::Duration::from_secs(s))
    });
    let mut client =
        (connection.open(end.at_most(limit))).map_err(|error| request.failed(&error))?;
    client
        .subscribe(&args.event)
        .map_err(|error| request.failed(&error))?;
    let mut left = args.number;
    while left != Some(0) {
        match client.next_event(end) {
            Ok(Event::Update(params)) => output::line(&result::to_line(&params))?,
            Ok(Event::Unsubscribed { error, .. }) => return ended(&request, error),
            // The time that was asked for is over; as in the original, that is exit status 1.
            Err(Error::Timeout) => {
                return Err(Failure {
                    lines: Vec::new(),
                    exit: 1,
                });
            }
            Err(error) => return Err(request.failed(&error)),
        }
        left = left.map(|left| left - 1);
    }
    Ok(())
}

/// The daemon ended the subscription: regularly, or with an error that has the shape of a call's.
fn ended(request: &Request<'_>, error: Option<Value>) -> Result<(), Failure> {
    let Some(data) = error else { return Ok(()) };
    let error = CallError {
        code: -32001,
        message: None,
        data: Some(data),
    };
    Err(request.failed(&Error::Call(Box::new(error))))
}
