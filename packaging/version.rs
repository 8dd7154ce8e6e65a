//! Build script of the programs: what `--version` says, with the commit in builds for release.
//!
//! Builds for development do without: each commit would build the programs anew. Where there is no
//! repository, as in an unpacked tarball, `MIDDLEWARED_COMMIT` may say it, or nothing does.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "cargo listens there")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=MIDDLEWARED_COMMIT");
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let said = env::var("MIDDLEWARED_COMMIT").ok();
    let commit = said
        .or_else(commit_of_release)
        .filter(|commit| !commit.is_empty());
    let version = commit.map_or_else(|| version.clone(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=MIDDLEWARED_VERSION={version}");
}

fn commit_of_release() -> Option<String> {
    if env::var("PROFILE").ok()? != "release" {
        return None;
    }
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let root = (package.ancestors()).find(|dir| dir.join("rust-toolchain.toml").is_file())?;
    // Not of a repository that the sources happen to be unpacked in.
    let repository = git(root, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&repository).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    // Written by every commit and every checkout.
    for file in ["HEAD", "logs/HEAD"] {
        let path = root.join(git(root, &["rev-parse", "--git-path", file])?);
        println!("cargo::rerun-if-changed={}", path.display());
    }
    git(root, &["rev-parse", "--short=12", "HEAD"])
}

fn git(directory: &Path, arguments: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    let output = git.args(arguments).current_dir(directory).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}
