//! The units: how far they are shut in, and whether systemd understands them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::run_with_deadline;

use super::site::installed;

/// Exposure is counted in tenths here: at most 1.0.
const MOST_EXPOSURE: &str = "--threshold=10";

#[test]
fn the_daemon_and_the_web_service_are_shut_in() {
    for unit in ["middlewared.service", "middlewared-web.service"] {
        is_shut_in(unit);
    }
}

fn is_shut_in(unit: &str) {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd");
    let unit = units.join(unit);
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=yes", "--no-pager", MOST_EXPOSURE]);
    let output = run_with_deadline(analyze.arg(unit), Duration::from_secs(30));
    assert!(output.status.success(), "{output:?}");
}

/// Programs and manual pages that they name are there, and no key is unknown to this systemd.
#[test]
fn systemd_understands_the_units() {
    let container = installed();
    let units = [
        "middlewared.service",
        "middlewared.socket",
        "middlewared-entrance.socket",
        "middlewared-password.socket",
        "middlewared-web.service",
        "middlewared-web.socket",
        "middlewared-password@.service",
        "middlewared-sshd.path",
        "middlewared-sshd.service",
        "middlewared-sshd.timer",
        "ssh.service",
    ];
    let verify = ["systemd-analyze", "verify", "--man=yes"].map(str::to_owned);
    let paths = units.map(|unit| format!("/usr/lib/systemd/system/{unit}"));
    let output = container.run(verify.iter().chain(&paths));
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("middlewared"))
        .collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
    let after = container.property("ssh.service", "After");
    assert!(
        after.split(' ').any(|unit| unit == "middlewared.socket"),
        "{after}"
    );
}
