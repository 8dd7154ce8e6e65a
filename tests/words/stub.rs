//! A server that shows what arrived and answers as told.

use std::mem;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

/// What a call is answered with.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A result.
    Result(Value),
    /// A result as JSON text, for what serde would change.
    RawResult(&'static str),
    /// An error object.
    Error(Value),
    /// This whole message.
    Message(Value),
    /// A close with this code and reason.
    Close(u16, &'static str),
    /// The end of the connection, without a word.
    Hangup,
    /// Nothing.
    Silence,
}

/// One listener on a private socket; connections are served one after the other.
pub(super) struct Stub {
    _dir: TempDir,
    socket: PathBuf,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Stub {
    /// A server that gives every call this answer.
    pub(super) fn answering(answer: Answer) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("stub.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        // The thread waits for connections until the process ends.
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &answer, &seen);
            }
        });
        Self {
            _dir: dir,
            socket,
            requests,
        }
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The requests since the last time, in their order.
    ///
    /// A command that was answered has been noted before. Of one that says it sent nothing, a later
    /// one is the proof: connections are served in their order.
    pub(super) fn taken(&self) -> Vec<Value> {
        mem::take(&mut self.requests.lock().unwrap())
    }
}

fn serve(stream: UnixStream, answer: &Answer, seen: &Mutex<Vec<Value>>) {
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let Ok(mut websocket) = tungstenite::accept(stream) else {
        // Connected and left: that too is something that arrived.
        seen.lock().unwrap().push(json!("no handshake"));
        return;
    };
    while let Ok(message) = websocket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        let request: Value = serde_json::from_str(&text).unwrap();
        seen.lock().unwrap().push(request.clone());
        if !reply(&mut websocket, answer, &request) {
            return;
        }
    }
}

/// Whether the connection goes on.
fn reply(websocket: &mut WebSocket<UnixStream>, answer: &Answer, request: &Value) -> bool {
    let id = &request["id"];
    let text = match answer {
        Answer::Result(result) => json!({"jsonrpc": "2.0", "result": result, "id": id}).to_string(),
        Answer::RawResult(result) => format!(r#"{{"jsonrpc":"2.0","result":{result},"id":{id}}}"#),
        Answer::Error(error) => json!({"jsonrpc": "2.0", "error": error, "id": id}).to_string(),
        Answer::Message(message) => message.to_string(),
        Answer::Close(code, reason) => {
            let frame = CloseFrame {
                code: (*code).into(),
                reason: (*reason).into(),
            };
            websocket.close(Some(frame)).unwrap();
            return true;
        }
        Answer::Hangup => return false,
        Answer::Silence => return true,
    };
    websocket.send(Message::text(text)).unwrap();
    true
}
