//! `midclt methods`: what the running daemon can do.

use client::Deadline;
use serde_json::{Map, Value};

use crate::cli::{Connection, MethodsArgs};
use crate::failure::Failure;
use crate::layout::wrap;
use crate::output;
use crate::remote::Login;
use crate::terminal::Screen;

/// Lists the methods whose names start with the prefix.
pub(crate) fn run(connection: &Connection, args: &MethodsArgs) -> Result<(), Failure> {
    let limit = connection.call_limit(None);
    let request = connection.request("methods", limit);
    connection.begin(Login::Wanted, &request)?;
    let answer = (connection.open(Deadline::after(limit)))
        .and_then(|mut client| client.call("core.get_methods", &[0; 0]))
        .map_err(|error| request.failed(&error))?;
    let Ok(methods) = serde_json::from_str::<Map<String, Value>>(answer.get()) else {
        return Err(Failure::told(
            "midclt: the daemon's list of methods cannot be read",
        ));
    };
    let columns = match Screen::of_stdout() {
        Screen::Terminal { size, .. } => Some(size.columns),
        Screen::Elsewhere => None,
    };
    let lines = list(&methods, &args.prefix, columns);
    if lines.is_empty() {
        return Err(Failure::told(format!(
            "midclt: no method starts with {:?}",
            args.prefix
        )));
    }
    output::text(&lines)
}

fn list(methods: &Map<String, Value>, prefix: &str, columns: Option<usize>) -> String {
    let chosen: Vec<_> = methods
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    let width = chosen
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(width + 2));
    let mut text = String::new();
    for (name, about) in chosen {
        for (index, line) in wrap(summary(about), room).iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            text.push_str(format!("{name:width$}  {line}").trim_end());
            text.push('\n');
        }
    }
    text
}

/// The first sentence about a method.
fn summary(about: &Value) -> &str {
    let text = |key| {
        about
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let text = text("cli_description")
        .or_else(|| text("description"))
        .unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    line.find(". ")
        .map_or(line, |end| line.get(..=end).unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists() {
        let methods = json!({
            "auth.long_name": {"description": "First. Second.\n\nMore.", "cli_description": ""},
            "core.ping": {"description": "x", "cli_description": "Answers."},
            "x.y": {"description": "One two three."},
            "core.odd": 7,
        });
        let check = |prefix: &str, columns: Option<usize>, expected: &str| {
            let found = list(methods.as_object().unwrap(), prefix, columns);
            assert_eq!(found, expected, "{prefix}");
        };
        check(
            "",
            None,
            "auth.long_name  First.\ncore.ping       Answers.\nx.y             One two three.\ncore.odd\n",
        );
        check("core.p", None, "core.ping  Answers.\n");
        check("x", Some(12), "x.y  One two\n     three.\n");
        check("x", Some(3), "x.y  One\n     two\n     three.\n");
        check("none", None, "");
    }
}
