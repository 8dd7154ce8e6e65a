//! What midclt prints: results, errors, and everything that keeps an answer from coming.
//! The tables are those of the original's client.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Answer, Said, Stub, sh};

#[test]
fn results_are_printed_as_the_original_does() {
    let check = |result: &'static str, expected: &str| {
        let stub = Stub::answering(Answer::RawResult(result));
        let said = sh(stub.socket(), "midclt call a.b");
        assert_eq!(said, Said::printed(&format!("{expected}\n")), "{result}");
    };
    check(r#""text""#, "text");
    check(r#""no \"escapes\"\tü €""#, "no \"escapes\"\tü €");
    check(r#""""#, "");
    check("true", "True");
    check("false", "False");
    check("null", "null");
    check("7", "7");
    check("-1.5", "-1.5");
    check(
        "123456789012345678901234567890",
        "123456789012345678901234567890",
    );
    check("[true,null,false]", "[true, null, false]");
    check("[]", "[]");
    check("{}", "{}");
    check(
        r#"{"z":1,"a":{"b":[1,2]},"ü":"€😀"}"#,
        r#"{"z": 1, "a": {"b": [1, 2]}, "\u00fc": "\u20ac\ud83d\ude00"}"#,
    );
}

#[test]
fn errors_are_printed_as_the_original_does() {
    let check = |error: Value, expected: &str| {
        let stub = Stub::answering(Answer::Error(error.clone()));
        let call = |options: &str| sh(stub.socket(), &format!("midclt {options} a.b"));
        assert_eq!(call("call"), Said::failed(1, expected), "{error}");
        assert_eq!(call("call -q"), Said::failed(1, ""), "{error}");
        assert_eq!(call("-q call"), Said::failed(1, ""), "{error}");
    };
    let data = |reason: &str, trace: Value, extra: Value| json!({"error": 14, "errname": "EFAULT", "reason": reason, "trace": trace, "extra": extra});
    let call_error =
        |data: Value| json!({"code": -32001, "message": "Method call error", "data": data});
    check(
        call_error(data("[EFAULT] No.", Value::Null, Value::Null)),
        "[EFAULT] No.\n",
    );
    let trace = json!({"class": "X", "formatted": "Traceback\n  x", "repr": "X()"});
    check(
        call_error(data("[EFAULT] No.", trace, json!(["ssh"]))),
        "[EFAULT] No.\nTraceback\n  x\n\n['ssh']\n",
    );
    let violations = json!([
        ["u.window", "Too big", 22],
        ["", "Too many", 22],
        [null, "Gone", 2],
        ["x", "y", 207]
    ]);
    check(
        json!({"code": -32602, "message": "Invalid params", "data": data("r\n", json!({"formatted": "T"}), violations)}),
        "[EINVAL] u.window: Too big\n[EINVAL] ALL: Too many\n[ENOENT] ALL: Gone\n[EUNKNOWN] x: y\n",
    );
    for code in [-32600, -32603, -32000, 1234] {
        check(json!({"code": code, "message": "words"}), "words\n");
    }
}

#[test]
fn a_parse_error_without_an_id_ends_the_call() {
    let error = json!({"code": -32700, "message": "Expecting value"});
    let message = json!({"jsonrpc": "2.0", "error": error, "id": null});
    let stub = Stub::answering(Answer::Message(message));
    let expected = "Received a global connection error: Expecting value\n";
    assert_eq!(
        sh(stub.socket(), "midclt call a.b"),
        Said::failed(1, expected)
    );
}

/// The original prints `null` and exits 0 here; a script must not take that for a success.
#[test]
fn a_reply_without_result_and_error_is_no_success() {
    let stub = Stub::answering(Answer::Message(json!({"jsonrpc": "2.0", "id": 1})));
    let said = sh(stub.socket(), "midclt -t 1 call a.b");
    assert_eq!((said.exit, said.stdout.as_str()), (Some(1), ""), "{said:?}");
}

/// A server's text must not drive the terminal.
#[test]
fn control_characters_of_an_error_are_shown() {
    let stub = Stub::answering(Answer::Error(
        json!({"code": -32600, "message": "\u{1b}[2Jx\r"}),
    ));
    let said = sh(stub.socket(), "midclt call a.b");
    assert_eq!(said, Said::failed(1, "\\u{1b}[2Jx\\r\n"));
}

#[test]
fn lost_connections_say_how() {
    let check = |answer: Answer, expected: &str| {
        let stub = Stub::answering(answer);
        let said = sh(stub.socket(), "midclt call a.b");
        assert_eq!((said.exit, said.stdout.as_str()), (Some(1), ""), "{said:?}");
        assert_eq!(said.stderr.lines().next(), Some(expected), "{said:?}");
    };
    check(
        Answer::Close(1011, "boom reason"),
        "WebSocket connection closed with code=1011, reason='boom reason'",
    );
    check(
        Answer::Hangup,
        "WebSocket connection closed with code=None, reason=None",
    );
}

#[test]
fn silence_ends_at_the_time_limit() {
    let stub = Stub::answering(Answer::Silence);
    let check = |line: &str, first: &str| {
        let began = Instant::now();
        let said = sh(stub.socket(), line);
        let took = began.elapsed();
        assert_eq!(said.exit, Some(1), "{line}: {said:?}");
        assert_eq!(said.stderr.lines().next(), Some(first), "{line}: {said:?}");
        let expected = Duration::from_millis(900)..Duration::from_secs(10);
        assert!(expected.contains(&took), "{line}: {took:?}");
    };
    check("midclt -t 1 call a.b", "Call timeout");
    check("midclt call -t 1 a.b", "Call timeout");
    check("CALL_TIMEOUT=1 midclt call a.b", "Call timeout");
    check("midclt call -q -t 1 a.b", "Call timeout");
    check(
        "midclt ping -t 1",
        "midclt: middlewared did not answer within 1 s",
    );
}
