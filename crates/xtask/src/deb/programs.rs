//! The programs, built for release.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{cargo, output};

/// The programs that run by themselves.
pub(super) const BINARIES: [&str; 2] = ["middlewared", "midclt"];

/// Builds what the packages hold. The directory with copies of it.
pub(super) fn build_for_release(root: &Path, scratch: &Path) -> Result<PathBuf> {
    let packages = [
        "-p",
        "middlewared",
        "-p",
        "midclt",
        "-p",
        "pam",
        "-p",
        "password",
        "-p",
        "remote",
        "-p",
        "web",
    ];
    cargo(root, ["build", "--release"].into_iter().chain(packages))?;
    // PAM loads its modules, and names of machines are looked up by what the system has configured: so
    // all but the last cannot be linked statically.
    let names = [
        BINARIES.as_slice(),
        &[
            "libpam_middleware.so",
            "middlewared-password",
            "midclt-remote",
            "middlewared-web",
        ],
    ]
    .concat();
    keep(root, &names, &scratch.join("programs"))
}

/// Links the programs once more, without shared libraries.
pub(super) fn link_statically(root: &Path, scratch: &Path) -> Result<PathBuf> {
    for name in BINARIES {
        let link = ["rustc", "--release", "-p", name, "--bin", name];
        let statically = ["--", "-C", "target-feature=+crt-static"];
        cargo(root, link.into_iter().chain(statically))?;
    }
    keep(root, &BINARIES, &scratch.join("static"))
}

/// The next link would write over them.
fn keep(root: &Path, names: &[&str], directory: &Path) -> Result<PathBuf> {
    fs::create_dir(directory)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    for name in names {
        let built = root.join(&target).join("release").join(name);
        fs::copy(&built, directory.join(name))
            .with_context(|| format!("cannot copy {}", built.display()))?;
    }
    Ok(directory.to_owned())
}

/// Copies a program without what only a debugger reads.
pub(super) fn strip(program: &Path, to: &Path) -> Result<()> {
    let mut strip = Command::new("strip");
    strip.args(["--strip-unneeded", "--remove-section=.comment", "-o"]);
    output(strip.arg(to).arg(program)).map(drop)
}

/// The packages that programs need for their shared libraries, as a list of `Depends`.
pub(super) fn shared_libraries(programs: &[PathBuf], scratch: &Path) -> Result<String> {
    // It insists on a source package around it.
    let control = scratch.join("debian/control");
    fs::create_dir_all(scratch.join("debian"))?;
    fs::write(
        control,
        "Source: middlewared\n\nPackage: middlewared\nArchitecture: any\n",
    )?;
    let mut shlibdeps = Command::new("dpkg-shlibdeps");
    shlibdeps.arg("-O").current_dir(scratch);
    for program in programs {
        shlibdeps.arg("-e").arg(program);
    }
    let found = output(&mut shlibdeps)?;
    let depends = found.strip_prefix("shlibs:Depends=");
    ensure!(depends.is_some(), "dpkg-shlibdeps said: {found}");
    Ok(depends.unwrap_or_default().to_owned())
}

/// What is built into packages of ours: each crate with its version and its licence.
pub(super) fn crates(root: &Path, packages: &[&str]) -> Result<String> {
    let mut tree = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    tree.args([
        "tree",
        "--locked",
        "--offline",
        "--edges=normal",
        "--prefix=none",
    ]);
    tree.args(["--no-dedupe", "--format={p}: {l}"]);
    for package in packages {
        tree.args(["--package", package]);
    }
    let lines = output(tree.current_dir(root))?;
    // A path is where our own are.
    let others = lines
        .lines()
        .filter(|line| !line.contains("(/") && !line.is_empty());
    let others: BTreeSet<&str> = others.collect();
    let lines = others.into_iter().flat_map(|line| [line, "\n"]);
    Ok(
        "Besides its own sources, crates of https://crates.io are built in:\n\n"
            .chars()
            .chain(lines.flat_map(str::chars))
            .collect(),
    )
}
