//! Both directions at once, on one thread: whatever is ready is carried, and neither end can make the
//! other's bytes pile up here.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustls::ClientConnection;

const BUFFER: usize = 16 * 1024;

/// What goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    /// One end has closed.
    Over,
}

/// Carries until either end closes.
///
/// # Errors
/// The other machine broke off, or did not keep to TLS.
pub(crate) fn carry(
    tls: &mut ClientConnection,
    net: &mut TcpStream,
    mut local: &UnixStream,
) -> io::Result<()> {
    net.set_nonblocking(true)?;
    local.set_nonblocking(true)?;
    let mut arrived = Vec::new();
    // The handshake may have brought more than its own end.
    let mut flow = unpack(tls, &mut arrived)?;
    while flow == Flow::Open {
        let ready = wait(tls, net, local, arrived.is_empty())?;
        if tls.wants_write() {
            when_ready(tls.write_tls(net))?;
        }
        if !arrived.is_empty() {
            let written = when_ready(local.write(&arrived))?.unwrap_or(0);
            arrived.drain(..written);
        }
        if ready.net && arrived.is_empty() {
            flow = match when_ready(tls.read_tls(net))? {
                Some(0) => Flow::Over,
                _ => unpack(tls, &mut arrived)?,
            };
        }
        let is_stuck = tls.wants_write();
        if (ready.local && !is_stuck && take(tls, local)? == Flow::Over)
            || (ready.local_gone && is_stuck)
        {
            flow = Flow::Over;
        }
    }
    finish(tls, net, local, &arrived)
}

/// Who has something to say.
#[derive(Debug, Default)]
struct Ready {
    net: bool,
    local: bool,
    local_gone: bool,
}

/// Waits until something can be carried.
fn wait(
    tls: &ClientConnection,
    net: &TcpStream,
    local: &UnixStream,
    is_empty: bool,
) -> io::Result<Ready> {
    let mut net_wants = PollFlags::empty();
    let mut local_wants = PollFlags::empty();
    net_wants.set(PollFlags::POLLIN, is_empty);
    net_wants.set(PollFlags::POLLOUT, tls.wants_write());
    local_wants.set(PollFlags::POLLIN, !tls.wants_write());
    local_wants.set(PollFlags::POLLOUT, !is_empty);
    let mut ends = vec![PollFd::new(local.as_fd(), local_wants)];
    // That it hung up would be told again and again, before its turn to be read.
    if !net_wants.is_empty() {
        ends.push(PollFd::new(net.as_fd(), net_wants));
    }
    match poll(&mut ends, PollTimeout::NONE) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok(Ready::default()),
        Err(errno) => return Err(errno.into()),
    }
    // An end that hung up is read, and then says so itself.
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR;
    let is = |end: usize, what: PollFlags| {
        let found = ends.get(end).and_then(PollFd::revents);
        found.is_some_and(|found| found.intersects(what))
    };
    Ok(Ready {
        net: is(1, gone | PollFlags::POLLIN),
        local: is(0, gone | PollFlags::POLLIN),
        local_gone: is(0, gone),
    })
}

/// Decrypts what has come.
fn unpack(tls: &mut ClientConnection, arrived: &mut Vec<u8>) -> io::Result<Flow> {
    tls.process_new_packets()
        .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    let mut buffer = [0; BUFFER];
    while let Some(read) = when_ready(tls.reader().read(&mut buffer))? {
        if read == 0 {
            return Ok(Flow::Over);
        }
        arrived.extend(buffer.iter().take(read));
    }
    Ok(Flow::Open)
}

/// Encrypts what midclt has said.
fn take(tls: &mut ClientConnection, mut local: &UnixStream) -> io::Result<Flow> {
    let mut buffer = [0; BUFFER];
    let Some(read) = when_ready(local.read(&mut buffer))? else {
        return Ok(Flow::Open);
    };
    let said = buffer.get(..read).unwrap_or_default();
    tls.writer().write_all(said)?;
    Ok(if read == 0 { Flow::Over } else { Flow::Open })
}

/// Says goodbye to both. What has come is handed over; where nobody takes it, nobody wants it.
fn finish(
    tls: &mut ClientConnection,
    net: &mut TcpStream,
    mut local: &UnixStream,
    arrived: &[u8],
) -> io::Result<()> {
    local.set_nonblocking(false)?;
    let _ = local.write_all(arrived);
    let _ = local.shutdown(Shutdown::Both);
    tls.send_close_notify();
    net.set_nonblocking(false)?;
    net.set_write_timeout(Some(std::time::Duration::from_secs(1)))?;
    while tls.wants_write() {
        if tls.write_tls(net).is_err() {
            break;
        }
    }
    Ok(())
}

/// `None` where it would have to wait.
fn when_ready(outcome: io::Result<usize>) -> io::Result<Option<usize>> {
    match outcome {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
