//! A daemon that restarts behind its socket.

use std::os::unix::net::{UnixListener, UnixStream};

use tungstenite::protocol::frame::{CloseFrame, coding::CloseCode};
use tungstenite::{Message, WebSocket, accept};

use super::Server;
use crate::Error;

/// How one of the daemons behind a socket treats the one connection that it accepts.
#[derive(Clone, Copy)]
enum Treats {
    /// Goes away at once.
    Leaves,
    /// Upgrades, and goes away when it has read so many requests, with this code.
    Closes(u32, Option<CloseCode>),
    /// Upgrades, and answers with its place in the row.
    Answers,
}

/// A socket that outlives those who serve it, one after the other, as systemd has it.
fn successors(row: &'static [Treats]) -> Server {
    let directory = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join("s")).unwrap();
    let serve = move || {
        for (place, treats) in row.iter().enumerate() {
            let stream = listener.accept().unwrap().0;
            let upgrade = |stream| -> WebSocket<UnixStream> { accept(stream).unwrap() };
            match *treats {
                Treats::Leaves => {}
                Treats::Closes(requests, code) => {
                    let mut socket = upgrade(stream);
                    (0..requests).for_each(|_| drop(socket.read().unwrap()));
                    if let Some(code) = code {
                        let reason = "".into();
                        socket
                            .send(Message::Close(Some(CloseFrame { code, reason })))
                            .unwrap();
                        while socket.read().is_ok() {}
                    }
                }
                Treats::Answers => {
                    let mut socket = upgrade(stream);
                    socket.read().unwrap();
                    let reply = format!(r#"{{"id":1,"result":{place}}}"#);
                    socket.send(Message::text(reply)).unwrap();
                    while socket.read().is_ok() {}
                }
            }
        }
    };
    Server {
        directory,
        thread: Some(std::thread::spawn(serve)),
    }
}

/// A call is made again only where it certainly was not made.
#[test]
fn a_restart_of_the_daemon_loses_no_call() {
    use Treats::{Answers, Closes, Leaves};
    const AWAY: Option<CloseCode> = Some(CloseCode::Away);
    const ERROR: Option<CloseCode> = Some(CloseCode::Error);
    let check = |row: &'static [Treats], answer: Option<&str>| {
        let outcome = successors(row).call();
        assert_eq!(outcome.as_deref().ok(), answer, "{outcome:?}");
        let is_closed = matches!(outcome, Err(Error::Closed { .. }));
        assert_eq!(is_closed, answer.is_none(), "{outcome:?}");
    };
    check(&[Answers], Some("0"));
    check(&[Leaves, Answers], Some("1"));
    check(&[Closes(0, AWAY), Answers], Some("1"));
    check(
        &[Closes(1, AWAY), Leaves, Closes(1, AWAY), Answers],
        Some("3"),
    );
    // Perhaps it was made.
    check(&[Closes(1, None)], None);
    check(&[Closes(1, ERROR)], None);
    // Not for ever.
    check(&[Leaves, Leaves, Leaves, Leaves], None);
    check(&[Closes(1, AWAY); 4], None);
}
