//! The daemon, as the commands of this family ask it.
//!
//! Each call has a connection of its own: between two of them a person looks for a phone, and the
//! daemon may be restarted meanwhile.

use client::{Client, Deadline, Error};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cli::Connection;
use crate::failure::{Failure, Request};
use crate::{output, result};

/// The daemon, for one command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Daemon<'a> {
    connection: &'a Connection,
    /// The command as typed, without arguments.
    command: &'static str,
}

impl<'a> Daemon<'a> {
    pub(super) const fn new(connection: &'a Connection, command: &'static str) -> Self {
        Self {
            connection,
            command,
        }
    }

    /// Calls a method with these params.
    pub(super) fn call(&self, method: &str, params: &[Value]) -> Result<Box<RawValue>, Failure> {
        self.try_call(method, params)
            .map_err(|error| self.failure(&error))
    }

    /// Calls a method whose errors are not all the end of the command.
    pub(super) fn try_call(&self, method: &str, params: &[Value]) -> Result<Box<RawValue>, Error> {
        let deadline = Deadline::after(self.connection.call_limit(None));
        Client::connect(&self.connection.socket, deadline)?.call(method, params)
    }

    /// Calls a method and reads its result.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &[Value],
    ) -> Result<T, Failure> {
        read(&self.call(method, params)?)
    }

    /// Puts an error into words.
    pub(super) fn failure(&self, error: &Error) -> Failure {
        let request = Request {
            command: self.command,
            socket: &self.connection.socket,
            seconds: self.connection.call_limit(None).as_secs(),
            quiet: self.connection.quiet,
        };
        request.failed(error)
    }

    /// Lines on stderr about something that was done; `-q` keeps them away.
    pub(super) fn remark(&self, lines: &[impl AsRef<str>]) {
        if self.connection.quiet {
            return;
        }
        for line in lines {
            output::note(line.as_ref());
        }
    }
}

/// Reads a result.
pub(super) fn read<T: DeserializeOwned>(answer: &RawValue) -> Result<T, Failure> {
    // serde's own words would show what they stumbled over, which may be a secret.
    serde_json::from_str(answer.get()).map_err(|_| {
        Failure::told(
            "midclt: the daemon's answer has an unknown form: are both of the same version?",
        )
    })
}

/// What a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Text for people.
    Text,
    /// The method's result as JSON on one line.
    Json,
}

impl Form {
    /// Prints a result in this form.
    pub(super) fn print<T: DeserializeOwned>(
        self,
        answer: &RawValue,
        text: impl FnOnce(T) -> String,
    ) -> Result<(), Failure> {
        match self {
            Self::Text => output::page(&text(read(answer)?)),
            Self::Json => output::line(&result::to_json(&read(answer)?)),
        }
    }
}
