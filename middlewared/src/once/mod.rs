//! `middlewared once METHOD`: one call on the state itself, for when no daemon answers.
//!
//! It is two processes. The first is whoever started it, root as a rule. It never opens the state: it
//! starts the second one as the owner of the state directory, watches it, and does what needs root,
//! which is the override. The second opens the state, so that nothing in it ever belongs to anybody but
//! its owner, and answers. Params come on standard input, never in an argument that `ps` shows.

mod glass;
mod reply;
mod watcher;
mod worker;

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use api::{CallError, Identity, Method, RawParams};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Peer;

use crate::config::Flags;
use crate::logging::Log;
use reply::Reply;

/// As much as the socket takes.
const MAX_BYTES: u64 = 64 << 10;

/// Run one method on the state itself, without a daemon
///
/// For recovery, when no daemon answers: midclt does this by itself. The params are read from standard
/// input as a JSON array. Only methods that do no harm when done twice: those marked offline in the
/// contract. Prints one line of JSON, with "result" or "error", and "notes" for people.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example, as root:
  echo '[{\"enabled\": false}]' | middlewared once auth.twofactor.update")]
pub(crate) struct OnceArgs {
    /// The method, such as auth.twofactor.update
    #[arg(value_name = "METHOD")]
    method: String,
    /// For the second process: the request comes from the first.
    #[arg(long, hide = true)]
    as_owner: bool,
}

/// What the second process is told by the first.
#[derive(Serialize, Deserialize)]
struct Request {
    params: Value,
    state_dir: PathBuf,
    issuer: String,
    product: String,
    /// Who asked, for the audit.
    uid: u32,
    pid: i32,
    login_uid: Option<u32>,
    /// The override that follows once this is stored, for as long as no daemon answers: the daemon has
    /// no need of it.
    generation: Option<u64>,
}

impl Request {
    const fn peer(&self) -> Peer {
        Peer {
            uid: self.uid,
            pid: self.pid,
            login_uid: self.login_uid,
        }
    }

    fn identity(&self) -> Identity {
        Identity {
            issuer: self.issuer.clone(),
            product: self.product.clone(),
        }
    }
}

/// Runs one method, and says how it went: 0, or 1 with an error on standard output.
pub(crate) fn run(flags: &Flags, args: &OnceArgs) -> anyhow::Result<ExitCode> {
    // A recovery needs no log, and there may be nobody who keeps it.
    let _ = Log::to_the_journal();
    let input = input()?;
    let reply = match method(&args.method) {
        Err(error) => Reply::error(&error),
        Ok(method) if args.as_owner => {
            let request = serde_json::from_slice(&input).context("the request")?;
            worker::work(method, request)
        }
        Ok(method) => watcher::watch(flags, method, &input),
    };
    let mut line = serde_json::to_string(&reply).context("the reply")?;
    line.push('\n');
    io::stdout()
        .write_all(line.as_bytes())
        .context("standard output")?;
    Ok(if reply.is_done() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Nothing is read from a terminal: whoever types this has no params.
fn input() -> anyhow::Result<Vec<u8>> {
    let mut input = Vec::new();
    if io::stdin().is_terminal() {
        return Ok(input);
    }
    let mut stdin = io::stdin().lock().take(MAX_BYTES + 1);
    stdin.read_to_end(&mut input).context("standard input")?;
    if input.len() as u64 > MAX_BYTES {
        bail!("more than {MAX_BYTES} bytes of params");
    }
    Ok(input)
}

fn method(name: &str) -> Result<&'static Method, CallError> {
    match api::find(name) {
        Some(method) if method.offline => Ok(method),
        Some(_) => Err(CallError::refused(
            Errno::EOPNOTSUPP,
            "This method needs the running daemon: only what a recovery needs can be done without",
        )),
        None => Err(CallError::refused(Errno::ENOENT, "There is no such method")),
    }
}

/// Params by position or by name; none at all are an empty list.
fn raw(params: Value) -> Option<RawParams> {
    match params {
        Value::Null => Some(RawParams::Positional(Vec::new())),
        Value::Array(values) => Some(RawParams::Positional(values)),
        Value::Object(named) => Some(RawParams::Named(named)),
        _ => None,
    }
}
