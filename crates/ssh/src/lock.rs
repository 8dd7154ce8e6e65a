//! One at a time: whoever changes the files of sshd holds this lock until they fit together again.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::Error;

/// Held until it is dropped, also by a process that is killed.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
}

/// In `/run`, where nobody but root can put anything.
const FILE: &str = "/run/middlewared-ssh.lock";
const PAUSE: Duration = Duration::from_millis(100);

impl Lock {
    /// Takes it. Where somebody else has it, says so and waits, but not for longer than this: the
    /// other one may be stopped.
    ///
    /// # Errors
    /// Somebody else still has it, or the system refuses.
    pub fn take(limit: Duration, say: &mut dyn FnMut(String)) -> Result<Self, Error> {
        Self::take_at(Path::new(FILE), limit, say)
    }

    fn take_at(path: &Path, limit: Duration, say: &mut dyn FnMut(String)) -> Result<Self, Error> {
        let mut file = open(path).map_err(Error::io("open", path))?;
        let began = Instant::now();
        let mut is_said = false;
        loop {
            file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(mut held) => {
                    // Only for people who ask who it is.
                    let _ = held
                        .set_len(0)
                        .and_then(|()| write!(held, "{}", std::process::id()));
                    return Ok(Self { _file: held });
                }
                Err((file, nix::errno::Errno::EWOULDBLOCK)) => file,
                Err((_, errno)) => return Err(Error::io("lock", path)(errno.into())),
            };
            let holder = holder(path);
            if began.elapsed() >= limit {
                let why = format!("another midclt 2fa ssh{holder} is at work, and does not end");
                return Err(Error::Refused(why));
            }
            if !is_said {
                say(format!(
                    "another midclt 2fa ssh{holder} is at work: waiting for it"
                ));
                is_said = true;
            }
            thread::sleep(PAUSE.min(limit));
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
}

/// ` (process N)`, where it says so.
fn holder(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(16).read_to_string(&mut text));
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!(" (process {pid})"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let nothing = &mut |line: String| panic!("{line}");
        drop(Lock::take_at(&path, LONG, nothing).unwrap());
        let held = Lock::take_at(&path, LONG, nothing).unwrap();
        let who = format!("another midclt 2fa ssh (process {})", std::process::id());

        // It does not wait for ever.
        let mut said = Vec::new();
        let refused = Lock::take_at(&path, Duration::from_millis(1), &mut |line| said.push(line));
        assert_eq!(
            refused.unwrap_err().to_string(),
            format!("{who} is at work, and does not end")
        );
        assert_eq!(said, [format!("{who} is at work: waiting for it")]);

        // It says once that it waits, and has it when the other one ends.
        let (saying, heard) = mpsc::channel();
        let waiting = thread::spawn(move || {
            Lock::take_at(&path, LONG, &mut |line| saying.send(line).unwrap()).unwrap()
        });
        assert_eq!(heard.recv().unwrap(), said[0]);
        drop(held);
        drop(waiting.join().unwrap());
        assert!(heard.recv().is_err());
    }

    #[test]
    fn a_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (link, target) = (directory.path().join("lock"), directory.path().join("x"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(Lock::take_at(&link, LONG, &mut |_| {}).is_err());
        assert!(!target.exists());
    }
}
