//! curl, one request by POST each time.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use testkit::{Daemon, run_with_deadline};

use crate::python::output_of;

const URL: &str = "http://localhost/api/current";

/// The status and the body.
fn curl(socket: &Path, words: &[&str]) -> (String, String) {
    let mut command = Command::new("curl");
    command.args(["-sS", "-m", "20", "-w", "\n%{http_code}", "--unix-socket"]);
    command.arg(socket).args(words);
    let said = output_of(&mut command);
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

fn post(socket: &Path, request: &Value) -> (String, Value) {
    let (status, body) = curl(socket, &[URL, "--json", &request.to_string()]);
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

fn request(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 7})
}

#[test]
fn one_call_each() {
    let daemon = Daemon::start();
    let call = |method: &str, params: Value| {
        let (status, reply) = post(daemon.socket(), &request(method, &params));
        assert_eq!(
            (status.as_str(), &reply["id"]),
            ("200", &json!(7)),
            "{reply}"
        );
        reply
    };
    assert_eq!(call("core.ping", json!([]))["result"], "pong");
    let row = call("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(row["result"]["enabled"], true);
    assert_eq!(
        call("auth.twofactor.config", json!([]))["result"],
        row["result"]
    );
    let error = call("auth.twofactor.update", json!([{"window": 11}]));
    assert_eq!(error["error"]["code"], -32602);
    assert_eq!(call("no.such", json!([]))["error"]["code"], -32601);
    let events = call("core.subscribe", json!(["*"]));
    assert_eq!(events["error"]["data"]["errname"], "EOPNOTSUPP");
}

#[test]
fn statuses() {
    let daemon = Daemon::start();
    let status = |words: &[&str]| curl(daemon.socket(), words).0;
    let long = format!("@{}", file_of(&daemon, 65_537));
    let fits = format!("@{}", file_of(&daemon, 65_536));
    assert_eq!(status(&[URL, "-d", "{"]), "200");
    assert_eq!(status(&[URL, "-d", ""]), "200");
    assert_eq!(status(&["http://localhost/api/v27", "-d", "{}"]), "404");
    assert_eq!(status(&["http://localhost/", "-d", "{}"]), "404");
    assert_eq!(status(&[URL]), "400");
    assert_eq!(status(&[URL, "-X", "PUT", "-d", "{}"]), "405");
    assert_eq!(status(&[URL, "-X", "DELETE"]), "405");
    assert_eq!(status(&[URL, "--data-binary", &long]), "413");
    assert_eq!(status(&[URL, "--data-binary", &fits]), "200");
    assert_eq!(
        status(&[URL, "-d", "\u{feff}{}", "-H", "Host: evil.example"]),
        "200"
    );
    let notification = r#"{"jsonrpc": "2.0", "method": "core.ping"}"#;
    assert_eq!(status(&[URL, "--json", notification]), "204");
    assert_eq!(
        status(&[URL, "-d", "x", "-H", "Transfer-Encoding: chunked"]),
        "200"
    );
}

/// A file of this many spaces, for curl's `@`.
fn file_of(daemon: &Daemon, bytes: usize) -> String {
    let file = daemon.dir().join(format!("{bytes}"));
    std::fs::write(&file, vec![b' '; bytes]).unwrap();
    file.display().to_string()
}

/// Two requests on one connection: curl keeps it alive.
#[test]
fn a_connection_is_kept() {
    let daemon = Daemon::start();
    let ping = request("core.ping", &json!([])).to_string();
    let mut command = Command::new("curl");
    command.args([
        "-sS",
        "-m",
        "20",
        "-w",
        "%{num_connects}\n",
        "--json",
        &ping,
    ]);
    command
        .arg("--unix-socket")
        .arg(daemon.socket())
        .args([URL, URL]);
    let output = run_with_deadline(&mut command, std::time::Duration::from_secs(30));
    let text = String::from_utf8(output.stdout).unwrap();
    let ends: Vec<_> = text
        .lines()
        .filter_map(|line| line.chars().last())
        .collect();
    assert_eq!(ends, ['1', '0'], "{text}");
}

/// The socket is open by mistake: somebody else gets 403 and the error that the API has for it.
#[test]
fn somebody_else_is_refused() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let daemon = Daemon::start();
    let run = daemon.socket().parent().unwrap();
    for (path, mode) in [
        (daemon.dir(), 0o755),
        (run, 0o755),
        (daemon.socket(), 0o666),
    ] {
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    command.args([
        "curl",
        "-sS",
        "-m",
        "20",
        "-w",
        "\n%{http_code}",
        "--unix-socket",
    ]);
    command.arg(daemon.socket());
    command.args([
        URL,
        "--json",
        &request("auth.twofactor.config", &json!([])).to_string(),
    ]);
    let said = output_of(&mut command);
    let (body, status) = said.rsplit_once('\n').unwrap();
    let reply: Value = serde_json::from_str(body).unwrap();
    assert_eq!(status, "403");
    assert_eq!(
        (&reply["error"]["code"], &reply["error"]["data"]["error"]),
        (&json!(-32001), &json!(13))
    );
}
