//! `auth.twofactor.update`: subsets, coercions, and the messages of TrueNAS 22.12.

use std::fmt::Write;

use serde_json::{Value, json};
use testkit::Daemon;

use super::config;
use crate::support::{audit, errno, reason};

/// Applies one change after another; after each, the answer, `config` and what was before agree.
#[test]
fn any_subset_changes_only_what_it_names() {
    let daemon = Daemon::start();
    daemon.prepare_for_ssh();
    let mut socket = daemon.connect();
    let mut expected = config(&mut socket);
    for changes in [
        json!({}),
        json!({"otp_digits": 8}),
        json!({"window": 1, "interval": 60}),
        json!({"services": {"ssh": true}}),
        json!({"services": {}}),
        json!({"enabled": true}),
        json!({"otp_digits": 7, "interval": 5, "window": 10}),
        json!({"interval": 900, "window": 0}),
        json!({"enabled": false, "otp_digits": 6, "window": 0, "interval": 30}),
        json!({"services": {"ssh": false}, "enabled": true}),
    ] {
        let row = socket.call("auth.twofactor.update", json!([changes]));
        for (key, value) in changes.as_object().unwrap() {
            match value.as_object() {
                None => expected[key] = value.clone(),
                Some(services) => expected[key]
                    .as_object_mut()
                    .unwrap()
                    .extend(services.clone()),
            }
        }
        if expected["secret"].is_null() {
            expected["secret"] = row["secret"].clone();
        }
        assert_eq!(row, expected, "{changes}");
        assert_eq!(config(&mut socket), expected, "{changes}");
    }
    assert_eq!(expected["secret"].as_str().unwrap().len(), 32);
}

/// The same, as people type it.
#[test]
fn midclt_updates_and_prints_the_row() {
    let daemon = Daemon::start();
    daemon.prepare_for_ssh();
    let mut socket = daemon.connect();
    for (word, key, value) in [
        (r#"{"enabled": true}"#, "enabled", json!(true)),
        (r#"{"window": 2}"#, "window", json!(2)),
        (r#"{"otp_digits": "7"}"#, "otp_digits", json!(7)),
        ("interval=45", "interval", json!(45)),
        (
            r#"{"services": {"ssh": true}}"#,
            "services",
            json!({"ssh": true}),
        ),
        (r#"{ "enabled":false }"#, "enabled", json!(false)),
    ] {
        let printed = daemon.midclt_ok(["call", "auth.twofactor.update", word]);
        let row: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(row[key], value, "{word}");
        assert_eq!(row, config(&mut socket), "{word}");
    }
}

#[test]
fn integers_may_be_strings_of_digits() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    for (given, interval) in [("60", 60), ("0045", 45), ("3600", 0), ("900", 900)] {
        let reply = socket.rpc("auth.twofactor.update", json!([{"interval": given}]));
        match interval {
            // 3600 s is a valid interval, but one code would be good for longer than 900 s.
            0 => assert!(
                reason(&reply["error"]).contains("at most 900 seconds"),
                "{reply}"
            ),
            _ => assert_eq!(reply["result"]["interval"], interval, "{given}"),
        }
    }
}

/// Changes, and all that is wrong with them: a line each, without `auth_twofactor_update.`.
const WRONG: &[(&str, &str)] = &[
    // Ranges, in the declared order.
    (r#"{"window": 11}"#, "window: Should be between 0 and 10"),
    (r#"{"window": -1}"#, "window: Should be between 0 and 10"),
    (
        r#"{"window": 1000000000000000000}"#,
        "window: Should be between 0 and 10",
    ),
    (
        r#"{"window": "99999999999999999999999999"}"#,
        "window: Should be between 0 and 10",
    ),
    (
        r#"{"otp_digits": 5}"#,
        "otp_digits: Should be between 6 and 8",
    ),
    (
        r#"{"otp_digits": "9"}"#,
        "otp_digits: Should be between 6 and 8",
    ),
    (
        r#"{"interval": 4}"#,
        "interval: Should be between 5 and 3600",
    ),
    (
        r#"{"interval": 3601}"#,
        "interval: Should be between 5 and 3600",
    ),
    (
        r#"{"interval": 0, "window": 11, "otp_digits": 0}"#,
        "otp_digits: Should be between 6 and 8\nwindow: Should be between 0 and 10\n\
         interval: Should be between 5 and 3600",
    ),
    // A code would be good for too long.
    (
        r#"{"interval": 901}"#,
        "interval: (2 * window + 1) * interval should be at most 900 seconds, not 901",
    ),
    (
        r#"{"window": 8, "interval": 60}"#,
        "window: (2 * window + 1) * interval should be at most 900 seconds, not 1020",
    ),
    // Types and names, in the caller's order; ranges are not looked at beside them.
    (r#"{"window": 1e400}"#, "window: Not an integer"),
    (
        r#"{"window": "x", "enabled": 1}"#,
        "window: Not an integer\nenabled: Not a boolean",
    ),
    (
        r#"{"enabled": "true", "window": null}"#,
        "enabled: Not a boolean\nwindow: null not allowed",
    ),
    (
        r#"{"window": true, "interval": 7.0, "otp_digits": ""}"#,
        "window: Not an integer\ninterval: Not an integer\notp_digits: Not an integer",
    ),
    (
        r#"{"window": "-1", "interval": "٦٠", "otp_digits": "²"}"#,
        "window: Not an integer\ninterval: Not an integer\notp_digits: Not an integer",
    ),
    (
        r#"{"id": 1, "secret": "x", "window": 11}"#,
        "id: Field was not expected\nsecret: Field was not expected",
    ),
    (r#"{"services": null}"#, "services: null not allowed"),
    (r#"{"services": [true]}"#, "services: A dict was expected"),
    (
        r#"{"services": {"ssh": 1, "web": true}}"#,
        "services.ssh: Not a boolean\nservices.web: Field was not expected",
    ),
];

#[test]
fn everything_wrong_is_reported_together() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let before = config(&mut socket);
    for (changes, lines) in WRONG {
        let parsed: Value = serde_json::from_str(changes).unwrap();
        let error = socket.call_err("auth.twofactor.update", json!([parsed]));
        check(&error, lines, changes);
    }
    for (params, line) in [
        (json!([null]), "auth_twofactor_update: null not allowed"),
        (json!([[]]), "auth_twofactor_update: A dict was expected"),
        (json!(["{}"]), "auth_twofactor_update: A dict was expected"),
        (json!([]), "auth_twofactor_update: Field required"),
        (
            json!([{}, {}]),
            "ALL: Too many arguments (expected 1, found 2)",
        ),
        (
            json!({"enabled": true}),
            "enabled: Field was not expected\n[EINVAL] auth_twofactor_update: Field required",
        ),
    ] {
        let error = socket.call_err("auth.twofactor.update", params.clone());
        assert_eq!(reason(&error), format!("[EINVAL] {line}\n"), "{params}");
    }
    assert_eq!(config(&mut socket), before, "nothing was changed by any");
    assert!(audit(&daemon.state_dir()).is_empty());
}

/// The error as text for people, and as rows for programs.
fn check(error: &Value, lines: &str, changes: &str) {
    assert_eq!(
        (&error["code"], errno(error)),
        (&json!(-32602), 22),
        "{changes}"
    );
    assert_eq!(error["message"], "Invalid params");
    let (mut text, mut extra) = (String::new(), Vec::new());
    for line in lines.lines() {
        let (attribute, message) = line.split_once(": ").unwrap();
        let attribute = format!("auth_twofactor_update.{attribute}");
        writeln!(text, "[EINVAL] {attribute}: {message}").unwrap();
        extra.push(json!([attribute, message, 22]));
    }
    assert_eq!(reason(error), text, "{changes}");
    assert_eq!(error["data"]["extra"], json!(extra), "{changes}");
}

#[test]
fn midclt_prints_each_error_on_a_line_and_exits_1() {
    let daemon = Daemon::start();
    let word = r#"{"window": 11, "otp_digits": 5}"#;
    let refused = daemon.midclt(["call", "auth.twofactor.update", word]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(
        lines,
        [
            "[EINVAL] auth_twofactor_update.otp_digits: Should be between 6 and 8",
            "[EINVAL] auth_twofactor_update.window: Should be between 0 and 10",
        ]
    );
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
}

/// A changed number of digits or seconds keeps the secret and what was used up.
#[test]
fn a_no_op_writes_nothing_and_disabling_keeps_the_secret() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let row = socket.call(
        "auth.twofactor.update",
        json!([{"enabled": true, "window": 1}]),
    );
    socket.call("core.subscribe", json!(["*"]));
    let version = |state: &std::path::Path| -> i64 {
        let database = crate::support::database(state);
        database
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .unwrap()
    };
    let (rows, at) = (
        audit(&daemon.state_dir()).len(),
        version(&daemon.state_dir()),
    );
    for same in [
        json!({}),
        json!({"enabled": true}),
        json!({"window": "1", "services": {}}),
    ] {
        assert_eq!(socket.call("auth.twofactor.update", json!([same])), row);
    }
    socket.assert_silent(std::time::Duration::from_millis(100));
    assert_eq!(
        (
            audit(&daemon.state_dir()).len(),
            version(&daemon.state_dir())
        ),
        (rows, at)
    );
    for changes in [
        json!({"enabled": false}),
        json!({"enabled": true}),
        json!({"otp_digits": 8}),
    ] {
        let changed = socket.call("auth.twofactor.update", json!([changes]));
        assert_eq!(changed["secret"], row["secret"], "{changes}");
    }
}
