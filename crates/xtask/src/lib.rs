//! Development only: contract, man pages, house rules, benchmarks.
//!
//! `cargo xtask --help` lists the tasks. Whatever a task generates is committed, and its
//! `--check` compares instead of writing.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program for a developer at a terminal"
)]

mod bench;
mod completions;
mod contract;
pub mod deb;
mod golden;
mod man;
mod screenshots;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// What `main` calls.
#[must_use]
pub fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Code(code) => {
            println!("{}", code.current());
            Ok(())
        }
        Task::Contract(golden) => contract::run(root()?, golden.mode()),
        Task::Man(golden) => man::run(root()?, golden.mode()),
        Task::Completions { directory } => completions::run(&directory),
        Task::Deb(options) => {
            for file in deb::packages(root()?, &options)? {
                println!("{}", file.display());
            }
            println!("{}", deb::tarball(root()?, &options)?.display());
            Ok(())
        }
        Task::Screenshots => screenshots::run(root()?),
        Task::Tidy => tidy::run(root()?),
        Task::Bench(options) => bench::run(&options),
        Task::LineServer { socket } => bench::line_server(&socket),
    }
}

/// Tasks for developers of middlewared.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Print the current code of a base32 secret.
    Code(Code),
    /// Write the API's contract, `docs/api.json`.
    Contract(Golden),
    /// Write the manual pages, `docs/man/`.
    Man(Golden),
    /// Write midclt's completion for bash, zsh and fish.
    Completions {
        /// Where to write.
        directory: PathBuf,
    },
    /// Build the Debian packages, and a tarball with static binaries.
    Deb(deb::Options),
    /// Write the pictures of the web pages, `docs/web/`. Needs what `./check` installs.
    Screenshots,
    /// Check the house rules that a program can check.
    Tidy,
    /// Measure the figures we promise, beside their peers, in one run.
    Bench(bench::Options),
    /// The peer of the throughput figure: a bare server that echoes lines.
    #[command(hide = true)]
    LineServer {
        /// Where to listen.
        socket: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Golden {
    /// Compare with the committed files instead of writing them.
    #[arg(long)]
    check: bool,
}

impl Golden {
    fn mode(&self) -> golden::Mode {
        if self.check {
            golden::Mode::Check
        } else {
            golden::Mode::Write
        }
    }
}

#[derive(Debug, clap::Args)]
struct Code {
    /// The secret, in base32.
    secret: String,
    /// Digits of a code.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(6..=8))]
    digits: u32,
    /// Seconds of a time step.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,
}

impl Code {
    fn current(&self) -> String {
        let now = testkit::now();
        let secret = self.secret.to_ascii_uppercase();
        testkit::totp(
            &secret,
            self.digits,
            self.interval,
            now,
            testkit::Algorithm::Sha1,
        )
    }
}

/// The workspace's directory: two above this package.
fn root() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .context("this package is not in a workspace")
}
