//! Errors as callers see them: a code for programs, a message with the cure in it.

use jsonrpsee_types::ErrorObjectOwned;
use jsonrpsee_types::error::INVALID_PARAMS_CODE;
use nix::errno::Errno;
use serde::Serialize;
use store::StoreError;

/// The code of every failure of a method that is not about its params.
pub const METHOD_CALL_ERROR: i32 = -32001;

/// The code that says that a connection has too many calls in flight.
pub const TOO_MANY_CALLS: i32 = -32000;

/// One thing that is wrong with the params.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Which param, names joined by dots; empty for all of them.
    pub attribute: String,
    /// What is wrong. Never repeats the value.
    pub message: String,
}

impl Issue {
    pub(crate) fn new(attribute: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            attribute: attribute.into(),
            message: message.into(),
        }
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The params are wrong.
    #[error("invalid params")]
    Invalid(Vec<Issue>),
    /// The method refused, for the reason in the message.
    #[error("{message}")]
    Refused {
        /// The kind of reason.
        errno: Errno,
        /// The reason and the cure.
        message: String,
    },
    /// Nobody is signed in on the web's socket.
    #[error("Not authenticated")]
    NotSignedIn,
    /// The state cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CallError {
    /// A refusal.
    pub fn refused(errno: Errno, message: impl Into<String>) -> Self {
        Self::Refused {
            errno,
            message: message.into(),
        }
    }

    /// A failure that is ours.
    #[must_use]
    pub fn internal(message: &str) -> Self {
        Self::refused(Errno::EIO, message)
    }

    /// A call that was undone with the whole batch that it was in.
    #[must_use]
    pub fn undone(error: &StoreError) -> Self {
        Self::refused(errno_of(error), error.to_string())
    }

    /// What the log may say of it: the message of a refusal is for the caller, and may repeat what
    /// somebody typed.
    #[must_use]
    pub fn for_log(&self) -> String {
        match self {
            Self::Store(error) => error.to_string(),
            Self::NotSignedIn => NOT_SIGNED_IN.1.to_owned(),
            error => name(error.errno()),
        }
    }

    /// Whether it failed since the state cannot be used, or something else that has nothing to do with
    /// what was asked: then an [`Emergency`](crate::Emergency) may help.
    #[must_use]
    pub fn is_about_the_state(&self) -> bool {
        let errnos = [Errno::EROFS, Errno::ENOSPC, Errno::EIO, Errno::EBUSY];
        errnos.contains(&self.errno())
    }

    /// The error object of the reply.
    #[must_use]
    pub fn to_object(&self) -> ErrorObjectOwned {
        match self {
            Self::Invalid(issues) => {
                let data = Data::invalid(issues);
                ErrorObjectOwned::owned(INVALID_PARAMS_CODE, "Invalid params", Some(data))
            }
            Self::NotSignedIn => {
                let (number, errname) = NOT_SIGNED_IN;
                let data = Data::failed(number, errname.to_owned(), self);
                ErrorObjectOwned::owned(METHOD_CALL_ERROR, "Method call error", Some(data))
            }
            error => {
                let errno = error.errno();
                let data = Data::failed(errno as i32, name(errno), error);
                ErrorObjectOwned::owned(METHOD_CALL_ERROR, "Method call error", Some(data))
            }
        }
    }

    pub(crate) fn errno(&self) -> Errno {
        match self {
            Self::Invalid(_) => Errno::EINVAL,
            Self::Refused { errno, .. } => *errno,
            Self::NotSignedIn => Errno::EACCES,
            Self::Store(error) => errno_of(error),
        }
    }
}

/// The original's own number and name for it.
const NOT_SIGNED_IN: (i32, &str) = (207, "ENOTAUTHENTICATED");

const fn errno_of(error: &StoreError) -> Errno {
    match error {
        StoreError::DiskFull => Errno::ENOSPC,
        StoreError::Busy => Errno::EBUSY,
        StoreError::ReadOnly => Errno::EROFS,
        StoreError::OtherAccount => Errno::EEXIST,
        StoreError::NoKey { .. } => Errno::ENOKEY,
        StoreError::Damaged { .. }
        | StoreError::NoRandomness
        | StoreError::Unsure(_)
        | StoreError::Sqlite(_) => Errno::EIO,
    }
}

/// The answer to one call too many.
#[must_use]
pub fn too_many_calls(limit: usize) -> ErrorObjectOwned {
    let message = format!("Maximum number of concurrent calls ({limit}) has exceeded");
    ErrorObjectOwned::owned(TOO_MANY_CALLS, message, None::<()>)
}

/// The `data` of an error object, as the original's clients read it.
#[derive(Serialize)]
struct Data {
    error: i32,
    errname: String,
    reason: String,
    trace: Option<()>,
    extra: Option<Vec<(String, String, i32)>>,
}

impl Data {
    fn failed(number: i32, errname: String, error: &CallError) -> Self {
        Self {
            error: number,
            reason: format!("[{errname}] {error}"),
            errname,
            trace: None,
            extra: None,
        }
    }

    fn invalid(issues: &[Issue]) -> Self {
        let errno = Errno::EINVAL;
        let line = |issue: &Issue| match issue.attribute.as_str() {
            "" => format!("[{}] ALL: {}\n", name(errno), issue.message),
            attribute => format!("[{}] {attribute}: {}\n", name(errno), issue.message),
        };
        let triple = |issue: &Issue| (issue.attribute.clone(), issue.message.clone(), errno as i32);
        Self {
            error: errno as i32,
            errname: name(errno),
            reason: issues.iter().map(line).collect(),
            trace: None,
            extra: Some(issues.iter().map(triple).collect()),
        }
    }
}

/// `EINVAL` for `Errno::EINVAL`.
fn name(errno: Errno) -> String {
    format!("{errno:?}")
}
