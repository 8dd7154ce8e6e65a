//! `midclt 2fa bypass`: in without a code, for minutes and a few times.

use clap::Args;
use serde_json::{Map, Value, json};

use super::daemon::{Daemon, Form};
use super::permit::{self, ListArg, Query};
use super::{JsonArg, YesArg, time, wire};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::count;

/// Let somebody in without a code, for some minutes and a few logins
#[derive(Debug, Args)]
#[command(override_usage = "\
midclt 2fa bypass USER --reason TEXT [--minutes N] [--uses N]
       midclt 2fa bypass --everybody --uses N --reason TEXT [--minutes N] [--yes]
       midclt 2fa bypass --list [USER]
       midclt 2fa bypass --delete ID")]
#[command(after_help = "\
It ends after its minutes, after its logins, and when the machine is
restarted. The policy may allow less than 1440 minutes and 10 logins.

Examples:
  midclt 2fa bypass alice --reason 'left the phone at home'
  midclt 2fa bypass alice --minutes 60 --uses 3 --reason 'new phone'
  midclt 2fa bypass --list
  midclt 2fa bypass --delete 4")]
pub(crate) struct BypassArgs {
    /// Who
    #[arg(value_name = "USER", required_unless_present_any = ["everybody", "list", "delete"])]
    user: Option<String>,
    /// Everybody: who has a password or key gets in
    #[arg(long, requires = "uses", conflicts_with_all = ["user", "list", "delete"])]
    everybody: bool,
    /// For how long, 1 to 1440 [default: 15]
    #[arg(long, value_name = "N", conflicts_with_all = ["list", "delete"])]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: Option<u32>,
    /// For how many logins in all, 1 to 10 [default: 1]
    #[arg(long, value_name = "N", conflicts_with_all = ["list", "delete"])]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10))]
    uses: Option<u32>,
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

/// What a bypass of everybody means.
fn everybody(args: &BypassArgs) -> String {
    let minutes = count(args.minutes.unwrap_or(MINUTES).into(), "minute");
    let logins = count(args.uses.unwrap_or_default().into(), "login");
    format!(
        "For {minutes} a password or key is enough, for every account of this machine:\n\
         {logins} IN ALL, whoever comes first.\n\
         To let one person in: midclt 2fa bypass USER --reason TEXT"
    )
}

/// How long the daemon makes a bypass where nothing is said.
const MINUTES: u32 = 15;

/// Creates, lists or deletes bypasses.
pub(super) fn run(connection: &Connection, args: &BypassArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa bypass");
    let form = args.json.form();
    if let Some(id) = args.delete {
        return permit::delete(&daemon, "auth.twofactor.bypass.delete", json!(id), form);
    }
    if args.list.list {
        let query = Query {
            method: "auth.twofactor.bypass.query",
            user: args.user.as_deref(),
            form,
        };
        return permit::list(&daemon, &query, HEAD, row);
    }
    if args.everybody {
        args.yes
            .consent()?
            .to(&everybody(args), "Let everybody in?")?;
    }
    create(&daemon, args, form)
}

fn create(daemon: &Daemon<'_>, args: &BypassArgs, form: Form) -> Result<(), Failure> {
    let mut request = Map::new();
    request.insert("username".to_owned(), json!(args.user));
    for (key, value) in [("minutes", args.minutes), ("uses", args.uses)] {
        if let Some(value) = value {
            request.insert(key.to_owned(), json!(value));
        }
    }
    request.insert("reason".to_owned(), json!(args.reason));
    let answer = daemon.call("auth.twofactor.bypass.create", &[Value::Object(request)])?;
    form.print(&answer, |bypass: wire::Bypass| granted(&bypass))?;
    daemon.remark_off();
    Ok(())
}

/// What was granted, and how it is taken back.
fn granted(bypass: &wire::Bypass) -> String {
    let (who, until) = (who(bypass), time::minute(bypass.until));
    // One that could not be stored is an override: it has no number, and counts no logins.
    if bypass.id == 0 {
        return format!(
            "{who} without a code until {until}.\nTo take it back, as root: rm {}/{}\n",
            breakglass::DIRECTORY,
            breakglass::FILE
        );
    }
    let logins = count(bypass.uses_left.into(), "login");
    let id = bypass.id;
    format!(
        "{who} without a code: {logins}, until {until}.\nTo take it back: midclt 2fa bypass --delete \
         {id}\n"
    )
}

/// `alice`, `EVERYBODY`.
pub(super) fn who(bypass: &wire::Bypass) -> &str {
    bypass.username.as_deref().unwrap_or("EVERYBODY")
}

const HEAD: [&str; 5] = ["ID", "USER", "UNTIL (UTC)", "LOGINS", "REASON"];

fn row(bypass: &wire::Bypass) -> [String; 5] {
    [
        bypass.id.to_string(),
        who(bypass).to_owned(),
        time::short_minute(bypass.until),
        bypass.uses_left.to_string(),
        bypass.reason.clone(),
    ]
}
