//! `midclt 2fa policy`: what holds for accounts without a device, and the throttle's numbers.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Map, Value};

use super::daemon::Daemon;
use super::{JsonArg, YesArg};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::table;

/// What the settings mean; the daemon may have more.
const MEANINGS: [(&str, &str); 8] = [
    ("unenrolled", "accounts without a device: DENY or ALLOW"),
    ("grace_days", "days to get a first device, where not said"),
    ("bypass_minutes_max", "the longest bypass"),
    ("bypass_uses_max", "the most logins of a bypass"),
    (
        "throttle.free_failures",
        "wrong codes in a row without a wait",
    ),
    (
        "throttle.first_wait",
        "seconds; each further one doubles it, up to 1 h",
    ),
    (
        "throttle.source_failures",
        "wrong codes of one address, at all accounts",
    ),
    (
        "throttle.account_failures",
        "then new addresses are closed to the account",
    ),
];

/// What `unenrolled=ALLOW` means: people get in who would not get in else.
const LETS_IN: &str = "\
unenrolled=ALLOW: an account without a device gets in with its password or key
alone, for ever. Milder, for one account and some days: midclt 2fa grace USER";

/// Show or change the rules for accounts without a device, and the throttle
#[derive(Debug, Args)]
#[command(after_help = "\
Keys, each with the values that it takes:
  unenrolled=DENY|ALLOW            accounts without a device
  grace_days=1..90                 days to get a first device
  bypass_minutes_max=1..1440       the longest bypass
  bypass_uses_max=1..10            the most logins of a bypass
  throttle.free_failures=1..5      wrong codes in a row without a wait
  throttle.first_wait=30..3600     seconds; doubled each time, up to 1 h
  throttle.source_failures=5..20   wrong codes of one address
  throttle.account_failures=10..100    then new addresses are closed

Examples:
  midclt 2fa policy
  midclt 2fa policy grace_days=30
  midclt 2fa policy throttle.free_failures=3 throttle.first_wait=60")]
pub(crate) struct PolicyArgs {
    /// What to change; without any, the policy is shown
    #[arg(value_name = "KEY=VALUE", value_parser = pair)]
    changes: Vec<(String, Value)>,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Shows or changes the policy.
pub(super) fn run(connection: &Connection, args: &PolicyArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa policy");
    let answer = if args.changes.is_empty() {
        daemon.call("auth.twofactor.policy.config", &[])?
    } else {
        if lets_in(&args.changes) {
            args.yes.consent()?.to(LETS_IN, "Change it?")?;
        }
        let request = nested(&args.changes)?;
        daemon.call("auth.twofactor.policy.update", &[Value::Object(request)])?
    };
    args.json
        .form()
        .print(&answer, |policy: Map<String, Value>| shown(&policy))
}

/// `grace_days=30`, `unenrolled=DENY`: a value is JSON, or else text.
fn pair(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or("a change is written KEY=VALUE")?;
    if !MEANINGS.iter().any(|(known, _)| *known == key) {
        let keys: Vec<_> = MEANINGS.iter().map(|(key, _)| *key).collect();
        return Err(format!(
            "there is no {key}; the keys are {}",
            keys.join(", ")
        ));
    }
    let value = match serde_json::from_str(value) {
        Ok(Value::String(word)) => word.to_ascii_uppercase().into(),
        Ok(value) => value,
        Err(_) => value.to_ascii_uppercase().into(),
    };
    Ok((key.to_owned(), value))
}

fn lets_in(changes: &[(String, Value)]) -> bool {
    let mut changes = changes.iter();
    changes.any(|(name, value)| name == "unenrolled" && value == "ALLOW")
}

/// `throttle.first_wait` belongs into an object of its own.
fn nested(changes: &[(String, Value)]) -> Result<Map<String, Value>, Failure> {
    let mut object = Map::new();
    for (name, value) in changes {
        let twice = || Failure::usage(&format!("{name} is said twice"));
        let (place, key) = match name.split_once('.') {
            None => (Some(&mut object), name.as_str()),
            Some((outer, key)) => {
                let inner = object
                    .entry(outer)
                    .or_insert_with(|| Value::Object(Map::new()));
                (inner.as_object_mut(), key)
            }
        };
        let before = place
            .ok_or_else(twice)?
            .insert(key.to_owned(), value.clone());
        if before.is_some() {
            return Err(twice());
        }
    }
    Ok(object)
}

fn shown(policy: &Map<String, Value>) -> String {
    let meanings: BTreeMap<_, _> = MEANINGS.into_iter().collect();
    let row = |name: String, value: &Value| {
        let meaning = meanings.get(name.as_str()).copied().unwrap_or_default();
        let value = value.as_str().map_or(value.to_string(), str::to_owned);
        [format!("{name}={value}"), meaning.to_owned()]
    };
    let mut rows = Vec::new();
    for (key, value) in policy {
        match value {
            Value::Object(inner) => {
                let inner = inner.iter();
                rows.extend(inner.map(|(name, value)| row(format!("{key}.{name}"), value)));
            }
            _ => rows.push(row(key.clone(), value)),
        }
    }
    table(&rows).join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changes(words: &str) -> Vec<(String, Value)> {
        words.split(' ').map(|word| pair(word).unwrap()).collect()
    }

    #[test]
    fn changes_become_one_object() {
        let check = |words: &str, expected: Option<&str>| {
            let found = nested(&changes(words)).map(|object| Value::Object(object).to_string());
            assert_eq!(found.ok().as_deref(), expected, "{words}");
        };
        check("grace_days=30", Some(r#"{"grace_days":30}"#));
        check("unenrolled=DENY", Some(r#"{"unenrolled":"DENY"}"#));
        check(
            "throttle.free_failures=3 grace_days=7 throttle.first_wait=60",
            Some(r#"{"throttle":{"free_failures":3,"first_wait":60},"grace_days":7}"#),
        );
        check("unenrolled=deny", Some(r#"{"unenrolled":"DENY"}"#));
        check("unenrolled=a=b", Some(r#"{"unenrolled":"A=B"}"#));
        check("grace_days=1 grace_days=2", None);
    }

    #[test]
    fn words_that_are_no_change() {
        for word in ["", "grace_days", "=3"] {
            assert_eq!(pair(word).unwrap_err(), "a change is written KEY=VALUE");
        }
        for word in ["new=1", "throttle=1", "first_wait=30", "GRACE_DAYS=3"] {
            let (key, _) = word.split_once('=').unwrap();
            let wrong = pair(word).unwrap_err();
            assert!(wrong.starts_with(&format!("there is no {key}; the keys are unenrolled, ")));
            assert!(wrong.ends_with("throttle.account_failures"), "{wrong}");
        }
    }

    #[test]
    fn what_is_asked_before() {
        let check = |words: &str, expected: bool| {
            assert_eq!(lets_in(&changes(words)), expected, "{words}");
        };
        check("unenrolled=ALLOW", true);
        check("grace_days=9 unenrolled=\"ALLOW\"", true);
        check("unenrolled=DENY grace_days=9", false);
        check("unenrolled=allow", true);
    }

    #[test]
    fn it_fits_a_console() {
        let policy = json!({
            "unenrolled": "DENY", "grace_days": 14,
            "bypass_minutes_max": 1440, "bypass_uses_max": 10,
            "throttle": {"free_failures": 5, "first_wait": 30,
                         "source_failures": 20, "account_failures": 100},
            "new": null,
        });
        let text = shown(policy.as_object().unwrap());
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 9, "{text}");
        assert_eq!(
            lines[0],
            "unenrolled=DENY                accounts without a device: DENY or ALLOW"
        );
        assert!(lines[5].starts_with("throttle.first_wait=30 "), "{text}");
        assert_eq!(lines[8], "new=null");
    }
}
