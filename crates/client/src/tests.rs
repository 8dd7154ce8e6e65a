//! The client against a server that misbehaves on purpose.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tungstenite::protocol::frame::{CloseFrame, coding::CloseCode};
use tungstenite::{Message, WebSocket, accept};

use crate::{Absence, Client, Deadline, Error, Event};

mod restarts;

/// A socket in a private directory and a thread that serves one connection.
struct Server {
    directory: TempDir,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn raw(serve: impl FnOnce(UnixStream) + Send + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("s")).unwrap();
        let thread = std::thread::spawn(move || serve(listener.accept().unwrap().0));
        Self {
            directory,
            thread: Some(thread),
        }
    }

    /// Answers the first request with these frames.
    fn answering(frames: Vec<Message>) -> Self {
        Self::raw(move |stream| {
            let mut socket: WebSocket<UnixStream> = accept(stream).unwrap();
            socket.read().unwrap();
            for frame in frames {
                if socket.send(frame).is_err() {
                    return;
                }
            }
            while socket.read().is_ok() {}
        })
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("s")
    }

    fn call(&self) -> Result<String, Error> {
        let mut client = Client::connect(&self.path(), Deadline::after(SHORT))?;
        client
            .call("core.ping", &[0; 0])
            .map(|raw| raw.get().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

const SHORT: Duration = Duration::from_millis(500);

fn texts(texts: &[&str]) -> Vec<Message> {
    texts.iter().map(|&text| Message::text(text)).collect()
}

#[test]
fn results_and_failures() {
    let check = |frames: &[&str], expected: &str| {
        let shown = match Server::answering(texts(frames)).call() {
            Ok(result) => result,
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(shown, expected, "{frames:?}");
    };
    check(
        &[r#"{"jsonrpc":"2.0","id":1,"result":"pong"}"#],
        r#""pong""#,
    );
    check(&[r#"{"id":1,"result":null}"#], "null");
    check(
        &[r#"{"id":1,"result": {"b":1, "a":123456789012345678901234567890}}"#],
        r#"{"b":1, "a":123456789012345678901234567890}"#,
    );
    // Not ours: other ids, of whatever type, and notifications.
    check(
        &[
            r#"{"id":2,"result":0}"#,
            r#"{"id":"1","result":0}"#,
            r#"{"id":1,"result":1}"#,
        ],
        "1",
    );
    check(
        &[
            r#"{"method":"collection_update","params":{"id":1}}"#,
            r#"{"id":1,"result":1}"#,
        ],
        "1",
    );
    check(&[r#"{"method":"x"}"#, r#"{"id":1,"result":1}"#], "1");
    check(
        &[r#"{"id":null,"result":9}"#, r#"{"id":1,"result":1}"#],
        "1",
    );
    // Failures, also those without an id.
    check(
        &[r#"{"id":1,"error":{"code":-32601,"message":"Method does not exist"}}"#],
        "error: Method does not exist",
    );
    check(
        &[r#"{"id":1,"error":{"code":-32001,"message":"m","data":{"reason":"[EFAULT] no"}}}"#],
        "error: [EFAULT] no",
    );
    check(
        &[r#"{"id":null,"error":{"code":-32700,"message":"bad"}}"#],
        "error: bad",
    );
    check(
        &[r#"{"id":1,"error":{"code":5,"message":null}}"#],
        "error: the server gave no reason",
    );
    // Garbage.
    let garbage = |what: &str| format!("error: the answer is not from middlewared: {what}");
    check(&["hello"], &garbage("no JSON object"));
    check(&["[]"], &garbage("neither a reply nor a notification"));
    check(
        &[r#"{"id":1}"#],
        &garbage("a reply with neither result nor error"),
    );
    check(
        &[r#"{"id":1,"error":"x"}"#],
        &garbage("an error without a code"),
    );
    check(
        &[r#"{"method":1,"params":[]}"#],
        &garbage("a method that is no string"),
    );
}

#[test]
fn frames_that_are_no_reply() {
    let reply = Message::text(r#"{"id":1,"result":1}"#);
    let served = Server::answering(vec![Message::Ping(vec![1].into()), reply]).call();
    assert_eq!(served.unwrap(), "1");

    let binary = Server::answering(vec![Message::binary(vec![1])]).call();
    assert!(
        matches!(binary, Err(Error::NotJsonRpc("a binary message"))),
        "{binary:?}"
    );

    let large = Server::answering(vec![Message::text(" ".repeat(crate::MAX_REPLY_BYTES + 1))]);
    assert!(matches!(
        large.call(),
        Err(Error::NotJsonRpc("a message larger than 4 MiB"))
    ));

    let frame = CloseFrame {
        code: CloseCode::Error,
        reason: "boom".into(),
    };
    let closed = Server::answering(vec![Message::Close(Some(frame))]).call();
    let Err(Error::Closed {
        code: Some(1011),
        reason: Some(reason),
    }) = closed
    else {
        panic!("{closed:?}")
    };
    assert_eq!(reason, "boom");
}

#[test]
fn endless_foreign_messages_end() {
    let frames = vec![Message::text(r#"{"id":7,"result":0}"#); 10_001];
    let server = Server::answering(frames);
    let mut client = Client::connect(&server.path(), Deadline::after(SHORT * 20)).unwrap();
    let outcome = client.call("x", &[1]);
    assert!(matches!(
        outcome,
        Err(Error::NotJsonRpc("too many messages without a reply"))
    ));
}

#[test]
fn absent_daemons() {
    let directory = tempfile::tempdir().unwrap();
    let deadline = Deadline::after(SHORT);
    let missing = Client::connect(&directory.path().join("none"), deadline).unwrap_err();
    assert!(matches!(
        missing,
        Error::NotRunning {
            absence: Absence::NoSocket,
            ..
        }
    ));

    let path = directory.path().join("stale");
    drop(UnixListener::bind(&path).unwrap());
    let stale = Client::connect(&path, deadline).unwrap_err();
    assert!(matches!(
        stale,
        Error::NotRunning {
            absence: Absence::NobodyListens,
            ..
        }
    ));

    let long = PathBuf::from("/".repeat(200));
    assert!(matches!(
        Client::connect(&long, deadline),
        Err(Error::Io(_))
    ));
}

#[test]
fn upgrades_that_fail() {
    use std::io::{Read, Write};
    let check = |answer: &'static str, expected: fn(&Error) -> bool| {
        let outcome = Server::raw(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            stream.write_all(answer.as_bytes()).unwrap();
        })
        .call();
        assert!(
            outcome.as_ref().is_err_and(expected),
            "{answer}: {outcome:?}"
        );
    };
    check("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", |e| {
        matches!(e, Error::Refused(403))
    });
    check("HTTP/1.1 101 Ok\r\n\r\n", |e| {
        matches!(e, Error::NotJsonRpc(_))
    });
    check("SSH-2.0-OpenSSH_9.2\r\n\r\n", |e| {
        matches!(e, Error::NotJsonRpc(_))
    });
    // Its successor was looked for.
    check("", |e| matches!(e, Error::NotRunning { .. }));
}

/// One deadline for all of it: a full backlog, a silent upgrade, a silent call.
#[test]
fn a_hanging_daemon_costs_no_more_than_the_deadline() {
    let check = |name: &str, path: &std::path::Path| {
        let begin = Instant::now();
        let outcome = Client::connect(path, Deadline::after(SHORT))
            .and_then(|mut client| client.call("core.ping", &[0; 0]));
        assert!(
            matches!(outcome, Err(Error::Timeout)),
            "{name}: {outcome:?}"
        );
        let took = begin.elapsed();
        assert!(took >= SHORT && took < SHORT * 3, "{name}: {took:?}");
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("full");
    let listener = UnixListener::bind(&path).unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    check("never accepted", &path);
    // That first connection still fills the queue of one.
    check("full backlog", &path);

    let silent = Server::answering(vec![]);
    check("silent call", &silent.path());
}

#[test]
fn subscriptions() {
    let update = r#"{"method":"collection_update","params":{"msg":"changed","collection":"ev"}}"#;
    let end = r#"{"method":"notify_unsubscribed","params":{"collection":"ev","error":null}}"#;
    let reply = r#"{"id":1,"result":"uuid"}"#;
    let server = Server::answering(texts(&[
        update,
        reply,
        r#"{"method":"other","params":1}"#,
        update,
        end,
    ]));
    let mut client = Client::connect(&server.path(), Deadline::after(SHORT)).unwrap();
    client.subscribe("ev").unwrap();
    for _ in 0..2 {
        let event = client.next_event(Deadline::after(SHORT)).unwrap();
        let Event::Update(params) = event else {
            panic!("{event:?}")
        };
        assert_eq!(params.get(), r#"{"msg":"changed","collection":"ev"}"#);
    }
    let ended = client.next_event(Deadline::never()).unwrap();
    assert!(
        matches!(&ended, Event::Unsubscribed { collection, error: None } if collection == "ev")
    );
    assert!(matches!(
        client.next_event(Deadline::after(SHORT)),
        Err(Error::Timeout)
    ));
}

#[test]
fn validation_errors_of_any_shape() {
    let check = |data: &str, expected: &[(Option<&str>, &str, i32)]| {
        let error: crate::CallError =
            serde_json::from_str(&format!(r#"{{"code":-32602,"data":{data}}}"#)).unwrap();
        let found: Vec<_> = error
            .violations()
            .iter()
            .map(|v| (v.attribute, v.message, v.errno))
            .collect();
        assert_eq!(found, expected, "{data}");
    };
    check(
        r#"{"extra":[["a.b","bad",22],[null,"x",2],["","y",7]]}"#,
        &[(Some("a.b"), "bad", 22), (None, "x", 2), (None, "y", 7)],
    );
    check(
        r#"{"extra":[["a"],"a",7,["a",1,2],["b","no errno"]]}"#,
        &[(Some("b"), "no errno", 0)],
    );
    check(r#"{"extra":null}"#, &[]);
    check("null", &[]);
    check("[1]", &[]);
}
