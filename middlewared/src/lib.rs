//! Listens: the daemon that owns the second factor of a machine.
//!
//! It knows sockets, connections, limits, one writer thread, and how to start and stop; it knows no
//! method names. A call goes from [`listener`](self) through `connection` to the method table of the
//! `api` crate, and its answer back.
#![forbid(unsafe_code)]

mod aftermath;
mod config;
mod connections;
mod glass;
mod http;
mod listener;
mod logging;
mod once;
mod owner;
mod password;
mod peer;
mod pool;
mod queue;
mod restore;
mod rpc;
mod server;
mod service;
mod socket;
mod websocket;
mod writer;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use config::{Command, Config, Flags};

/// The command line, for the man page.
#[must_use]
pub fn command() -> clap::Command {
    <Flags as clap::CommandFactory>::command()
}

/// Runs the daemon until it is told to stop.
#[must_use]
pub fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(status) => status,
        Err(error) => {
            // Before logging is set up, or for whoever started it by hand.
            let _ = writeln!(io::stderr(), "middlewared: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    match &flags.command {
        Some(Command::Once(args)) => return once::run(flags, args),
        Some(Command::Restore(args)) => return restore::run(flags, args),
        None => {}
    }
    let config = Config::load(flags)?;
    if flags.check_config {
        write!(io::stdout(), "{config}").context("standard output")?;
    } else {
        server::run(flags, &config)?;
    }
    Ok(ExitCode::SUCCESS)
}
