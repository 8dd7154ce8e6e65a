//! Unix accounts that only one daemon sees, so that tests need none on this machine.
//!
//! The daemon runs in a mount namespace with an `/etc` of its own, which has nothing but these
//! accounts. They can be changed while it runs.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::Namespace;

/// nsswitch.conf(5). The second try is for whoever waited in vain; see [`Hang`].
const SERVICES: &str = "passwd: files files\ngroup: files\n";

/// The user database of one daemon: root, and whom the test adds.
#[derive(Debug)]
pub struct Accounts {
    passwd: PathBuf,
}

impl Accounts {
    /// Makes the files, and puts them in place of the namespace's `/etc`.
    pub(crate) fn create(
        namespace: &Namespace,
        directory: &Path,
        accounts: &[(&str, u32)],
    ) -> Self {
        fs::create_dir(directory).expect("create an /etc");
        let readable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory, readable).expect("open that /etc");
        replace(&directory.join("nsswitch.conf"), SERVICES);
        replace(&directory.join("group"), "root:x:0:\n");
        let database = Self {
            passwd: directory.join("passwd"),
        };
        database.set(accounts);
        namespace.bind(directory, Path::new("/etc"));
        database
    }

    /// Those of a machine, which has an `/etc` of its own.
    pub(crate) fn of_machine(machine: &Namespace) -> Self {
        let passwd = machine.path(Path::new("/etc/passwd"));
        Self { passwd }
    }

    /// From now on, these are the accounts besides root: names with their uids.
    pub fn set(&self, accounts: &[(&str, u32)]) {
        replace(&self.passwd, &lines(accounts));
    }

    /// Takes away all but root, for as long as what is returned lives.
    pub(crate) fn away(&self) -> Away<'_> {
        let kept = fs::read_to_string(&self.passwd).expect("read the accounts");
        self.set(&[]);
        Away { of: self, kept }
    }

    /// From now on, whoever asks waits: as for a directory server that does not answer.
    pub fn hang(&self) -> Hang {
        let fifo = self.passwd.with_extension("fifo");
        mkfifo(&fifo, Mode::from_bits_truncate(0o644)).expect("make a fifo");
        let handle = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_PATH.bits())
            .open(&fifo)
            .expect("hold the fifo");
        fs::rename(&fifo, &self.passwd).expect("replace the accounts");
        Hang { handle }
    }
}

/// Accounts that are away.
pub(crate) struct Away<'a> {
    of: &'a Accounts,
    kept: String,
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        replace(&self.of.passwd, &self.kept);
    }
}

/// A user database that does not answer: opening a fifo waits for a writer, fifo(7).
#[derive(Debug)]
pub struct Hang {
    handle: File,
}

impl Hang {
    /// From now on, it answers with these accounts. Those who wait are answered too: a fifo is no
    /// file to look up names in, so they look again, and find the new one.
    pub fn end(self, database: &Accounts, accounts: &[(&str, u32)]) {
        database.set(accounts);
        let fifo = format!("/proc/self/fd/{}", self.handle.as_raw_fd());
        let opened = OpenOptions::new()
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(fifo);
        // An error means that nobody has come to wait.
        drop(opened);
    }
}

/// The lines of passwd(5) of root and these accounts.
fn lines(accounts: &[(&str, u32)]) -> String {
    let mut lines = String::from("root:x:0:0::/root:/bin/sh\n");
    for (name, uid) in accounts {
        writeln!(lines, "{name}:x:{uid}:{uid}::/nonexistent:/bin/sh").expect("write to a string");
    }
    lines
}

/// Replaces a file in one step: the daemon, perhaps of another user, may read it at any moment.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).expect("write the accounts");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).expect("open the accounts");
    fs::rename(&new, file).expect("replace the accounts");
}
