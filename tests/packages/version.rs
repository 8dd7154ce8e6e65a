//! What `--version` says of the commit, by the build script itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use testkit::{binaries, run_with_deadline};

/// The build script, and a workspace in which it believes to be.
struct Build {
    directory: TempDir,
}

impl Build {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/version.rs");
        let mut rustc = Command::new("rustc");
        rustc
            .args(["--edition=2024", "-o"])
            .arg(directory.path().join("script"));
        run(rustc.arg(source));
        std::fs::create_dir_all(directory.path().join("work/inner/program")).unwrap();
        // By this file a workspace is known.
        for workspace in ["work", "work/inner"] {
            std::fs::write(
                directory.path().join(workspace).join("rust-toolchain.toml"),
                "",
            )
            .unwrap();
        }
        Self { directory }
    }

    fn workspace(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    fn git(&self, line: &str) -> String {
        let mut git = Command::new("git");
        git.current_dir(self.workspace());
        for role in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{role}_NAME"), "x")
                .env(format!("GIT_{role}_EMAIL"), "x");
        }
        run(git.args(line.split(' '))).trim().to_owned()
    }

    /// What it says for a package.
    fn version(&self, package: &str, profile: &str, commit: Option<&str>) -> String {
        let mut script = Command::new(self.directory.path().join("script"));
        script.env_remove("MIDDLEWARED_COMMIT");
        script.envs(commit.map(|commit| ("MIDDLEWARED_COMMIT", commit)));
        script
            .env("CARGO_PKG_VERSION", "7.8.9")
            .env("PROFILE", profile);
        script.env("CARGO_MANIFEST_DIR", self.workspace().join(package));
        let said = run(&mut script);
        let lines = said.lines();
        let mut versions =
            lines.filter_map(|line| line.strip_prefix("cargo::rustc-env=MIDDLEWARED_VERSION="));
        versions.next().unwrap().to_owned()
    }
}

fn run(command: &mut Command) -> String {
    let output = run_with_deadline(command, Duration::from_mins(1));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_build_for_release_says_its_commit_and_one_of_a_tarball_says_none() {
    let build = Build::new();
    // No repository at all, unless the temporary directory is in one.
    assert_eq!(build.version("program", "release", None), "7.8.9");
    assert_eq!(
        build.version("program", "release", Some("abc")),
        "7.8.9 (abc)"
    );
    assert_eq!(build.version("program", "release", Some("")), "7.8.9");
    build.git("init --quiet");
    assert_eq!(
        build.version("program", "release", None),
        "7.8.9",
        "no commit yet"
    );
    build.git("commit --quiet --allow-empty --message=x");
    let commit = build.git("rev-parse --short=12 HEAD");
    let with_commit = format!("7.8.9 ({commit})");
    assert_eq!(build.version("program", "release", None), with_commit);
    assert_eq!(build.version("program", "debug", None), "7.8.9");
    // Unpacked within a repository of something else.
    assert_eq!(build.version("inner/program", "release", None), "7.8.9");
}

#[test]
fn the_programs_know_their_version() {
    for (name, program) in [
        ("middlewared", binaries::middlewared()),
        ("midclt", binaries::midclt()),
        ("midclt-remote", binaries::directory().join("midclt-remote")),
    ] {
        let said = run(Command::new(program).arg("--version"));
        assert!(
            said.starts_with(&format!("{name} {}", env!("CARGO_PKG_VERSION"))),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
