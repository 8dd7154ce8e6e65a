//! A socket that is served by nobody, or by somebody else than middlewared.

use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket,
};
use nix::unistd::geteuid;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Application, write_stack};
use tungstenite::{Message, WebSocket};

use super::KEY;

/// What happens to one connection.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// The reply has this result.
    Result(Value),
    /// The reply has this error.
    Error(Value),
    /// One text message, whatever was asked.
    Text(String),
    /// One binary message.
    Binary,
    /// A close with a code.
    Close,
    /// Bytes instead of the upgrade.
    Bytes(&'static [u8]),
    /// Bytes instead of a message.
    Frames(&'static [u8]),
    /// Nothing, not even the upgrade.
    Hang,
    /// The upgrade, and nothing more.
    HangAfterUpgrade,
    /// The upgrade, byte by byte, so that no single read waits for long.
    Trickle,
    /// Notifications without end.
    Chatter,
    /// The end, at once.
    Drop,
    /// The end, once it has heard the question.
    DropAfterRequest,
}

/// A socket, the stack that asks it, and what it has heard.
pub(super) struct Fake {
    dir: TempDir,
    heard: Arc<Mutex<Vec<Value>>>,
    connections: Arc<Mutex<usize>>,
}

/// A daemon's answer with nothing special.
pub(super) fn answer(verdict: &str) -> Value {
    json!({"verdict": verdict, "message": "", "retry_after": null, "device": null, "warnings": []})
}

impl Fake {
    /// Nobody is there, not even a socket.
    pub(super) fn nobody() -> Self {
        let fake = Self {
            dir: TempDir::new().unwrap(),
            heard: Arc::default(),
            connections: Arc::default(),
        };
        fake.stack(&format!("peer_uid={}", geteuid()));
        fake
    }

    /// Serves the first connection so, the second so, and all others like the last.
    pub(super) fn start(acts: &[Act]) -> Self {
        let fake = Self::nobody();
        let listener = UnixListener::bind(fake.socket()).unwrap();
        let acts = acts.to_vec();
        let (heard, connections) = (fake.heard.clone(), fake.connections.clone());
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                *connections.lock().unwrap() += 1;
                let act = acts.get(number).or(acts.last()).unwrap().clone();
                let (stream, heard) = (stream.unwrap(), heard.clone());
                thread::spawn(move || serve(&act, stream, &heard));
            }
        });
        fake
    }

    /// A socket whose backlog is full: `connect(2)` waits there for ever.
    pub(super) fn full() -> (Self, Vec<std::os::fd::OwnedFd>) {
        let fake = Self::nobody();
        let new = |flags| socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
        let address = UnixAddr::new(&fake.socket()).unwrap();
        let listener = new(SockFlag::empty());
        bind(listener.as_raw_fd(), &address).unwrap();
        listen(&listener, Backlog::new(1).unwrap()).unwrap();
        let mut held = vec![listener];
        loop {
            let one = new(SockFlag::SOCK_NONBLOCK);
            let connected = connect(one.as_raw_fd(), &address);
            held.push(one);
            if connected.is_err() {
                return (fake, held);
            }
        }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// The stack `sshd`: the module alone, with these options.
    pub(super) fn stack(&self, options: &str) {
        let stacks = self.dir.path().join("pam.d");
        fs::create_dir_all(&stacks).unwrap();
        let socket = self.socket();
        let line = format!("MODULE socket={} {options}", socket.display());
        let auth = format!("auth [success=ok default=die] {line}");
        let account = format!("account [success=ok default=die] {line}");
        write_stack(&stacks.join("sshd"), &[&auth, &account]);
        let to_skip = format!("auth [success=done ignore=ignore default=die] {line}");
        write_stack(&stacks.join("other"), &[&to_skip, &account]);
    }

    /// Root, from elsewhere, with a proven key.
    pub(super) fn login(&self) -> Application {
        self.stranger().step(KEY)
    }

    /// Root, from elsewhere, who has proven nothing.
    pub(super) fn stranger(&self) -> Application {
        self.application("sshd").step("rhost=198.51.100.7")
    }

    pub(super) fn application(&self, service: &str) -> Application {
        Application::new(&self.dir.path().join("pam.d"), service, "root")
    }

    /// The params that it has heard.
    pub(super) fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

fn serve(act: &Act, mut stream: UnixStream, heard: &Mutex<Vec<Value>>) {
    match act {
        Act::Drop => {}
        Act::Hang => wait_for_the_end(&mut stream),
        Act::Bytes(bytes) => {
            let _ = stream.write_all(bytes);
            wait_for_the_end(&mut stream);
        }
        Act::Trickle => {
            for byte in b"HTTP/1.1 101 Switching Protocols\r\nX: "
                .iter()
                .chain([b'x'; 4_000].iter())
            {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        act => {
            // Whoever has gone before the upgrade had no question.
            if let Ok(mut socket) = tungstenite::accept(stream) {
                converse(act, &mut socket, heard);
                wait_for_the_end(socket.get_mut());
            }
        }
    }
}

/// Hears one question, and answers.
fn converse(act: &Act, socket: &mut WebSocket<UnixStream>, heard: &Mutex<Vec<Value>>) {
    let Ok(Message::Text(text)) = socket.read() else {
        return;
    };
    let question: Value = serde_json::from_str(&text).unwrap();
    heard.lock().unwrap().push(question["params"].clone());
    let reply = |word: &str, value: &Value| {
        json!({"jsonrpc": "2.0", word: value, "id": question["id"]}).to_string()
    };
    let message = match act {
        Act::Result(result) => Message::text(reply("result", result)),
        Act::Error(error) => Message::text(reply("error", error)),
        Act::Text(text) => Message::text(text.replace("ID", &question["id"].to_string())),
        Act::Binary => Message::binary(reply("result", &answer("ACCEPTED")).into_bytes()),
        Act::Close => Message::Close(None),
        Act::Frames(bytes) => {
            let _ = socket.get_mut().write_all(bytes);
            return;
        }
        Act::Chatter => {
            let text = r#"{"jsonrpc":"2.0","method":"x","params":[]}"#;
            while socket.send(Message::text(text)).is_ok() {}
            return;
        }
        Act::DropAfterRequest => {
            let _ = socket.get_mut().shutdown(std::net::Shutdown::Both);
            return;
        }
        _ => return,
    };
    let _ = socket.send(message);
}

/// Holds the connection until the other side goes.
fn wait_for_the_end(stream: &mut UnixStream) {
    let _ = std::io::copy(stream, &mut std::io::sink());
}
