//! The connection: WebSocket on the outside, JSON-RPC calls and events within.

use std::collections::VecDeque;
use std::fmt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{WebSocket, WebSocketConfig};
use tungstenite::{Message as Frame, client::client_with_config, error::Error as WsError};

use crate::dial::{TimedStream, dial};
use crate::message::{Meaning, read};
use crate::{Deadline, Error};

/// The largest message that is accepted from the server.
pub const MAX_REPLY_BYTES: usize = 4 << 20;

/// How many messages that are no reply to us one call will skip.
const MAX_SKIPPED: usize = 10_000;

/// How much may arrive for a subscription before `core.subscribe` is answered.
const MAX_EARLY_BYTES: usize = MAX_REPLY_BYTES;

/// How often a call follows a daemon that restarts. Once is the rule; a daemon that crashes at each start
/// must not be asked for ever.
const MAX_RESTARTS: u32 = 3;

/// An open connection; one call at a time.
pub struct Client {
    /// Where its successor is, if it has one.
    path: Option<PathBuf>,
    socket: WebSocket<TimedStream>,
    last_id: u64,
    has_subscribed: bool,
    early: VecDeque<Event>,
}

/// What became of a call without a result.
enum Fate {
    /// It was certainly not made, and can be made again.
    Unheard(Error),
    /// It failed, or nobody knows.
    Failed(Error),
}

impl Fate {
    fn of_unsent(error: Error) -> Self {
        match error {
            Error::Closed { .. } => Self::Unheard(error),
            _ => Self::Failed(error),
        }
    }

    /// A daemon that stops answers all that it has read before it says so.
    fn of_unanswered(error: Error) -> Self {
        match error {
            Error::Closed { code, .. } if code == Some(CloseCode::Away.into()) => {
                Self::Unheard(error)
            }
            _ => Self::Failed(error),
        }
    }
}

/// What a subscription delivers.
#[derive(Debug, Clone)]
pub enum Event {
    /// `collection_update`: its params as sent.
    Update(Box<RawValue>),
    /// `notify_unsubscribed`: the subscription has ended.
    Unsubscribed {
        /// The name it was for.
        collection: String,
        /// `None` for a regular end, else the error's data.
        error: Option<Value>,
    },
}

#[derive(Serialize)]
struct Request<'a, P: ?Sized> {
    jsonrpc: &'static str,
    id: u64,
    method: &'a str,
    params: &'a P,
}

impl Client {
    /// Connects and upgrades to WebSocket. The deadline also covers the calls that follow, until
    /// [`Client::set_deadline`] moves it.
    ///
    /// # Errors
    /// Everything but [`Error::Call`].
    pub fn connect(path: &Path, deadline: Deadline) -> Result<Self, Error> {
        let mut restarts = 0;
        loop {
            match Self::open(path, deadline) {
                // It went away before it could have heard a call: its successor is as good.
                Err(Error::Closed { .. }) if restarts < MAX_RESTARTS => restarts += 1,
                outcome => return outcome,
            }
        }
    }

    fn open(path: &Path, deadline: Deadline) -> Result<Self, Error> {
        let stream = dial(path, deadline)?;
        let socket = upgrade(stream, "localhost")?;
        Ok(Self::new(Some(path.to_owned()), socket))
    }

    /// Upgrades a stream to the machine of this name and port, which somebody else has connected. Nothing
    /// follows a daemon that restarts there: whoever was signed in is not any more.
    ///
    /// # Errors
    /// Everything but [`Error::Call`].
    pub fn over(stream: UnixStream, authority: &str, deadline: Deadline) -> Result<Self, Error> {
        let socket = upgrade(TimedStream::new(stream, deadline), authority)?;
        Ok(Self::new(None, socket))
    }

    fn new(path: Option<PathBuf>, socket: WebSocket<TimedStream>) -> Self {
        Self {
            path,
            socket,
            last_id: 0,
            has_subscribed: false,
            early: VecDeque::new(),
        }
    }

    /// The user who serves the socket, as the kernel says (`SO_PEERCRED`, unix(7)).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn peer_uid(&self) -> Result<u32, Error> {
        self.socket.get_ref().peer_uid().map_err(Error::Io)
    }

    /// Gives the calls from here on another deadline.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.socket.get_mut().deadline = deadline;
    }

    /// Calls a method and waits for its result, skipping notifications.
    ///
    /// `params` is the JSON array of the arguments, as anything that serialises to one.
    ///
    /// # Errors
    /// [`Error::Call`] when the method fails, else what happened to the connection. After any
    /// other error than [`Error::Call`] the connection is of no further use.
    pub fn call<P: Serialize + ?Sized>(
        &mut self,
        method: &str,
        params: &P,
    ) -> Result<Box<RawValue>, Error> {
        let mut restarts = 0;
        loop {
            match self.ask(method, params) {
                Err(Fate::Unheard(error)) if restarts < MAX_RESTARTS && !self.has_subscribed => {
                    let Some(path) = self.path.clone() else {
                        return Err(error);
                    };
                    restarts += 1;
                    // The goodbye that it waits for; it is going either way.
                    let _ = self.socket.flush();
                    let next = Self::connect(&path, self.socket.get_ref().deadline)?;
                    // Whoever has looked at who serves the socket has looked at the one before.
                    if next.peer_uid()? != self.peer_uid()? {
                        return Err(error);
                    }
                    *self = next;
                }
                Err(Fate::Unheard(error) | Fate::Failed(error)) => return Err(error),
                Ok(result) => return Ok(result),
            }
        }
    }

    fn ask<P: Serialize + ?Sized>(
        &mut self,
        method: &str,
        params: &P,
    ) -> Result<Box<RawValue>, Fate> {
        // The other end was closed before, so nothing of it arrived.
        let id = self.send(method, params).map_err(Fate::of_unsent)?;
        for _ in 0..MAX_SKIPPED {
            match read(&self.receive().map_err(Fate::of_unanswered)?, id) {
                Meaning::Result(result) => return Ok(result),
                Meaning::Failure(error) => return Err(Fate::Failed(Error::Call(error))),
                Meaning::Notification { .. } | Meaning::Foreign => {}
                Meaning::Garbage(what) => return Err(Fate::Failed(Error::NotJsonRpc(what))),
            }
        }
        let what = "too many messages without a reply";
        Err(Fate::Failed(Error::NotJsonRpc(what)))
    }

    /// Subscribes to an event; [`Client::next_event`] then delivers.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn subscribe(&mut self, event: &str) -> Result<(), Error> {
        self.has_subscribed = true;
        let id = self.send("core.subscribe", &[event])?;
        let mut early_bytes = 0;
        loop {
            let text = self.receive()?;
            match read(&text, id) {
                Meaning::Result(_) => return Ok(()),
                Meaning::Failure(error) => return Err(Error::Call(error)),
                // Events, and even the end of the subscription, may come before the reply.
                Meaning::Notification { method, params } => {
                    early_bytes += text.len();
                    if early_bytes > MAX_EARLY_BYTES {
                        return Err(Error::NotJsonRpc("too many events before the reply"));
                    }
                    self.early.extend(event_of(&method, params));
                }
                Meaning::Foreign => {}
                Meaning::Garbage(what) => return Err(Error::NotJsonRpc(what)),
            }
        }
    }

    /// Waits for the next event until the deadline.
    ///
    /// # Errors
    /// [`Error::Timeout`] leaves the connection usable only for closing it.
    pub fn next_event(&mut self, deadline: Deadline) -> Result<Event, Error> {
        if let Some(event) = self.early.pop_front() {
            return Ok(event);
        }
        self.set_deadline(deadline);
        loop {
            match read(&self.receive()?, self.last_id) {
                Meaning::Notification { method, params } => {
                    if let Some(event) = event_of(&method, params) {
                        return Ok(event);
                    }
                }
                Meaning::Garbage(what) => return Err(Error::NotJsonRpc(what)),
                Meaning::Failure(error) => return Err(Error::Call(error)),
                Meaning::Result(_) | Meaning::Foreign => {}
            }
        }
    }

    fn send<P: Serialize + ?Sized>(&mut self, method: &str, params: &P) -> Result<u64, Error> {
        self.last_id = self.last_id.wrapping_add(1);
        let request = Request {
            jsonrpc: "2.0",
            id: self.last_id,
            method,
            params,
        };
        let text = serde_json::to_string(&request).map_err(std::io::Error::from)?;
        self.socket.send(Frame::text(text)).map_err(sort)?;
        Ok(self.last_id)
    }

    /// The next text message; control frames are answered on the way.
    fn receive(&mut self) -> Result<tungstenite::Utf8Bytes, Error> {
        loop {
            match self.socket.read().map_err(sort)? {
                Frame::Text(text) => return Ok(text),
                Frame::Close(frame) => return Err(closed(frame)),
                Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
                Frame::Binary(_) => return Err(Error::NotJsonRpc("a binary message")),
            }
        }
    }
}

impl fmt::Debug for Client {
    /// Hides the buffers: they may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("last_id", &self.last_id)
            .finish_non_exhaustive()
    }
}

impl Drop for Client {
    /// Says goodbye without waiting for the answer, so that the server logs no broken connection.
    fn drop(&mut self) {
        if self.socket.can_write() {
            self.set_deadline(Deadline::after(Duration::from_millis(100)));
            let normal = CloseFrame {
                code: CloseCode::Normal,
                reason: "".into(),
            };
            // The connection ends either way; there is nobody left to tell.
            let _ = self.socket.close(Some(normal));
        }
    }
}

fn upgrade(stream: TimedStream, authority: &str) -> Result<WebSocket<TimedStream>, Error> {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_REPLY_BYTES))
        .max_frame_size(Some(MAX_REPLY_BYTES));
    let uri = format!("ws://{authority}/api/current");
    match client_with_config(uri, stream, Some(config)) {
        Ok((socket, _)) => Ok(socket),
        // A blocking stream is interrupted by its own timeout only.
        Err(HandshakeError::Interrupted(_)) => Err(Error::Timeout),
        Err(HandshakeError::Failure(error)) => Err(sort(error)),
    }
}

/// An event that a subscription knows; anything else is skipped.
fn event_of(method: &str, params: Box<RawValue>) -> Option<Event> {
    #[derive(Deserialize)]
    struct Ended {
        collection: String,
        #[serde(default)]
        error: Option<Value>,
    }
    match method {
        "collection_update" => Some(Event::Update(params)),
        "notify_unsubscribed" => {
            let Ended { collection, error } = serde_json::from_str(params.get()).ok()?;
            Some(Event::Unsubscribed { collection, error })
        }
        _ => None,
    }
}

fn closed(frame: Option<CloseFrame>) -> Error {
    let (code, reason) = frame
        .map(|f| (u16::from(f.code), f.reason.to_string()))
        .unzip();
    Error::Closed { code, reason }
}

fn sort(error: WsError) -> Error {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut, UnexpectedEof, WouldBlock};
    use tungstenite::error::ProtocolError::{HandshakeIncomplete, ResetWithoutClosingHandshake};
    match error {
        WsError::Io(error) if matches!(error.kind(), WouldBlock | TimedOut) => Error::Timeout,
        WsError::Io(error)
            if matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) =>
        {
            closed(None)
        }
        WsError::Io(error) => Error::Io(error),
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(ResetWithoutClosingHandshake | HandshakeIncomplete) => closed(None),
        WsError::Http(response) => Error::Refused(response.status().as_u16()),
        WsError::Capacity(_) => Error::NotJsonRpc("a message larger than 4 MiB"),
        WsError::Utf8(_) => Error::NotJsonRpc("a text that is not UTF-8"),
        _ => Error::NotJsonRpc("no WebSocket"),
    }
}
