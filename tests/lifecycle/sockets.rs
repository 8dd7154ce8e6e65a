//! The socket's path: born private, replaced when stale, never taken from somebody else.

use std::fs::{self, Permissions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Output;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket,
};
use serde_json::json;
use tempfile::TempDir;
use testkit::Daemon;

use crate::support::{assert_alive, stderr};

#[test]
fn the_socket_is_private_from_its_birth() {
    let mut daemon = Daemon::start();
    let mode = |daemon: &Daemon| fs::metadata(daemon.socket()).unwrap().mode() & 0o7777;
    assert_eq!(mode(&daemon), 0o600);
    // Whatever the umask of whoever starts it; the one of the tests is usually 022.
    daemon.kill9();
    daemon.restart();
    assert_eq!(mode(&daemon), 0o600);
    let state = fs::metadata(daemon.state_dir()).unwrap();
    assert_eq!(state.mode() & 0o7777, 0o700);
    for entry in fs::read_dir(daemon.state_dir()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().mode() & 0o077;
        assert_eq!(mode, 0, "{}", entry.path().display());
    }
}

/// A socket that is bound first and made private later is open to others in between. The kernel
/// tells of each change of its mode: there is none.
#[test]
fn the_socket_s_mode_is_never_changed() {
    let builder = Daemon::builder();
    let watch = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
    let events = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_MOVED_TO;
    watch.add_watch(&builder.dir().join("run"), events).unwrap();
    let _daemon = builder.start();
    let of_socket: Vec<AddWatchFlags> = std::iter::from_fn(|| watch.read_events().ok())
        .flatten()
        .filter(|event| event.name.as_deref() == Some("middlewared.sock".as_ref()))
        .map(|event| event.mask)
        .collect();
    assert_eq!(of_socket, [AddWatchFlags::IN_CREATE]);
}

/// A daemon that must not start on this socket, and what it says.
fn refused(configure: impl FnOnce(testkit::Builder) -> testkit::Builder) -> String {
    let output: Output = configure(Daemon::builder()).run_to_end();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[test]
fn a_second_daemon_on_the_same_socket_is_refused() {
    let mut daemon = Daemon::start();
    let path = daemon.socket().to_owned();
    let said = refused(|second| second.socket(&path));
    assert!(said.contains("is serving it; stop that first"), "{said}");
    assert!(said.contains(&*path.to_string_lossy()), "{said}");
    assert_alive(&mut daemon, "a second daemon");
}

#[test]
fn a_stale_socket_is_replaced() {
    let builder = Daemon::builder();
    let path = builder.dir().join("run/middlewared.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(UnixStream::connect(&path).is_err(), "nobody serves it");
    let mut daemon = builder.start();
    daemon.kill9();
    assert!(path.exists(), "a killed daemon leaves it behind");
    daemon.restart();
    assert_eq!(daemon.connect().call("core.ping", json!([])), "pong");
}

/// Also one that does not answer at all: then only whoever owns it may remove it.
#[test]
fn another_process_s_socket_is_never_taken_over() {
    for is_full in [false, true] {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("s");
        let (_listener, _waiting) = foreign_listener(&path, is_full);
        let inode = fs::metadata(&path).unwrap().ino();
        let said = refused(|builder| builder.socket(&path));
        let pid = if is_full {
            "unknown".to_owned()
        } else {
            std::process::id().to_string()
        };
        let expected = format!("another process (pid {pid}) is serving it");
        assert!(said.contains(&expected), "{said}");
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode, "left as it was");
    }
}

/// Listens as any program might, perhaps with as many waiting as it takes.
fn foreign_listener(path: &Path, is_full: bool) -> (OwnedFd, Vec<OwnedFd>) {
    let new = |flags| socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
    let address = UnixAddr::new(path).unwrap();
    let listener = new(SockFlag::SOCK_CLOEXEC);
    bind(listener.as_raw_fd(), &address).unwrap();
    listen(&listener, Backlog::new(1).unwrap()).unwrap();
    let waiting = || {
        let client = new(SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK);
        connect(client.as_raw_fd(), &address)
            .is_ok()
            .then_some(client)
    };
    let waiting = if is_full {
        std::iter::from_fn(waiting).collect()
    } else {
        Vec::new()
    };
    (listener, waiting)
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let plant: [fn(&Path); 4] = [
        |path| fs::write(path, "somebody's file").unwrap(),
        |path| fs::create_dir(path).unwrap(),
        |path| symlink("/nowhere/s", path).unwrap(),
        |path| symlink("/etc/passwd", path).unwrap(),
    ];
    for plant in plant {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("s");
        plant(&path);
        let inode = fs::symlink_metadata(&path).unwrap().ino();
        let said = refused(|builder| builder.socket(&path));
        assert!(said.contains("something else than a socket"), "{said}");
        assert_eq!(
            fs::symlink_metadata(&path).unwrap().ino(),
            inode,
            "left as it was"
        );
    }
}

/// Whoever can write to the directory could put a socket of their own in place of the daemon's.
#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    let directory = TempDir::new().unwrap();
    for mode in [0o777, 0o1777, 0o775, 0o702] {
        fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
        let said = refused(|builder| builder.socket(directory.path().join("s")));
        assert!(said.contains("others can write to"), "{mode:o}: {said}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
    let said = refused(|builder| builder.socket("middlewared.sock"));
    assert!(said.contains("absolute path"), "{said}");
    let said = refused(|builder| builder.socket("/proc/nowhere/s"));
    assert!(said.contains("/proc/nowhere"), "{said}");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
    let link = TempDir::new().unwrap();
    let link = link.path().join("link");
    symlink(directory.path(), &link).unwrap();
    let said = refused(|builder| builder.socket(link.join("s")));
    assert!(said.contains("is not a directory"), "{said}");
    let long = format!("/tmp/{}", "x".repeat(200));
    let said = refused(|builder| builder.socket(&long));
    assert!(said.contains("xxxx"), "{said}");
}
