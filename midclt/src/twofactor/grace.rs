//! `midclt 2fa grace`: some days for an account to get its first device.

use clap::Args;
use serde_json::{Map, Value, json};

use super::daemon::Daemon;
use super::permit::{self, ListArg, Query};
use super::{JsonArg, time, wire};
use crate::cli::Connection;
use crate::failure::Failure;

/// Give an account some days to get its first device
#[derive(Debug, Args)]
#[command(override_usage = "\
midclt 2fa grace USER [--days N]
       midclt 2fa grace --list [USER]
       midclt 2fa grace --delete USER")]
#[command(after_help = "\
Until then it gets in with its password or key alone. Once it has a
device, its codes are asked for.

Examples:
  midclt 2fa grace alice
  midclt 2fa grace alice --days 30
  midclt 2fa grace --list")]
pub(crate) struct GraceArgs {
    /// Which account
    #[arg(value_name = "USER", required_unless_present_any = ["list", "delete"])]
    user: Option<String>,
    /// For how long, 1 to 90 [default: as the policy says]
    #[arg(long, value_name = "N", conflicts_with_all = ["list", "delete"])]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=90))]
    days: Option<u16>,
    #[command(flatten)]
    list: ListArg,
    /// Take it back
    #[arg(long, value_name = "USER", conflicts_with = "user")]
    delete: Option<String>,
    #[command(flatten)]
    json: JsonArg,
}

/// Gives, lists or takes back graces.
pub(super) fn run(connection: &Connection, args: &GraceArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa grace");
    let form = args.json.form();
    if let Some(user) = &args.delete {
        return permit::delete(&daemon, "auth.twofactor.grace.delete", json!(user), form);
    }
    if args.list.list {
        let query = Query {
            method: "auth.twofactor.grace.query",
            user: args.user.as_deref(),
            form,
        };
        return permit::list(&daemon, &query, ["USER", "UNTIL (UTC)"], row);
    }
    let mut request = Map::new();
    request.insert("username".to_owned(), json!(args.user));
    if let Some(days) = args.days {
        request.insert("days".to_owned(), json!(days));
    }
    let answer = daemon.call("auth.twofactor.grace.create", &[Value::Object(request)])?;
    form.print(&answer, |grace: wire::Grace| {
        let (user, until) = (grace.username, time::minute(grace.until));
        format!(
            "{user} may log in without a device until {until}.\n\
             To set one up: midclt 2fa device add {user}\n"
        )
    })?;
    daemon.remark_off();
    Ok(())
}

fn row(grace: &wire::Grace) -> [String; 2] {
    [grace.username.clone(), time::short_minute(grace.until)]
}
