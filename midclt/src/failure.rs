//! What went wrong, as lines for stderr and an exit status: each with the cure, never a trace of
//! our own.

mod commands;

use std::path::Path;

use client::{Absence, CallError, Error};
use nix::errno::Errno;

use crate::contract::Contract;
use crate::result::to_repr;

/// The line that scripts for the original look for.
const CALL_NOT_RUNNING: &str = "Failed to run middleware call. Daemon not running?";

/// The other machine's service answers to certain names only.
const NOT_ITS_NAME: &str = "midclt: middlewared-web does not go by this name there: add it to hosts in \
                            its /etc/middlewared/web.toml";

/// The errno of the original for a stranger.
const NOT_SIGNED_IN: i32 = 207;

/// The end of a command that did not succeed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// For stderr.
    pub(crate) lines: Vec<String>,
    /// The exit status.
    pub(crate) exit: u8,
}

impl Failure {
    /// Something failed; exit status 1.
    pub(crate) fn told(line: impl Into<String>) -> Self {
        Self {
            lines: vec![line.into()],
            exit: 1,
        }
    }

    /// The command line makes no sense; exit status 2.
    pub(crate) fn usage(text: &str) -> Self {
        Self {
            lines: vec![format!("midclt: {text}")],
            exit: 2,
        }
    }

    /// Who read our stdout has seen enough, as in `midclt methods | head -1`: no failure.
    pub(crate) fn reader_gone() -> Self {
        Self {
            lines: Vec::new(),
            exit: 0,
        }
    }

    /// The same failure, and more to say about it.
    pub(crate) fn with(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.lines.extend(lines);
        self
    }

    fn lines(lines: impl IntoIterator<Item = String>) -> Self {
        Self {
            lines: lines.into_iter().collect(),
            exit: 1,
        }
    }

    fn and(mut self, line: Option<String>) -> Self {
        self.lines.extend(line);
        self
    }
}

/// A failed request: what was asked, and of whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// The subcommand as typed, such as `call auth.twofactor.config`, without params.
    pub(crate) command: &'a str,
    /// The socket.
    pub(crate) socket: &'a Path,
    /// Whether that is another machine's URI.
    pub(crate) is_remote: bool,
    /// The seconds that were waited.
    pub(crate) seconds: u64,
    /// Whether errors of the API are kept silent.
    pub(crate) quiet: bool,
}

impl Request<'_> {
    /// Puts an error into words.
    pub(crate) fn failed(&self, error: &Error) -> Failure {
        let line = match error {
            Error::Call(error) => return self.refused(error),
            Error::NotRunning { absence, .. } => return self.not_running(*absence),
            Error::Closed { code, reason } => return self.closed(*code, reason.as_deref()),
            Error::Refused(421) if self.is_remote => NOT_ITS_NAME.to_owned(),
            Error::PermissionDenied { .. } | Error::Refused(403) if !self.is_remote => {
                self.needs_root()
            }
            Error::Refused(status) => format!(
                "midclt: {} answers with HTTP status {status}: is it middlewared's socket?",
                self.socket.display()
            ),
            Error::Timeout => return self.timeout(),
            other => format!("midclt: {other} ({})", self.socket.display()),
        };
        Failure::told(line)
    }

    fn is_call(&self) -> bool {
        self.command.starts_with("call ")
    }

    fn not_running(&self, absence: Absence) -> Failure {
        let socket = self.socket.display();
        let cure = if self.socket != Path::new(client::DEFAULT_SOCKET) {
            "start it, or name another socket with -u"
        } else if has_unit() {
            "systemctl start middlewared"
        } else {
            "start it as root: middlewared"
        };
        let line = format!("midclt: middlewared is not running ({absence} {socket}): {cure}");
        let first = self.is_call().then(|| CALL_NOT_RUNNING.to_owned());
        Failure::lines(first.into_iter().chain([line]))
    }

    fn timeout(&self) -> Failure {
        let first = self.is_call().then(|| "Call timeout".to_owned());
        let line = format!(
            "midclt: middlewared did not answer within {} s",
            self.seconds
        );
        let cure = if self.is_remote {
            return Failure::lines(first.into_iter().chain([line]));
        } else if has_unit() {
            "midclt: where it hangs: systemctl restart middlewared"
        } else {
            "midclt: where it hangs: kill -9 \"$(cat /var/lib/middlewared/lock)\", then as root: \
             middlewared"
        };
        Failure::lines(first.into_iter().chain([line, cure.to_owned()]))
    }

    fn closed(&self, code: Option<u16>, reason: Option<&str>) -> Failure {
        let code = code.map_or("None".to_owned(), |code| code.to_string());
        let reason = reason.map_or("None".to_owned(), |text| to_repr(&text.into()));
        let line = format!("WebSocket connection closed with code={code}, reason={reason}");
        let lost = "midclt: the connection was lost before the answer; \
                    the change may or may not have been made: look before you repeat it";
        let note = self.is_call().then(|| lost.to_owned());
        Failure::told(line).and(note)
    }

    fn needs_root(&self) -> String {
        if nix::unistd::geteuid().is_root() {
            format!(
                "midclt: permission denied on {} even for root",
                self.socket.display()
            )
        } else {
            format!("midclt: needs root: sudo midclt {}", self.command)
        }
    }

    /// The method itself answered with an error.
    fn refused(&self, error: &CallError) -> Failure {
        if self.quiet {
            return Failure {
                lines: Vec::new(),
                exit: 1,
            };
        }
        let not_root = error.errno() == Some(Errno::EACCES as i32)
            && !self.is_remote
            && !nix::unistd::geteuid().is_root();
        let stranger = self.is_remote && error.errno() == Some(NOT_SIGNED_IN);
        let lines = if self.command.starts_with("2fa ") {
            commands::lines_for_people(error)
        } else {
            lines_of(error)
        };
        Failure::lines(lines)
            .and(not_root.then(|| self.needs_root()))
            .and(stranger.then(|| "midclt: sign in with -U USER".to_owned()))
            .and(self.meant(error))
    }

    /// The method that was probably meant, where the one asked for does not exist.
    fn meant(&self, error: &CallError) -> Option<String> {
        let method = self.command.strip_prefix("call ")?;
        if error.code != CallError::METHOD_NOT_FOUND {
            return None;
        }
        let contract = Contract::built_in();
        Some(match contract.nearest(method) {
            // Known here, but not there: the daemon is of another version.
            Some(known) if known == method => "midclt: this daemon is older than midclt".to_owned(),
            Some(known) => format!("midclt: did you mean {known}?"),
            None => "midclt: midclt methods lists what there is".to_owned(),
        })
    }
}

/// Whether systemd knows the daemon: no unit comes with it.
fn has_unit() -> bool {
    const DIRECTORIES: [&str; 3] = [
        "/etc/systemd/system",
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
    ];
    let is_in = |directory: &str| Path::new(directory).join("middlewared.service").exists();
    DIRECTORIES.iter().any(|directory| is_in(directory))
}

/// An error of the API as the original prints it.
fn lines_of(error: &CallError) -> Vec<String> {
    let violations = error.violations();
    if error.code == CallError::INVALID_PARAMS && !violations.is_empty() {
        let line = |v: &client::Violation<'_>| {
            format!(
                "[{}] {}: {}",
                errno_name(v.errno),
                v.attribute.unwrap_or("ALL"),
                v.message
            )
        };
        return violations.iter().map(line).collect();
    }
    let reason = error.reason().trim_end_matches('\n');
    let mut lines = if error.code == CallError::PARSE_ERROR {
        vec![format!("Received a global connection error: {reason}")]
    } else {
        vec![reason.to_owned()]
    };
    lines.extend(error.trace().map(|trace| format!("{trace}\n")));
    lines.extend(error.extra().map(to_repr));
    lines
}

/// The name of an errno as the system's table has it.
fn errno_name(errno: i32) -> String {
    match Errno::from_raw(errno) {
        Errno::UnknownErrno => "EUNKNOWN".to_owned(),
        known => format!("{known:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(command: &str, socket: &str, error: &Error) -> String {
        let request = Request {
            command,
            socket: Path::new(socket),
            is_remote: false,
            seconds: 60,
            quiet: false,
        };
        let failure = request.failed(error);
        assert_eq!(failure.exit, 1);
        failure.lines.join("\n")
    }

    fn api_error(json: &str) -> Error {
        Error::Call(Box::new(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn daemon_absent() {
        let check = |command: &str, socket: &str, expected: &str| {
            let absence = Absence::NoSocket;
            let error = Error::NotRunning {
                path: socket.into(),
                absence,
            };
            assert_eq!(said(command, socket, &error), expected);
        };
        let cure = "midclt: middlewared is not running (no socket at \
                    /run/middleware/middlewared.sock): start it as root: middlewared";
        check("ping", client::DEFAULT_SOCKET, cure);
        check(
            "call a.b",
            client::DEFAULT_SOCKET,
            &format!("{CALL_NOT_RUNNING}\n{cure}"),
        );
        check(
            "ping",
            "/x",
            "midclt: middlewared is not running (no socket at /x): \
                             start it, or name another socket with -u",
        );
    }

    #[test]
    fn errors_of_the_api() {
        let check = |json: &str, expected: &str| {
            assert_eq!(
                said("call x.y.z", "/x", &api_error(json)),
                expected,
                "{json}"
            );
        };
        check(
            r#"{"code":-32602,"message":"Invalid params","data":{"reason":"r\n","trace":{"formatted":"T"},
              "extra":[["a.window","too big",22],[null,"gone",2],["","many",207]]}}"#,
            "[EINVAL] a.window: too big\n[ENOENT] ALL: gone\n[EUNKNOWN] ALL: many",
        );
        check(
            r#"{"code":-32001,"message":"m","data":{"reason":"[EFAULT] Off.","trace":null,"extra":null}}"#,
            "[EFAULT] Off.",
        );
        check(
            r#"{"code":-32001,"data":{"reason":"R","trace":{"formatted":"Trace\n  x"},"extra":["ssh"]}}"#,
            "R\nTrace\n  x\n\n['ssh']",
        );
        check(
            r#"{"code":-32602,"message":"Invalid params"}"#,
            "Invalid params",
        );
        check(
            r#"{"code":-32700,"message":"p"}"#,
            "Received a global connection error: p",
        );
        check(r#"{"code":1234,"message":"new"}"#, "new");
        check(
            r#"{"code":-32601,"message":"Method does not exist"}"#,
            "Method does not exist\nmidclt: midclt methods lists what there is",
        );
    }

    #[test]
    fn near_misses() {
        let error = api_error(r#"{"code":-32601,"message":"Method does not exist"}"#);
        let said = said("call auth.twofactor.updat", "/x", &error);
        assert_eq!(
            said,
            "Method does not exist\nmidclt: did you mean auth.twofactor.update?"
        );
    }

    #[test]
    fn lost_connections_and_silence() {
        let check = |command: &str, error: Error, expected: &str| {
            assert_eq!(said(command, "/x", &error).lines().next(), Some(expected));
        };
        let closed = |code, reason: Option<&str>| Error::Closed {
            code,
            reason: reason.map(str::to_owned),
        };
        check(
            "call a.b",
            closed(Some(1011), Some("boom reason")),
            "WebSocket connection closed with code=1011, reason='boom reason'",
        );
        check(
            "ping",
            closed(None, None),
            "WebSocket connection closed with code=None, reason=None",
        );
        check("call a.b", Error::Timeout, "Call timeout");
        check(
            "ping",
            Error::Timeout,
            "midclt: middlewared did not answer within 60 s",
        );
        check(
            "ping",
            Error::NotJsonRpc("no WebSocket"),
            "midclt: the answer is not from middlewared: no WebSocket (/x)",
        );
    }

    #[test]
    fn quiet_keeps_the_exit_status() {
        let request = Request {
            command: "call a.b",
            socket: Path::new("/x"),
            is_remote: false,
            seconds: 1,
            quiet: true,
        };
        let failure = request.failed(&api_error(r#"{"code":1,"message":"x"}"#));
        assert_eq!(
            failure,
            Failure {
                lines: Vec::new(),
                exit: 1
            }
        );
        assert!(!request.failed(&Error::Timeout).lines.is_empty());
    }
}
