//! One person's connection to the daemon: calls with their replies, and the events between them.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use zeroize::Zeroize;

use crate::relay::PEER_ADDRESS;

/// How long the daemon may take to let us in, and to answer: longer than its own patience with a password.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(40);

/// Events that a page may be behind; it then asks anew.
const EVENTS: usize = 64;

/// A lookup takes little, a status of many accounts more.
const LONGEST_ANSWER: usize = 4 << 20;

/// A handle of the connection, which ends with the last one.
#[derive(Clone)]
pub(crate) struct Daemon {
    calls: mpsc::Sender<Call>,
    events: broadcast::Sender<Arc<Value>>,
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Daemon(..)")
    }
}

/// Why a call gave no result.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The daemon does not answer.
    Gone,
    /// It answered with an error: the number for programs, the words for people, and which field is wrong.
    Refused { errno: i64, text: String },
}

/// What the daemon says where nobody is signed in (compat: ENOTAUTHENTICATED).
const NOT_SIGNED_IN: i64 = 207;
/// What it says where a code of the last minutes is missing (EKEYEXPIRED).
const NEEDS_CODE: i64 = 127;

impl Failure {
    /// The session is over.
    pub(crate) fn is_signed_out(&self) -> bool {
        matches!(self, Self::Gone)
            || matches!(self, Self::Refused { errno, .. } if *errno == NOT_SIGNED_IN)
    }

    /// A code is wanted first.
    pub(crate) fn needs_code(&self) -> bool {
        matches!(self, Self::Refused { errno, .. } if *errno == NEEDS_CODE)
    }
}

struct Call {
    text: String,
    id: u64,
    answer: oneshot::Sender<Result<Value, Failure>>,
}

type Socket = WebSocketStream<UnixStream>;

impl Daemon {
    /// Connects for somebody at this address.
    pub(crate) async fn connect(path: &Path, source: IpAddr) -> Result<Self, Failure> {
        let connected = timeout(CONNECT, upgrade(path, source)).await;
        let socket = connected.ok().flatten().ok_or_else(|| {
            tracing::warn!(socket = %path.display(), "the daemon does not answer");
            Failure::Gone
        })?;
        let (calls, waiting) = mpsc::channel(8);
        let (events, _) = broadcast::channel(EVENTS);
        let connection = Connection {
            socket,
            waiting,
            pending: HashMap::new(),
            events: events.clone(),
        };
        tokio::spawn(connection.run());
        Ok(Self { calls, events })
    }

    /// One call, and its result.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Result<Value, Failure> {
        let (answer, result) = oneshot::channel();
        // Numbers only need to differ among the calls that wait.
        let id = next_id();
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let text = request.to_string();
        let sent = self.calls.send(Call { text, id, answer });
        sent.await.map_err(|_| Failure::Gone)?;
        match timeout(ANSWER, result).await {
            Ok(Ok(result)) => result,
            _ => Err(Failure::Gone),
        }
    }

    /// What happens from now on.
    pub(crate) fn events(&self) -> broadcast::Receiver<Arc<Value>> {
        self.events.subscribe()
    }

    /// Whether it can still answer.
    pub(crate) fn is_alive(&self) -> bool {
        !self.calls.is_closed()
    }
}

fn next_id() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn upgrade(path: &Path, source: IpAddr) -> Option<Socket> {
    let stream = UnixStream::connect(path).await.ok()?;
    let mut request = "ws://localhost/api/current".into_client_request().ok()?;
    let source = HeaderValue::try_from(source.to_string()).ok()?;
    request.headers_mut().insert(PEER_ADDRESS, source);
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_message_size(Some(LONGEST_ANSWER))
        .max_frame_size(Some(LONGEST_ANSWER));
    let upgraded = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
    Some(upgraded.await.ok()?.0)
}

/// The task that owns the socket.
struct Connection {
    socket: Socket,
    waiting: mpsc::Receiver<Call>,
    pending: HashMap<u64, oneshot::Sender<Result<Value, Failure>>>,
    events: broadcast::Sender<Arc<Value>>,
}

impl Connection {
    async fn run(mut self) {
        loop {
            tokio::select! {
                call = self.waiting.recv() => {
                    let Some(call) = call else { break };
                    if !self.ask(call).await {
                        break;
                    }
                }
                message = self.socket.next() => match message {
                    Some(Ok(message)) => self.take(&message),
                    _ => break,
                },
            }
        }
        // Those that wait see their sender go.
        let _ = timeout(CONNECT, self.socket.close(None)).await;
    }

    async fn ask(&mut self, mut call: Call) -> bool {
        self.pending.retain(|_, answer| !answer.is_closed());
        let sent = self.socket.send(Message::text(call.text.as_str())).await;
        // A password or a code may be in it.
        call.text.zeroize();
        self.pending.insert(call.id, call.answer);
        sent.is_ok()
    }

    fn take(&mut self, message: &Message) {
        let Message::Text(text) = message else {
            return;
        };
        let Ok(mut message) = serde_json::from_str::<Value>(text.as_str()) else {
            return;
        };
        let Some(id) = message.get("id").and_then(Value::as_u64) else {
            // Nobody may be listening.
            let _ = self.events.send(Arc::new(message));
            return;
        };
        if let Some(answer) = self.pending.remove(&id) {
            let result = message.get_mut("result").map(Value::take);
            let _ = answer.send(result.ok_or_else(|| failure(&message)));
        }
    }
}

fn failure(reply: &Value) -> Failure {
    let data = reply.pointer("/error/data");
    let errno = data.and_then(|data| data.get("error")?.as_i64());
    let extra = data.and_then(|data| data.get("extra")?.as_array());
    let text = match extra {
        // What is wrong with each field, without the fields' names on the wire.
        Some(extra) if !extra.is_empty() => {
            let texts = extra.iter().filter_map(|field| field.get(1)?.as_str());
            texts.collect::<Vec<_>>().join(". ")
        }
        _ => {
            let reason = data.and_then(|data| data.get("reason")?.as_str());
            let reason = reason.unwrap_or("the daemon refused it");
            // "[EBUSY] Too many wrong codes" without the name for programs.
            let words = reason
                .strip_prefix('[')
                .and_then(|rest| rest.split_once("] "));
            words.map_or(reason, |(_, words)| words).to_owned()
        }
    };
    Failure::Refused {
        errno: errno.unwrap_or_default(),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(error: &Value) -> (i64, String) {
        match failure(&json!({"id": 1, "error": error})) {
            Failure::Refused { errno, text } => (errno, text),
            Failure::Gone => panic!("it answered"),
        }
    }

    #[test]
    fn people_read_words_without_names_for_programs() {
        let busy = json!({"data": {"error": 16, "reason": "[EBUSY] Wait a minute", "extra": null}});
        assert_eq!(words(&busy), (16, "Wait a minute".to_owned()));
        let fields = json!([
            ["x.window", "Should be between 0 and 10", 22],
            ["x.y", "Not a boolean", 22]
        ]);
        let invalid =
            json!({"data": {"error": 22, "reason": "[EINVAL] x.window: …\n", "extra": fields}});
        let shown = "Should be between 0 and 10. Not a boolean".to_owned();
        assert_eq!(words(&invalid), (22, shown));
        assert_eq!(words(&json!({"code": -32601})).0, 0);
    }

    #[test]
    fn what_it_means_for_the_page_is_known_by_number() {
        let refused = |errno| Failure::Refused {
            errno,
            text: String::new(),
        };
        assert!(refused(207).is_signed_out() && Failure::Gone.is_signed_out());
        assert!(refused(127).needs_code() && !refused(13).needs_code());
        assert!(!refused(127).is_signed_out());
    }
}
