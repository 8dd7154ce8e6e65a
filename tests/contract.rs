//! Every entrance, every method, every event: the contract, held against the running daemon.
#![cfg(feature = "system")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::python::output_of;
use crate::site::Site;
use crate::support::{errno, reason};

const NOBODY: u32 = 65_534;

/// The committed contract.
fn contract() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn names(listed: &Value) -> Vec<&str> {
    let listed = listed.as_array().unwrap().iter();
    listed.map(|one| one["name"].as_str().unwrap()).collect()
}

/// Sends each line of its standard input as a request of its own, on both entrances, each on a new
/// connection; prints a line for each answer. Only what every Python has.
const STRANGER: &str = r#"
import base64, os, socket, sys

def connect():
    there = socket.socket(socket.AF_UNIX)
    there.settimeout(20)
    there.connect(sys.argv[1])
    return there

def post(body):
    there = connect()
    there.sendall(b"POST /api/current HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                  b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    answer = b""
    while chunk := there.recv(65536):
        answer += chunk
    return answer.split(b"\r\n\r\n", 1)[1]

def websocket(body):
    there = connect()
    key = base64.b64encode(os.urandom(16))
    there.sendall(b"GET /api/current HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  b"Sec-WebSocket-Key: " + key + b"\r\n\r\n")
    stream = there.makefile("rb")
    while stream.readline() != b"\r\n":
        pass
    there.sendall(bytes([0x81, 0xfe]) + len(body).to_bytes(2, "big") + bytes(4) + body)
    length = stream.read(2)[1]
    if length == 126:
        length = int.from_bytes(stream.read(2), "big")
    text = stream.read(length)
    if stream.read(1)[0] != 0x88:
        return b"the connection was not closed: " + text
    return text

for line in sys.stdin.buffer:
    for entrance in post, websocket:
        print(entrance.__name__, entrance(line.strip().ljust(126)).decode(), flush=True)
"#;

/// HTTP Basic went around the code and could even switch it off (NAS-117931): here every entrance is
/// tried with every method and every event, by somebody who may use none of them.
#[test]
fn a_stranger_is_refused_at_every_entrance_with_every_method_and_every_event() {
    let mut site = Site::new();
    site.enrol("alice");
    fs::set_permissions(site.daemon.dir(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(site.daemon.socket(), Permissions::from_mode(0o666)).unwrap();
    let contract = contract();
    let mut calls: Vec<(String, Value)> = Vec::new();
    for name in names(&contract["methods"]) {
        // What would turn it off, and what every method has to look at first.
        calls.push((name.to_owned(), json!([{"enabled": false}])));
        calls.push((name.to_owned(), json!([])));
    }
    for event in names(&contract["events"]) {
        calls.push(("core.subscribe".to_owned(), json!([event])));
    }
    let before = everything(&site);
    let requests: Vec<String> = calls
        .iter()
        .map(|(method, params)| {
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
        })
        .collect();
    let input = site.daemon.dir().join("requests");
    fs::write(&input, requests.join("\n") + "\n").unwrap();
    let mut stranger = Command::new("setpriv");
    stranger.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}")]);
    stranger.args(["--clear-groups", "--", "sh", "-c", "exec \"$@\" <\"$0\""]);
    stranger
        .arg(&input)
        .args(["/usr/bin/python3", "-c", STRANGER]);
    let said = output_of(stranger.arg(site.daemon.socket()));
    let answers: Vec<&str> = said.lines().collect();
    assert_eq!(answers.len(), 2 * calls.len(), "{said}");
    for (two, (method, params)) in answers.chunks(2).zip(&calls) {
        for answer in two {
            let (entrance, reply) = answer.split_once(' ').unwrap();
            let reply: Value = serde_json::from_str(reply)
                .unwrap_or_else(|error| panic!("{method} {entrance}: {error}: {reply}"));
            let at = format!("{method} {params} {entrance}: {reply}");
            assert!(reply.get("result").is_none(), "{at}");
            assert_eq!(errno(&reply["error"]), 13, "{at}");
            assert!(reason(&reply["error"]).contains("Not authorized"), "{at}");
        }
    }
    assert_eq!(everything(&site), before, "something was written");
    assert_eq!(site.call("auth.two_factor_auth", json!([])), true);
}

/// Every row of every table, as text.
fn everything(site: &Site) -> Vec<String> {
    let database = site.database();
    let tables: Vec<String> = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut rows = Vec::new();
    for table in tables {
        let mut select = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = select.column_count();
        let found = select.query_map([], |row| {
            let values = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at));
            Ok(format!(
                "{table}: {:?}",
                values.collect::<Result<Vec<_>, _>>()?
            ))
        });
        rows.extend(found.unwrap().map(Result::unwrap));
    }
    rows
}

/// What the daemon says of itself is what is written down, and all of it has a sentence.
#[test]
fn every_method_and_every_event_is_documented() {
    let mut site = Site::new();
    let contract = contract();
    let described = site.call("core.get_methods", json!([]));
    let methods = described.as_object().unwrap();
    let running: Vec<&str> = methods.keys().map(String::as_str).collect();
    let written = names(&contract["methods"]);
    assert_eq!(running, written, "cargo xtask contract");
    let sentence = |text: &Value| {
        text.as_str()
            .is_some_and(|text| text.len() > 10 && text.contains('.'))
    };
    for method in contract["methods"].as_array().unwrap() {
        assert!(sentence(&method["description"]), "{}", method["name"]);
        assert!(sentence(
            &described[method["name"].as_str().unwrap()]["description"]
        ));
        for param in method["params"].as_array().unwrap() {
            let text = param["description"]
                .as_str()
                .or(param["schema"]["description"].as_str());
            assert!(
                text.is_some_and(|text| text.len() > 4),
                "{}: {param}",
                method["name"]
            );
        }
    }
    for event in contract["events"].as_array().unwrap() {
        assert!(sentence(&event["description"]), "{}", event["name"]);
        let id = site.call("core.subscribe", json!([event["name"]]));
        assert!(id.is_string());
    }
    let error = site.refused("core.subscribe", json!(["auth.twofactor.secrets"]));
    for event in names(&contract["events"])
        .iter()
        .filter(|name| **name != "*")
    {
        assert!(reason(&error).contains(event), "{event}: {error}");
    }
}
