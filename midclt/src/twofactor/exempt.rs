//! `midclt 2fa exempt`: an account that is not asked for codes until a date.

use clap::Args;
use serde_json::json;

use super::daemon::Daemon;
use super::permit::{self, ListArg, Query};
use super::{JsonArg, YesArg, time, wire};
use crate::cli::Connection;
use crate::failure::Failure;

/// Do not ask an account for codes until a date
#[derive(Debug, Args)]
#[command(override_usage = "\
midclt 2fa exempt USER --until YYYY-MM-DD --reason TEXT [--yes]
       midclt 2fa exempt USER --days N --reason TEXT [--yes]
       midclt 2fa exempt --list [USER]
       midclt 2fa exempt --delete ID")]
#[command(after_help = "\
For accounts of programs, such as a backup. It ends when that day begins,
in UTC. For a person who is locked out: midclt 2fa bypass.

Examples:
  midclt 2fa exempt backup --until 2027-01-01 --reason 'nightly rsync'
  midclt 2fa exempt backup --days 30 --reason 'nightly rsync'
  midclt 2fa exempt --list")]
pub(crate) struct ExemptArgs {
    /// Which account
    #[arg(value_name = "USER", required_unless_present_any = ["list", "delete"])]
    user: Option<String>,
    /// It ends when this day begins, in UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = time::parse_date)]
    #[arg(required_unless_present_any = ["days", "list", "delete"])]
    #[arg(conflicts_with_all = ["list", "delete"])]
    until: Option<i64>,
    /// It ends in so many days
    #[arg(long, value_name = "N", conflicts_with_all = ["until", "list", "delete"])]
    days: Option<u16>,
    /// Why; for the log
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["list", "delete"])]
    #[arg(conflicts_with_all = ["list", "delete"])]
    reason: Option<String>,
    #[command(flatten)]
    list: ListArg,
    /// Take one back
    #[arg(long, value_name = "ID", conflicts_with = "user")]
    delete: Option<i64>,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Creates, lists or deletes exemptions.
pub(super) fn run(connection: &Connection, args: &ExemptArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa exempt");
    let form = args.json.form();
    if let Some(id) = args.delete {
        return permit::delete(&daemon, "auth.twofactor.exemption.delete", json!(id), form);
    }
    if args.list.list {
        let query = Query {
            method: "auth.twofactor.exemption.query",
            user: args.user.as_deref(),
            form,
        };
        return permit::list(&daemon, &query, row);
    }
    create(&daemon, args)
}

fn create(daemon: &Daemon<'_>, args: &ExemptArgs) -> Result<(), Failure> {
    let user = args.user.as_deref().unwrap_or_default();
    let now = time::now();
    let in_days = |days: u16| now.saturating_add(i64::from(days) * time::DAY);
    let until = args.until.or(args.days.map(in_days)).unwrap_or(now);
    let what = format!(
        "Until {} ({}) the password or key of {user} is enough.",
        time::minute(until),
        time::span(until.saturating_sub(now))
    );
    args.yes.consent()?.to(&what, "Exempt it?")?;
    let request = json!({"username": user, "until": until, "reason": args.reason});
    let answer = daemon.call("auth.twofactor.exemption.create", &[request])?;
    args.json
        .form()
        .print(&answer, |exemption: wire::Exemption| {
            format!(
                "{} is not asked for a code until {}.\n\
                 To take it back: midclt 2fa exempt --delete {}\n",
                exemption.username,
                time::minute(exemption.until),
                exemption.id
            )
        })
}

fn row(exemption: &wire::Exemption) -> [String; 4] {
    [
        exemption.id.to_string(),
        exemption.username.clone(),
        format!("until {}", time::minute(exemption.until)),
        exemption.reason.clone(),
    ]
}
