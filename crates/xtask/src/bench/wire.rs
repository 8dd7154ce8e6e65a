//! The least of WebSocket and Redis that a fair client needs, without a library's own cost.

use std::io::{Read, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, ensure};

/// The key is RFC 6455's own example; the daemon has no use for its randomness.
pub(super) const UPGRADE: &[u8] = b"GET /api/current HTTP/1.1\r\nHost: localhost\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A whole answer in a buffer: its length, once it is all there.
pub(super) type Complete = fn(&[u8]) -> Option<usize>;

/// One text frame from a client. Masked with zeroes, which is valid and costs no time here.
pub(super) fn frame(text: &str) -> Vec<u8> {
    let length = text.len();
    let mut bytes = vec![0x81];
    match u16::try_from(length) {
        Ok(short) if short < 0x7e => bytes.push(0x80 | short.to_le_bytes()[0]),
        Ok(medium) => {
            bytes.push(0x80 | 0x7e);
            bytes.extend(medium.to_be_bytes());
        }
        Err(_) => {
            bytes.push(0x80 | 0x7f);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(text.as_bytes());
    bytes
}

/// The end of one unmasked frame of at most 64 KiB.
pub(super) fn complete_frame(bytes: &[u8]) -> Option<usize> {
    payload(bytes).map(|payload| payload.end)
}

/// Where in a whole frame its text is.
pub(super) fn payload(bytes: &[u8]) -> Option<Range<usize>> {
    let short = usize::from(bytes.get(1)? & 0x7f);
    let payload = if short == 0x7e {
        let wide = bytes.get(2..4)?.try_into().ok()?;
        4..4 + usize::from(u16::from_be_bytes(wide))
    } else {
        2..2 + short
    };
    (bytes.len() >= payload.end).then_some(payload)
}

/// The end of one line.
pub(super) fn complete_line(bytes: &[u8]) -> Option<usize> {
    bytes
        .iter()
        .position(|&byte| byte == b'\n')
        .map(|at| at + 1)
}

/// The end of an HTTP head.
pub(super) fn complete_head(bytes: &[u8]) -> Option<usize> {
    let end = b"\r\n\r\n";
    let at = bytes.windows(end.len()).position(|window| window == end);
    at.map(|at| at + end.len())
}

/// Sends a request and returns its whole answer.
pub(super) fn ask(stream: &mut UnixStream, request: &[u8], complete: Complete) -> Result<Vec<u8>> {
    stream.write_all(request)?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while complete(&answer).is_none() {
        let length = stream.read(&mut buffer)?;
        ensure!(length > 0, "the server closed the connection");
        answer.extend(
            buffer
                .get(..length)
                .context("a read longer than its buffer")?,
        );
    }
    Ok(answer)
}

/// Upgrades a fresh connection.
pub(super) fn upgrade(stream: &mut UnixStream) -> Result<()> {
    let answer = ask(stream, UPGRADE, complete_head)?;
    let text = String::from_utf8_lossy(&answer);
    ensure!(text.starts_with("HTTP/1.1 101 "), "not upgraded: {text}");
    Ok(())
}

/// The text of a request without params.
pub(super) fn request(id: &str, method: &str) -> String {
    format!(r#"{{"jsonrpc": "2.0", "id": "{id}", "method": "{method}", "params": []}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_lengths_of_rfc_6455() {
        let head = |length: usize| frame(&"x".repeat(length)).len() - length;
        assert_eq!([125, 126, 65_535, 65_536].map(head), [6, 8, 8, 14]);
    }

    #[test]
    fn an_answer_ends_where_it_says() {
        assert_eq!(complete_frame(b"\x81\x02ok+"), Some(4));
        assert_eq!(complete_frame(b"\x81\x02o"), None);
        assert_eq!(complete_frame(b"\x81\x7e\x00"), None);
        assert_eq!(payload(b"\x81\x02ok+"), Some(2..4));
        assert_eq!(complete_line(b"+PONG\r\n"), Some(7));
        assert_eq!(complete_head(b"HTTP/1.1 101 \r\n\r\n\x81"), Some(17));
    }
}
