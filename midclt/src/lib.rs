//! Speaks to people: words to JSON, results to text, errors to one line with the cure.
//!
//! midclt knows the daemon only through its socket, and the methods only through the committed
//! contract, `docs/api.json`, which is built in. The answer of a call is the only thing on stdout;
//! what midclt itself has to say goes to stderr. Params never appear in either: they may be codes
//! and secrets.
#![forbid(unsafe_code)]

mod argv;
mod ask;
mod call;
mod cli;
mod completion;
mod contract;
mod failure;
mod keyboard;
mod layout;
mod methods;
mod once;
mod output;
mod piped;
mod random;
mod remote;
mod result;
mod subscribe;
mod terminal;
mod twofactor;
mod wait;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches};

use crate::cli::{Cli, Command, Connection};
use crate::failure::Failure;
use crate::remote::RemoteArgs;

pub use crate::completion::script as completion_script;

/// The command line as clap knows it, for the man page.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs one command line, program name first, and says how it went.
///
/// 0: done; 1: the call failed, or could not be made; 2: the command line makes no sense.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match try_run(argv::normalise(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.lines.iter().for_each(|line| output::note(line));
            ExitCode::from(failure.exit)
        }
    }
}

/// Most of these commands change files of the machine they run on.
const LOCAL: &str = "this command is for the machine it runs on; on another one there are call, \
                     subscribe, methods and ping";

fn try_run(args: Vec<OsString>) -> Result<(), Failure> {
    let usage = |error| cli::usage_failure(&error);
    let matches = RemoteArgs::augment_args(command())
        .try_get_matches_from(args)
        .map_err(usage)?;
    let remote = RemoteArgs::from_arg_matches(&matches).map_err(usage)?;
    let cli = Cli::from_arg_matches(&matches).map_err(usage)?;
    let connection = Connection::new(cli.connection, remote)?;
    match cli.command {
        None => output::text(&command().render_help().to_string()),
        Some(Command::Call(args)) => call::run(&connection, args),
        Some(Command::Ping(args)) => wait::ping(&connection, &args),
        Some(Command::Subscribe(args)) => subscribe::run(&connection, &args),
        Some(Command::Methods(args)) => methods::run(&connection, &args),
        Some(Command::Waitready(_) | Command::TwoFactor(_)) if connection.remote.is_some() => {
            Err(Failure::usage(LOCAL))
        }
        Some(Command::Waitready(args)) => wait::until_ready(&connection, &args),
        Some(Command::TwoFactor(command)) => twofactor::run(&connection, command),
        Some(Command::Completion(args)) => completion::run(&args),
    }
}
