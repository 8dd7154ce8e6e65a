//! File systems that only the daemon and its test see: a small disk, an `/etc` of its own. With a
//! network and processes of its own it is a private machine; see [`crate::Machine`].

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Says that the namespace is there, and holds it until its standard input closes, which happens even
/// when the test process is killed. It is bash that waits: as the first process of a machine it has
/// to reap what others leave behind.
const HOLD: &str = "echo ready; read -r";

/// A private mount namespace. Needs root.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
    /// The process that waits inside.
    inside: u32,
    is_machine: bool,
}

impl Namespace {
    /// One in which everything is as outside.
    pub(crate) fn create() -> Self {
        let mut namespace = Self::hold(&["--mount"], HOLD);
        namespace.inside = namespace.holder.id();
        namespace
    }

    /// One with a network and processes of its own as well, prepared by a script. All its processes
    /// end with it.
    pub(crate) fn machine(script: &str) -> Self {
        let kinds = ["--mount", "--net", "--pid", "--fork", "--kill-child"];
        let script = format!("set -eu\n{script}\n{HOLD}");
        let kinds = [&kinds[..], &["--mount-proc"]].concat();
        let mut namespace = Self::hold(&kinds, &script);
        namespace.inside = only_child(namespace.holder.id());
        namespace.is_machine = true;
        namespace
    }

    fn hold(kinds: &[&str], script: &str) -> Self {
        let mut holder = Command::new("unshare")
            .args(kinds)
            .args(["--propagation", "private", "bash", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("run unshare (util-linux)");
        let mut said = String::new();
        let stdout = holder.stdout.as_mut().expect("a piped stdout");
        BufReader::new(stdout)
            .read_line(&mut said)
            .expect("hear from the namespace");
        assert_eq!(said, "ready\n", "no namespace: are you root?");
        Self {
            holder,
            inside: 0,
            is_machine: false,
        }
    }

    /// Mounts a tmpfs with these mount options (`size=1m,mode=0700`) over a directory.
    pub(crate) fn tmpfs(&self, directory: &Path, options: &str) {
        self.mount(
            ["-t", "tmpfs", "-o", options, "middlewared-test"],
            directory,
        );
    }

    /// Puts a directory in place of another.
    pub(crate) fn bind(&self, directory: &Path, in_place_of: &Path) {
        let directory = directory.to_str().expect("a path in UTF-8");
        self.mount(["--bind", directory], in_place_of);
    }

    fn mount<const N: usize>(&self, arguments: [&str; N], on: &Path) {
        let mut mount = self.enter();
        let status = mount.arg("mount").args(arguments).arg(on).status();
        assert!(status.expect("run nsenter").success(), "cannot mount");
    }

    /// A command whose program will run inside; add the program as its first argument. It becomes
    /// that program, so its pid is the program's; it is no process of a machine's own.
    pub(crate) fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.inside));
        if self.is_machine {
            command.arg(format!("--net=/proc/{}/ns/net", self.inside));
        }
        command.arg("--");
        command
    }

    /// The same for a process of the machine's own, which is the only child of this command.
    pub(crate) fn enter_as_its_process(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.inside));
        command.args(["--mount", "--net", "--pid", "--"]);
        command
    }

    /// The process that holds it.
    pub(crate) const fn inside(&self) -> u32 {
        self.inside
    }

    /// The path by which the test reaches a file inside.
    pub fn path(&self, inside: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.inside);
        Path::new(&root).join(inside.strip_prefix("/").unwrap_or(inside))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The pid of a process's only child.
pub(crate) fn only_child(pid: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.expect("read the children of a process of our own");
    let child = children.trim().parse();
    child.unwrap_or_else(|_| panic!("{pid} has not one child, but '{children}'"))
}
