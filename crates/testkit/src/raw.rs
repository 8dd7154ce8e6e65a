//! Bytes in, bytes out: for tests below WebSocket and HTTP libraries.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Sends `request` and returns everything that comes back until the server closes, or
/// until it has been silent for `quiet`.
pub fn exchange(socket: &Path, request: &[u8], quiet: Duration) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).expect("connect to the daemon");
    stream.set_read_timeout(Some(quiet)).unwrap();
    stream.set_write_timeout(Some(quiet)).unwrap();
    // A server that refuses may close before it has read everything.
    let _ = stream.write_all(request);
    let answer = read_until_quiet(&mut stream);
    let _ = stream.shutdown(Shutdown::Both);
    answer
}

fn read_until_quiet(stream: &mut UnixStream) -> Vec<u8> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while Instant::now() < deadline {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answer.extend(buffer.iter().take(length)),
            Err(error) if is_end(error.kind()) => break,
            Err(error) => panic!("reading from the daemon: {error}"),
        }
    }
    answer
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionReset
    )
}
