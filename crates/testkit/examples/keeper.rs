//! Whoever knows the password of a demonstration: `keeper SOCKET`, with the password on standard input.
//!
//! It is right for every account, and answers as `middlewared-password` does (docs/protocol.md). It ends when
//! standard input does.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Longer than any question.
const LONGEST: u64 = 8192;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("which socket?")?;
    let mut password = String::new();
    io::stdin().read_line(&mut password)?;
    let password: Arc<str> = password.trim_end().into();
    let listener = UnixListener::bind(path)?;
    thread::spawn(|| {
        // Whoever started it holds the other end.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(0);
    });
    for stream in listener.incoming() {
        let (stream, password) = (stream?, Arc::clone(&password));
        // Whoever has gone does not hear it.
        thread::spawn(move || drop(answer(stream, &password)));
    }
    Ok(())
}

/// One question: name, password and address, each with a 0 byte behind it.
fn answer(mut stream: UnixStream, password: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut question = String::new();
    (&mut stream).take(LONGEST).read_to_string(&mut question)?;
    let is_right = !password.is_empty() && question.split('\0').nth(1) == Some(password);
    stream.write_all(if is_right { b"right\n" } else { b"wrong\n" })
}
