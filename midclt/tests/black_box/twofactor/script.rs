//! A daemon with prepared answers for each method.

use std::collections::HashMap;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, accept};

/// What one call is answered with.
#[derive(Clone)]
pub(super) enum Reply {
    Result(Value),
    Error(Value),
}

/// A result.
pub(super) fn right(result: &Value) -> Reply {
    Reply::Result(result.clone())
}

/// An error with this code and data.
pub(super) fn refuses(code: i64, data: &Value) -> Reply {
    Reply::Error(json!({"code": code, "message": "m", "data": data}))
}

/// The answers: those of a method in their order, the last one for ever.
#[derive(Clone, Default)]
pub(super) struct Script(HashMap<&'static str, Vec<Reply>>);

impl Script {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds an answer of a method.
    pub(super) fn on(mut self, method: &'static str, reply: Reply) -> Self {
        self.0.entry(method).or_default().push(reply);
        self
    }

    /// Puts these in the place of all answers of a method.
    pub(super) fn but(mut self, method: &'static str, replies: Vec<Reply>) -> Self {
        self.0.insert(method, replies);
        self
    }

    fn answer(&mut self, method: &str) -> Reply {
        let unknown = || Reply::Error(json!({"code": -32601, "message": "Method does not exist"}));
        let Some(replies) = self.0.get_mut(method) else {
            return unknown();
        };
        if replies.len() > 1 {
            replies.remove(0)
        } else {
            replies.first().cloned().unwrap_or_else(unknown)
        }
    }

    /// Serves it until the test process ends.
    pub(super) fn play(self) -> Played {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("s")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        let mut script = self;
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &mut script, &record);
            }
        });
        Played { directory, asked }
    }
}

/// A script that is being played.
pub(super) struct Played {
    directory: TempDir,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Played {
    /// midclt with its socket, in UTF-8, and these words.
    pub(super) fn midclt(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_midclt"));
        command
            .args(words)
            .env("MIDDLEWARED_SOCKET", self.directory.path().join("s"))
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "dumb")
            .env_remove("CALL_TIMEOUT")
            .stdin(std::process::Stdio::null());
        command
    }

    /// The calls since the last look: method and params.
    pub(super) fn asked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// The methods of the calls since the last look.
    pub(super) fn methods(&self) -> Vec<String> {
        self.asked().into_iter().map(|(method, _)| method).collect()
    }
}

fn serve(stream: UnixStream, script: &mut Script, record: &Mutex<Vec<(String, Value)>>) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        let request: Value = serde_json::from_str(&text).unwrap();
        let method = request["method"].as_str().unwrap();
        record
            .lock()
            .unwrap()
            .push((method.to_owned(), request["params"].clone()));
        let (key, value) = match script.answer(method) {
            Reply::Result(result) => ("result", result),
            Reply::Error(error) => ("error", error),
        };
        let reply = json!({"jsonrpc": "2.0", "id": request["id"], key: value});
        if socket.send(Message::text(reply.to_string())).is_err() {
            return;
        }
    }
}
