//! The daemon, as the commands of this family ask it.
//!
//! Each call has a connection of its own: between two of them a person looks for a phone, and the
//! daemon may be restarted meanwhile.

use client::Error;
use nix::errno::Errno;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::off;
use crate::cli::Connection;
use crate::failure::Failure;
use crate::{ask, output, result};

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
        let limit = self.connection.call_limit(None);
        ask::call(self.connection, limit, method, params)
    }

    /// Calls a method and reads its result.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &[Value],
    ) -> Result<T, Failure> {
        read(&self.call(method, params)?)
    }

    /// Before a question about an account: whether there is one. Other errors are not of interest.
    pub(super) fn check_user(&self, user: &str) -> Result<(), Failure> {
        let answer = self.try_call("user.twofactor_config", &[json!(user)]);
        match answer {
            Err(Error::Call(error)) if error.errno() == Some(Errno::ENOENT as i32) => {
                Err(self.failure(&Error::Call(error)))
            }
            _ => Ok(()),
        }
    }

    /// After something was permitted: that it makes no difference now.
    pub(super) fn remark_off(&self) {
        if self
            .settings()
            .is_some_and(|settings| off::is_off(&settings))
        {
            self.remark(&[
                "midclt: two-factor authentication is off: nobody is asked for a code anyway",
            ]);
        }
    }

    /// The settings, where they can be had: for what is only good to know.
    pub(super) fn settings(&self) -> Option<Box<RawValue>> {
        self.try_call("auth.twofactor.config", &[]).ok()
    }

    /// Puts an error into words.
    pub(super) fn failure(&self, error: &Error) -> Failure {
        let limit = self.connection.call_limit(None);
        self.connection.request(self.command, limit).failed(error)
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

    /// Prints the settings. Root's secret, which they have, is left out: whoever turns something on
    /// or off does not want it on the screen or in a log.
    pub(super) fn print_settings(self, answer: &RawValue, text: &str) -> Result<(), Failure> {
        if self == Self::Text {
            return output::page(text);
        }
        let mut settings: Map<String, Value> = read(answer)?;
        settings.shift_remove("secret");
        output::line(&result::to_json(&Value::Object(settings)))
    }
}
