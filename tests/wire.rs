//! JSON-RPC 2.0 on the socket: the specification's examples, and the original's words.

mod frames;
mod hostile;
mod http;

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Daemon, Socket};

use crate::support::{audited, enable, eventually, good_codes, post, request};

const VERSION: &str = "'jsonrpc' member must be of type string and must be exactly '2.0'";
const ID: &str = "'id' member must be of type null, string or number";
const METHOD: &str = "'method' member must be of type string";
const PARAMS: &str = "'params' member must be of type array";
const BATCH: &str = "Batch messages are not supported at this time";
const NO_METHOD: &str = "Method does not exist";

/// The reply that says only this.
fn error(code: i32, message: &str, id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","error":{{"code":{code},"message":"{message}"}},"id":{id}}}"#)
}

fn pong(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","result":"pong","id":{id}}}"#)
}

/// Sends a message both ways and asserts that the reply is this one, to the letter.
fn check(daemon: &Daemon, socket: &mut Socket, message: &str, reply: &str) {
    socket.send(message);
    let heard = socket.recv_text();
    assert_eq!(heard, reply, "WebSocket: {message}");
    assert_eq!(
        post(daemon, message),
        ("HTTP/1.1 200 OK".into(), reply.into()),
        "{message}"
    );
}

/// Every example of <https://www.jsonrpc.org/specification> §7. There is no `subtract` here, so its
/// examples are answered as calls of an unknown method; batches are refused as in the original.
#[test]
fn the_specifications_examples() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let mut check = |message: &str, reply: &str| check(&daemon, &mut socket, message, reply);
    for (params, id) in [
        ("[42, 23]", "1"),
        ("[23, 42]", "2"),
        (r#"{"subtrahend": 23, "minuend": 42}"#, "3"),
        (r#"{"minuend": 42, "subtrahend": 23}"#, "4"),
    ] {
        let call = format!(
            r#"{{"jsonrpc": "2.0", "method": "subtract", "params": {params}, "id": {id}}}"#
        );
        check(&call, &error(-32601, NO_METHOD, id));
    }
    check(
        r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#,
        &error(-32601, NO_METHOD, "\"1\""),
    );
    check(
        r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#,
        &error(-32600, METHOD, "null"),
    );
    for batch in [
        "[]",
        "[1]",
        "[1,2,3]",
        r#"[{"foo": "boo"}]"#,
        r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
            {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]"#,
        r#"[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]"#,
    ] {
        check(batch, &error(-32700, BATCH, "null"));
    }
}

/// The specification leaves the text of a parse error open; ours is the parser's, and it names a
/// place, never what was there.
#[test]
fn what_is_no_json_is_a_parse_error_with_a_null_id() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    for message in [
        r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#,
        r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
            {"jsonrpc": "2.0", "method"]"#,
        "",
        " ",
        "{",
        "nonsense",
        "{'jsonrpc': '2.0', 'method': 'core.ping', 'id': 1}",
        "\u{feff}{\"jsonrpc\":\"2.0\",\"method\":\"core.ping\",\"id\":1}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"core.ping\",\"id\":1}\u{0}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"core.\u{0}ping\",\"id\":1}",
        r#"{"jsonrpc":"2.0","method":"core.ping","id":1} {}"#,
        r#"{"jsonrpc":"2.0","method":"core.ping","id":01}"#,
        r#"{"jsonrpc":"2.0","method":"core.ping","id":1,}"#,
        r#"{"jsonrpc":"2.0","method":"core.ping","params":[NaN],"id":1}"#,
        r#"{"jsonrpc":"2.0","method":"core.ping","params":["\ud800"],"id":1}"#,
        r#"{"jsonrpc":"2.0","method":"foobar","params":["foobar""#,
    ] {
        socket.send(message);
        let reply = socket.recv();
        assert_eq!(reply["error"]["code"], -32700, "{message:?}: {reply}");
        assert_eq!(reply["id"], Value::Null, "{message:?}");
        let text = reply["error"]["message"].as_str().unwrap();
        assert!(
            text.contains(" at line ") && !text.contains("foobar"),
            "{text}"
        );
        assert_eq!(post(&daemon, message).1, reply.to_string(), "{message:?}");
    }
    for scalar in ["1", "\"core.ping\"", "null", "true", "-1e400"] {
        check(
            &daemon,
            &mut socket,
            scalar,
            &error(-32700, "Invalid Message Format", "null"),
        );
    }
}

/// What follows `{"jsonrpc":"2.0",`, and the message and id of its refusal as no request.
const NO_REQUESTS: &[(&str, &str, &str)] = &[
    (r#""id":1.5,"method":7}"#, ID, "1.5"),
    (r#""id":1e400}"#, ID, "1e400"),
    (r#""id":[1]}"#, ID, "[1]"),
    (r#""id":{"a":1}}"#, ID, "{\"a\":1}"),
    (r#""id":5,"params":7}"#, "Missing 'method' member", "5"),
    (r#""id":5,"method":""}"#, METHOD, "5"),
    (r#""id":5,"method":null}"#, METHOD, "5"),
    (r#""id":5,"method":["x"]}"#, METHOD, "5"),
    (r#""id":5,"method":{"x":1},"params":7}"#, METHOD, "5"),
    (r#""id":5,"method":"x","params":null}"#, PARAMS, "5"),
    (r#""id":5,"method":"x","params":"y"}"#, PARAMS, "5"),
    (r#""id":5,"method":"x","params":1}"#, PARAMS, "5"),
];

/// compat.md §2.4: the checks and their order, in the original's words.
#[test]
fn what_is_no_request_is_refused_in_the_originals_words() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let mut check = |message: &str, reply: &str| check(&daemon, &mut socket, message, reply);
    for (message, text, id) in [
        ("{}", "Missing 'jsonrpc' member", "null"),
        (r#"{"id":5,"method":7}"#, "Missing 'jsonrpc' member", "5"),
        (r#"{"jsonrpc":2.0,"id":[],"method":7}"#, VERSION, "[]"),
        (r#"{"jsonrpc":"1.0","id":5}"#, VERSION, "5"),
        (r#"{"jsonrpc":null,"id":5}"#, VERSION, "5"),
    ] {
        check(message, &error(-32600, text, id));
    }
    for (rest, text, id) in NO_REQUESTS {
        check(
            &format!(r#"{{"jsonrpc":"2.0",{rest}"#),
            &error(-32600, text, id),
        );
    }
    for (method, id) in [
        ("x", "5"),
        ("x", "null"),
        ("core.ping ", "5"),
        ("core.\\u0000ping", "5"),
        ("Core.Ping", "5"),
    ] {
        let call = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#);
        check(&call, &error(-32601, NO_METHOD, id));
    }
}

#[test]
fn ids_of_every_type_are_echoed_to_the_letter() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let long = format!("\"{}\"", "x".repeat(60_000));
    for id in [
        "null",
        "true",
        "false",
        "0",
        "-7",
        "123456789012345678901234567890",
        "\"\"",
        "\"a\\u00e9\\ud83d\\ude00é\"",
        "\"\\u0000\"",
        "\"36c1b8f2-0000-4000-8000-000000000000\"",
        long.as_str(),
    ] {
        let call = format!(r#"{{"id":{id},"method":"core.ping","jsonrpc":"2.0"}}"#);
        check(&daemon, &mut socket, &call, &pong(id));
    }
}

#[test]
fn other_members_are_ignored_and_of_a_repeated_one_the_last_counts() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let deep_member = format!(r#""extra":{}{},"#, "[".repeat(100), "]".repeat(100));
    for members in [
        r#""session":"x","trace":{"a":[1,2]},"#,
        r#""id":7,"method":"nothing","params":3,"#,
        r#""jsonrpc":"1.0","#,
        r#""big":1e400,"#,
        deep_member.as_str(),
    ] {
        let call =
            format!(r#"{{{members}"jsonrpc":"2.0","method":"core.ping","params":[],"id":1}}"#);
        check(&daemon, &mut socket, &call, &pong("1"));
    }
    let update = |changes: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"auth.twofactor.update","params":[{changes}],"id":1}}"#
        )
    };
    socket.send(&update(r#"{"window":3,"window":99,"window":4}"#));
    assert_eq!(socket.recv()["result"]["window"], 4);
}

#[test]
fn notifications_run_and_are_never_answered() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    enable(&mut socket);
    let notify = |method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
    };
    for (method, params) in [
        ("core.ping", "[]"),
        ("core.ping", "[1,2,3]"),
        ("auth.twofactor.config", "[]"),
        ("auth.twofactor.update", "[null]"),
        ("auth.twofactor.update", r#"[{"window":3}]"#),
        ("auth.twofactor.verify", r#"["12345678"]"#),
        ("no.such.method", "[]"),
        ("foobar", "[7]"),
    ] {
        socket.send(&notify(method, params));
    }
    // Answers to one of them would come before this one, or while we wait.
    assert_eq!(socket.call("core.ping", json!([])), "pong");
    socket.assert_silent(Duration::from_millis(200));
    let row = socket.call("auth.twofactor.config", json!([]));
    assert_eq!(row["window"], 3, "the update ran");
    let (status, body) = post(
        &daemon,
        &notify("auth.twofactor.update", r#"[{"window":0}]"#),
    );
    assert_eq!(
        (status.as_str(), body.as_str()),
        ("HTTP/1.1 204 No Content", "")
    );
    eventually("the posted notification's change", || {
        socket.call("auth.twofactor.config", json!([]))["window"] == 0
    });
}

/// Reads need not wait for writes, so replies may overtake one another; each id comes back once.
#[test]
fn pipelined_reads_and_writes_are_each_answered_once() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let mut expected = Vec::new();
    let codes = good_codes(&secret);
    for (at, code) in (0..).zip(&codes) {
        let (write, read) = (1000 + 2 * at, 1001 + 2 * at);
        socket.send(&request(write, "auth.twofactor.verify", json!([code])));
        socket.send(&request(read, "core.ping", json!([])));
        expected.extend([(write, json!(true)), (read, json!("pong"))]);
    }
    let mut heard: Vec<(u64, Value)> = (0..expected.len())
        .map(|_| socket.recv())
        .map(|reply| (reply["id"].as_u64().unwrap(), reply["result"].clone()))
        .collect();
    heard.sort_by_key(|(id, _)| *id);
    assert_eq!(heard, expected);
    assert_eq!(audited(&daemon.state_dir(), "accepted"), codes.len());
}
