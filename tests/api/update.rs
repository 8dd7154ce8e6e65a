//! `auth.twofactor.update`: subsets, coercions, and the messages of TrueNAS 22.12.

use serde_json::{Value, json};
use testkit::Daemon;

use super::config;
use crate::support::{audit, errno, reason};

/// Applies one change after another; after each, the answer, `config` and what was before agree.
#[test]
fn any_subset_changes_only_what_it_names() {
    let daemon = Daemon::start();
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
            match key.as_str() {
                "services" => {
                    expected["services"]["ssh"] = value
                        .get("ssh")
                        .map_or(expected["services"]["ssh"].clone(), Clone::clone)
                }
                _ => expected[key] = value.clone(),
            }
        }
        if expected["secret"].is_null() {
            expected["secret"] = row["secret"].clone();
        }
        assert_eq!(row, expected, "{changes}");
        assert_eq!(config(&mut socket), expected, "{changes}");
        assert_eq!(
            row["secret"].is_null(),
            false == row["enabled"] && !expected["secret"].is_string()
        );
    }
    assert_eq!(expected["secret"].as_str().unwrap().len(), 32);
}

/// The same, as people type it.
#[test]
fn midclt_updates_and_prints_the_row() {
    let daemon = Daemon::start();
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

/// All that is wrong is said at once: types in the caller's order, else ranges in the declared one.
#[test]
fn everything_wrong_is_reported_together() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let before = config(&mut socket);
    let range =
        |key: &str, least: u32, most: u32| format!("{key}: Should be between {least} and {most}");
    let (digits, window, interval) = (
        range("otp_digits", 6, 8),
        range("window", 0, 10),
        range("interval", 5, 3600),
    );
    let span = |key: &str, seconds: u32| {
        format!("{key}: (2 * window + 1) * interval should be at most 900 seconds, not {seconds}")
    };
    let cases: Vec<(Value, Vec<String>)> = vec![
        (json!({"window": 11}), vec![window.clone()]),
        (json!({"window": -1}), vec![window.clone()]),
        (json!({"window": 10_u64.pow(18)}), vec![window.clone()]),
        (
            json!({"window": "99999999999999999999999999"}),
            vec![window.clone()],
        ),
        (json!({"otp_digits": 5}), vec![digits.clone()]),
        (json!({"otp_digits": 9}), vec![digits.clone()]),
        (json!({"interval": 4}), vec![interval.clone()]),
        (json!({"interval": 3601}), vec![interval.clone()]),
        (
            json!({"interval": 0, "window": 11, "otp_digits": 0}),
            vec![digits, window, interval],
        ),
        (json!({"interval": 901}), vec![span("interval", 901)]),
        (
            json!({"window": 8, "interval": 60}),
            vec![span("window", 1020)],
        ),
        (
            json!({"window": "x", "enabled": 1}),
            vec![
                "window: Not an integer".into(),
                "enabled: Not a boolean".into(),
            ],
        ),
        (
            json!({"enabled": "true", "window": null}),
            vec![
                "enabled: Not a boolean".into(),
                "window: null not allowed".into(),
            ],
        ),
        (
            json!({"window": true, "interval": 7.0, "otp_digits": ""}),
            ["window", "interval", "otp_digits"]
                .map(|key| format!("{key}: Not an integer"))
                .into(),
        ),
        (
            json!({"window": "-1", "interval": "٦٠", "otp_digits": "²"}),
            ["window", "interval", "otp_digits"]
                .map(|key| format!("{key}: Not an integer"))
                .into(),
        ),
        (
            json!({"id": 1, "secret": "x", "window": 11}),
            ["id", "secret"]
                .map(|key| format!("{key}: Field was not expected"))
                .into(),
        ),
        (
            json!({"services": null}),
            vec!["services: null not allowed".into()],
        ),
        (
            json!({"services": {"ssh": 1, "web": true}}),
            vec![
                "services.ssh: Not a boolean".into(),
                "services.web: Field was not expected".into(),
            ],
        ),
        (
            json!({"services": [true]}),
            vec!["services: A dict was expected".into()],
        ),
    ];
    for (changes, lines) in cases {
        let error = socket.call_err("auth.twofactor.update", json!([changes]));
        let prefixed: Vec<String> = lines
            .iter()
            .map(|line| format!("auth_twofactor_update.{line}"))
            .collect();
        check(&error, &prefixed, &changes);
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

fn check(error: &Value, lines: &[String], changes: &Value) {
    assert_eq!(
        (&error["code"], errno(error)),
        (&json!(-32602), 22),
        "{changes}"
    );
    assert_eq!(error["message"], "Invalid params");
    let text: String = lines
        .iter()
        .map(|line| format!("[EINVAL] {line}\n"))
        .collect();
    assert_eq!(reason(error), text, "{changes}");
    let extra: Vec<Value> = lines
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(attribute, message)| json!([attribute, message, 22]))
        .collect();
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
    socket.call("core.subscribe", json!(["*"]));
    let row = socket.call(
        "auth.twofactor.update",
        json!([{"enabled": true, "window": 1}]),
    );
    assert_eq!(socket.event()["method"], "collection_update");
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
