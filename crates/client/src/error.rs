//! Why there is no result, by cause.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

/// Why a call gave no result, sorted by whose turn it is to act.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody serves the socket.
    #[error("middlewared is not running ({absence} {})", path.display())]
    NotRunning {
        /// The socket that was tried.
        path: PathBuf,
        /// What was missing.
        absence: Absence,
    },
    /// The file permissions keep this user out.
    #[error("permission denied on {}", path.display())]
    PermissionDenied {
        /// The socket that was tried.
        path: PathBuf,
    },
    /// The deadline passed.
    #[error("no answer in time")]
    Timeout,
    /// The other end closed the connection; both are `None` when it just dropped it.
    #[error("the connection was closed (code {code:?}, reason {reason:?})")]
    Closed {
        /// The WebSocket close code.
        code: Option<u16>,
        /// The reason sent with it.
        reason: Option<String>,
    },
    /// The socket answered the upgrade with another HTTP status.
    #[error("the server refused the connection with HTTP status {0}")]
    Refused(u16),
    /// What came back is no JSON-RPC over WebSocket; the text itself is not shown.
    #[error("the answer is not from middlewared: {0}")]
    NotJsonRpc(&'static str),
    /// The method answered with an error.
    #[error(transparent)]
    Call(Box<CallError>),
    /// The system refused an operation on the socket.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What is missing when nobody serves the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The path does not exist.
    NoSocket,
    /// The path exists, but no process listens there.
    NobodyListens,
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSocket => "no socket at",
            Self::NobodyListens => "nobody listens on",
        })
    }
}

/// The error object of JSON-RPC 2.0 section 5.1, with accessors for the original's `data`.
///
/// `data` keeps whatever shape the server sent; the accessors answer `None` where it does not fit.
#[derive(Debug, Clone, PartialEq, Deserialize, thiserror::Error)]
#[error("{}", self.reason())]
pub struct CallError {
    /// The JSON-RPC code.
    pub code: i64,
    /// The message that belongs to the code.
    #[serde(default)]
    pub message: Option<String>,
    /// `{"error", "errname", "reason", "trace", "extra"}` for -32001 and -32602.
    #[serde(default)]
    pub data: Option<Value>,
}

impl CallError {
    /// An unknown method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// Validation errors; see [`CallError::violations`].
    pub const INVALID_PARAMS: i64 = -32602;
    /// The text could not be read at all.
    pub const PARSE_ERROR: i64 = -32700;

    /// What went wrong, in the server's words.
    #[must_use]
    pub fn reason(&self) -> &str {
        let text = self.field("reason").and_then(Value::as_str);
        text.or(self.message.as_deref())
            .unwrap_or("the server gave no reason")
    }

    /// The errno of the failure.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        i32::try_from(self.field("error")?.as_i64()?).ok()
    }

    /// The server's own trace, as text.
    #[must_use]
    pub fn trace(&self) -> Option<&str> {
        self.field("trace")?.get("formatted")?.as_str()
    }

    /// Further details, never `null`.
    #[must_use]
    pub fn extra(&self) -> Option<&Value> {
        self.field("extra").filter(|extra| !extra.is_null())
    }

    /// The validation errors, one for each attribute; empty when `extra` does not list any.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation<'_>> {
        let entries = self.extra().and_then(Value::as_array);
        entries
            .into_iter()
            .flatten()
            .filter_map(Violation::from_entry)
            .collect()
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.data.as_ref()?.get(name)
    }
}

/// One entry of a validation error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation<'a> {
    /// The dotted attribute; `None` when the call as a whole is meant.
    pub attribute: Option<&'a str>,
    /// What is wrong with it.
    pub message: &'a str,
    /// Its errno.
    pub errno: i32,
}

impl<'a> Violation<'a> {
    fn from_entry(entry: &'a Value) -> Option<Self> {
        let attribute = entry.get(0)?.as_str().filter(|name| !name.is_empty());
        let errno = entry
            .get(2)
            .and_then(Value::as_i64)
            .and_then(|n| i32::try_from(n).ok());
        Some(Self {
            attribute,
            message: entry.get(1)?.as_str()?,
            errno: errno.unwrap_or(0),
        })
    }
}
