//! `midclt 2fa recovery`: codes on paper, for the day when the phone is gone.

use std::fmt::Write;

use clap::Args;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::daemon::{Daemon, Form, read};
use super::{JsonArg, ROOT, YesArg, talk, time};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::count;
use crate::output;

/// Make recovery codes for an account, in place of those that it has
#[derive(Debug, Args)]
#[command(after_help = "\
Each code works once, in place of a code of the phone. The old ones go on
working until the new ones are said to be saved; then they end. With
--json nothing is asked: the new codes count after --yes, or --saved.

Examples:
  midclt 2fa recovery
  midclt 2fa recovery alice --remaining
  midclt 2fa recovery alice > alice.txt    the question is on stderr
  midclt 2fa recovery alice --json && midclt 2fa recovery --saved 7")]
pub(crate) struct RecoveryArgs {
    /// Whose [default: root]
    #[arg(value_name = "USER", conflicts_with = "saved")]
    user: Option<String>,
    /// Only say how many are left
    #[arg(long, conflicts_with_all = ["saved", "yes"])]
    remaining: bool,
    /// The codes of this number are saved: let them count
    #[arg(long, value_name = "ID", conflicts_with = "yes")]
    saved: Option<i64>,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Makes codes, or says what there is.
pub(super) fn run(connection: &Connection, args: &RecoveryArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa recovery");
    let user = args.user.as_deref().unwrap_or(ROOT);
    let form = args.json.form();
    if let Some(id) = args.saved {
        let text = |saved: Saved| saved.text();
        return form.print(&confirm(&daemon, id)?, text);
    }
    if args.remaining {
        let answer = daemon.call("auth.twofactor.recovery.remaining", &[json!(user)])?;
        return form.print(&answer, |left: Left| left.text(user));
    }
    if form == Form::Json {
        return for_a_program(&daemon, user, args);
    }
    args.yes.consent()?;
    let codes = generate(&daemon, user)?;
    output::page(&codes.sheet(user))?;
    let saved =
        settle(&daemon, &codes, args.yes.yes).map_err(|failure| failure.with(codes.later()))?;
    if saved {
        Ok(())
    } else {
        Err(Failure {
            lines: codes.later().into(),
            exit: 1,
        })
    }
}

fn for_a_program(daemon: &Daemon<'_>, user: &str, args: &RecoveryArgs) -> Result<(), Failure> {
    let answer = daemon.call("auth.twofactor.recovery.generate", &[json!(user)])?;
    Form::Json.print(&answer, |_: Codes| String::new())?;
    let codes: Codes = read(&answer)?;
    if args.yes.yes {
        confirm(daemon, codes.id)?;
    } else {
        daemon.remark(&codes.later());
    }
    Ok(())
}

/// New codes; not `Debug`, they are secrets.
#[derive(Deserialize)]
pub(super) struct Codes {
    id: i64,
    codes: Vec<String>,
}

/// What an account has left.
#[derive(Debug, Deserialize)]
pub(super) struct Left {
    pub(super) remaining: u32,
    #[serde(default)]
    unsaved: bool,
    #[serde(default)]
    created: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Saved {
    username: String,
    remaining: u32,
}

/// Makes new codes, which do not count yet.
pub(super) fn generate(daemon: &Daemon<'_>, user: &str) -> Result<Codes, Failure> {
    daemon.ask("auth.twofactor.recovery.generate", &[json!(user)])
}

/// Asks how many are left.
pub(super) fn remaining(daemon: &Daemon<'_>, user: &str) -> Result<Left, Failure> {
    daemon.ask("auth.twofactor.recovery.remaining", &[json!(user)])
}

/// Asks whether the codes are saved, and makes them count if so.
pub(super) fn settle(daemon: &Daemon<'_>, codes: &Codes, yes: bool) -> Result<bool, Failure> {
    let saved = yes || talk::yes_or_no_in_words("Saved? From now on only these codes count.")?;
    if saved {
        let saved: Saved = read(&confirm(daemon, codes.id)?)?;
        output::note(saved.text().trim_end());
    }
    Ok(saved)
}

fn confirm(daemon: &Daemon<'_>, id: i64) -> Result<Box<RawValue>, Failure> {
    daemon.call("auth.twofactor.recovery.confirm_saved", &[json!(id)])
}

impl Codes {
    /// The codes as a page to print.
    pub(super) fn sheet(&self, user: &str) -> String {
        let mut page = format!(
            "Recovery codes of {user}.\n\
             Each works once, in place of a code of the phone. Print them or write them\n\
             down, and keep them where the phone is not.\n\n"
        );
        for code in &self.codes {
            // Writing to a String cannot fail.
            let _ = writeln!(page, "    {code}");
        }
        page + "\n"
    }

    /// What to say where nobody said that they are saved.
    pub(super) fn later(&self) -> [String; 2] {
        [
            "midclt: the new recovery codes do not count yet; the old ones, if any, still do"
                .to_owned(),
            format!(
                "midclt: once they are saved: midclt 2fa recovery --saved {}",
                self.id
            ),
        ]
    }
}

impl Saved {
    fn text(&self) -> String {
        let codes = count(self.remaining.into(), "recovery code");
        format!("{} has {codes}.\n", self.username)
    }
}

impl Left {
    fn text(&self, user: &str) -> String {
        let codes = count(self.remaining.into(), "recovery code");
        let made = match self.created {
            Some(at) => format!(", made {}", time::minute(at)),
            None => String::new(),
        };
        let mut text = format!("{user} has {codes} left{made}.\n");
        if self.unsaved {
            text.push_str("Newer ones were made and not said to be saved: they do not count.\n");
        }
        if self.remaining <= 2 {
            text.push_str("Make new ones: midclt 2fa recovery ");
            text.push_str(user);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_codes_fit_a_console() {
        let codes = Codes {
            id: 7,
            codes: vec!["K-ABCD-EFGH-IJKL-MNOP".to_owned(); 10],
        };
        let sheet = codes.sheet("a-user-name-of-thirty-two-letter");
        assert!(sheet.lines().all(|line| line.len() <= 80), "{sheet}");
        // With the question below it.
        assert!(sheet.lines().count() < 24, "{sheet}");
    }

    #[test]
    fn what_is_left() {
        let check = |remaining: u32, unsaved: bool, created: Option<i64>, expected: &str| {
            let left = Left {
                remaining,
                unsaved,
                created,
            };
            assert_eq!(left.text("alice"), expected);
        };
        check(
            9,
            false,
            Some(0),
            "alice has 9 recovery codes left, made 1970-01-01 00:00 UTC.\n",
        );
        check(
            1,
            true,
            None,
            "alice has 1 recovery code left.\n\
             Newer ones were made and not said to be saved: they do not count.\n\
             Make new ones: midclt 2fa recovery alice\n",
        );
    }
}
