//! Generated files that are committed: written on demand, else compared.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Whether a task may change the committed files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Fail where a file is not what the code says.
    Check,
    /// Write what the code says.
    Write,
}

/// Writes `text` to `file`, or compares them; `task` is how to write it again.
pub(crate) fn settle(mode: Mode, file: &Path, text: &str, task: &str) -> Result<()> {
    let committed = fs::read_to_string(file).unwrap_or_default();
    if committed == text {
        return Ok(());
    }
    match mode {
        Mode::Write => {
            if let Some(directory) = file.parent() {
                fs::create_dir_all(directory)?;
            }
            fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
        }
        Mode::Check => bail!(
            "{} is stale: run `cargo xtask {task}` and commit it\n{}",
            file.display(),
            first_difference(&committed, text)
        ),
    }
}

/// The first line that differs, in both versions.
fn first_difference(committed: &str, generated: &str) -> String {
    let mut old = committed.lines();
    let mut new = generated.lines();
    let mut number = 1;
    loop {
        let (was, is) = (old.next(), new.next());
        if was.is_none() && is.is_none() {
            return "only the last line end differs".to_owned();
        }
        if was != is {
            let show = |line: Option<&str>| line.unwrap_or("(nothing)").to_owned();
            return format!("line {number}:\n- {}\n+ {}", show(was), show(is));
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_fails_on_a_stale_file_and_names_the_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("docs/x.txt");
        settle(Mode::Write, &file, "a\nb\n", "x").unwrap();
        settle(Mode::Check, &file, "a\nb\n", "x").unwrap();
        let error = settle(Mode::Check, &file, "a\nc\n", "x").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cargo xtask x"), "{text}");
        assert!(text.ends_with("line 2:\n- b\n+ c"), "{text}");
    }

    #[test]
    fn check_fails_on_a_missing_file() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("x.txt");
        assert!(settle(Mode::Check, &missing, "a\n", "x").is_err());
        assert!(!missing.exists());
    }
}
