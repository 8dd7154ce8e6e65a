//! The built programs under test, never stale.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The daemon.
pub fn middlewared() -> PathBuf {
    directory().join("middlewared")
}

/// The web service.
pub fn middlewared_web() -> PathBuf {
    directory().join("middlewared-web")
}

/// The client.
pub fn midclt() -> PathBuf {
    directory().join("midclt")
}

/// The PAM module, under the name that cargo gives it. A stack can name it by this path.
pub fn pam_module() -> PathBuf {
    directory().join("libpam_middleware.so")
}

/// The module as it is built for one test: it panics where it should begin. Built here, once, in a
/// directory of its own, so that it is never taken for the other.
pub fn pam_module_that_panics() -> PathBuf {
    let target = directory().join("panics");
    let mut build = cargo("build", &target);
    build.args(["-p", "pam", "--features", "panics"]);
    run(build);
    target.join("debug/libpam_middleware.so")
}

/// The program that knows passwords.
pub fn password() -> PathBuf {
    directory().join("middlewared-password")
}

/// A program that uses PAM.
pub(crate) fn pamtry() -> PathBuf {
    directory().join("pamtry")
}

/// Where the programs are: `$MIDDLEWARED_BIN_DIR`, built by the caller, or next to the
/// running test, built here once by cargo.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| match env::var_os("MIDDLEWARED_BIN_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => built_once(&profile_directory(), build),
    })
}

/// Programs that need no shared library: the daemon, the client, and testkit's example `stream`.
/// They are in `$MIDDLEWARED_STATIC_DIR`, linked by the caller, or linked here once.
pub fn statically_linked() -> Vec<PathBuf> {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| match env::var_os("MIDDLEWARED_STATIC_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => built_once(&profile_directory().join("static"), link_statically),
    });
    let names = STATIC.iter().map(|(_, _, name)| directory.join(name));
    names.collect()
}

/// Package, kind and name.
const STATIC: [(&str, &str, &str); 3] = [
    ("middlewared", "--bin", "middlewared"),
    ("midclt", "--bin", "midclt"),
    ("testkit", "--example", "stream"),
];

/// `target/debug` for a test in `target/debug/deps`.
fn profile_directory() -> PathBuf {
    let test = env::current_exe().expect("the path of the running test");
    let mut directory = test.parent().expect("a directory").to_path_buf();
    if directory.ends_with("deps") || directory.ends_with("examples") {
        directory.pop();
    }
    directory
}

/// Builds under a lock. nextest gives each test a process of its own, so the first one
/// leaves a mark for the others of that run.
fn built_once(directory: &Path, build: fn(&Path)) -> PathBuf {
    fs::create_dir_all(directory).expect("create a directory");
    let lock = File::create(directory.join(".testkit-lock")).expect("create the build lock");
    lock.lock().expect("take the build lock");
    let mark = directory.join(".testkit-built");
    let run = env::var("NEXTEST_RUN_ID").ok();
    if run.is_none() || fs::read_to_string(&mark).ok() != run {
        build(directory);
        fs::write(&mark, run.unwrap_or_default()).expect("leave the mark");
    }
    directory.to_path_buf()
}

fn build(directory: &Path) {
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("{} names no profile", directory.display()),
    };
    let target = directory.parent().expect("a target directory");
    let packages = [
        "middlewared",
        "midclt",
        "pam",
        "pamtry",
        "password",
        "remote",
        "web",
    ];
    let mut build = cargo("build", target);
    build.args(["--profile", profile]);
    build.args(packages.iter().flat_map(|name| ["-p", name]));
    run(build);
    // Who knows the password of a demonstration.
    let mut build = cargo("build", target);
    build.args(["--profile", profile, "-p", "testkit", "--example", "keeper"]);
    run(build);
}

/// In a target directory of its own: cargo would write over the programs that tests are running.
fn link_statically(directory: &Path) {
    let target = directory.join("target");
    for (package, kind, name) in STATIC {
        let mut link = cargo("rustc", &target);
        link.args(["-p", package, kind, name, "--"]);
        link.args(["-C", "target-feature=+crt-static", "-C", "strip=symbols"]);
        run(link);
        let built = match kind {
            "--bin" => target.join("debug").join(name),
            _ => target.join("debug/examples").join(name),
        };
        fs::copy(built, directory.join(name)).expect("copy a program");
    }
}

fn cargo(subcommand: &str, target: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([subcommand, "--quiet", "--target-dir"]);
    cargo.arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    // Build scripts look at these (ring's does), and cargo sets them for each itself: handed on from a
    // test, they would have everything above such a crate built anew, each time in turn.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name.as_ref());
        }
    }
    cargo
}

fn run(mut cargo: Command) {
    let status = cargo.status().expect("run cargo");
    assert!(status.success(), "cargo could not build the programs");
}
