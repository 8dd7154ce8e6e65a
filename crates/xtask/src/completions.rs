//! Completion files for a package: what `midclt completion SHELL` prints.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testkit::{binaries, run_with_deadline};

/// The shells, and the file names that each of them looks for.
const FILES: [(&str, &str); 3] = [
    ("bash", "midclt.bash"),
    ("zsh", "_midclt"),
    ("fish", "midclt.fish"),
];

/// Writes one file for each shell.
pub(crate) fn run(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    for (shell, name) in FILES {
        let mut command = Command::new(binaries::midclt());
        command.args(["completion", shell]);
        let output = run_with_deadline(&mut command, Duration::from_secs(10));
        ensure!(output.status.success(), "midclt failed: {output:?}");
        let file = directory.join(name);
        fs::write(&file, output.stdout)
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}
