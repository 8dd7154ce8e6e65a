//! `middlewared restore`: a copy in place of a database that is damaged or lost.

use std::io::{self, Write};
use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

use anyhow::{Context, bail};
use store::Restored;

use crate::config::{Config, Flags};
use crate::logging::Log;
use crate::owner;

/// Put a copy back in place of a database that is damaged or lost
///
/// Takes the newest copy that is good, or the one that is named. What was there is kept beside the
/// copies. Codes up to now count as used, recovery codes and bypasses are void. The daemon must not run.
///
/// It needs the master key of the copy. A file of midclt 2fa export is something else, which needs none:
/// midclt 2fa restore FILE.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example, as root:
  systemctl stop middlewared.socket middlewared
  middlewared restore
  systemctl start middlewared.socket middlewared")]
pub(crate) struct RestoreArgs {
    /// The copy [default: the newest good one, if the database is not]
    #[arg(value_name = "COPY")]
    copy: Option<PathBuf>,
    /// For the process that runs as the owner of the state.
    #[arg(long, hide = true)]
    as_owner: bool,
}

/// Puts it back, as the owner of the state.
pub(crate) fn run(flags: &Flags, args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(flags)?;
    if args.as_owner {
        let _ = Log::to_the_journal();
        let restored = store::restore(&config.state_dir, args.copy.as_deref(), clock::now())?;
        tracing::warn!(copy = %restored.copy.display(), "a copy was put back in place of the database");
        told(&restored).context("standard output")?;
        return Ok(ExitCode::SUCCESS);
    }
    let state_dir = absolute(&config.state_dir)?;
    let mut command = owner::again(&state_dir).with_context(|| state_dir.display().to_string())?;
    command.args(["restore", "--as-owner", "--config", "/dev/null"]);
    command.arg("--state-dir").arg(&state_dir);
    if let Some(copy) = &args.copy {
        command.arg(absolute(copy)?);
    }
    let status = command
        .status()
        .context("cannot run as the state's owner")?;
    match status.code() {
        Some(0) => Ok(ExitCode::SUCCESS),
        // It has said why.
        Some(_) => Ok(ExitCode::FAILURE),
        None => bail!("ended by {status}"),
    }
}

fn told(restored: &Restored) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for skipped in &restored.skipped {
        writeln!(out, "Not good either: {}", shown(skipped))?;
    }
    writeln!(out, "Put back: {}", shown(&restored.copy))?;
    if let Some(aside) = &restored.aside {
        writeln!(out, "What was there is kept: {}", shown(aside))?;
    }
    writeln!(
        out,
        "Settings and devices are as they were then. Codes up to now count as used;\n\
         recovery codes and bypasses are void: midclt 2fa recovery USER"
    )
}

fn shown(path: &Path) -> std::path::Display<'_> {
    path.display()
}
