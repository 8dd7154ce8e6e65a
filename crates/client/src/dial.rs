//! Opening the socket, and a stream that never outlives its deadline.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use crate::{Absence, Deadline, Error};

/// Connects within the deadline.
///
/// `UnixStream::connect` has no timeout and blocks for ever when the backlog is full (a daemon
/// that hangs). Linux applies `SO_SNDTIMEO` to connect(2) on a Unix socket, see socket(7), so the
/// timeout is set before connecting.
pub(crate) fn dial(path: &Path, deadline: Deadline) -> Result<TimedStream, Error> {
    let address = UnixAddr::new(path).map_err(|errno| cause(errno, path))?;
    loop {
        let left = deadline.remaining().map_err(|_| Error::Timeout)?;
        let fd = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .map_err(|errno| cause(errno, path))?;
        if let Some(left) = left {
            let micros = i64::try_from(left.as_micros()).unwrap_or(i64::MAX);
            let limit = TimeVal::new(micros / 1_000_000, micros % 1_000_000);
            setsockopt(&fd, sockopt::SendTimeout, &limit).map_err(|errno| cause(errno, path))?;
        }
        match connect(std::os::fd::AsRawFd::as_raw_fd(&fd), &address) {
            Ok(()) => {
                return Ok(TimedStream::new(UnixStream::from(fd), deadline));
            }
            // A stopped and continued process gets EINTR here even without a handler, signal(7).
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(cause(errno, path)),
        }
    }
}

fn cause(errno: Errno, path: &Path) -> Error {
    let path = path.to_owned();
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => Error::NotRunning {
            path,
            absence: Absence::NoSocket,
        },
        Errno::ECONNREFUSED => Error::NotRunning {
            path,
            absence: Absence::NobodyListens,
        },
        Errno::EACCES | Errno::EPERM => Error::PermissionDenied { path },
        Errno::EAGAIN | Errno::ETIMEDOUT => Error::Timeout,
        other => Error::Io(other.into()),
    }
}

/// A stream whose every operation gets only the time that is left.
#[derive(Debug)]
pub(crate) struct TimedStream {
    inner: UnixStream,
    pub(crate) deadline: Deadline,
}

impl TimedStream {
    pub(crate) const fn new(inner: UnixStream, deadline: Deadline) -> Self {
        Self { inner, deadline }
    }

    /// Who has called listen(2) on the other end.
    pub(crate) fn peer_uid(&self) -> io::Result<u32> {
        let peer = getsockopt(&self.inner, sockopt::PeerCredentials)?;
        Ok(peer.uid())
    }

    fn retry<T>(&mut self, mut step: impl FnMut(&mut Self) -> io::Result<T>) -> io::Result<T> {
        loop {
            match step(self) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

impl Read for TimedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.retry(|this| {
            this.inner.set_read_timeout(this.deadline.remaining()?)?;
            this.inner.read(buffer)
        })
    }
}

impl Write for TimedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retry(|this| {
            this.inner.set_write_timeout(this.deadline.remaining()?)?;
            this.inner.write(bytes)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
