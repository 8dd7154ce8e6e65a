//! JSON that is meant to hurt.

use serde_json::{Value, json};
use testkit::Daemon;

use crate::support::assert_alive;

/// Numbers without end, towers of brackets, and serde's own private names: each is one error, or an
/// answer, and never the end.
#[test]
fn hostile_json_is_one_error_and_no_more() {
    let mut daemon = Daemon::start();
    let mut socket = daemon.connect();
    let tower = |open: &str, close: &str, height| open.repeat(height) + &close.repeat(height);
    let mut nested = "1".to_owned();
    for _ in 0..6 {
        let text = tower("[", "]", 120).replacen("[]", &format!("[{nested}]"), 1);
        let text = Value::String(text).to_string();
        nested = format!(r#"{{"$serde_json::private::RawValue":{text}}}"#);
    }
    for params in [
        "[1e400]".to_owned(),
        "[-1e-400]".to_owned(),
        format!("[{}]", "9".repeat(60_000)),
        format!("[1.{}]", "0".repeat(60_000)),
        tower("[", "]", 32_000),
        tower("[", "]", 100),
        "[".repeat(60_000),
        "{\"a\":".repeat(10_000),
        format!("[{}{{}}{}]", "{\"a\":".repeat(100), "}".repeat(100)),
        r#"[{"$serde_json::private::Number":"x"}]"#.to_owned(),
        r#"[{"$serde_json::private::RawValue":"{"}]"#.to_owned(),
        format!("[{nested}]"),
        format!("[\"{}\"]", "\\u0000".repeat(10_000)),
        format!(
            "[{{{}}}]",
            (0..4000)
                .map(|at| format!("\"k{at}\":1"))
                .collect::<Vec<_>>()
                .join(",")
        ),
    ] {
        for method in [
            "auth.twofactor.update",
            "auth.twofactor.verify",
            "core.set_options",
        ] {
            let start: String = params.chars().take(40).collect();
            let call =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
            socket.send(&call);
            let reply = socket.recv();
            assert!(
                reply.get("error").is_some() || reply["result"].is_object(),
                "{start}: {reply}"
            );
        }
    }
    assert_alive(&mut daemon, "hostile JSON");
    let row = socket.call("auth.twofactor.config", json!([]));
    assert_eq!(
        (&row["enabled"], &row["window"]),
        (&json!(false), &json!(0)),
        "nothing changed"
    );
}
