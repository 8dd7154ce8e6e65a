//! Shows: the pages and the sign-in, to the network, without any right of its own.
//!
//! It decides nothing. Each person who signs in gets a connection of their own to the daemon's web socket,
//! and may do there what the daemon lets them; a remote client gets such a connection to itself. What this
//! process guards is the way there: TLS, `Host` and `Origin`, cookies, and how much anybody may hold open.
#![forbid(unsafe_code)]

mod app;
mod assets;
mod certificate;
mod config;
mod daemon;
mod form;
mod guard;
mod listener;
mod logging;
mod origin;
mod pages;
mod random;
mod relay;
mod server;
mod sessions;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use config::{Config, Flags};

/// The command line, for the man page.
#[must_use]
pub fn command() -> clap::Command {
    <Flags as clap::CommandFactory>::command()
}

/// Runs the program until it is told to stop.
#[must_use]
pub fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Before logging is set up, or for whoever started it by hand.
            let _ = writeln!(io::stderr(), "middlewared-web: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> anyhow::Result<()> {
    let config = Config::load(flags)?;
    if flags.check_config {
        return write!(io::stdout(), "{config}").context("standard output");
    }
    if flags.show {
        return write!(io::stdout(), "{}", certificate::describe(&config)?)
            .context("standard output");
    }
    server::run(config)
}
