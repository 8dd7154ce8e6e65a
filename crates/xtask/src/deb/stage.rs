//! One package: its files in a directory, and what it says of itself.

use std::fs::{self, File as FsFile, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::contents::{File, Origin, Package};
use super::{Release, output, programs};

/// A directory that becomes a package.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    release: &'a Release,
    package: &'a Package,
    directory: PathBuf,
}

/// What dpkg runs.
const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];

impl<'a> Stage<'a> {
    /// Puts everything into a directory below `scratch`.
    pub(super) fn fill(release: &'a Release, package: &'a Package, scratch: &Path) -> Result<Self> {
        let stage = Self {
            release,
            package,
            directory: scratch.join(package.name),
        };
        for file in package.files {
            let path = stage.path(file);
            stage
                .put(file, &path)
                .with_context(|| format!("cannot make {}", path.display()))?;
        }
        stage.describe(&scratch.join("shlibdeps"))?;
        stage.settle(&stage.directory)?;
        Ok(stage)
    }

    /// Packs it. The package.
    pub(super) fn pack(&self, out: &Path) -> Result<PathBuf> {
        let Release {
            version,
            architecture,
            ..
        } = self.release;
        let name = format!("{}_{version}_{architecture}.deb", self.package.name);
        let package = out.join(name);
        let mut pack = Command::new("dpkg-deb");
        pack.env("SOURCE_DATE_EPOCH", self.release.epoch.to_string());
        pack.arg("--root-owner-group")
            .args(self.release.compression);
        pack.arg("--build").arg(&self.directory).arg(&package);
        output(&mut pack)?;
        Ok(package)
    }

    fn path(&self, file: &File) -> PathBuf {
        let to = file.to.replace("@MULTIARCH@", &self.release.multiarch);
        self.directory.join(to)
    }

    fn put(&self, file: &File, path: &Path) -> Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        match file.from {
            Origin::Program(name) | Origin::Module(name) => {
                programs::strip(&self.release.programs.join(name), path)?;
            }
            Origin::Copy(from) => {
                fs::copy(self.release.root.join(from), path)?;
            }
            Origin::Gzip(from) => {
                let text = fs::read_to_string(self.release.root.join(from))?;
                gzip(&text, path)?;
            }
            Origin::Completion(shell) => fs::write(path, midclt::completion_script(shell))?,
            Origin::Crates(package) => {
                gzip(&programs::crates(&self.release.root, &[package])?, path)?;
            }
            Origin::Changelog => gzip(&self.changelog()?, path)?,
        }
        let mode = match file.from {
            Origin::Program(_) => 0o755,
            _ => 0o644,
        };
        Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
    }

    fn changelog(&self) -> Result<String> {
        let mut date = Command::new("date");
        date.env("LC_ALL", "C").args(["--utc", "--rfc-email"]);
        let date = output(date.arg(format!("--date=@{}", self.release.epoch)))?;
        Ok(format!(
            "middlewared ({}) unstable; urgency=medium\n\n  * What is new: changelog.gz beside this file.\n\n \
             -- {MAINTAINER}  {date}\n",
            self.release.version
        ))
    }

    /// Writes `DEBIAN/`.
    fn describe(&self, scratch: &Path) -> Result<()> {
        let sources = self.release.root.join("packaging/debian");
        let sources = sources.join(self.package.name);
        let control = self.directory.join("DEBIAN");
        // Of the files, and before there is a DEBIAN that belongs to none.
        let sums = self.checksums()?;
        let size = output(
            Command::new("du")
                .args(["--summarize", "--apparent-size", "--block-size=1024"])
                .arg(&self.directory),
        )?;
        let size = size.split('\t').next().unwrap_or_default();
        fs::create_dir(&control)?;
        fs::write(control.join("md5sums"), sums)?;
        let text = fs::read_to_string(sources.join("control"))?;
        let text = text.replace("${shlibs:Depends}", &self.shared_libraries(scratch)?);
        fs::write(control.join("control"), self.fields(&text, size))?;
        let conffiles = self.conffiles();
        if !conffiles.is_empty() {
            fs::write(control.join("conffiles"), conffiles)?;
        }
        for name in SCRIPTS {
            let script = sources.join(name);
            if script.exists() {
                fs::copy(&script, control.join(name))?;
                fs::set_permissions(control.join(name), Permissions::from_mode(0o755))?;
            }
        }
        Ok(())
    }

    /// The fields that every package has, in front of its description.
    fn fields(&self, control: &str, size: &str) -> String {
        let Release {
            version,
            architecture,
            ..
        } = self.release;
        let fields = format!(
            "Source: middlewared\nVersion: {version}\nArchitecture: {architecture}\n\
             Maintainer: {MAINTAINER}\nInstalled-Size: {size}\nDescription:"
        );
        control.replacen("Description:", &fields, 1)
    }

    fn shared_libraries(&self, scratch: &Path) -> Result<String> {
        let files = self.package.files.iter();
        let built =
            files.filter(|file| matches!(file.from, Origin::Program(_) | Origin::Module(_)));
        let built: Vec<PathBuf> = built.map(|file| self.path(file)).collect();
        programs::shared_libraries(&built, scratch)
    }

    fn checksums(&self) -> Result<String> {
        let mut files: Vec<String> = self
            .package
            .files
            .iter()
            .map(|file| file.to.replace("@MULTIARCH@", &self.release.multiarch))
            .collect();
        files.sort();
        let mut sum = Command::new("md5sum");
        let sums = output(sum.args(files).current_dir(&self.directory))?;
        Ok(sums + "\n")
    }

    fn conffiles(&self) -> String {
        let files = self.package.files.iter();
        let ours = files.filter(|file| file.to.starts_with("etc/"));
        ours.flat_map(|file| ["/", file.to, "\n"]).collect()
    }

    /// Every directory and file as old as the release, whatever the mask of whoever builds.
    fn settle(&self, directory: &Path) -> Result<()> {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                self.settle(&path)?;
            } else {
                if !is_script(&path) && path.parent().is_some_and(|dir| dir.ends_with("DEBIAN")) {
                    fs::set_permissions(&path, Permissions::from_mode(0o644))?;
                }
                self.date(&path)?;
            }
        }
        fs::set_permissions(directory, Permissions::from_mode(0o755))?;
        self.date(directory)
    }

    fn date(&self, path: &Path) -> Result<()> {
        let time = UNIX_EPOCH + Duration::from_secs(self.release.epoch);
        Ok(FsFile::open(path)?.set_modified(time)?)
    }
}

/// Nobody can be written to yet; SECURITY.md says how to reach the maintainers.
const MAINTAINER: &str = "the middlewared authors <authors@middlewared.invalid>";

fn is_script(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| SCRIPTS.iter().any(|script| name == *script))
}

/// Compresses without the time and the name, so that the same text gives the same bytes.
fn gzip(text: &str, to: &Path) -> Result<()> {
    let plain = to.with_extension("plain");
    fs::write(&plain, text)?;
    let packed = FsFile::create(to)?;
    let status = Command::new("gzip")
        .args(["-9", "--no-name", "--stdout"])
        .arg(&plain)
        .stdout(packed)
        .status()
        .context("cannot run gzip")?;
    anyhow::ensure!(status.success(), "gzip failed");
    Ok(fs::remove_file(plain)?)
}
