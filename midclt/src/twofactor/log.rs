//! `midclt 2fa log`: the audit, a line for each entry.

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::daemon::Daemon;
use super::{JsonArg, time};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::{shorten, table};

const COLUMNS: usize = 80;

/// Show what happened: logins, wrong codes, changes
#[derive(Debug, Args)]
#[command(after_help = "\
The newest entry is the last line. A line is the time (UTC), what came of
it, the account, the service or the method, the address, and how often in
that minute. With --json there is more, such as who called.

Examples:
  midclt 2fa log
  midclt 2fa log alice --limit 100
  midclt 2fa log --outcome wrong")]
pub(crate) struct LogArgs {
    /// Only entries about this account
    #[arg(value_name = "USER")]
    user: Option<String>,
    /// Only what came out so, such as wrong or disabled
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// The newest so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Debug, Deserialize)]
struct Entry {
    at: i64,
    method: String,
    outcome: String,
    username: Option<String>,
    service: Option<String>,
    source: Option<String>,
    count: u64,
}

/// Shows the newest entries.
pub(super) fn run(connection: &Connection, args: &LogArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa log");
    let mut request = Map::new();
    for (key, value) in [("username", &args.user), ("outcome", &args.outcome)] {
        if let Some(value) = value {
            request.insert(key.to_owned(), json!(value));
        }
    }
    request.insert("limit".to_owned(), json!(args.limit));
    let answer = daemon.call("auth.twofactor.audit", &[Value::Object(request)])?;
    args.json
        .form()
        .print(&answer, |entries: Vec<Entry>| lines(&entries))
}

fn lines(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "Nothing.\n".to_owned();
    }
    let rows: Vec<_> = entries.iter().rev().map(row).collect();
    let line = |line: String| shorten(&line, COLUMNS) + "\n";
    table(&rows).into_iter().map(line).collect()
}

fn row(entry: &Entry) -> [String; 6] {
    let text = |text: &Option<String>| text.as_deref().unwrap_or("-").to_owned();
    let times = match entry.count {
        0 | 1 => String::new(),
        many => format!("x{many}"),
    };
    [
        time::second(entry.at),
        shorten(&entry.outcome, 14),
        shorten(&text(&entry.username), 16),
        shorten(place(entry), 22),
        text(&entry.source),
        times,
    ]
}

/// Where it happened: at the door of a service, else in a method, without the front that most share.
fn place(entry: &Entry) -> &str {
    let method = entry.method.as_str();
    let method = method.strip_prefix("auth.twofactor.").unwrap_or(method);
    entry.service.as_deref().unwrap_or(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_last_and_no_longer_than_a_line() {
        let entries: Vec<Entry> = serde_json::from_str(
            r#"[
  {"id":4,"at":1795508731,"uid":0,"pid":1,"login_uid":null,"method":"user.verify_twofactor_token",
   "outcome":"accepted","username":"somebody-with-a-long-name","service":null,
   "source":"local","count":1},
  {"id":3,"at":1795508671,"method":"auth.twofactor.authenticate","outcome":"wrong",
   "username":"alice","service":"sshd","source":"192.0.2.1","count":12},
  {"id":2,"at":1795508611,"method":"auth.twofactor.update","outcome":"disabled",
   "username":null,"service":null,"source":null,"count":1}]"#,
        )
        .unwrap();
        assert_eq!(
            lines(&entries),
            "\
2026-11-24 08:23:31  disabled  -                 update                  -
2026-11-24 08:24:31  wrong     alice             sshd                    192.0.~
2026-11-24 08:25:31  accepted  somebody-with-a~  user.verify_twofactor~  local
"
        );
        assert!(lines(&entries).lines().all(|line| line.len() <= 80));
        assert_eq!(lines(&[]), "Nothing.\n");
    }
}
