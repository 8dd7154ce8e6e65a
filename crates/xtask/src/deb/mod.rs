//! Debian packages, and a tarball for everybody else.
//!
//! Plain `dpkg-deb`: what is in a package is the table in `contents`, what it says of itself is in
//! `packaging/`. The same programs and the same `SOURCE_DATE_EPOCH` make the same bytes.

mod contents;
mod programs;
mod stage;
mod tarball;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use stage::Stage;

/// Which packages, from what.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where to write.
    #[arg(long, value_name = "DIR", default_value = "target/debian")]
    pub out: PathBuf,
    /// Package the programs of this directory, packed fast; else they are built for release.
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// The packages' own number behind the version.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub revision: u32,
}

/// What every package of one run has in common.
#[derive(Debug)]
struct Release {
    root: PathBuf,
    /// Where the programs are.
    programs: PathBuf,
    version: String,
    architecture: String,
    /// `x86_64-linux-gnu`, part of where PAM looks for modules.
    multiarch: String,
    /// Seconds since 1970: no file is newer.
    epoch: u64,
    /// What `dpkg-deb` is told of compression.
    compression: &'static [&'static str],
}

/// Builds the packages. Their files.
///
/// # Errors
/// A program does not build, or a tool of Debian is missing or not content.
pub fn packages(root: &Path, options: &Options) -> Result<Vec<PathBuf>> {
    let scratch = tempfile::tempdir().context("cannot create a directory")?;
    let release = Release::new(root, options, || {
        programs::build_for_release(root, scratch.path())
    })?;
    let pack = |package| Stage::fill(&release, package, scratch.path())?.pack(&options.out);
    contents::PACKAGES.iter().map(pack).collect()
}

/// Builds the tarball. Its programs are static, unless they are given.
///
/// # Errors
/// As for [`packages`].
pub fn tarball(root: &Path, options: &Options) -> Result<PathBuf> {
    let scratch = tempfile::tempdir().context("cannot create a directory")?;
    let release = Release::new(root, options, || {
        programs::link_statically(root, scratch.path())
    })?;
    tarball::pack(&release, scratch.path(), &options.out)
}

impl Release {
    fn new(
        root: &Path,
        options: &Options,
        build: impl FnOnce() -> Result<PathBuf>,
    ) -> Result<Self> {
        fs::create_dir_all(&options.out)
            .with_context(|| format!("cannot create {}", options.out.display()))?;
        Ok(Self {
            root: root.to_owned(),
            programs: options.programs.clone().map_or_else(build, Ok)?,
            version: format!("{}-{}", env!("CARGO_PKG_VERSION"), options.revision),
            architecture: output(Command::new("dpkg").arg("--print-architecture"))?,
            multiarch: output(Command::new("dpkg-architecture").arg("-qDEB_HOST_MULTIARCH"))?,
            epoch: epoch(root)?,
            // The tests want them soon, everybody else small.
            compression: match options.programs {
                Some(_) => &["-Zgzip", "-z1"],
                None => &["-Zxz"],
            },
        })
    }
}

/// `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch/>), else when the last
/// change was committed, else when the sources were packed.
fn epoch(root: &Path) -> Result<u64> {
    if let Some(set) = std::env::var_os("SOURCE_DATE_EPOCH") {
        let seconds = set.to_str().and_then(|set| set.parse().ok());
        return seconds.context("SOURCE_DATE_EPOCH is not a number of seconds");
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(root);
    if let Ok(seconds) = output(&mut git) {
        return seconds.parse().context("git knows no time of a commit");
    }
    let modified = fs::metadata(root.join("Cargo.lock"))?.modified()?;
    Ok(modified.duration_since(std::time::UNIX_EPOCH)?.as_secs())
}

/// Runs a program; what it printed, without the line end.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_owned();
    let result = command
        .output()
        .with_context(|| format!("cannot run {}", name.display()))?;
    if !result.status.success() {
        let said = String::from_utf8_lossy(&result.stderr);
        bail!("{} failed: {}", name.display(), said.trim_end());
    }
    let text = String::from_utf8(result.stdout).context("a program printed no UTF-8")?;
    Ok(text.trim_end().to_owned())
}

/// Runs cargo, which shows by itself what it does.
fn cargo<I: AsRef<OsStr>>(root: &Path, arguments: impl IntoIterator<Item = I>) -> Result<()> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    let status = command.status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo could not build the programs");
    Ok(())
}
