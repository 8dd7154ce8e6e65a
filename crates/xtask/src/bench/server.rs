//! The servers under measurement, each in a private directory and ended by its pid.

use std::env;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::wire;

/// No start takes this long.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at a socket that is not there yet: well under what is measured.
const LOOK_AGAIN: Duration = Duration::from_micros(50);

/// The programs that are compared.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) middlewared: PathBuf,
    pub(super) midclt: PathBuf,
    pub(super) redis_server: PathBuf,
    pub(super) redis_cli: PathBuf,
}

impl Programs {
    /// Ours from the release directory, Redis from `PATH`.
    pub(super) fn find(release: &Path) -> Result<Self> {
        Ok(Self {
            middlewared: release.join("middlewared"),
            midclt: release.join("midclt"),
            redis_server: in_path("redis-server", "redis-server")?,
            redis_cli: in_path("redis-cli", "redis-tools")?,
        })
    }
}

/// A program of a package of Debian's.
pub(super) fn in_path(program: &str, package: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&path).map(|directory| directory.join(program));
    places
        .find(|place| place.is_file())
        .with_context(|| format!("no {program} in PATH: apt-get install {package}"))
}

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ours.
    Middlewared,
    /// The peer for memory and starting, with nothing stored and saving off.
    Redis,
    /// The peer for throughput: this program, echoing lines.
    Line,
}

/// A private directory in which a server runs, perhaps several times.
#[derive(Debug)]
pub(super) struct Place<'a> {
    kind: Kind,
    programs: &'a Programs,
    directory: TempDir,
}

impl<'a> Place<'a> {
    pub(super) fn new(kind: Kind, programs: &'a Programs) -> Result<Self> {
        let directory = TempDir::with_prefix("middlewared-bench-")?;
        Ok(Self {
            kind,
            programs,
            directory,
        })
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Where ours keeps its state.
    pub(super) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Starts the server and waits for its first answer; how long that took, from exec on.
    pub(super) fn start(&self) -> Result<(Running, Duration)> {
        let mut command = self.command()?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let began = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {:?}", self.kind))?;
        let mut running = Running { child };
        let mut stream = self.connect(&mut running, began)?;
        ping(self.kind, &mut stream)?;
        Ok((running, began.elapsed()))
    }

    fn connect(&self, running: &mut Running, began: Instant) -> Result<UnixStream> {
        let socket = self.socket();
        loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => return Ok(stream),
                Err(error) if began.elapsed() > PATIENCE => return Err(error.into()),
                Err(_) => thread::sleep(LOOK_AGAIN),
            }
            if let Some(status) = running.child.try_wait()? {
                bail!("{:?} ended at its start: {status}", self.kind);
            }
        }
    }

    fn command(&self) -> Result<Command> {
        let directory = self.directory.path();
        let socket = self.socket();
        Ok(match self.kind {
            Kind::Middlewared => {
                let mut command = Command::new(&self.programs.middlewared);
                command.arg("--socket").arg(socket);
                command.arg("--state-dir").arg(self.state());
                command
            }
            Kind::Redis => {
                let mut command = Command::new(&self.programs.redis_server);
                command.args(["--port", "0", "--save", "", "--appendonly", "no"]);
                command.arg("--unixsocket").arg(socket);
                command.arg("--dir").arg(directory);
                command
            }
            Kind::Line => {
                let mut command = Command::new(env::current_exe()?);
                command.arg("line-server").arg(socket);
                command
            }
        })
    }
}

/// The first useful answer: for ours, a WebSocket and a call.
fn ping(kind: Kind, stream: &mut UnixStream) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    match kind {
        Kind::Middlewared => {
            wire::upgrade(stream)?;
            let call = wire::frame(&wire::request("1", "core.ping"));
            let answer = wire::ask(stream, &call, wire::complete_frame)?;
            let text = String::from_utf8_lossy(&answer);
            ensure!(text.contains("pong"), "no pong: {text}");
        }
        Kind::Redis => {
            let answer = wire::ask(stream, b"PING\r\n", wire::complete_line)?;
            ensure!(answer == b"+PONG\r\n", "no pong: {answer:?}");
        }
        Kind::Line => {
            wire::ask(stream, b"ping\n", wire::complete_line)?;
        }
    }
    Ok(())
}

/// A server that runs; it is asked to end, and at last killed, when this value goes.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
}

impl Running {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = i32::try_from(self.pid()).map(Pid::from_raw);
        if pid.is_ok_and(|pid| kill(pid, Signal::SIGTERM).is_ok()) {
            let deadline = Instant::now() + Duration::from_secs(5);
            while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
                thread::sleep(Duration::from_millis(2));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
