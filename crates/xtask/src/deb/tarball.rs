//! Static binaries for machines without our packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Release, output, programs};

/// What else is in it.
const FILES: [(&str, &str); 11] = [
    ("docs/man/midclt.1", "share/man/man1"),
    ("docs/man/midclt-2fa.1", "share/man/man1"),
    ("docs/man/middlewared.toml.5", "share/man/man5"),
    ("docs/man/middlewared.8", "share/man/man8"),
    ("docs/recovery.md", "share/doc"),
    ("docs/protocol.md", "share/doc"),
    (
        "packaging/systemd/middlewared.service",
        "lib/systemd/system",
    ),
    ("packaging/systemd/middlewared.socket", "lib/systemd/system"),
    ("LICENSE", ""),
    ("CHANGELOG.md", ""),
    ("SECURITY.md", ""),
];

/// Packs it. The tarball.
pub(super) fn pack(release: &Release, scratch: &Path, out: &Path) -> Result<PathBuf> {
    let name = format!("middlewared-{}-{}", release.version, release.multiarch);
    let directory = scratch.join(&name);
    for (program, to) in [("middlewared", "sbin"), ("midclt", "bin")] {
        let to = directory.join(to);
        fs::create_dir_all(&to)?;
        programs::strip(&release.programs.join(program), &to.join(program))?;
    }
    for (from, to) in FILES {
        let file = release.root.join(from);
        put(&file, &directory.join(to)).with_context(|| file.display().to_string())?;
    }
    for kind in ["sysusers", "tmpfiles"] {
        let from = release.root.join(format!("packaging/systemd/{kind}.conf"));
        let to = directory.join(format!("lib/{kind}.d"));
        fs::create_dir_all(&to)?;
        fs::copy(from, to.join("middlewared.conf"))?;
    }
    let readme = fs::read_to_string(release.root.join("packaging/README"))?;
    fs::write(
        directory.join("README"),
        readme.replace("@VERSION@", &release.version),
    )?;
    let crates = programs::crates(&release.root, &["middlewared", "midclt"])?;
    fs::write(directory.join("share/doc/crates.txt"), crates)?;
    compress(release, scratch, &name, out)
}

fn put(file: &Path, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    let name = file.file_name().context("a file")?;
    fs::copy(file, directory.join(name))?;
    Ok(())
}

fn compress(release: &Release, scratch: &Path, name: &str, out: &Path) -> Result<PathBuf> {
    let tarball = std::path::absolute(out.join(format!("{name}.tar.gz")))?;
    let mut tar = Command::new("tar");
    tar.args(["--create", "--sort=name", "--format=gnu"]);
    tar.args(["--owner=0", "--group=0", "--numeric-owner"]);
    tar.args(["--mode=u=rwX,go=rX", "--use-compress-program=gzip -9n"]);
    tar.arg(format!("--mtime=@{}", release.epoch));
    tar.arg("--file").arg(&tarball);
    output(tar.arg(name).current_dir(scratch))?;
    Ok(tarball)
}
