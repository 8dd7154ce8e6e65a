//! The listening socket: passed by systemd, or made here, never taken from another process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::{env, io};

use anyhow::{Context, bail, ensure};
use listenfd::ListenFd;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt,
};
use nix::sys::stat::{Mode, umask};

use crate::peer::Admission;

/// A socket to listen on.
pub(crate) struct Socket {
    pub(crate) listener: UnixListener,
    pub(crate) admission: Admission,
    /// Removed when dropped, if this process made it.
    _made: Option<Made>,
}

struct Made {
    path: PathBuf,
    /// Held for its flock(2): only one of us is looking at the path at a time.
    _lock: File,
}

impl Drop for Made {
    fn drop(&mut self) {
        // Nothing depends on it: a stale socket is replaced at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// The sockets to listen on.
pub(crate) struct Sockets {
    /// Root's.
    pub(crate) root: Socket,
    /// That of the web service, if there is one.
    pub(crate) web: Option<Socket>,
}

/// The name of the web's socket among those that are passed (`FileDescriptorName=`, systemd.socket(5)).
const WEB: &str = "web";

impl Sockets {
    /// Takes the sockets that systemd passed (`sd_listen_fds(3)`), else makes them at these paths. Which is
    /// the web's is known by its name: with any other, or none, it is root's.
    ///
    /// # Errors
    /// A path is served by another process, or in a place where others could replace it; or more
    /// sockets were passed than there is use for.
    pub(crate) fn open(root: &Path, web: Option<&Path>) -> anyhow::Result<Self> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names: Vec<&str> = names.split(':').collect();
        let mut passed = ListenFd::from_env();
        let mut sockets = (None, None);
        for at in 0..passed.len() {
            let listener = passed.take_unix_listener(at).context("a passed socket")?;
            let is_web = names.get(at) == Some(&WEB);
            let (place, admission) = if is_web {
                (&mut sockets.1, Admission::anybody())
            } else {
                (&mut sockets.0, Admission::root_only())
            };
            ensure!(
                place.is_none(),
                "more sockets were passed than two, of which one is called web"
            );
            *place = listener.map(|listener| Socket {
                listener,
                admission,
                _made: None,
            });
        }
        let root = sockets.0.map_or_else(|| Socket::make(root), Ok)?;
        let web = match (sockets.1, web) {
            (Some(passed), _) => Some(passed),
            // Its file mode says who may connect: the directory and the socket are ours alone.
            (None, Some(path)) => Some(Socket {
                admission: Admission::anybody(),
                ..Socket::make(path)?
            }),
            (None, None) => None,
        };
        Ok(Self { root, web })
    }
}

impl Socket {
    fn make(path: &Path) -> anyhow::Result<Self> {
        let (listener, made) = make(path).with_context(|| path.display().to_string())?;
        Ok(Self {
            listener,
            admission: Admission::root_and_self(),
            _made: Some(made),
        })
    }
}

fn make(path: &Path) -> anyhow::Result<(UnixListener, Made)> {
    let dir = path
        .parent()
        .filter(|dir| dir.is_absolute())
        .context("give an absolute path")?;
    // Everybody may look for the socket, so that strangers are told what it needs.
    let made = under_umask(0o022, || DirBuilder::new().mode(0o755).create(dir));
    if let Err(error) = made
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error).context("its directory cannot be made");
    }
    check_directory(dir)?;
    let lock = lock(path)?;
    remove_stale(path)?;
    // Never open and then closed: the socket is born with mode 0600.
    let bound = under_umask(0o177, || UnixListener::bind(path));
    Ok((
        bound?,
        Made {
            path: path.to_owned(),
            _lock: lock,
        },
    ))
}

/// The mask belongs to the whole process; no other thread runs yet.
fn under_umask<T>(mask: u32, make: impl FnOnce() -> T) -> T {
    let before = umask(Mode::from_bits_truncate(mask));
    let outcome = make();
    umask(before);
    outcome
}

/// Whoever can write to the directory can put another socket in place of ours.
fn check_directory(dir: &Path) -> anyhow::Result<()> {
    let found = fs::symlink_metadata(dir)?;
    ensure!(found.is_dir(), "{} is not a directory", dir.display());
    let us = nix::unistd::geteuid().as_raw();
    ensure!(
        [0, us].contains(&found.uid()) && found.mode() & 0o022 == 0,
        "others can write to {}; use a directory that only root can write to",
        dir.display()
    );
    Ok(())
}

fn lock(path: &Path) -> anyhow::Result<File> {
    let lock = path.with_extension("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options
        .open(&lock)
        .with_context(|| lock.display().to_string())?;
    if file.try_lock().is_err() {
        bail!(taken_by(server_of(path)?.as_deref()));
    }
    Ok(file)
}

/// Removes a socket that nobody serves any more, and nothing else.
fn remove_stale(path: &Path) -> anyhow::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => ensure!(
            found?.file_type().is_socket(),
            "something else than a socket is there"
        ),
    }
    if let Some(server) = server_of(path)? {
        bail!(taken_by(Some(&server)));
    }
    Ok(fs::remove_file(path)?)
}

fn taken_by(server: Option<&str>) -> String {
    let pid = server.unwrap_or("unknown");
    format!("another process (pid {pid}) is serving it; stop that first")
}

/// The process that serves a socket, if one does. Never waits, as a plain connect(2) would on a
/// full backlog.
fn server_of(path: &Path) -> anyhow::Result<Option<String>> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let probe = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&probe);
    match connect(fd, &UnixAddr::new(path)?) {
        Err(Errno::ECONNREFUSED | Errno::ENOENT) => Ok(None),
        Err(Errno::EAGAIN) => Ok(Some("unknown".to_owned())),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(Some(
            getsockopt(&probe, sockopt::PeerCredentials)?
                .pid()
                .to_string(),
        )),
    }
}
