//! House rules that a program can check. Each one is a row of a table and a small function.

mod layers;
mod lexer;
mod manifests;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use lexer::code_lines;

/// Where our sources are.
const DIRECTORIES: [&str; 5] = ["crates", "middlewared", "midclt", "packaging", "tests"];

/// One broken rule, at one place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    place: String,
    message: String,
}

/// One source file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the workspace, with slashes.
    path: String,
    text: String,
    /// The text's lines with comments removed and literals emptied.
    code: Vec<String>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: code_lines(text),
        }
    }

    /// A finding at a line, counted from 0.
    fn at(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding {
            place: format!("{}:{}", self.path, line + 1),
            message: message.into(),
        }
    }
}

/// Checks everything and prints what it found.
pub(crate) fn run(root: &Path) -> Result<()> {
    let sources = sources(root)?;
    let mut findings = rules::check(&sources);
    findings.extend(manifests::check(root)?);
    findings.extend(layers::check(root)?);
    for finding in &findings {
        println!("{}: {}", finding.place, finding.message);
    }
    if findings.is_empty() {
        println!("tidy: {} files, every rule holds", sources.len());
        return Ok(());
    }
    bail!("{} house rules broken", findings.len())
}

fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut files = Vec::new();
    for directory in DIRECTORIES {
        collect(&root.join(directory), "rs", &mut files)?;
    }
    files.sort();
    let read = |file: &PathBuf| {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let path = file.strip_prefix(root)?.to_string_lossy().into_owned();
        Ok(Source::new(&path, &text))
    };
    files.iter().map(read).collect()
}

/// Finds the files with this extension, build directories aside.
fn collect(directory: &Path, extension: &str, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        let is_build_directory = path.file_name().is_some_and(|name| name == "target");
        if path.is_dir() && !is_build_directory {
            collect(&path, extension, files)?;
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    Ok(())
}
