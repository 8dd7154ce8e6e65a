//! Whole computers in software, seen and typed at on their serial consoles.
#![cfg(feature = "system")]

mod battery;
mod busybox;
mod debian;
mod door;
mod faults;
mod ipmi;
mod powercut;

use testkit::guest::{Boot, Console};

use crate::packages::packages;

/// The line of the user's guide.
const UNLOCK: &str = r#"midclt call auth.twofactor.update '{ "enabled":false }'"#;

/// Debian with our packages.
fn debian() -> Boot {
    let place = tempfile::tempdir().unwrap();
    Boot::debian(&packages(place.path(), 1))
}

/// The line of the user's guide, and every other form of it in docs/recovery.md.
fn forms() -> Vec<&'static str> {
    let lines = include_str!("../docs/recovery.md").lines();
    let forms: Vec<_> = lines
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| {
            ["midclt ", "echo "]
                .iter()
                .any(|word| line.starts_with(word))
        })
        .filter(|line| line.contains("auth.twofactor.update") && line.contains("enabled"))
        .filter(|line| line.contains("false"))
        .collect();
    assert!(forms.contains(&UNLOCK) && forms.len() > 6, "{forms:?}");
    forms
}

/// Turns it on, and off by each form.
fn try_each_form(console: &mut Console) {
    for form in forms() {
        console.run_ok("midclt call auth.twofactor.update enabled=true");
        assert!(is_on(console));
        let said = console.run_ok(form);
        assert!(said.contains("off for EVERYBODY"), "{form}: {said}");
        fits(&said);
        assert!(!is_on(console), "{form}");
    }
}

/// What is said besides the answer can be read on any terminal.
fn fits(said: &str) {
    for line in said.lines().filter(|line| !line.starts_with('{')) {
        assert!(line.is_ascii() && line.len() <= 80, "{line}");
    }
}

/// Whether it is on, whoever answers.
fn is_on(console: &mut Console) -> bool {
    let said = console.run_ok("midclt call auth.two_factor_auth");
    match said.lines().last() {
        Some("True") => true,
        Some("False") => false,
        _ => panic!("{said}"),
    }
}
