//! Asks the program that knows passwords: one question on a connection of its own, and a deadline.
//!
//! The daemon itself has nothing to do with passwords or PAM. What answers is `middlewared-password`,
//! started by systemd for each question, as root.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use api::{CallError, PasswordAnswer, Question};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use zeroize::Zeroizing;

/// How long an answer may take in all.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a "no" takes at least, so that it does not show whether there is such an account.
const SLOWEST_NO: Duration = Duration::from_secs(1);

/// Longer than any answer.
const LONGEST_ANSWER: u64 = 16;

/// Asks at this socket, and waits.
///
/// # Errors
/// Nobody answers, or not in time: nobody is let in then.
pub(crate) fn check(path: &Path, question: &Question) -> Result<PasswordAnswer, CallError> {
    let began = Instant::now();
    let answer = match ask(path, question) {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(
                path = %path.display(),
                "passwords cannot be checked, so nobody can sign in on the web: {error:#}"
            );
            let message = "Passwords cannot be checked now. At this machine: systemctl status \
                middlewared-password.socket";
            return Err(CallError::refused(Errno::EIO, message));
        }
    };
    if answer == PasswordAnswer::Wrong {
        thread::sleep(SLOWEST_NO.saturating_sub(began.elapsed()));
    }
    Ok(answer)
}

fn ask(path: &Path, question: &Question) -> anyhow::Result<PasswordAnswer> {
    let fields = [&question.username, &*question.password, &question.address];
    // An account without a password lets nobody in here, and a 0 byte ends a field.
    if question.password.is_empty() || fields.iter().any(|field| field.contains('\0')) {
        return Ok(PasswordAnswer::Wrong);
    }
    let deadline = Instant::now() + PATIENCE;
    let mut stream = dial(path)?;
    let mut asked = Zeroizing::new(Vec::with_capacity(4096));
    for field in fields {
        asked.extend_from_slice(field.as_bytes());
        asked.push(0);
    }
    stream.write_all(&asked).context("asking")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n") && (answer.len() as u64) < LONGEST_ANSWER {
        let left = deadline.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "no answer in {} s", PATIENCE.as_secs());
        stream.set_read_timeout(Some(left))?;
        let mut byte = [0];
        ensure!(
            stream.read(&mut byte).context("waiting")? == 1,
            "it ended without an answer"
        );
        answer.extend(byte);
    }
    match answer.as_slice() {
        b"right\n" => Ok(PasswordAnswer::Right),
        b"wrong\n" => Ok(PasswordAnswer::Wrong),
        b"expired\n" => Ok(PasswordAnswer::Expired),
        b"denied\n" => Ok(PasswordAnswer::Denied),
        _ => bail!("it could not say"),
    }
}

/// Connects without waiting for ever on a full backlog, and only to a program of root's or our own.
fn dial(path: &Path) -> anyhow::Result<UnixStream> {
    let socket = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let patience = TimeVal::new(i64::try_from(PATIENCE.as_secs())?, 0);
    setsockopt(&socket, sockopt::SendTimeout, &patience)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    let peer = getsockopt(&socket, sockopt::PeerCredentials)?.uid();
    let us = nix::unistd::geteuid().as_raw();
    ensure!(
        [0, us].contains(&peer),
        "somebody else serves it (uid {peer})"
    );
    Ok(UnixStream::from(socket))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Asks somebody who answers this, and says what they were asked.
    fn asked(answer: &'static [u8], password: &str) -> (Option<PasswordAnswer>, Vec<u8>) {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("password.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let helper = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).unwrap();
            stream.write_all(answer).unwrap();
            heard
        });
        let question = Question {
            username: "alice".to_owned(),
            password: Zeroizing::new(password.to_owned()),
            address: "192.0.2.1".to_owned(),
        };
        (check(&path, &question).ok(), helper.join().unwrap())
    }

    #[test]
    fn only_a_whole_word_is_an_answer() {
        for (said, answer) in [
            (&b"right\n"[..], Some(PasswordAnswer::Right)),
            (b"wrong\n", Some(PasswordAnswer::Wrong)),
            (b"expired\n", Some(PasswordAnswer::Expired)),
            (b"denied\n", Some(PasswordAnswer::Denied)),
            (b"", None),
            (b"right", None),
            (b"right\0\n", None),
            (b"righteous indignation, and so on\n", None),
            (b"failed\n", None),
        ] {
            let (found, heard) = asked(said, "secret word");
            assert_eq!(found, answer);
            assert_eq!(heard, b"alice\0secret word\x00192.0.2.1\0");
        }
    }

    #[test]
    fn what_is_no_password_is_wrong_and_nobody_is_asked() {
        for password in ["", "a\0b"] {
            let question = Question {
                username: "root".to_owned(),
                password: Zeroizing::new(password.to_owned()),
                address: String::new(),
            };
            let answer = check(Path::new("/nowhere/password.sock"), &question);
            assert_eq!(answer.unwrap(), PasswordAnswer::Wrong);
        }
    }

    #[test]
    fn nobody_there_is_an_error_that_says_so() {
        let question = Question {
            username: "root".to_owned(),
            password: Zeroizing::new("x".to_owned()),
            address: String::new(),
        };
        let error = check(Path::new("/nowhere/password.sock"), &question).unwrap_err();
        assert!(
            error.to_string().contains("middlewared-password.socket"),
            "{error}"
        );
    }
}
