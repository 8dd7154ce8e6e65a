//! `midclt 2fa doctor`: everything that is or will be wrong, the worst first, each with what mends it.
//!
//! It asks the daemon, sshd and the files of the machine, and goes on where one does not answer: a file
//! for what only the files say, the rest is what `status` and `ssh check` find.

mod code;
mod kind;
mod machine;

use ::ssh::sshd::System;
use ::ssh::{Code, Root, Severity};
use clap::Args;
use serde_json::{Value, json};

use kind::Kind;

use super::daemon::{Daemon, Form, read};
use super::status::Status;
use super::wire::Exemption;
use super::{JsonArg, time};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::{count, matter};
use crate::{output, result};

/// Find everything that is wrong or soon will be, the worst first
#[derive(Debug, Args)]
#[command(after_help = "\
It looks at the daemon, its files and socket, the clock, accounts,
sshd and its PAM stack, and the way to root at a console. Without the
daemon it tells what the files say. It changes nothing.
Exit status: 0 nothing, 3 something to look at, 1 something is wrong.

With a USER it asks for the code that the phone shows, and says why it is
refused: a clock that is off, an app that ignored something, a code that
was used. It is not accepted and not used up. 0: it is the right one.

Examples:
  midclt 2fa doctor
  midclt 2fa doctor alice
  midclt 2fa doctor --json")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    json: JsonArg,
    /// Explain a code of this account's phone; it is asked for
    #[arg(value_name = "USER")]
    user: Option<String>,
    /// The code, rather than be asked for it; others see it in ps
    #[arg(long, value_name = "CODE", requires = "user")]
    code: Option<String>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trouble {
    /// Its name for programs.
    code: &'static str,
    severity: Severity,
    text: String,
    /// The command that mends it, or empty.
    cure: String,
}

impl Trouble {
    fn new(
        kind: Kind,
        severity: Severity,
        text: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            code: kind.as_str(),
            severity,
            text: text.into(),
            cure: cure.into(),
        }
    }
}

/// Looks at everything.
pub(super) fn run(connection: &Connection, args: &DoctorArgs) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::told("midclt: needs root: sudo midclt 2fa doctor"));
    }
    if let Some(user) = &args.user {
        return code::explain(connection, user, args);
    }
    let mut all = examine(connection, &System::new(Root::new("/")));
    all.sort_by_key(|trouble| trouble.severity);
    match args.json.form() {
        Form::Text => output::page(&page(&all))?,
        Form::Json => output::line(&result::to_json(&to_json(&all)))?,
    }
    match exit(&all) {
        0 => Ok(()),
        exit => Err(Failure {
            lines: Vec::new(),
            exit,
        }),
    }
}

fn examine(connection: &Connection, system: &System) -> Vec<Trouble> {
    let daemon = Daemon::new(connection, "2fa doctor");
    let mut all = machine::look(&system.root, &connection.socket);
    // Of the daemon itself: where it is silent, `status` is answered without it.
    let silence = daemon.try_call("core.ping", &[]).err();
    let silence = silence.map(|error| silent(&daemon.failure(&error)));
    let is_silent = silence.is_some();
    all.extend(silence);
    let status = status(&daemon);
    let is_wanted = match &status {
        Ok(status) => {
            all.extend(of_status(status));
            status.ssh && status.enabled
        }
        Err(trouble) => {
            all.extend(Some(trouble.clone()).filter(|_| !is_silent));
            // Nobody knows; what the files say of sshd counts where they were ever set up.
            false
        }
    };
    all.extend(of_sshd(system, is_wanted));
    all
}

fn status(daemon: &Daemon<'_>) -> Result<Status, Trouble> {
    let answer = daemon.try_call("auth.twofactor.status", &[]);
    let answer = answer.map_err(|error| daemon.failure(&error));
    answer
        .and_then(|answer| read(&answer))
        .map_err(|failure| silent(&failure))
}

/// The daemon does not answer: what helps is its failure's last line, or the end of that line.
fn silent(failure: &Failure) -> Trouble {
    const COMMANDS: [&str; 4] = ["systemctl ", "midclt ", "middlewared", "start it"];
    let lines = failure.lines.iter();
    let mut lines: Vec<_> = lines
        .map(|line| line.strip_prefix("midclt: ").unwrap_or(line))
        .collect();
    let is_command = |end: &str| COMMANDS.iter().any(|word| end.starts_with(word));
    let last = lines.pop().unwrap_or_default();
    let cure = match last.rsplit_once(": ") {
        Some((text, cure)) if is_command(cure) => {
            lines.push(text);
            cure
        }
        _ if is_command(last) || !lines.is_empty() => last,
        _ => {
            lines.push(last);
            ""
        }
    };
    let text = lines.join("; ");
    Trouble::new(Kind::Silent, Severity::Error, text, cure)
}

fn of_status(status: &Status) -> Vec<Trouble> {
    let mut all = Vec::new();
    if !status.enabled {
        let text = "Two-factor authentication is OFF for EVERYBODY.";
        all.push(Trouble::new(
            Kind::Off,
            Severity::Warning,
            text,
            "midclt 2fa enable",
        ));
    }
    all.extend(ends_soon(status, time::now()));
    all.extend(status.concerns().into_iter().map(|concern| {
        let severity = match concern.mark {
            '!' => Severity::Warning,
            _ => Severity::Info,
        };
        Trouble::new(
            Kind::Status,
            severity,
            concern.text,
            concern.cure.unwrap_or_default(),
        )
    }));
    all
}

/// Exemptions whose end will be a surprise to a job, each so many days before.
fn ends_soon(status: &Status, now: i64) -> Vec<Trouble> {
    const DAYS: i64 = 7;
    // A later one of the same account stands for it.
    let all = &status.exemptions;
    let is_last = |it: &&Exemption| {
        let mut same = all.iter().filter(|other| other.username == it.username);
        same.all(|other| other.until <= it.until)
    };
    let soon = all
        .iter()
        .filter(|exemption| exemption.until - now <= DAYS * time::DAY)
        .filter(is_last);
    soon.map(|exemption| {
        let user = &exemption.username;
        let text = format!(
            "The exemption of {user} ends at {}: then a code is asked for.",
            time::minute(exemption.until)
        );
        let cure = format!("midclt 2fa exempt {user} --days 90 --reason TEXT");
        Trouble::new(Kind::ExemptionEnds, Severity::Warning, text, cure)
    })
    .collect()
}

/// What sshd really does. Where nobody wants it to ask, only what is wrong all the same.
fn of_sshd(system: &System, is_wanted: bool) -> Vec<Trouble> {
    let found = match ::ssh::check::check(system, time::now()) {
        Ok(report) => report.findings,
        Err(error) => {
            let text = format!("What sshd does cannot be found out: {error}");
            return vec![Trouble::new(
                Kind::SshdUnknown,
                Severity::Warning,
                text,
                "midclt 2fa ssh check",
            )];
        }
    };
    let is_set_up = !found.iter().any(|finding| finding.code == Code::NoDropIn);
    let always = [Code::NoConsole, Code::PutBack];
    let counts = |code: Code| is_wanted || is_set_up || always.contains(&code);
    let mut all: Vec<_> = found
        .into_iter()
        .filter(|finding| counts(finding.code))
        .map(|finding| Trouble {
            code: finding.code.as_str(),
            severity: finding.severity,
            text: finding.text,
            cure: finding.cure,
        })
        .collect();
    if !is_wanted && !is_set_up {
        let text = "SSH logins need no code.";
        all.push(Trouble::new(
            Kind::SshOff,
            Severity::Info,
            text,
            "midclt 2fa ssh enable",
        ));
    }
    all
}

fn page(all: &[Trouble]) -> String {
    let number = |severity: Severity| {
        let same = all.iter().filter(|trouble| trouble.severity == severity);
        same.count() as u64
    };
    let mut lines = vec![match (number(Severity::Error), number(Severity::Warning)) {
        (0, 0) => "Nothing is wrong.".to_owned(),
        (0, warnings) => format!("{} to look at:", count(warnings, "matter")),
        (errors, 0) => format!("{} WRONG:", count(errors, "matter")),
        (errors, warnings) => {
            format!(
                "{} WRONG, {warnings} more to look at:",
                count(errors, "matter")
            )
        }
    }];
    for trouble in all {
        let mark = match trouble.severity {
            Severity::Error => '!',
            Severity::Warning => '*',
            Severity::Info => '-',
        };
        lines.extend(matter(mark, &trouble.text, &trouble.cure));
    }
    lines.join("\n") + "\n"
}

fn to_json(all: &[Trouble]) -> Value {
    let one = |trouble: &Trouble| {
        json!({
            "code": trouble.code,
            "severity": trouble.severity.as_str(),
            "text": trouble.text,
            "cure": trouble.cure,
        })
    };
    all.iter().map(one).collect()
}

fn exit(all: &[Trouble]) -> u8 {
    match all.iter().map(|trouble| trouble.severity).min() {
        Some(Severity::Error) => 1,
        Some(Severity::Warning) => 3,
        Some(Severity::Info) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use Severity::{Error, Info, Warning};

    use super::*;

    #[test]
    fn the_worst_decides() {
        let of = |severities: &[Severity]| {
            let all: Vec<_> = severities
                .iter()
                .map(|severity| {
                    Trouble::new(Kind::Status, *severity, "Something.", "midclt 2fa status")
                })
                .collect();
            (exit(&all), page(&all).lines().next().unwrap().to_owned())
        };
        for (severities, status, first) in [
            (&[][..], 0, "Nothing is wrong."),
            (&[Info], 0, "Nothing is wrong."),
            (&[Warning, Info], 3, "1 matter to look at:"),
            (&[Error, Error, Info], 1, "2 matters WRONG:"),
            (&[Error, Warning], 1, "1 matter WRONG, 1 more to look at:"),
        ] {
            assert_eq!(of(severities), (status, first.to_owned()), "{severities:?}");
        }
    }

    #[test]
    fn a_daemon_that_is_silent_is_told_with_what_helps() {
        let check = |failure: Failure, text: &str, cure: &str| {
            let trouble = silent(&failure);
            assert_eq!((trouble.text.as_str(), trouble.cure.as_str()), (text, cure));
        };
        let line = "midclt: middlewared is not running (no /s): systemctl start middlewared";
        let text = "middlewared is not running (no /s)";
        check(Failure::told(line), text, "systemctl start middlewared");
        let lines = Failure::told("midclt: it hangs").with(["midclt: end it: kill 1".to_owned()]);
        check(lines, "it hangs", "end it: kill 1");
        let line = "midclt: cannot connect: no";
        check(Failure::told(line), "cannot connect: no", "");
    }
}
