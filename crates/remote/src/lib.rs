//! Reaches: TLS to another machine's `middlewared-web`, for midclt.
//!
//! A pipe and nothing else: what midclt writes to standard input, which is a socket, goes to the other
//! machine, and what comes back goes to midclt. So midclt is small and needs no shared library, and what
//! it says there, passwords and codes among it, is never an argument or in the environment of this
//! process. Why there is no connection is said on standard error, for midclt to show.
#![forbid(unsafe_code)]

mod certificate;
mod tunnel;

use std::io::{self, ErrorKind, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use certificate::Trust;

/// Carries midclt's connection to another machine by TLS; midclt runs it
#[derive(Debug, Parser)]
#[command(name = "midclt-remote", version = env!("MIDDLEWARED_VERSION"))]
struct Args {
    /// The machine's name or address
    host: String,
    /// Its port
    port: u16,
    /// Trust the certificates of this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Take any certificate: whoever sits in between can read and change everything
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
    /// Give up after this many seconds without a connection
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
}

/// Connects, and carries until either end closes.
#[must_use]
pub fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // midclt shows it. Where that is gone, nobody is there to tell.
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let given = io::stdin().as_fd().try_clone_to_owned();
    let local = UnixStream::from(given.context("standard input")?);
    if local.peer_addr().is_err() {
        bail!("standard input is no socket: this is run by midclt -u wss://HOST/api/current");
    }
    let trust = if args.insecure {
        Trust::Anything
    } else {
        Trust::of_file(args.ca.as_deref())?
    };
    let deadline = Instant::now() + Duration::from_secs(args.seconds);
    let mut net = connect(args, deadline)?;
    let mut tls = shake_hands(args, trust, &mut net, deadline)?;
    net.set_read_timeout(None)?;
    net.set_write_timeout(None)?;
    tunnel::carry(&mut tls, &mut net, &local).context("the connection was lost")
}

/// The first of its addresses that answers.
fn connect(args: &Args, deadline: Instant) -> Result<TcpStream> {
    let shown = shown(args);
    let addresses = (args.host.as_str(), args.port).to_socket_addrs();
    let mut last = anyhow!("{} has no address", args.host);
    for address in addresses.with_context(|| format!("cannot find {}", args.host))? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!("{shown} did not answer within {} s", args.seconds);
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(net) => {
                net.set_nodelay(true)?;
                return Ok(net);
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                last = anyhow!("nobody listens on {shown}. On that machine: midclt 2fa web");
            }
            Err(error) => last = anyhow!("cannot reach {shown}: {error}"),
        }
    }
    Err(last)
}

fn shake_hands(
    args: &Args,
    trust: Trust,
    net: &mut TcpStream,
    deadline: Instant,
) -> Result<ClientConnection> {
    let bare = args.host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(bare).context("this is no name of a machine")?;
    let (config, seen) = certificate::config(trust)?;
    let mut tls = ClientConnection::new(Arc::new(config), name)?;
    while tls.is_handshaking() {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        net.set_read_timeout(Some(left))?;
        net.set_write_timeout(Some(left))?;
        tls.complete_io(net)
            .map_err(|error| no_tls(args, &error, seen.get().map(String::as_str)))?;
    }
    Ok(tls)
}

fn no_tls(args: &Args, error: &io::Error, fingerprint: Option<&str>) -> anyhow::Error {
    let shown = shown(args);
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (cause, error.kind()) {
        (Some(rustls::Error::InvalidCertificate(cause)), _) => {
            anyhow!(certificate::refused(&shown, cause, fingerprint))
        }
        (Some(rustls::Error::InvalidMessage(_)), _) => {
            anyhow!("{shown} speaks no TLS: is it the port of middlewared-web?")
        }
        (_, ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            anyhow!("{shown} did not answer within {} s", args.seconds)
        }
        (_, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
            anyhow!("{shown} closed the connection before TLS was up")
        }
        _ => anyhow!("no TLS with {shown}: {error}"),
    }
}

fn shown(args: &Args) -> String {
    format!("{}:{}", args.host, args.port)
}
