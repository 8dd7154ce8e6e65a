//! The original's own midclt. It is not on `PyPI`; its sequence on the wire is imitated, by the
//! library that it uses, Python's `websocket-client`.

use std::path::Path;

use serde_json::{Value, json};
use testkit::Daemon;

use crate::python::{output_of, program};

fn stock_midclt(socket: &Path, method: &str, params: &Value) -> Value {
    let mut command = program("stock_midclt.py");
    command.arg(socket).arg(method).arg(params.to_string());
    serde_json::from_str(&output_of(&mut command)).unwrap()
}

#[test]
fn its_sequence_works() {
    let daemon = Daemon::start();
    let call = |method: &str, params: Value| stock_midclt(daemon.socket(), method, &params);
    assert_eq!(call("core.ping", json!([])), "pong");
    let row = call("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(row["enabled"], true);
    assert_eq!(call("auth.twofactor.config", json!([])), row);
    assert_eq!(call("auth.twofactor.verify", json!([null])), false);
    assert_eq!(
        call("core.get_jobs", json!([[["id", "=", 1]], {"get": true}])),
        json!([])
    );
    let error = call("auth.twofactor.update", json!([{"otp_digits": 9}]));
    assert_eq!(error["code"], -32602);
    // All of these are what its client reads; without one it fails.
    let data = error["data"].as_object().unwrap();
    let keys: Vec<_> = data.keys().map(String::as_str).collect();
    assert_eq!(keys, ["error", "errname", "reason", "trace", "extra"]);
    assert_eq!(error["data"]["trace"], Value::Null);
}
