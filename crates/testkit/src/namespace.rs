//! A small file system that only the daemon and its test see, for tests of a full disk.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Mounts what it is told to, says so, and holds the mount namespace until its standard
/// input closes, which happens even when the test process is killed.
const HOLD: &str = r#"mount -t tmpfs -o "$2" middlewared-test "$1" && echo ready && exec cat"#;

/// A private mount namespace with one tmpfs in it. Needs root.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
}

impl Namespace {
    /// Mounts a tmpfs with these mount options (`size=1m,mode=0700`) over a directory.
    pub fn with_tmpfs(directory: &Path, options: &str) -> Self {
        let mut holder = Command::new("unshare")
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                HOLD,
                "sh",
            ])
            .arg(directory)
            .arg(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("run unshare (util-linux)");
        let mut said = String::new();
        let stdout = holder.stdout.as_mut().expect("a piped stdout");
        BufReader::new(stdout)
            .read_line(&mut said)
            .expect("hear from the namespace");
        assert_eq!(said, "ready\n", "cannot mount a tmpfs: are you root?");
        Self { holder }
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
