//! `midclt 2fa invite`: what somebody else needs for a first device.

use clap::Args;
use serde_json::{Map, Value, json};

use super::daemon::Daemon;
use super::permit::{self, ListArg, Query};
use super::{JsonArg, time, wire};
use crate::cli::Connection;
use crate::failure::Failure;

/// Make a one-time invite, with which somebody sets up a first device
#[derive(Debug, Args)]
#[command(override_usage = "\
midclt 2fa invite USER [--hours N]
       midclt 2fa invite --list [USER]
       midclt 2fa invite --delete ID")]
#[command(after_help = "\
Nothing on this machine takes invites yet but root's own command, midclt
2fa device add USER --invite; root needs none there. An invite is shown
once. Give it to that person only.

Examples:
  midclt 2fa invite alice
  midclt 2fa invite alice --hours 72
  midclt 2fa invite --list")]
pub(crate) struct InviteArgs {
    /// Whom
    #[arg(value_name = "USER", required_unless_present_any = ["list", "delete"])]
    user: Option<String>,
    /// For how long, 1 to 168 [default: 24]
    #[arg(long, value_name = "N", conflicts_with_all = ["list", "delete"])]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=168))]
    hours: Option<u32>,
    #[command(flatten)]
    list: ListArg,
    /// Take one back
    #[arg(long, value_name = "ID", conflicts_with = "user")]
    delete: Option<i64>,
    #[command(flatten)]
    json: JsonArg,
}

/// Makes, lists or takes back invites.
pub(super) fn run(connection: &Connection, args: &InviteArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa invite");
    let form = args.json.form();
    if let Some(id) = args.delete {
        return permit::delete(&daemon, "auth.twofactor.invite.delete", json!(id), form);
    }
    if args.list.list {
        let query = Query {
            method: "auth.twofactor.invite.query",
            user: args.user.as_deref(),
            form,
        };
        return permit::list(&daemon, &query, ["ID", "USER", "UNTIL (UTC)"], row);
    }
    let mut request = Map::new();
    request.insert("username".to_owned(), json!(args.user));
    if let Some(hours) = args.hours {
        request.insert("hours".to_owned(), json!(hours));
    }
    let answer = daemon.call("auth.twofactor.invite.create", &[Value::Object(request)])?;
    form.print(&answer, |invite: wire::Invitation| {
        format!(
            "Invite for {}: {}\n\
             It works once, until {}. Nobody else may see it.\n\
             Nothing here takes invites yet. Without one: midclt 2fa device add {}\n\
             To take it back: midclt 2fa invite --delete {}\n",
            invite.username,
            invite.invite.unwrap_or_default(),
            time::minute(invite.expires),
            invite.username,
            invite.id
        )
    })
}

fn row(invite: &wire::Invitation) -> [String; 3] {
    [
        invite.id.to_string(),
        invite.username.clone(),
        time::short_minute(invite.expires),
    ]
}
