//! Knows passwords: one question about one, answered by PAM, and gone.
//!
//! systemd starts it as root for each connection of the daemon's, with the connection as standard input and
//! output: nothing that faces the network has anything to do with PAM, and this program never sees
//! anything but one name and one password. `docs/protocol.md` has the question and its answers.
#![forbid(unsafe_code)]

mod ask;
mod question;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::User;
use zeroize::Zeroizing;

use ask::Answer;
use question::{LONGEST, Question};

/// Whose daemon may ask, besides root.
const DAEMON: &str = "middlewared";

/// Longer than the daemon waits: a stack that hangs must not leave processes behind.
const PATIENCE: Duration = Duration::from_secs(15);

/// Answers the question on standard input. What fails is not answered, which lets nobody in.
#[must_use]
pub fn main() -> ExitCode {
    thread::spawn(|| {
        thread::sleep(PATIENCE);
        say("gave up: the PAM stack of the service 'middlewared' does not answer");
        process::exit(1);
    });
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let stdin = io::stdin();
    let peer = getsockopt(&stdin.as_fd(), sockopt::PeerCredentials).map_err(|error| {
        let message = format!("standard input is no socket ({error}); systemd starts this program");
        io::Error::other(message)
    })?;
    if !may_ask(peer.uid()) {
        let message = format!(
            "refused: the user {} may not ask about passwords",
            peer.uid()
        );
        return Err(io::Error::other(message));
    }
    // Not through the buffer of standard input, which nobody wipes.
    let connection = File::from(stdin.as_fd().try_clone_to_owned()?);
    let mut asked = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    connection
        .take(LONGEST as u64 + 1)
        .read_to_end(&mut asked)?;
    let answer = match Question::parse(&asked) {
        Some(question) => ask::ask(question)?,
        None => Answer::Wrong,
    };
    let mut stdout = io::stdout();
    stdout.write_all(answer.word().as_bytes())?;
    stdout.flush()
}

/// Root, who could look for itself, and the daemon's user.
fn may_ask(uid: u32) -> bool {
    let daemon = || User::from_name(DAEMON).ok().flatten();
    uid == 0 || daemon().is_some_and(|user| user.uid.as_raw() == uid)
}

/// For the journal, which systemd connects standard error with. Never about what was asked.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "middlewared-password: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_and_the_daemon_may_ask() {
        assert!(may_ask(0));
        assert!(!may_ask(65_534));
    }
}
