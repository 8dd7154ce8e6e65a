//! `core.*`: what stock clients ask before and beside their calls.

use serde_json::{Value, json};
use testkit::Daemon;

use crate::support::{errno, reason};

#[test]
fn ping_answers_pong() {
    let daemon = Daemon::start();
    assert_eq!(daemon.connect().call("core.ping", json!([])), "pong");
    assert_eq!(daemon.midclt_ok(["call", "core.ping"]), "pong");
    assert_eq!(daemon.midclt_ok(["ping"]), "pong");
}

#[test]
fn options_are_set_and_unknown_ones_ignored() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let row = |legacy: bool, private: bool, exceptions: bool| {
        json!({
            "legacy_jobs": legacy, "private_methods": private, "py_exceptions": exceptions,
        })
    };
    for (given, answer) in [
        (json!({}), row(true, false, false)),
        (
            json!({"legacy_jobs": false, "py_exceptions": true}),
            row(false, false, true),
        ),
        (
            json!({"private_methods": true, "since_28": {"x": [1]}}),
            row(true, true, false),
        ),
    ] {
        assert_eq!(
            socket.call("core.set_options", json!([given])),
            answer,
            "{given}"
        );
    }
    for wrong in [
        json!({"legacy_jobs": 1}),
        json!([]),
        json!(null),
        json!("x"),
    ] {
        let error = socket.call_err("core.set_options", json!([wrong]));
        assert_eq!(error["code"], -32602, "{wrong}");
    }
    // What was set changes nothing about errors: no pickled exception is ever sent.
    let error = socket.call_err("auth.twofactor.verify", json!(["123456"]));
    assert!(error["data"].get("py_exception").is_none(), "{error}");
}

#[test]
fn there_are_no_jobs_whatever_is_asked() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    for params in [
        json!([]),
        json!([[]]),
        json!([[["id", "=", 1]], {"get": true}]),
    ] {
        assert_eq!(socket.call("core.get_jobs", params), json!([]));
    }
    assert_eq!(daemon.midclt_ok(["call", "core.get_jobs"]), "[]");
}

#[test]
fn methods_and_services_are_described() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let expected = [
        "auth.two_factor_auth",
        "auth.twofactor.config",
        "auth.twofactor.provisioning_uri",
        "auth.twofactor.renew_secret",
        "auth.twofactor.update",
        "auth.twofactor.verify",
        "core.get_jobs",
        "core.get_methods",
        "core.get_services",
        "core.ping",
        "core.set_options",
        "core.subscribe",
        "core.unsubscribe",
    ];
    let names = |described: &Value| -> Vec<String> {
        described.as_object().unwrap().keys().cloned().collect()
    };
    let described = socket.call("core.get_methods", json!([]));
    assert_eq!(names(&described), contracted());
    let listed_too = |name: &&str| described.get(name).is_some();
    assert!(expected.iter().all(listed_too), "22.12 has them all");
    for (name, method) in described.as_object().unwrap() {
        for key in [
            "description",
            "cli_description",
            "accepts",
            "returns",
            "job",
            "roles",
        ] {
            assert!(method.get(key).is_some(), "{name} has no {key}");
        }
        assert!(
            method["description"]
                .as_str()
                .is_some_and(|text| text.len() > 10),
            "{name}"
        );
    }
    let of_one = socket.call("core.get_methods", json!(["auth.twofactor", "WS"]));
    let is_of_one = |name: &String| {
        let rest = name.strip_prefix("auth.twofactor.");
        rest.is_some_and(|rest| !rest.contains('.'))
    };
    let expected_of_one: Vec<String> = contracted().into_iter().filter(is_of_one).collect();
    assert_eq!(names(&of_one), expected_of_one);
    let services = socket.call("core.get_services", json!(["CLI"]));
    for service in ["auth", "auth.twofactor", "core", "user"] {
        let is_config = services[service]["type"] == "config";
        assert_eq!(is_config, service == "auth.twofactor", "{services}");
    }
    let listed = daemon.midclt_ok(["methods"]);
    assert!(
        expected.iter().all(|name| listed.contains(name)),
        "{listed}"
    );
}

/// The names in the committed contract, in its order.
fn contracted() -> Vec<String> {
    let contract: Value = serde_json::from_str(include_str!("../../docs/api.json")).unwrap();
    let methods = contract["methods"].as_array().unwrap();
    let names = methods.iter().map(|method| method["name"].as_str());
    names.map(|name| name.unwrap().to_owned()).collect()
}

#[test]
fn subscriptions_have_ids_and_names_that_exist() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let mut ids: Vec<Value> = Vec::new();
    for event in ["*", "auth.twofactor.config", "core.get_jobs", "*"] {
        let id = socket.call("core.subscribe", json!([event]));
        assert!(id.as_str().is_some_and(|id| id.len() == 36), "{id}");
        assert!(!ids.contains(&id));
        ids.push(id);
    }
    let error = socket.call_err("core.subscribe", json!(["auth.twofactor.nothing"]));
    assert_eq!(errno(&error), 2);
    assert!(
        reason(&error).contains("auth.twofactor.config, ")
            && reason(&error).ends_with(", core.get_jobs"),
        "{error}"
    );
    for id in ids.into_iter().chain([json!("unknown"), json!("")]) {
        assert_eq!(socket.call("core.unsubscribe", json!([id])), Value::Null);
    }
    for wrong in [json!([]), json!([null]), json!([["*"]])] {
        assert_eq!(socket.call_err("core.subscribe", wrong)["code"], -32602);
    }
    // Many, but not without end.
    let most = (0..100)
        .map(|_| socket.rpc("core.subscribe", json!(["*"])))
        .filter(|reply| reply.get("result").is_some());
    let most = most.count();
    assert!((16..100).contains(&most), "{most} subscriptions");
}
