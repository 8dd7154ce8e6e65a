//! `midclt 2fa disable`, and what is said whenever it was turned off for everybody.

use clap::Args;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::daemon::Daemon;
use super::{JsonArg, YesArg};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::output;

const METHOD: &str = "auth.twofactor.update";

const CAUTION: &str = "\
This turns two-factor authentication off for EVERYBODY on this machine, until
somebody turns it on again. Devices, recovery codes and settings are kept.
To let one person in without a code instead:
  midclt 2fa bypass USER --reason TEXT";

/// After a `midclt call` that turned it off; on stderr.
const OFF: [&str; 3] = [
    "midclt: two-factor authentication is off for EVERYBODY on this machine",
    "midclt: to turn it on again: midclt 2fa enable",
    "midclt: milder, for one person: midclt 2fa bypass USER --reason TEXT",
];

/// Turn two-factor authentication off, for EVERYBODY
#[derive(Debug, Args)]
#[command(after_help = "\
It needs no code, whatever happened to the devices. The same call:
midclt call auth.twofactor.update enabled=false

Examples:
  midclt 2fa disable
  midclt 2fa disable --yes")]
pub(crate) struct DisableArgs {
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Looks first, and goes on where that fails: this must work when everything else does not.
pub(super) fn run(connection: &Connection, args: &DisableArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa disable");
    let consent = args.yes.consent()?;
    let form = args.json.form();
    if let Some(settings) = daemon.settings().filter(|settings| is_off(settings)) {
        return form.print_settings(&settings, "It is off already.\n");
    }
    consent.to(CAUTION, "Turn it off for everybody?")?;
    let answer = daemon.call(METHOD, &[json!({"enabled": false})])?;
    form.print_settings(&answer, DONE)
}

const DONE: &str = "\
Two-factor authentication is off, for EVERYBODY. On again: midclt 2fa enable
";

/// Whether these settings say so.
pub(super) fn is_off(settings: &RawValue) -> bool {
    let settings: Result<Value, _> = serde_json::from_str(settings.get());
    settings.is_ok_and(|settings| says_off(&settings))
}

fn says_off(settings: &Value) -> bool {
    settings.get("enabled") == Some(&Value::Bool(false))
}

/// Says what it means, after a `midclt call` that turned it off.
pub(crate) fn remind(connection: &Connection, method: &str, params: &[Value], result: &RawValue) {
    if !connection.quiet && turned_off(method, params, result) {
        for line in OFF {
            output::note(line);
        }
    }
}

fn turned_off(method: &str, params: &[Value], result: &RawValue) -> bool {
    method == METHOD && params.first().is_some_and(says_off) && is_off(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_it_off() {
        let check = |method: &str, params: &str, result: &str, expected: bool| {
            let params: Vec<Value> = serde_json::from_str(params).unwrap();
            let result = RawValue::from_string(result.to_owned()).unwrap();
            let found = turned_off(method, &params, &result);
            assert_eq!(found, expected, "{method} {params:?} {result}");
        };
        let (off, on) = (r#"{"id":1,"enabled":false}"#, r#"{"id":1,"enabled":true}"#);
        check(METHOD, r#"[{"enabled":false}]"#, off, true);
        check(METHOD, r#"[{"window":1,"enabled":false}]"#, off, true);
        // It was off before, and nothing was said about that.
        check(METHOD, r#"[{"window":1}]"#, off, false);
        check(METHOD, r#"[{"enabled":false}]"#, on, false);
        check(METHOD, r#"[{"enabled":false}]"#, "true", false);
        check(METHOD, r#"["enabled"]"#, off, false);
        check(METHOD, "[]", off, false);
        check("a.b", r#"[{"enabled":false}]"#, off, false);
    }

    #[test]
    fn texts_fit_a_console() {
        for line in CAUTION.lines().chain(OFF).chain(DONE.lines()) {
            assert!(line.len() <= 80, "{line}");
        }
    }
}
