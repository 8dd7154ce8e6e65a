//! The daemon: one connection and one deadline for each call, and what may go wrong.

use std::fmt;

use client::{CallError, Client, Deadline, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::login::Login;
use crate::options::Options;

/// The one user whose socket is believed without being named.
const ROOT: u32 = 0;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The daemon does not answer, or somebody else does: the break-glass file may.
    Silent(Silence),
    /// It answers, with an error.
    Refused(Box<CallError>),
}

/// How somebody did not answer, for the log.
#[derive(Debug)]
pub(crate) enum Silence {
    /// Not at all, or not in our language.
    Client(Error),
    /// The socket is that of a user who is not root.
    Stranger(u32),
    /// The answer is none that we know.
    Unknown,
}

/// A login, and what was typed at it.
#[derive(Serialize)]
pub(crate) struct Question<'a> {
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tty: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invite: Option<&'a str>,
}

impl<'a> Question<'a> {
    /// Whether this login may pass, with a code if one was typed.
    pub(crate) fn of(login: &'a Login, token: Option<&'a str>) -> Self {
        Self {
            username: &login.username,
            uid: login.uid,
            service: &login.service,
            source: login.source.as_deref(),
            tty: login.tty.as_deref(),
            factor: login.factor.as_deref(),
            token,
            invite: None,
        }
    }

    /// Whether this login may set up a device.
    pub(crate) fn with_invite(login: &'a Login, invite: &'a str) -> Self {
        Self {
            tty: None,
            invite: Some(invite),
            ..Self::of(login, None)
        }
    }
}

/// Calls a method with one object.
///
/// The person's time is not ours: nothing is kept open while they type, so each call connects anew.
pub(crate) fn call<P: Serialize, T: DeserializeOwned>(
    options: &Options,
    method: &str,
    params: &P,
) -> Result<T, Failure> {
    let mut client = Client::connect(&options.socket, Deadline::after(options.timeout))?;
    let uid = client.peer_uid()?;
    // Before anything is said: whoever serves the socket hears the codes.
    if uid != ROOT && Some(uid) != options.peer_uid {
        return Err(Failure::Silent(Silence::Stranger(uid)));
    }
    let result = client.call(method, &[params])?;
    serde_json::from_str(result.get()).map_err(|_| Failure::Silent(Silence::Unknown))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Call(error) => Self::Refused(error),
            error => Self::Silent(Silence::Client(error)),
        }
    }
}

/// For the log: no text of the other side's, which may repeat what it was sent.
impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(Error::Closed { code, .. }) => {
                write!(f, "the connection was closed ({code:?})")
            }
            Self::Client(error) => error.fmt(f),
            Self::Stranger(uid) => write!(f, "the socket is not root's but of uid {uid}"),
            Self::Unknown => f.write_str("the answer is none that this release knows"),
        }
    }
}
