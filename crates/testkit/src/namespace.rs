//! File systems that only the daemon and its test see: a small disk, an `/etc` of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Says that the namespace is there, and holds it until its standard input closes, which happens even
/// when the test process is killed.
const HOLD: &str = "echo ready && exec cat";

/// A private mount namespace. Needs root.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
}

impl Namespace {
    /// One in which everything is as outside.
    pub(crate) fn create() -> Self {
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", HOLD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("run unshare (util-linux)");
        let mut said = String::new();
        let stdout = holder.stdout.as_mut().expect("a piped stdout");
        BufReader::new(stdout)
            .read_line(&mut said)
            .expect("hear from the namespace");
        assert_eq!(said, "ready\n", "no mount namespace: are you root?");
        Self { holder }
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

    /// A command whose program will run inside; add the program as its first argument.
    pub(crate) fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id()))
            .arg("--");
        command
    }

    /// The path by which the test reaches a file inside.
    pub fn path(&self, inside: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.id());
        Path::new(&root).join(inside.strip_prefix("/").unwrap_or(inside))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
