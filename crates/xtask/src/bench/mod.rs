//! The figures we promise, each beside its peer, measured in one run on one machine.
//!
//! Only ratios travel between machines, so every figure that has a peer is measured with
//! it, alternating. Nothing here is a test: a busy machine must not fail a build.

mod accounts;
mod caller;
mod commits;
mod figure;
mod figures;
mod flood;
mod line_server;
mod load;
mod login;
mod memory;
mod nginx;
mod server;
mod verifier;
mod web;
mod wire;

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use figure::Figure;
pub(crate) use line_server::run as line_server;
use server::Programs;

/// What the developer may choose.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
    /// Measure only the figures whose name contains this.
    #[arg(long, value_name = "WORD")]
    only: Option<String>,
    /// Seconds of load for each side of the throughput figure.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=30))]
    seconds: u64,
}

/// Measures and prints. The first call builds the release programs and starts over in the
/// release build of this one: its own client and peer must not be the slow part.
pub(crate) fn run(options: &Options) -> Result<()> {
    if cfg!(debug_assertions) {
        return start_over_in_release();
    }
    let programs = Programs::find(&directory_of_this_program()?)?;
    raise_descriptor_limit()?;
    let mut figures = Vec::new();
    for (name, measure) in figures::ALL {
        if options
            .only
            .as_deref()
            .is_none_or(|word| name.contains(word))
        {
            let rows =
                measure(&programs, options).with_context(|| format!("while measuring {name}"))?;
            figures.extend(rows);
        }
    }
    print(&figures, options);
    Ok(())
}

fn print(figures: &[Figure], options: &Options) {
    if options.json {
        let rows: Vec<_> = figures.iter().map(Figure::to_json).collect();
        println!("{:#}", serde_json::Value::from(rows));
    } else {
        println!("{}", figure::table(figures));
    }
}

fn start_over_in_release() -> Result<()> {
    let programs = "build --quiet --release -p middlewared -p pam -p web -p xtask";
    // As in ./quickstart: without shared libraries.
    let midclt = "rustc --quiet --release -p midclt --bin midclt -- -C target-feature=+crt-static";
    for arguments in [programs, midclt] {
        cargo(arguments)?;
    }
    let release = target_directory()?.join("release");
    let program = release.join("xtask");
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let mut command = Command::new(&program);
    // The test support must not build its own in their place.
    command.args(arguments).env("MIDDLEWARED_BIN_DIR", release);
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}

fn cargo(arguments: &str) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(arguments.split(' '))
        .current_dir(crate::root()?);
    let status = command.status().context("cannot run cargo")?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

/// This program is in `target/debug`.
fn target_directory() -> Result<PathBuf> {
    let directory = directory_of_this_program()?;
    let target = directory.parent().map(Path::to_path_buf);
    target.context("this program is in no target directory")
}

fn directory_of_this_program() -> Result<PathBuf> {
    let program = env::current_exe().context("where is this program?")?;
    let directory = program.parent().map(Path::to_path_buf);
    directory.context("this program is in no directory")
}

/// A thousand clients need more descriptors than a shell's usual 1,024.
fn raise_descriptor_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("cannot raise the descriptor limit")
}
