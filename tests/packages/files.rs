//! What the packages are made of.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::{binaries, run_with_deadline};

use xtask::deb;

use super::site::{options, packages, root};

/// Long enough for lintian on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(3);

#[test]
fn the_same_programs_make_the_same_packages() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let built = packages(one.path(), 1);
    assert_eq!(built.len(), 5, "{built:?}");
    for (one, two) in built.iter().zip(packages(two.path(), 1)) {
        assert!(
            fs::read(one).unwrap() == fs::read(&two).unwrap(),
            "{} differs",
            two.display()
        );
    }
}

#[test]
fn the_tarball_is_the_same_each_time_and_whole() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pack = |out: &Path| deb::tarball(root(), &options(out, 1)).expect("pack the tarball");
    let tarball = pack(one.path());
    assert!(fs::read(&tarball).unwrap() == fs::read(pack(two.path())).unwrap());
    let mut tar = Command::new("tar");
    tar.args(["--list", "--verbose", "--file"]).arg(tarball);
    let listed = run_with_deadline(&mut tar, PATIENCE);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.lines().all(|line| line.contains(" 0/0 ")),
        "{listed}"
    );
    for (mode, name) in [
        ("-rwxr-xr-x", "/sbin/middlewared"),
        ("-rwxr-xr-x", "/bin/midclt"),
        ("-rw-r--r--", "/README"),
        ("-rw-r--r--", "/share/doc/crates.txt"),
        ("-rw-r--r--", "/share/man/man8/middlewared.8"),
        ("-rw-r--r--", "/lib/tmpfiles.d/middlewared.conf"),
    ] {
        let is_it = |line: &&str| line.starts_with(mode) && line.ends_with(name);
        assert_eq!(
            listed.lines().filter(is_it).count(),
            1,
            "{mode} {name}: {listed}"
        );
    }
}

#[test]
fn lintian_is_content() {
    let directory = tempfile::tempdir().unwrap();
    let mut lintian = Command::new("lintian");
    lintian.args(["--allow-root", "--fail-on", "error,warning"]);
    let output = run_with_deadline(lintian.args(packages(directory.path(), 1)), PATIENCE);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

#[test]
fn the_packaged_configuration_says_what_is_in_force_without_it() {
    says_the_defaults("packaging/config.toml", &binaries::middlewared());
}

/// The paths of a certificate are no defaults, and come together: they are left out.
#[test]
fn so_does_that_of_the_web_service() {
    says_the_defaults("packaging/web.toml", &binaries::middlewared_web());
}

fn says_the_defaults(sample: &str, program: &Path) {
    let sample = fs::read_to_string(root().join(sample)).unwrap();
    let uncommented = sample.replace("\n#", "\n");
    let is_default = |line: &&str| {
        line.contains(" = ") && !line.starts_with("certificate") && !line.starts_with("key")
    };
    let settings = uncommented.lines().filter(is_default);
    let settings: String = settings.flat_map(|line| [line, "\n"]).collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    let shown = |text: &str| {
        fs::write(&file, text).unwrap();
        let mut daemon = Command::new(program);
        daemon.arg("--config").arg(&file).arg("--check-config");
        let output = run_with_deadline(&mut daemon, PATIENCE);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(settings.lines().count() >= 4, "{settings}");
    assert_eq!(shown(&settings), shown(""));
    assert_eq!(shown(&sample), shown(""));
}
