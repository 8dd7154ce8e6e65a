//! `midclt 2fa restore`: what an export has comes back. (`middlewared restore` puts a copy of this very
//! machine's database back, and needs no passphrase.)

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::daemon::{Daemon, Form, read};
use super::export::open;
use super::passphrase::PassphraseArg;
use super::{JsonArg, YesArg};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::{count, table, wrap};
use crate::{output, result};

/// How many differences are shown to people.
const SHOWN: usize = 50;

/// Put back what midclt 2fa export wrote, here or on another machine
#[derive(Debug, Args)]
#[command(after_help = "\
First it is shown what would be different. Then all of it is done, or
nothing. An account gets the devices that it had; those that it has
besides go. An account that the file does not know keeps all; one that
has another uid here, or is not here, gets nothing. Codes up to now
count as used: each phone's codes count a step or two later. Recovery
codes are void.

Not to be mixed up with middlewared restore: that puts back a copy of
this machine's own database, where it is damaged, and takes no such
file.

Examples:
  midclt 2fa restore /media/usb/nas1.2fa
  midclt 2fa restore /media/usb/nas1.2fa --dry-run
  midclt 2fa restore nas1.2fa --yes --passphrase-stdin < passphrase")]
pub(crate) struct RestoreArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only show what would be different
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// If two-factor authentication is off now, leave it off
    #[arg(long)]
    stay_off: bool,
    #[command(flatten)]
    passphrase: PassphraseArg,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Shows what would be different, asks, and does it.
pub(super) fn run(connection: &Connection, args: &RestoreArgs) -> Result<(), Failure> {
    args.passphrase.check()?;
    let daemon = Daemon::new(connection, "2fa restore");
    let contents = open(&args.file, &args.passphrase)?;
    let summary = contents.summary()?;
    let form = args.json.form();
    let restore = |dry_run: bool| {
        let options = json!({ "dry_run": dry_run, "stay_off": args.stay_off });
        contents.restore((&daemon, connection), &options)
    };
    let plan = restore(true)?;
    let report: Report = read(&plan)?;
    if args.dry_run {
        return match form {
            Form::Json => output::line(&result::to_json(&read(&plan)?)),
            Form::Text => output::page(&format!("{}\n{}", summary.title(), report.page())),
        };
    }
    if form == Form::Text {
        output::note(&format!(
            "{}\n{}",
            summary.title(),
            report.page().trim_end()
        ));
    }
    args.yes.consent()?.to("", "Restore it?")?;
    let done = restore(false)?;
    let report: Report = read(&done)?;
    match form {
        Form::Json => output::line(&result::to_json(&read(&done)?))?,
        Form::Text => output::page(&report.done())?,
    }
    daemon.remark(&report.what_next());
    Ok(())
}

/// What is different, as the daemon says.
#[derive(Debug, Deserialize)]
struct Report {
    accounts: u64,
    devices_added: u64,
    devices_removed: u64,
    devices_changed: u64,
    changes: Vec<Change>,
    accounts_skipped: u64,
    skipped: Vec<Skipped>,
    accounts_left: u64,
    recovery_void: u64,
    settings: Settings,
}

#[derive(Debug, Deserialize)]
struct Change {
    username: String,
    what: String,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Skipped {
    username: String,
    uid: u32,
    why: String,
}

#[derive(Debug, Deserialize)]
struct Settings {
    before: Switches,
    after: Switches,
    exported: Switches,
    changed: bool,
    still_lets_in: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Switches {
    enabled: bool,
    ssh: bool,
}

impl Change {
    fn row(&self) -> [String; 3] {
        let what = match self.what.as_str() {
            "DEVICE_ADDED" => "a device comes",
            "DEVICE_REMOVED" => "a device GOES",
            "DEVICE_CHANGED" => "a device is changed",
            "EXEMPTION_ADDED" => "is exempt again",
            "EXEMPTION_REMOVED" => "is not exempt any more",
            "GRACE" => "is in grace again",
            other => other,
        };
        let name = self.name.clone().unwrap_or_default();
        [self.username.clone(), what.to_owned(), name]
    }
}

impl Skipped {
    fn line(&self) -> String {
        let why = match self.why.as_str() {
            "NO_SUCH_USER" => "there is no such user here",
            "OTHER_UID" => "that user has another uid here",
            "OTHER_RECORD" => "there is a record of somebody else with that name or uid here",
            other => other,
        };
        format!("{} (uid {}) gets nothing: {why}", self.username, self.uid)
    }
}

impl Report {
    /// What would be different.
    fn page(&self) -> String {
        let mut lines = Vec::new();
        if self.changes.is_empty() {
            lines.push("No device and no exemption would be different.".to_owned());
        } else {
            let mut rows = vec![["USER", "WHAT", "NAME"].map(str::to_owned)];
            rows.extend(self.changes.iter().take(SHOWN).map(Change::row));
            lines.extend(table(&rows));
            lines.extend(more(self.changes.len() as u64, SHOWN, "difference"));
        }
        for skipped in self.skipped.iter().take(SHOWN) {
            lines.extend(wrap(&skipped.line(), 80));
        }
        lines.extend(more(self.accounts_skipped, SHOWN, "account skipped"));
        lines.push(format!(
            "Devices: to come {}, to go {}, to change {}.",
            self.devices_added, self.devices_removed, self.devices_changed
        ));
        if self.accounts_left > 0 {
            let accounts = count(self.accounts_left, "account");
            lines.push(format!("{accounts} not in the file: left as they are."));
        }
        if self.recovery_void > 0 {
            let accounts = count(self.recovery_void, "account");
            lines.push(format!("Recovery codes: void, of {accounts}."));
        }
        lines.push(self.settings.line());
        lines.join("\n") + "\n"
    }

    fn done(&self) -> String {
        format!(
            "Restored: {}; {} skipped. Devices: came {}, went {}, changed {}.\n{}\n",
            count(self.accounts, "account"),
            self.accounts_skipped,
            self.devices_added,
            self.devices_removed,
            self.devices_changed,
            self.settings.line()
        )
    }

    /// What is left to do.
    fn what_next(&self) -> Vec<String> {
        let mut lines =
            vec!["midclt: codes up to now count as used: wait for the next one or two".to_owned()];
        if self.recovery_void > 0 {
            lines.push(
                "midclt: recovery codes are void; new ones: midclt 2fa recovery USER".to_owned(),
            );
        }
        let Settings {
            after, exported, ..
        } = self.settings;
        if exported.ssh && !after.ssh {
            lines.push(
                "midclt: sshd does not ask for codes here yet: midclt 2fa ssh enable".to_owned(),
            );
        }
        if self.settings.still_lets_in {
            lines.push(
                "midclt: accounts without a device are still let in: midclt 2fa policy".to_owned(),
            );
        }
        if exported.enabled && !after.enabled {
            lines.push("midclt: two-factor authentication is off: midclt 2fa enable".to_owned());
        }
        lines
    }
}

impl Settings {
    fn line(&self) -> String {
        let is = match (self.before.enabled, self.after.enabled) {
            (true, true) => "stays on",
            (false, false) => "stays off",
            (false, true) => "is ON by it",
            (true, false) => "is OFF by it, for EVERYBODY",
        };
        let rest = if self.changed {
            "settings and policy as in the file"
        } else {
            "settings and policy are the same"
        };
        format!("Two-factor authentication {is}; {rest}.")
    }
}

/// That there are more than are shown.
fn more(all: u64, shown: usize, one: &str) -> Option<String> {
    let more = all.saturating_sub(shown as u64);
    (more > 0).then(|| format!("and {more} more; --dry-run --json lists them ({one}s)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(before: bool, after: bool, ssh: bool) -> Report {
        let switches = |enabled| json!({ "enabled": enabled, "ssh": false });
        let report = json!({
            "dry_run": true, "hostname": "nas1", "at": 0, "accounts": 2, "devices_added": 1,
            "devices_removed": 1, "devices_changed": 0, "changes": [
                { "username": "alice", "what": "DEVICE_REMOVED", "name": "tablet" },
                { "username": "alice", "what": "DEVICE_ADDED", "name": "phone" },
                { "username": "bob", "what": "GRACE", "name": null },
            ],
            "accounts_skipped": 1, "accounts_left": 1, "recovery_void": 1,
            "skipped": [{ "username": "carol", "uid": 1005, "why": "NO_SUCH_USER" }],
            "settings": {
                "before": switches(before), "after": switches(after),
                "exported": { "enabled": true, "ssh": ssh }, "changed": true,
                "still_lets_in": false,
            },
        });
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn what_would_be_different() {
        assert_eq!(
            report(false, true, false).page(),
            "USER   WHAT               NAME\n\
             alice  a device GOES      tablet\n\
             alice  a device comes     phone\n\
             bob    is in grace again\n\
             carol (uid 1005) gets nothing: there is no such user here\n\
             Devices: to come 1, to go 1, to change 0.\n\
             1 account not in the file: left as they are.\n\
             Recovery codes: void, of 1 account.\n\
             Two-factor authentication is ON by it; settings and policy as in the file.\n"
        );
    }

    #[test]
    fn what_is_left_to_do() {
        let check = |before, after, ssh, expected: &[&str]| {
            let lines = report(before, after, ssh).what_next();
            assert_eq!(lines.len(), 2 + expected.len(), "{lines:?}");
            for (line, command) in lines[2..].iter().zip(expected) {
                assert!(line.ends_with(command), "{line}");
            }
            assert!(lines.iter().all(|line| line.len() <= 80), "{lines:?}");
        };
        check(false, true, false, &[]);
        check(true, true, true, &["midclt 2fa ssh enable"]);
        check(
            false,
            false,
            true,
            &["midclt 2fa ssh enable", "midclt 2fa enable"],
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        let mut many = report(true, true, false);
        let row = || Change {
            username: "user".to_owned(),
            what: "DEVICE_ADDED".to_owned(),
            name: None,
        };
        many.changes = (0..60).map(|_| row()).collect();
        many.accounts_skipped = 1000;
        let page = many.page();
        assert!(page.contains("\nand 10 more; "), "{page}");
        assert!(page.contains("\nand 950 more; "), "{page}");
        assert!(page.lines().all(|line| line.len() <= 80), "{page}");
    }
}
