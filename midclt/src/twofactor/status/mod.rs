//! `midclt 2fa status`: how it stands, the worst first, with what to do about it.

pub(super) mod concerns;
mod page;

use clap::Args;
use serde::Deserialize;

use super::JsonArg;
use super::daemon::Daemon;
use super::wire::{Bypass, Exemption, Grace};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::terminal::Screen;

/// Show how it stands, and what to do
#[derive(Debug, Args)]
#[command(after_help = "\
The worst comes first, each with the command that helps. It fits the
terminal; --json has everything.

Examples:
  midclt 2fa status
  midclt 2fa status --json")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    json: JsonArg,
}

/// Shows the status.
pub(super) fn run(connection: &Connection, args: &StatusArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa status");
    let answer = daemon.call("auth.twofactor.status", &[])?;
    let rows = match Screen::of_stdout() {
        Screen::Terminal { size, .. } => size.rows,
        Screen::Elsewhere => usize::MAX,
    };
    let text = |status: Status| page::page(&status, rows);
    args.json.form().print(&answer, text)
}

/// Whether anything protects SSH: that it is on does not.
pub(super) const fn who_asks(ssh: bool) -> &'static str {
    if ssh {
        "sshd asks for codes. Is it so? midclt 2fa ssh check"
    } else {
        "sshd does not ask for codes: midclt 2fa ssh enable"
    }
}

/// How the machine stands, as `auth.twofactor.status` tells it.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) enabled: bool,
    pub(super) ssh: bool,
    pub(super) window: u8,
    accounts: Accounts,
    locks: Vec<Lock>,
    bypasses: Vec<Bypass>,
    pub(super) exemptions: Vec<Exemption>,
    grace: Vec<Grace>,
    /// The first of the accounts with a login shell and without an active device.
    unenrolled: Vec<String>,
    /// None where nobody knows.
    unenrolled_count: Option<u64>,
    devices: Vec<DeviceUse>,
    /// Accounts with few recovery codes.
    recovery: Vec<CodesLeft>,
    pub(super) clock: Clock,
    warnings: Vec<String>,
    #[serde(default)]
    trial: Option<Trial>,
    #[serde(default)]
    rolled_back: Option<RolledBack>,
    /// The last report about sshd.
    #[serde(default)]
    sshd: Option<Sshd>,
}

/// Settings that end by themselves.
#[derive(Debug, Deserialize)]
struct Trial {
    until: i64,
}

#[derive(Debug, Deserialize)]
struct RolledBack {
    at: i64,
}

#[derive(Debug, Deserialize)]
struct Sshd {
    ready: bool,
    at: i64,
}

#[derive(Debug, Deserialize)]
struct Accounts {
    known: u64,
    with_active_device: u64,
    pending_only: u64,
    without_codes: u64,
}

#[derive(Debug, Deserialize)]
struct Lock {
    /// None: names that nobody has, or an address for all accounts.
    username: Option<String>,
    /// None: addresses from which nobody has logged in yet.
    source: Option<String>,
    retry_after: i64,
}

#[derive(Debug, Deserialize)]
struct DeviceUse {
    username: String,
    name: String,
    state: String,
    last_used: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct CodesLeft {
    username: String,
    remaining: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Clock {
    pub(super) synchronised: bool,
}

impl Status {
    /// What deserves a look, the worst first.
    pub(super) fn concerns(&self) -> Vec<concerns::Concern> {
        concerns::of(self)
    }

    /// How many accounts besides this one have no device, and the names of the first of them.
    pub(super) fn unenrolled_besides(&self, user: &str) -> (u64, String) {
        let others = self.unenrolled.iter().filter(|name| *name != user);
        let others: Vec<_> = others.cloned().collect();
        let left_out = self.unenrolled.len() - others.len();
        let number = self.unenrolled_count.unwrap_or_default();
        let number = number.saturating_sub(left_out as u64);
        (number, names(&others, number))
    }
}

/// The first few names of `total`.
fn names(first: &[String], total: u64) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<_> = first.iter().take(SHOWN).map(String::as_str).collect();
    let more = total.saturating_sub(shown.len() as u64);
    match (shown.as_slice(), more) {
        ([], _) => String::new(),
        (shown, 0) => shown.join(", "),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests;
