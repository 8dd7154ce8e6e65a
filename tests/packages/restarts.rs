//! Restarts under load: whoever calls meanwhile waits, and is neither refused nor answered twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Container, Socket, tungstenite::Message};

use crate::support::{enable, good_codes, verify};

use super::site::{SOCKET, deliver, install, installed};

const CLIENTS: usize = 50;

/// Each call is a `midclt` of its own, so that at any time one of them connects, one upgrades and one
/// waits for its answer. They go on until they are told to stop; then come the number of calls and what
/// failed.
const CALLS: &str = "
for client in $(seq 50); do
    (until [ -e /root/stop ]; do
        [ \"$(midclt -t 30 call core.ping 2>>/root/failed)\" = pong ] || echo lost >>/root/failed
        echo >>/root/called
        sleep 0.1
    done) &
done
wait
wc -l </root/called
cat /root/failed
";

#[test]
fn an_upgrade_loses_no_call() {
    let container = installed();
    let newer = deliver(&container, 2);
    container.run_ok(["midclt", "ping"]);
    let answered = thread::scope(|scope| {
        let calls = scope.spawn(|| container.script(CALLS));
        install(&container, &newer);
        for _ in 0..3 {
            container.run_ok(["systemctl", "restart", "middlewared.service"]);
        }
        container.write("/root/stop", "");
        calls.join().unwrap()
    });
    // Nothing but the number.
    let calls: Result<usize, _> = answered.parse();
    assert!(calls.is_ok_and(|calls| calls > CLIENTS), "{answered}");
    let version = container.run_ok(["dpkg-query", "-W", "-f", "${Version}", "middlewared"]);
    assert!(version.ends_with("-2"), "{version}");
    let journal = container.journal("middlewared.service");
    assert_eq!(
        journal.lines().filter(|line| *line == "ready").count(),
        5,
        "{journal}"
    );
}

/// One call on a connection of its own. None: the connection broke before the answer came, and nobody
/// can say whether the call was made. Being refused is a failure.
fn attempt(socket: &Path, method: &str, params: &Value) -> Option<Value> {
    let mut socket = match Socket::try_connect(socket) {
        Ok(socket) => socket,
        Err(reason) => {
            assert!(!reason.contains("refused"), "{reason}");
            return None;
        }
    };
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let request = Message::text(request.to_string());
    socket.websocket().send(request).ok()?;
    let Message::Text(reply) = socket.recv_message().ok()? else {
        return None;
    };
    let reply: Value = serde_json::from_str(&reply).ok()?;
    Some(reply["result"].clone())
}

/// The same, again until there is an answer.
fn insist(socket: &Path, method: &str, params: &Value) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(answer) = attempt(socket, method, params) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{method} is never answered");
    }
}

#[test]
fn a_crash_refuses_nobody_and_lets_no_code_in_twice() {
    let container = installed();
    let path = container.path(SOCKET);
    let secret = enable(&mut Socket::connect(&path));
    let codes = good_codes(&secret);
    let mut accepted = BTreeMap::new();
    for codes in codes.chunks(4) {
        for code in round(&container, &path, codes) {
            *accepted.entry(code).or_insert(0) += 1;
        }
    }
    assert!(accepted.values().all(|times| *times == 1), "{accepted:?}");
    assert!(
        accepted.len() > codes.len() / 2,
        "most are accepted: {accepted:?}"
    );
    insist(&path, "core.ping", &json!([]));
    let restarts: usize = container
        .property("middlewared.service", "NRestarts")
        .parse()
        .unwrap();
    assert_eq!(restarts, codes.chunks(4).count());
    let mut socket = Socket::connect(&path);
    for code in accepted.keys() {
        assert!(!verify(&mut socket, code), "{code} was used");
    }
}

/// Not by pid: the one of a service that does not run is 0, which for kill(2) is whoever asks.
const KILL: [&str; 5] = [
    "systemctl",
    "kill",
    "--signal=KILL",
    "--kill-whom=main",
    "middlewared.service",
];

/// All clients try these codes, and the daemon is killed in the midst of it. The codes that were
/// accepted, as often as they were.
fn round(container: &Container, path: &Path, codes: &[String]) -> Vec<String> {
    insist(path, "core.ping", &json!([]));
    let begin = Barrier::new(CLIENTS + 1);
    thread::scope(|scope| {
        let try_all = || {
            begin.wait();
            let is_accepted =
                |code: &&String| insist(path, "auth.twofactor.verify", &json!([code])) == true;
            codes
                .iter()
                .filter(is_accepted)
                .cloned()
                .collect::<Vec<_>>()
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(try_all)).collect();
        begin.wait();
        container.run_ok(KILL);
        let accepted = clients.into_iter().map(|client| client.join().unwrap());
        accepted.flatten().collect()
    })
}
