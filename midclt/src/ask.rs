//! One call: of the daemon, or, where that answers root in vain, of `middlewared once` on the state
//! itself.
//!
//! Only on the default socket, since the state of another daemon is elsewhere; and only methods that do
//! no harm when done twice, since nobody knows what a daemon that hangs will still do.

use std::fs;
use std::path::Path;
use std::time::Duration;

use breakglass::Place;
use client::{CallError, Client, Deadline, Error};
use nix::errno::Errno;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cli::Connection;
use crate::contract::Contract;
use crate::once::Once;
use crate::output;

/// How long the daemon has to answer before somebody else does.
const PATIENCE: Duration = Duration::from_secs(3);

/// The methods whose success ends an override: it is stored, or taken back.
const ENDING: [&str; 2] = ["auth.twofactor.update", "auth.twofactor.bypass.delete"];

/// Calls a method.
pub(crate) fn call(
    connection: &Connection,
    limit: Duration,
    method: &str,
    params: &[Value],
) -> Result<Box<RawValue>, Error> {
    if let Some(remote) = &connection.remote {
        return remote.call(limit, method, params);
    }
    let Some(once) = stand_in(connection, method) else {
        return ask(connection, limit, method, params);
    };
    let error = if connection.was_in_vain.get() {
        None
    } else {
        let stale = ENDING.contains(&method).then(override_file).flatten();
        match ask(connection, limit.min(PATIENCE), method, params) {
            Err(error) if is_in_vain(&error) => Some(error),
            answer => {
                if answer.is_ok() && stale.is_some() && stale == override_file() {
                    end_override();
                }
                return answer;
            }
        }
    };
    if let Some(error) = &error {
        connection.was_in_vain.set(true);
        connection.remark(&in_vain(error, limit.min(PATIENCE)));
    }
    match once.call(method, params, limit.max(PATIENCE)) {
        Ok(reply) => {
            for note in &reply.notes {
                connection.remark(&format!("midclt: {note}"));
            }
            reply.answer
        }
        Err(failed) => {
            connection.remark(&format!("midclt: {failed}"));
            Err(error.unwrap_or(Error::Timeout))
        }
    }
}

fn ask(
    connection: &Connection,
    limit: Duration,
    method: &str,
    params: &[Value],
) -> Result<Box<RawValue>, Error> {
    Client::connect(&connection.socket, Deadline::after(limit))?.call(method, params)
}

/// Who can answer in place of the daemon, if anybody can.
fn stand_in(connection: &Connection, method: &str) -> Option<Once> {
    let is_ours = connection.socket == Path::new(client::DEFAULT_SOCKET);
    if !is_ours || !nix::unistd::geteuid().is_root() || !Contract::is_offline(method) {
        return None;
    }
    Once::find()
}

/// Whether nobody is there who can do it. An error that is about the call itself is an answer.
fn is_in_vain(error: &Error) -> bool {
    const STATE: [Errno; 4] = [Errno::EROFS, Errno::ENOSPC, Errno::EIO, Errno::EBUSY];
    match error {
        Error::Call(error) => error
            .errno()
            .is_some_and(|errno| STATE.iter().any(|known| *known as i32 == errno)),
        _ => true,
    }
}

fn in_vain(error: &Error, waited: Duration) -> String {
    let why = match error {
        Error::Call(error) => return refused(error),
        Error::NotRunning { .. } => "middlewared is not running".to_owned(),
        Error::Timeout => format!("middlewared did not answer within {} s", waited.as_secs()),
        other => format!("middlewared does not answer ({other})"),
    };
    format!("midclt: {why}; doing it without")
}

fn refused(error: &CallError) -> String {
    format!("midclt: middlewared could not: {}", error.reason())
}

/// The override, as it is now: only to see whether it is still the same one.
fn override_file() -> Option<Vec<u8>> {
    fs::read(Path::new(breakglass::DIRECTORY).join(breakglass::FILE)).ok()
}

/// The daemon has taken it in with what it has just stored, but cannot remove root's file.
fn end_override() {
    if let Err(trouble) = Place::standard().remove() {
        output::note(&format!(
            "midclt: the override could not be removed ({trouble}); as root: rm {}/{}",
            breakglass::DIRECTORY,
            breakglass::FILE
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use client::Absence;
    use serde_json::json;

    use super::*;

    fn refused_with(errno: i32) -> Error {
        let error = json!({"code": -32001, "data": {"error": errno, "reason": "[X] y"}});
        Error::Call(serde_json::from_value(error).unwrap())
    }

    #[test]
    fn when_somebody_else_is_asked() {
        let path = PathBuf::from("/x");
        let absence = Absence::NoSocket;
        for (error, expected) in [
            (Error::NotRunning { path, absence }, true),
            (Error::Timeout, true),
            (
                Error::Closed {
                    code: None,
                    reason: None,
                },
                true,
            ),
            (Error::NotJsonRpc("x"), true),
            (refused_with(Errno::EROFS as i32), true),
            (refused_with(Errno::ENOSPC as i32), true),
            (refused_with(Errno::EIO as i32), true),
            (refused_with(Errno::EBUSY as i32), true),
            (refused_with(Errno::ENOENT as i32), false),
            (refused_with(Errno::ENOKEY as i32), false),
            (refused_with(Errno::EINVAL as i32), false),
        ] {
            assert_eq!(is_in_vain(&error), expected, "{error:?}");
        }
    }

    #[test]
    fn what_is_said_fits_a_console() {
        for error in [
            Error::Timeout,
            Error::NotRunning {
                path: client::DEFAULT_SOCKET.into(),
                absence: Absence::NobodyListens,
            },
        ] {
            let line = in_vain(&error, PATIENCE);
            assert!(line.len() <= 80 && line.is_ascii(), "{line}");
        }
    }
}
