//! The pictures of `docs/web.md`, made by the test that looks at every page.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

/// Pages that are shown on a phone and in the dark too; of the others, the light one is enough.
const IN_ALL: &str = "two-factor";

/// Has the test make them, and keeps what the documentation shows.
pub(crate) fn run(root: &Path) -> Result<()> {
    let made = root.join("target/screenshots");
    fs::create_dir_all(&made).with_context(|| format!("cannot make {}", made.display()))?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut look = Command::new(cargo);
    look.args([
        "test",
        "-p",
        "e2e",
        "--features",
        "system",
        "--",
        "gallery::",
    ]);
    look.arg("--test-threads=1").current_dir(root);
    look.env("MIDDLEWARED_SCREENSHOTS", &made);
    ensure!(
        look.status()?.success(),
        "the pages are not as they should be"
    );
    let kept = root.join("docs/web");
    fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
    for entry in fs::read_dir(&made)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if text.ends_with("-light.png") || text.starts_with(&format!("{IN_ALL}-")) {
            fs::copy(made.join(&name), kept.join(&name))?;
        }
    }
    Ok(())
}
