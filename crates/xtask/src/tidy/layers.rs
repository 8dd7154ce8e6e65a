//! Who may depend on whom: `docs/architecture.md` as tables.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Finding;

/// The product's packages, and those of our own packages that each may use directly.
/// Packages for development are not listed: nobody may use them, and they may use all.
const OWN: &[(&str, &[&str])] = &[
    ("twofactor", &[]),
    ("clock", &["twofactor"]),
    ("store", &["breakglass", "clock", "twofactor"]),
    ("api", &["breakglass", "clock", "store", "twofactor"]),
    (
        "middlewared",
        &["api", "breakglass", "clock", "store", "twofactor"],
    ),
    ("breakglass", &[]),
    ("client", &[]),
    ("ssh", &[]),
    ("export", &[]),
    ("midclt", &["breakglass", "client", "export", "ssh"]),
    ("pam", &["breakglass", "client", "clock"]),
    ("password", &[]),
    ("remote", &[]),
    // It knows the daemon only by its web socket, and none of our crates.
    ("web", &[]),
];

/// Packages that use exactly these others, so that a new one is a decision.
const EXTERNAL: &[(&str, &[&str])] = &[
    (
        "twofactor",
        &[
            "argon2",
            "data-encoding",
            "sha2",
            "subtle",
            "thiserror",
            "totp-rs",
            "zeroize",
        ],
    ),
    ("clock", &["libc", "nix"]),
    ("password", &["nix", "pam-client2", "zeroize"]),
    ("remote", &["anyhow", "clap", "nix", "ring", "rustls"]),
    (
        "export",
        &[
            "argon2",
            "chacha20poly1305",
            "data-encoding",
            "thiserror",
            "zeroize",
        ],
    ),
];

/// Packages that must not come in even through others, and the rule they would break.
const NEVER: &[(&str, &[&str], &str)] = &[
    (
        "twofactor",
        &["getrandom", "libc", "nix", "rusqlite", "tokio", "tracing"],
        "it decides, without I/O, clock and randomness",
    ),
    (
        "store",
        &[
            "hyper",
            "jsonrpsee-types",
            "serde_json",
            "tokio",
            "tungstenite",
        ],
        "it knows no JSON-RPC",
    ),
    (
        "api",
        &["hyper", "mio", "tokio", "tungstenite"],
        "it knows no sockets",
    ),
    (
        "client",
        &["api", "hyper", "rusqlite", "store", "tokio", "twofactor"],
        "it is blocking, and small enough for a PAM module",
    ),
    (
        "ssh",
        &["hyper", "rusqlite", "serde_json", "tokio", "tungstenite"],
        "it knows files and programs, no daemon",
    ),
    (
        "pam",
        &["api", "hyper", "rusqlite", "store", "tokio"],
        "it is loaded into sshd",
    ),
    (
        "midclt",
        &[
            "api",
            "hyper",
            "rusqlite",
            "rustls",
            "store",
            "tokio",
            "twofactor",
        ],
        "it knows the daemon only through its socket, and TLS is another program's",
    ),
];

/// A package and what it uses, by name.
type Uses = (String, BTreeSet<String>);

/// Asks cargo and compares with the tables.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let direct = direct(root)?;
    let mut findings = own_crates(&direct);
    findings.extend(external_crates(&direct));
    for (package, ..) in NEVER.iter().filter(|(name, ..)| has(&direct, name)) {
        let tree = ((*package).to_owned(), tree(root, package)?);
        findings.extend(never(&tree));
    }
    Ok(findings)
}

fn own_crates(direct: &[Uses]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, uses) in direct {
        let Some((_, allowed)) = OWN.iter().find(|(name, _)| name == package) else {
            continue;
        };
        let wrong = uses
            .iter()
            .filter(|used| has(direct, used) && !allowed.contains(&used.as_str()));
        findings.extend(wrong.map(|used| {
            let message = format!("may not use {used}, only {allowed:?} of our own crates");
            finding(package, message)
        }));
    }
    findings
}

fn external_crates(direct: &[Uses]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, uses) in direct {
        let Some((_, allowed)) = EXTERNAL.iter().find(|(name, _)| name == package) else {
            continue;
        };
        let wrong = uses
            .iter()
            .filter(|used| !has(direct, used) && !allowed.contains(&used.as_str()));
        findings.extend(wrong.map(|used| {
            let message = format!("{used} is not on the list of what it may use: {allowed:?}");
            finding(package, message)
        }));
    }
    findings
}

fn never((package, tree): &Uses) -> Vec<Finding> {
    let rows = NEVER.iter().filter(|(name, ..)| name == package);
    let wrong = rows.flat_map(|(_, banned, rule)| {
        let found = banned.iter().filter(|name| tree.contains(**name));
        found.map(move |name| finding(package, format!("{name} came in, but {rule}")))
    });
    wrong.collect()
}

fn has(direct: &[Uses], name: &str) -> bool {
    direct.iter().any(|(package, _)| package == name)
}

fn finding(package: &str, message: String) -> Finding {
    Finding {
        place: format!("package {package}"),
        message,
    }
}

/// What each of our packages names in its manifest, development aside.
fn direct(root: &Path) -> Result<Vec<Uses>> {
    let text = cargo(root, &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let packages = packages.context("cargo metadata lists no packages")?;
    packages
        .iter()
        .map(|package| uses(package).context("cargo metadata has an unknown form"))
        .collect()
}

fn uses(package: &Value) -> Option<Uses> {
    let name = package.get("name")?.as_str()?.to_owned();
    let dependencies = package.get("dependencies")?.as_array()?;
    // A plain dependency has the kind null; the others are "dev" and "build".
    let plain = dependencies
        .iter()
        .filter(|dependency| dependency.get("kind").is_some_and(Value::is_null));
    let names = plain.filter_map(|dependency| dependency.get("name")?.as_str());
    Some((name, names.map(str::to_owned).collect()))
}

/// Everything that a package uses, itself aside, with all that comes with it.
fn tree(root: &Path, package: &str) -> Result<BTreeSet<String>> {
    let arguments = [
        "-p", package, "-e", "normal", "--prefix", "none", "-f", "{p}",
    ];
    let text = cargo(
        root,
        &[&["tree", "--locked"], arguments.as_slice()].concat(),
    )?;
    let names = text.lines().filter_map(|line| line.split(' ').next());
    Ok(names
        .filter(|name| !name.is_empty() && *name != package)
        .map(str::to_owned)
        .collect())
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .output()
        .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "cargo {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).context("cargo printed something that is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, uses: &[&str]) -> Uses {
        let uses = uses.iter().map(|&name| name.to_owned()).collect();
        (name.to_owned(), uses)
    }

    #[test]
    fn a_wrong_direction_is_found() {
        let packages = [
            package("store", &["twofactor", "rusqlite"]),
            package("twofactor", &["store"]),
            package("midclt", &["client", "testkit"]),
            package("client", &[]),
            package("testkit", &["store"]),
        ];
        let found: Vec<_> = own_crates(&packages).into_iter().map(|f| f.place).collect();
        assert_eq!(found, ["package twofactor", "package midclt"]);
    }

    #[test]
    fn a_new_dependency_of_the_core_is_found() {
        let packages = [package("twofactor", &["subtle", "chrono"])];
        let found = external_crates(&packages);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.iter().all(|f| f.message.starts_with("chrono ")));
    }

    #[test]
    fn what_comes_in_through_others_is_found() {
        let found = never(&package("midclt", &["clap", "tokio"]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.iter().all(|f| f.message.starts_with("tokio came in")));
        assert_eq!(never(&package("midclt", &["clap"])), []);
    }

    #[test]
    fn the_tables_name_real_packages() -> Result<()> {
        let direct = direct(crate::root()?)?;
        for (name, _) in OWN {
            assert!(has(&direct, name), "{name} is not in the workspace");
        }
        Ok(())
    }
}
