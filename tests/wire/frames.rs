//! WebSocket frames: whole, in pieces, too long, broken (RFC 6455).

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};
use testkit::{Daemon, Socket};

use crate::support::{assert_alive, enable, frame, good_codes, request, upgrade_request, verify};

const FIN_TEXT: u8 = 0x81;
const TEXT: u8 = 0x01;
const CONTINUED: u8 = 0x00;
const FIN_CONTINUED: u8 = 0x80;
const FIN_BINARY: u8 = 0x82;
const FIN_CLOSE: u8 = 0x88;
const FIN_PING: u8 = 0x89;
const FIN_PONG: u8 = 0x8a;

const TOO_LONG: &str = "Max message length is 64 kB";

/// A call of this many characters, which has none in its reply.
fn ping_of(characters: usize, filler: &str) -> String {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"core.ping","filler":""}"#;
    let filler = filler.repeat(characters - call.chars().count());
    call.replace("\"filler\":\"\"", &format!("\"filler\":\"{filler}\""))
}

#[test]
fn a_message_may_come_in_pieces_with_pings_between() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let call = request(1, "core.ping", json!([])).replace("core", "c\\u006fre");
    for size in [1, 2, 7, 60] {
        let pieces: Vec<&[u8]> = call.as_bytes().chunks(size).collect();
        let (last, first) = pieces.split_last().unwrap();
        for (at, piece) in first.iter().enumerate() {
            socket.send_raw(&frame(if at == 0 { TEXT } else { CONTINUED }, piece));
            socket.send_raw(&frame(FIN_PING, b"between"));
        }
        socket.send_raw(&frame(CONTINUED, b""));
        socket.send_raw(&frame(FIN_CONTINUED, last));
        assert_eq!(socket.recv()["result"], "pong", "pieces of {size}");
    }
    // A character may be cut in two, and so may a frame: the stream knows no messages.
    let call = r#"{"jsonrpc":"2.0","id":"é","method":"core.ping"}"#;
    let cut = call.find('é').unwrap() + 1;
    socket.send_raw(&frame(TEXT, &call.as_bytes()[..cut]));
    socket.send_raw(&frame(FIN_CONTINUED, &call.as_bytes()[cut..]));
    assert_eq!(socket.recv()["id"], "é");
    for byte in frame(FIN_TEXT, call.as_bytes()) {
        socket.send_raw(&[byte]);
    }
    assert_eq!(socket.recv()["id"], "é");
}

#[test]
fn pings_are_answered_with_what_they_held_and_pongs_ignored() {
    use testkit::tungstenite::Message;
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    for payload in [b"".as_slice(), b"hello", &[0xff; 125]] {
        socket.send_raw(&frame(FIN_PONG, payload));
        socket.send_raw(&frame(FIN_PING, payload));
        let pong = socket.websocket().read().unwrap();
        assert_eq!(pong, Message::Pong(payload.to_vec().into()));
    }
    assert_eq!(socket.call("core.ping", json!([])), "pong");
}

/// 65,536 characters, however many bytes they are; the original counts characters too.
#[test]
fn sixty_four_kilobytes_pass_and_one_character_more_ends_the_connection() {
    let mut daemon = Daemon::start();
    for filler in ["x", "é", "€", "😀"] {
        let mut socket = daemon.connect();
        socket.send(&ping_of(65_536, filler));
        assert_eq!(socket.recv()["result"], "pong", "65,536 × {filler}");
        socket.send(&ping_of(65_537, filler));
        assert_eq!(
            socket.recv_close(),
            (1009, TOO_LONG.to_owned()),
            "65,537 × {filler}"
        );
        assert_alive(&mut daemon, filler);
    }
    for size in [300 * 1024, 5 << 20] {
        let mut socket = daemon.connect();
        // The announced size alone is too much, and the daemon need not take the rest.
        socket.send_raw(&frame(FIN_TEXT, &vec![b'x'; size])[..64 * 1024]);
        assert_eq!(
            socket.recv_close(),
            (1009, TOO_LONG.to_owned()),
            "{size} bytes"
        );
        assert_alive(&mut daemon, "a huge frame");
    }
    let mut socket = daemon.connect();
    let piece = vec![b'x'; 60_000];
    socket.send_raw(&frame(TEXT, &piece));
    for _ in 0..4 {
        socket.send_raw(&frame(CONTINUED, &piece));
    }
    assert_eq!(
        socket.recv_close(),
        (1009, TOO_LONG.to_owned()),
        "300,000 bytes in pieces"
    );
    assert_alive(&mut daemon, "a message without end");
}

#[test]
fn what_is_no_text_ends_the_connection_with_its_code() {
    let mut daemon = Daemon::start();
    let binary = "Invalid websocket message type: <WSMsgType.BINARY: 2>";
    let unmasked = b"\x81\x02{}".to_vec();
    let mut lone_continuation = frame(FIN_CONTINUED, b"x");
    lone_continuation.extend(frame(FIN_TEXT, b"{}"));
    let nested_text = [frame(TEXT, b"a"), frame(TEXT, b"b")].concat();
    let endless = [&[FIN_TEXT, 0xff][..], &[0xff; 8], &[0; 4]].concat();
    for (what, bytes, code, reason) in [
        ("binary", frame(FIN_BINARY, b"{}"), 1003, binary),
        ("empty binary", frame(FIN_BINARY, b""), 1003, binary),
        (
            "lone byte 0xff",
            frame(FIN_TEXT, b"\xff"),
            1007,
            "Invalid UTF-8",
        ),
        (
            "overlong NUL",
            frame(FIN_TEXT, b"\"\xc0\x80\""),
            1007,
            "Invalid UTF-8",
        ),
        (
            "surrogate",
            frame(FIN_TEXT, b"\"\xed\xa0\x80\""),
            1007,
            "Invalid UTF-8",
        ),
        (
            "cut character",
            frame(FIN_TEXT, "é".as_bytes()[..1].as_ref()),
            1007,
            "Invalid UTF-8",
        ),
        ("unmasked", unmasked, 1002, "Protocol error"),
        ("reserved bit", frame(0xc1, b"{}"), 1002, "Protocol error"),
        (
            "reserved opcode",
            frame(0x83, b"{}"),
            1002,
            "Protocol error",
        ),
        ("ping in pieces", frame(0x09, b"x"), 1002, "Protocol error"),
        (
            "ping of 126 bytes",
            frame(FIN_PING, &[0; 126]),
            1002,
            "Protocol error",
        ),
        (
            "nothing to continue",
            lone_continuation,
            1002,
            "Protocol error",
        ),
        (
            "a message in a message",
            nested_text,
            1002,
            "Protocol error",
        ),
        ("2^64 bytes", endless, 1009, TOO_LONG),
    ] {
        let mut socket = daemon.connect();
        socket.send_raw(&bytes);
        assert_eq!(socket.recv_close(), (code, reason.to_owned()), "{what}");
        assert_alive(&mut daemon, what);
    }
}

/// A client's goodbye is answered with its own code, and what it asked before is still done.
#[test]
fn a_goodbye_is_answered() {
    let mut daemon = Daemon::start();
    for (payload, code) in [(b"\x03\xe8".as_slice(), 1000), (b"\x03\xe9bye", 1001)] {
        let mut socket = daemon.connect();
        socket.send_raw(&frame(FIN_CLOSE, payload));
        assert_eq!(socket.recv_close().0, code);
    }
    let mut socket = daemon.connect();
    socket.send_raw(&frame(FIN_CLOSE, b""));
    assert_eq!(socket.recv_close().0, 1005, "no code for no code");
    let mut socket = daemon.connect();
    socket.send(&request(1, "auth.twofactor.update", json!([{"window": 5}])));
    assert_eq!(socket.recv()["result"]["window"], 5);
    assert_alive(&mut daemon, "goodbyes");
}

/// Whoever goes away in the middle leaves nothing behind but what was whole.
#[test]
fn what_is_cut_off_never_runs_and_hurts_nobody() {
    let mut daemon = Daemon::start();
    let whole = frame(
        FIN_TEXT,
        request(1, "auth.twofactor.update", json!([{"window": 9}])).as_bytes(),
    );
    let mut upgraded = upgrade_request("Host: localhost\r\n").into_bytes();
    let upgrade_length = upgraded.len();
    upgraded.extend(&whole);
    for cut in (0..upgraded.len() - 1)
        .step_by(7)
        .chain([upgrade_length, upgraded.len() - 1])
    {
        let mut stream = UnixStream::connect(daemon.socket()).unwrap();
        stream.write_all(&upgraded[..cut]).unwrap();
        if cut % 2 == 0 {
            stream.shutdown(Shutdown::Both).unwrap();
        }
    }
    let mut half = daemon.connect();
    half.send_raw(&frame(TEXT, b"{\"jsonrpc\":"));
    drop(half);
    assert_alive(&mut daemon, "cut streams");
    let row = daemon.connect().call("auth.twofactor.config", json!([]));
    assert_eq!(row["window"], 0);
    // Frames that come in one piece with the upgrade are not lost.
    let mut stream = UnixStream::connect(daemon.socket()).unwrap();
    stream.write_all(&upgraded).unwrap();
    let mut other = daemon.connect();
    crate::support::eventually("the update that came with its upgrade", || {
        other.call("auth.twofactor.config", json!([]))["window"] == 9
    });
}

/// A write that was read whole is done, also when nobody waits for its answer any more.
#[test]
fn a_client_that_goes_away_does_not_undo_its_call() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let codes = good_codes(&secret);
    let mut gone = Socket::connect(daemon.socket());
    gone.send(&request(1, "auth.twofactor.verify", json!([codes[0]])));
    // Its reply is proof that the daemon has read the first.
    gone.send(&request(2, "core.ping", json!([])));
    let heard: Vec<Value> = [gone.recv()].into();
    drop(gone);
    assert!(heard[0]["id"] == 1 || heard[0]["id"] == 2);
    crate::support::eventually("the abandoned verify", || {
        crate::support::audited(&daemon.state_dir(), "accepted") == 1
    });
    assert!(!verify(&mut socket, &codes[0]));
}
