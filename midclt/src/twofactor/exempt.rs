//! `midclt 2fa exempt`: an account that is not asked for codes until a date.

use clap::Args;
use serde_json::json;

use super::daemon::Daemon;
use super::permit::{self, ListArg, Query};
use super::talk::Consent;
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
    /// It ends in so many days, 1 to 366
    #[arg(long, value_name = "N", conflicts_with_all = ["until", "list", "delete"])]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=366))]
    days: Option<u16>,
    /// Why, in 1 to 64 characters; --list shows it
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
        return permit::list(&daemon, &query, HEAD, row);
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
    let consent = args.yes.consent()?;
    check_date(until, now)?;
    if consent == Consent::Asked {
        daemon.check_user(user)?;
    }
    consent.to(&what, "Exempt it?")?;
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

/// What the daemon would refuse, in days instead of seconds.
pub(super) fn check_date(until: i64, now: i64) -> Result<(), Failure> {
    let latest = now.saturating_add(LONGEST * time::DAY);
    if until <= now {
        let now = time::minute(now);
        return Err(Failure::usage(&format!(
            "an exemption ends later than now, which is {now}"
        )));
    }
    if until > latest {
        let latest = time::minute(latest);
        return Err(Failure::usage(&format!(
            "an exemption ends within {LONGEST} days, by {latest}"
        )));
    }
    Ok(())
}

/// Days of the longest exemption.
const LONGEST: i64 = 366;

const HEAD: [&str; 4] = ["ID", "USER", "UNTIL (UTC)", "REASON"];

fn row(exemption: &wire::Exemption) -> [String; 4] {
    [
        exemption.id.to_string(),
        exemption.username.clone(),
        time::short_minute(exemption.until),
        exemption.reason.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_are_refused() {
        let check = |until: i64, expected: Option<&str>| {
            let found = check_date(until, 1_795_508_731).err();
            assert_eq!(found, expected.map(Failure::usage), "{until}");
        };
        let past = "an exemption ends later than now, which is 2026-11-24 08:25 UTC";
        let far = "an exemption ends within 366 days, by 2027-11-25 08:25 UTC";
        check(1_795_508_731, Some(past));
        check(0, Some(past));
        check(1_795_508_732, None);
        check(1_795_508_731 + 366 * time::DAY, None);
        check(1_795_508_732 + 366 * time::DAY, Some(far));
    }
}
