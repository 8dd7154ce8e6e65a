//! `midclt 2fa disable`, and what is said whenever it was turned off for everybody.

use std::path::Path;

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

/// After a `midclt call` by which sshd's logins need no code, while sshd is set up for one.
const SSH_OFF: [&str; 2] = [
    "midclt: sshd is still set up to ask: batch clients (BatchMode) stay refused",
    "midclt: to lift that as well: midclt 2fa ssh disable",
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
    if connection.quiet {
        return;
    }
    let is_this_machine = connection.socket == Path::new(client::DEFAULT_SOCKET);
    let is_set_up = || is_this_machine && Path::new(::ssh::DROPIN).exists();
    if turned_off(method, params, result) {
        OFF.into_iter().for_each(output::note);
    } else if turned_ssh_off(method, params) && is_set_up() {
        SSH_OFF.into_iter().for_each(output::note);
    }
}

fn turned_off(method: &str, params: &[Value], result: &RawValue) -> bool {
    method == METHOD && params.first().is_some_and(says_off) && is_off(result)
}

fn turned_ssh_off(method: &str, params: &[Value]) -> bool {
    let ssh = params
        .first()
        .and_then(|params| params.pointer("/services/ssh"));
    method == METHOD && ssh == Some(&Value::Bool(false))
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
    fn what_turns_it_off_for_ssh() {
        let check = |method: &str, params: &str, expected: bool| {
            let params: Vec<Value> = serde_json::from_str(params).unwrap();
            assert_eq!(turned_ssh_off(method, &params), expected, "{params:?}");
        };
        check(METHOD, r#"[{"services":{"ssh":false}}]"#, true);
        check(METHOD, r#"[{"services":{"ssh":true}}]"#, false);
        check(METHOD, r#"[{"services":{}}]"#, false);
        check(METHOD, r#"[{"enabled":true}]"#, false);
        check(METHOD, "[]", false);
        check("a.b", r#"[{"services":{"ssh":false}}]"#, false);
    }

    #[test]
    fn texts_fit_a_console() {
        let texts = CAUTION.lines().chain(OFF).chain(SSH_OFF);
        for line in texts.chain(DONE.lines()) {
            assert!(line.len() <= 80, "{line}");
        }
    }
}
