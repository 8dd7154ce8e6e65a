//! The packages, and a container in which they are installed.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;

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

/// The same, built once for all tests of a run: nextest gives each of them a process of its own.
fn of_this_run(revision: u32) -> Vec<PathBuf> {
    let run = env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| process::id().to_string());
    let directory = binaries::directory().join(format!("test-packages-{revision}"));
    fs::create_dir_all(&directory).unwrap();
    let lock = File::create(directory.join("lock")).unwrap();
    lock.lock().unwrap();
    let mark = directory.join("run");
    if fs::read_to_string(&mark).ok().as_ref() != Some(&run) {
        packages(&directory, revision);
        fs::write(&mark, run).unwrap();
    }
    let entries = fs::read_dir(&directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let built = |path: &PathBuf| path.extension().is_some_and(|end| end == "deb");
    paths.filter(built).collect()
}

/// Builds the packages and puts them into a container. Their paths inside.
pub(super) fn deliver(container: &Container, revision: u32) -> Vec<String> {
    fs::create_dir_all(container.path(PACKAGES)).unwrap();
    let inside = of_this_run(revision).into_iter().map(|package| {
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
