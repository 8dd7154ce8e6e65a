//! A WebSocket client that shows everything: texts, closes, silence, raw bytes.
#![expect(
    clippy::needless_pass_by_value,
    reason = "`json!([…])` as an argument reads better without a reference"
)]

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

/// Long enough for a loaded machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(15);

/// A connection to `/api/current`. Each read has a time limit, and each failure panics.
#[derive(Debug)]
pub struct Socket {
    websocket: WebSocket<UnixStream>,
    next_id: u64,
    events: VecDeque<Value>,
}

impl Socket {
    /// Connects and upgrades.
    pub fn connect(path: &Path) -> Self {
        match Self::try_connect(path) {
            Ok(socket) => socket,
            Err(reason) => panic!("no WebSocket at {}: {reason}", path.display()),
        }
    }

    /// Connects and upgrades, or says why not.
    ///
    /// # Errors
    /// The connection's or the upgrade's error as text.
    pub fn try_connect(path: &Path) -> Result<Self, String> {
        Self::over(UnixStream::connect(path).map_err(|error| error.to_string())?)
    }

    /// Upgrades a connection that somebody else has made, or says why not.
    ///
    /// # Errors
    /// The upgrade's error as text.
    pub fn over(stream: UnixStream) -> Result<Self, String> {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let (websocket, _response) = tungstenite::client("ws://localhost/api/current", stream)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            websocket,
            next_id: 1,
            events: VecDeque::new(),
        })
    }

    /// Connects to the web's socket as the web service does for somebody at this address; empty for a
    /// service that tells none.
    pub fn on_web(path: &Path, address: &str) -> Self {
        let stream = UnixStream::connect(path).expect("connect to the web's socket");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut request = "ws://localhost/api/current"
            .into_client_request()
            .expect("a request");
        if !address.is_empty() {
            let address = address.parse().expect("a header's value");
            request.headers_mut().insert("X-Middlewared-Peer", address);
        }
        let (websocket, _) = tungstenite::client(request, stream).expect("upgrade");
        Self {
            websocket,
            next_id: 1,
            events: VecDeque::new(),
        }
    }

    /// Sends one text message as it is.
    pub fn send(&mut self, text: &str) {
        self.websocket
            .send(Message::text(text))
            .expect("send a message");
    }

    /// The next text message, parsed.
    pub fn recv(&mut self) -> Value {
        serde_json::from_str(&self.recv_text()).expect("a JSON message")
    }

    /// The next text message, to the letter.
    pub fn recv_text(&mut self) -> String {
        match self.recv_message() {
            Ok(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("waited for a text message, got {other:?}"),
        }
    }

    /// The next message of any kind but ping and pong.
    ///
    /// # Errors
    /// What the connection reported: closed, reset, timed out.
    pub fn recv_message(&mut self) -> Result<Message, Box<Error>> {
        loop {
            match self.websocket.read()? {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return Ok(message),
            }
        }
    }

    /// Waits for the server's close: its code and reason. Messages before it are dropped.
    pub fn recv_close(&mut self) -> (u16, String) {
        loop {
            match self.recv_message() {
                Ok(Message::Close(Some(frame))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Ok(Message::Close(None)) => return (CloseCode::Status.into(), String::new()),
                Ok(_) => {}
                Err(error) => panic!("waited for a close, got {error}"),
            }
        }
    }

    /// One call, and its whole reply. Notifications that come first are kept for [`Self::event`].
    pub fn rpc(&mut self, method: &str, params: Value) -> Value {
        let id = json!(self.next_id);
        self.next_id += 1;
        let request = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": id});
        self.send(&request.to_string());
        loop {
            let message = self.recv();
            if message.get("method").is_some() {
                self.events.push_back(message);
                continue;
            }
            assert_eq!(
                message.get("id"),
                Some(&id),
                "a reply to another call: {message}"
            );
            return message;
        }
    }

    /// One call that must succeed, and its result.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        let reply = self.rpc(method, params);
        match reply.get("result") {
            Some(result) => result.clone(),
            None => panic!("{method} failed: {reply}"),
        }
    }

    /// One call that must fail, and its error object.
    pub fn call_err(&mut self, method: &str, params: Value) -> Value {
        let reply = self.rpc(method, params);
        match reply.get("error") {
            Some(error) => error.clone(),
            None => panic!("{method} should have failed: {reply}"),
        }
    }

    /// The next notification.
    pub fn event(&mut self) -> Value {
        self.events.pop_front().unwrap_or_else(|| self.recv())
    }

    /// Asserts that the server says nothing for this long.
    pub fn assert_silent(&mut self, duration: Duration) {
        assert!(self.events.is_empty(), "unread: {:?}", self.events);
        let began = Instant::now();
        self.stream().set_read_timeout(Some(duration)).unwrap();
        let heard = self.recv_message();
        self.stream().set_read_timeout(Some(PATIENCE)).unwrap();
        let Err(error) = heard else {
            panic!(
                "expected silence, got {heard:?} after {:?}",
                began.elapsed()
            );
        };
        match *error {
            Error::Io(error) if is_timeout(error.kind()) => {}
            error => panic!("expected silence, got {error}"),
        }
    }

    /// Writes bytes below the WebSocket: broken frames, half messages.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.websocket
            .get_mut()
            .write_all(bytes)
            .expect("write raw bytes");
    }

    /// The stream below.
    pub fn stream(&self) -> &UnixStream {
        self.websocket.get_ref()
    }

    /// The library's own handle, for what this type does not offer.
    pub fn websocket(&mut self) -> &mut WebSocket<UnixStream> {
        &mut self.websocket
    }
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
