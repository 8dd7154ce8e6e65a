//! Another machine: `midclt -u wss://HOST/api/current -U USER call …`.
//!
//! TLS is spoken by `midclt-remote`, which is run for it. What is said in the connection, the password and
//! codes among it, goes to that program by a socket, so it is in nobody's list of processes. A connection
//! is opened and signed in once; a code that was used for it is good for no second one.

mod address;
mod login;
mod pipe;

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use client::{Client, Deadline, Error};
use nix::errno::Errno;
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

pub(crate) use self::address::Address;
use self::pipe::Trust;
use crate::failure::{Failure, Request};
use crate::twofactor::{can_ask, hidden};

// Not in the help, which has to fit a console without them; the man page has them. No doc comment: it would
// become the text of `midclt --help`.
#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "most are the original's, and do nothing"
)]
pub(crate) struct RemoteArgs {
    #[arg(short = 'U', long, hide = true)]
    username: Option<String>,
    #[arg(short = 'P', long, hide = true, conflicts_with = "password_stdin")]
    password: Option<String>,
    #[arg(long, hide = true)]
    password_stdin: bool,
    #[arg(long, hide = true)]
    otp: Option<String>,
    #[arg(long, hide = true, conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    #[arg(long, hide = true)]
    insecure: bool,
    #[arg(short = 'K', long, hide = true)]
    api_key: Option<OsString>,
    #[arg(long, hide = true)]
    no_channel_binding: bool,
    #[arg(long, hide = true)]
    plain: bool,
}

/// Whoever signs in. Not `Debug`: it has secrets.
pub(crate) struct Person {
    username: String,
    password: Option<Zeroizing<String>>,
    password_stdin: bool,
    otp: Option<Zeroizing<String>>,
}

/// Another machine, and the connection to it once there is one.
pub(crate) struct Remote {
    address: Address,
    trust: Trust,
    /// Nobody signs in where no name was given: there is little to be had then.
    person: Option<Person>,
    client: RefCell<Option<Client>>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl RemoteArgs {
    /// Refuses what a local socket has no use for.
    pub(crate) fn refuse_login(&self) -> Result<(), Failure> {
        let is_login = self.username.is_some() || self.password.is_some();
        if !is_login && !self.password_stdin && self.otp.is_none() && self.api_key.is_none() {
            return Ok(());
        }
        Err(Failure::usage(
            "-U, -P, -K and --otp are not used here: root needs no login on this machine's own \
             socket; run midclt as root, without them",
        ))
    }

    /// What is needed for a machine elsewhere.
    pub(crate) fn reach(self, address: Address) -> Result<Remote, Failure> {
        if self.api_key.is_some() {
            return Err(Failure::usage(
                "there are no API keys here: sign in with -U USER",
            ));
        }
        let has_secret = self.password.is_some() || self.password_stdin || self.otp.is_some();
        if self.username.is_none() && has_secret {
            return Err(Failure::usage("whose password? -U USER is missing"));
        }
        let trust = match self.ca {
            Some(file) => Trust::File(file),
            None if self.insecure => Trust::Anything,
            None => Trust::System,
        };
        let (password, otp) = (self.password, self.otp);
        let person = self.username.map(|username| Person {
            username,
            password: password.map(Zeroizing::new),
            password_stdin: self.password_stdin,
            otp: otp.map(Zeroizing::new),
        });
        Ok(Remote {
            address,
            trust,
            person,
            client: RefCell::default(),
        })
    }
}

/// Whether somebody has to sign in for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    /// For whatever is more than to look whether the machine is there.
    Wanted,
    Needless,
}

impl Remote {
    /// Connects and signs in.
    pub(crate) fn begin(
        &self,
        login: Login,
        (request, limit): (&Request<'_>, Duration),
    ) -> Result<(), Failure> {
        let mut client = pipe::open(&self.address, &self.trust, (request, limit))?;
        if let (Login::Wanted, Some(person)) = (login, &self.person) {
            login::sign_in(&mut client, person, (request, limit))?;
        }
        *self.client.borrow_mut() = Some(client);
        Ok(())
    }

    /// The connection, once.
    pub(crate) fn take(&self, deadline: Deadline) -> Result<Client, Error> {
        let mut client = self.client.borrow_mut().take();
        if let Some(client) = &mut client {
            client.set_deadline(deadline);
        }
        client.ok_or(Error::Closed {
            code: None,
            reason: None,
        })
    }

    /// Calls a method; with a new code from whoever sits there, where it wants one for itself.
    pub(crate) fn call(
        &self,
        limit: Duration,
        method: &str,
        params: &[Value],
    ) -> Result<Box<RawValue>, Error> {
        let mut client = self.take(Deadline::after(limit))?;
        let error = match client.call(method, params) {
            Err(Error::Call(error)) if error.errno() == Some(Errno::EKEYEXPIRED as i32) => error,
            answer => return answer,
        };
        if self.person.is_none() || !can_ask() {
            return Err(Error::Call(error));
        }
        let Ok(code) = hidden("A new code for this call (it is not shown): ") else {
            return Err(Error::Call(error));
        };
        client.set_deadline(Deadline::after(limit));
        let right = client.call("auth.reauthenticate", &[code.as_str(), method])?;
        if right.get() != "true" {
            crate::output::note("midclt: this code is wrong, or was used before");
            return Err(Error::Call(error));
        }
        client.call(method, params)
    }
}
