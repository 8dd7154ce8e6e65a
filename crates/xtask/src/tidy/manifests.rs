//! The rules about manifests: one dependency table, shared lints.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{DIRECTORIES, Finding, collect};

/// Checks the manifest of every package.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut files = Vec::new();
    for directory in DIRECTORIES {
        collect(&root.join(directory), "toml", &mut files)?;
    }
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.ends_with("Cargo.toml")) {
        let path = file.strip_prefix(root)?.to_string_lossy().into_owned();
        findings.extend(manifest(&path, &fs::read_to_string(file)?));
    }
    Ok(findings)
}

fn manifest(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = own_versions(path, text);
    if !text.contains("[lints]\nworkspace = true\n") {
        findings.push(Finding {
            place: path.to_owned(),
            message: "take the shared lints: [lints] workspace = true".to_owned(),
        });
    }
    findings
}

/// A version, or a path, belongs into the one table of the workspace.
fn own_versions(path: &str, text: &str) -> Vec<Finding> {
    let mut section = "";
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            section = line;
        }
        let names_one = section.ends_with("dependencies]") && line.contains('=');
        let shared = ["workspace = true", "workspace=true"];
        if names_one && !shared.iter().any(|words| line.contains(words)) {
            findings.push(Finding {
                place: format!("{path}:{}", number + 1),
                message: "name the version in the root's table, and say workspace = true"
                    .to_owned(),
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn places(text: &str) -> Vec<String> {
        let found = manifest("x/Cargo.toml", text);
        found.into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn versions_are_named_once() {
        let shared =
            "[dependencies]\na.workspace = true\nb = { workspace = true, features = [] }\n";
        let own = "[dev-dependencies]\na = \"1\"\n";
        assert_eq!(places(&format!("{LINTS}{shared}")), Vec::<String>::new());
        assert_eq!(places(&format!("{LINTS}{own}")), ["x/Cargo.toml:4"]);
    }

    #[test]
    fn lints_are_shared() {
        assert_eq!(places("[package]\nname = \"x\"\n"), ["x/Cargo.toml"]);
    }
}
