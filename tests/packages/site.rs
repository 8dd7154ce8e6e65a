//! The packages, and a container in which they are installed.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::{Container, binaries};
use xtask::deb;

/// Where the daemon listens.
pub(super) const SOCKET: &str = "/run/middleware/middlewared.sock";

/// Where packages are put inside.
const PACKAGES: &str = "/opt/packages";

/// How the tests want their packages.
pub(super) fn options(out: &Path, revision: u32) -> deb::Options {
    deb::Options {
        out: out.to_owned(),
        programs: Some(binaries::directory().to_owned()),
        revision,
    }
}

/// Where the sources are.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Builds the packages with this number behind the version.
pub(crate) fn packages(out: &Path, revision: u32) -> Vec<PathBuf> {
    deb::packages(root(), &options(out, revision)).expect("build the packages")
}

/// Builds the packages and puts them into a container. Their paths inside.
pub(super) fn deliver(container: &Container, revision: u32) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(container.path(PACKAGES)).unwrap();
    let built = packages(directory.path(), revision);
    let inside = built.iter().map(|package| {
        let name = package.file_name().unwrap().to_str().unwrap();
        let inside = format!("{PACKAGES}/{name}");
        fs::copy(package, container.path(&inside)).unwrap();
        inside
    });
    inside.collect()
}

/// Installs packages as an administrator does. What dpkg said.
pub(super) fn install(container: &Container, packages: &[String]) -> String {
    let dpkg = ["dpkg", "--force-confdef", "--install"].map(str::to_owned);
    container.run_ok(dpkg.iter().chain(packages))
}

/// A container with the packages installed.
pub(super) fn installed() -> Container {
    let container = Container::boot();
    let packages = deliver(&container, 1);
    install(&container, &packages);
    container
}
