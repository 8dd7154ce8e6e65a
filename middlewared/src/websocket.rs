//! One WebSocket connection: reads requests, runs them, and answers as the answers come.
//!
//! Output is flushed only when there is no input to work on, and while a client does not read its
//! replies nothing more is read from it: then only that client waits.

use std::sync::Arc;
use std::time::Duration;

use api::{Event, Session};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::UnixStream;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use crate::listener::{Connection, Entrance};
use crate::rpc;
use crate::service::{Later, Reply};

/// Characters of a message.
const LONGEST_MESSAGE: usize = 65_536;

/// Characters of a message of whoever is not signed in, or may not use the socket.
const LONGEST_REFUSED: usize = 8192;

/// Calls of one connection that wait for the pool or the writer.
const MOST_IN_FLIGHT: usize = 20;

/// How long a refused peer has to say what it wanted, and a closing one to say goodbye.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a client may take to make its first call when the daemon stops. It cannot know, and a
/// client that comes for one call would have to make it again.
pub(crate) const FIRST_CALL: Duration = Duration::from_secs(1);

/// How long what was sent before the stop may be on its way.
const LAST_CALLS: Duration = Duration::from_millis(50);

type Socket = WebSocketStream<UnixStream>;

/// Why a conversation ended.
enum End {
    /// The client went away, or the socket failed.
    Gone,
    /// We end it, and say why.
    Close(CloseCode, &'static str),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::Capacity(CapacityError::MessageTooLong { .. }) => TOO_LONG,
            Error::Utf8(_) => Self::Close(CloseCode::Invalid, "Invalid UTF-8"),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Gone,
            Error::Protocol(_) => Self::Close(CloseCode::Protocol, "Protocol error"),
            _ => Self::Gone,
        }
    }
}

const TOO_LONG_FOR_ANYBODY: End = End::Close(
    CloseCode::Invalid,
    "Anonymous connection max message length is 8 kB",
);

const TOO_LONG: End = End::Close(CloseCode::Size, "Max message length is 64 kB");

/// Serves an upgraded connection until either side ends it.
///
/// `address` is what the web service tells of whoever is behind it; on root's socket it means nothing.
pub(crate) async fn serve(
    (stream, read_ahead): (UnixStream, Bytes),
    connection: Arc<Connection>,
    address: &str,
) {
    let config = WebSocketConfig::default()
        // The default costs each idle client 128 KiB.
        .read_buffer_size(4096)
        .write_buffer_size(16 * 1024)
        // Characters are counted later; UTF-8 has at most four bytes of each.
        .max_message_size(Some(4 * LONGEST_MESSAGE))
        .max_frame_size(Some(4 * LONGEST_MESSAGE));
    let mut socket =
        Socket::from_partially_read(stream, read_ahead.into(), Role::Server, Some(config)).await;
    let end = tokio::select! {
        end = converse(&mut socket, &connection, address) => end,
        () = connection.slot.evicted() => Err(End::Close(CloseCode::Again, "Too many connections")),
    };
    if let Err(End::Close(code, reason)) = end {
        // Whoever does not read gets no goodbye.
        let _ = timeout(PATIENCE, close(&mut socket, code, reason)).await;
    }
}

async fn close(socket: &mut Socket, code: CloseCode, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    if socket.close(Some(frame)).await.is_ok() {
        // Until the client has said goodbye too, so that it surely reads ours.
        while let Some(Ok(_)) = socket.next().await {}
    }
}

async fn converse(socket: &mut Socket, connection: &Connection, address: &str) -> Result<(), End> {
    if !connection.allowed {
        return refuse(socket).await;
    }
    let changed = Arc::new(Notify::new());
    let sessions = connection.service.sessions();
    let session = match connection.entrance {
        Entrance::Root => Session::with_events().with_sessions(sessions),
        Entrance::Web => {
            let wake = Arc::clone(&changed);
            Session::of_visit(sessions.visit(address, move || wake.notify_one()))
        }
    };
    let mut conversation = Conversation {
        socket,
        connection,
        session,
        changed,
        in_flight: FuturesUnordered::new(),
        events: None,
        has_called: false,
        stop: connection.stop.clone(),
    };
    conversation.run().await
}

/// Answers the first request of a peer who may not use this socket, with its id, and closes.
async fn refuse(socket: &mut Socket) -> Result<(), End> {
    let first = timeout(PATIENCE, socket.next()).await;
    let Ok(Some(message)) = first else {
        return Err(End::Gone);
    };
    let text = text_of(message?)?.unwrap_or_default();
    if text.chars().count() > LONGEST_REFUSED {
        return Err(TOO_LONG_FOR_ANYBODY);
    }
    let reply =
        rpc::parse(&text).map_or_else(|error| error, |request| rpc::not_authorized(&request.id));
    socket.send(Message::text(reply)).await?;
    Err(End::Close(CloseCode::Policy, "Not authorized"))
}

/// The text of a message that has one; pings and the like have none.
fn text_of(message: Message) -> Result<Option<String>, End> {
    match message {
        Message::Text(text) => Ok(Some(text.as_str().to_owned())),
        Message::Binary(_) => {
            let reason = "Invalid websocket message type: <WSMsgType.BINARY: 2>";
            Err(End::Close(CloseCode::Unsupported, reason))
        }
        _ => Ok(None),
    }
}

struct Conversation<'a> {
    socket: &'a mut Socket,
    connection: &'a Connection,
    session: Session,
    /// The session has begun, or was ended by another one.
    changed: Arc<Notify>,
    in_flight: FuturesUnordered<Later>,
    /// Only while something is subscribed to.
    events: Option<broadcast::Receiver<Arc<Event>>>,
    has_called: bool,
    stop: watch::Receiver<bool>,
}

/// Something to work on.
enum Input {
    Message(Message),
    /// An answer is there; none for a notification.
    Answer(Option<String>),
    Event(Arc<Event>),
    /// Events came faster than this client reads them.
    EventsLost,
    Stop,
    /// The session is another one, or perhaps over.
    Changed,
}

impl Conversation<'_> {
    async fn run(&mut self) -> Result<(), End> {
        loop {
            let input = if let Some(input) = self.next_input().now_or_never() {
                input
            } else {
                self.socket.flush().await?;
                self.next_input().await
            };
            match input? {
                Input::Message(message) => self.take(message).await?,
                Input::Answer(answer) => self.say(answer).await?,
                Input::Event(event) if self.session.wants(&event, now()) => {
                    self.say(Some(rpc::event(&event))).await?;
                }
                Input::EventsLost => self.end_subscriptions().await?,
                Input::Stop => return self.finish().await,
                Input::Event(_) | Input::Changed => {}
            }
            if self.is_over() {
                return Err(End::Close(CloseCode::Policy, "Session ended"));
            }
            // Whoever is signed in does not make room for strangers.
            let is_signed_in = self.session.visit().is_some() && self.session.is_trusted(now());
            let busy = self.session.is_subscribed() || !self.in_flight.is_empty() || is_signed_in;
            self.connection.slot.set_busy(busy);
        }
    }

    /// Whether somebody was signed in on the web, and is not any more by the time or by another session.
    fn is_over(&self) -> bool {
        let visit = self.session.visit();
        visit.is_some_and(|visit| visit.secs_left(now()).is_none() && visit.is_ended())
    }

    /// Waits for whatever comes first. Nothing is lost when this is dropped half way.
    async fn next_input(&mut self) -> Result<Input, End> {
        let events = self.events.as_mut();
        let visit = self.session.visit();
        let left = visit.and_then(|visit| visit.secs_left(now()));
        tokio::select! {
            biased;
            Some(answer) = self.in_flight.next() => Ok(Input::Answer(answer)),
            event = next_event(events) => Ok(event),
            _ = self.stop.wait_for(|stop| *stop) => Ok(Input::Stop),
            () = self.changed.notified() => Ok(Input::Changed),
            () = over(left) => Ok(Input::Changed),
            message = self.socket.next() => match message {
                Some(message) => Ok(Input::Message(message?)),
                None => Err(End::Gone),
            },
        }
    }

    async fn take(&mut self, message: Message) -> Result<(), End> {
        self.connection.slot.touch();
        let Some(text) = text_of(message)? else {
            return Ok(());
        };
        self.has_called = true;
        // Counting is only needed where bytes and characters can differ enough.
        if text.len() > LONGEST_MESSAGE && text.chars().count() > LONGEST_MESSAGE {
            return Err(TOO_LONG);
        }
        if text.len() > LONGEST_REFUSED
            && text.chars().count() > LONGEST_REFUSED
            && !self.session.is_trusted(now())
        {
            return Err(TOO_LONG_FOR_ANYBODY);
        }
        let request = match rpc::parse(&text) {
            Ok(request) => request,
            Err(reply) => return self.say(Some(reply)).await,
        };
        if request.waits() && self.in_flight.len() >= MOST_IN_FLIGHT {
            if request.id.is_some() {
                return self
                    .say(rpc::too_many_calls(&request.id, MOST_IN_FLIGHT))
                    .await;
            }
            // A notification cannot be refused, so its sender waits.
            let done = self.in_flight.next().await.flatten();
            self.say(done).await?;
        }
        let Connection { service, peer, .. } = self.connection;
        match service.call(&mut self.session, *peer, request) {
            Reply::Now(reply) => self.say(reply).await?,
            Reply::Later(reply) => self.in_flight.push(reply),
        }
        self.follow_events();
        Ok(())
    }

    fn follow_events(&mut self) {
        match (self.session.is_subscribed(), &self.events) {
            (true, None) => self.events = Some(self.connection.service.writes().subscribe()),
            (false, Some(_)) => self.events = None,
            _ => {}
        }
    }

    /// Waits only while the client does not read what was said before.
    async fn say(&mut self, text: Option<String>) -> Result<(), End> {
        match text {
            Some(text) => Ok(self.socket.feed(Message::text(text)).await?),
            None => Ok(()),
        }
    }

    async fn end_subscriptions(&mut self) -> Result<(), End> {
        for collection in self.session.unsubscribe_all() {
            self.say(Some(rpc::unsubscribed(&collection))).await?;
        }
        self.follow_events();
        Ok(())
    }

    /// The daemon stops: what is in flight is still answered, and what was sent before the client could
    /// know.
    async fn finish(&mut self) -> Result<(), End> {
        for _ in 0..MOST_IN_FLIGHT {
            let patience = if self.has_called {
                LAST_CALLS
            } else {
                FIRST_CALL
            };
            match timeout(patience, self.socket.next()).await {
                Ok(Some(message)) => self.take(message?).await?,
                Ok(None) => return Err(End::Gone),
                Err(_) => break,
            }
        }
        while let Some(reply) = self.in_flight.next().await {
            self.say(reply).await?;
        }
        Err(End::Close(CloseCode::Away, "middlewared is stopping"))
    }
}

/// Seconds of this boot.
fn now() -> u64 {
    clock::since_boot().as_secs()
}

/// Waits until a session may be over: somebody may have called in the meantime.
async fn over(left: Option<u64>) {
    match left {
        None => std::future::pending().await,
        Some(secs) => sleep(Duration::from_secs(secs.max(1))).await,
    }
}

async fn next_event(events: Option<&mut broadcast::Receiver<Arc<Event>>>) -> Input {
    match events {
        None => std::future::pending().await,
        Some(events) => match events.recv().await {
            Ok(event) => Input::Event(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Input::EventsLost,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        },
    }
}
