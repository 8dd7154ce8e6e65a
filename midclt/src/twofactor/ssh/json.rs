//! What was found, as the daemon and scripts get it.

use ::ssh::Finding;
use ::ssh::check::{Door, Preflight, Report};
use serde_json::{Value, json};

use super::wire;

/// The most that a report has of each.
const MOST: usize = 64;
/// The longest text, in characters.
const LONGEST: usize = 500;

/// As `auth.twofactor.ssh.report` takes it.
pub(super) fn report(report: &Report) -> Value {
    json!({
        "ready": report.ready,
        "mode": report.mode.map(::ssh::dropin::Mode::as_str),
        "findings": findings(&report.findings),
        "doors": doors(&report.doors),
    })
}

/// What would be.
pub(super) fn plan(plan: &Preflight, people: Option<&wire::Preflight>) -> Value {
    let locked_out = people.map_or(&[][..], |people| &people.locked_out);
    let person = |person: &wire::LockedOut| {
        json!({
            "username": person.username,
            "reason": person.reason,
            "cure": person.cure,
        })
    };
    json!({
        "locked_out": locked_out.iter().map(person).collect::<Vec<_>>(),
        "starts": plan.brings.started,
        "enables": plan.brings.enabled,
        "mode": plan.dropin.map(|dropin| dropin.mode.as_str()),
        "findings": findings(&plan.findings),
        "doors": doors(&plan.doors),
    })
}

fn findings(findings: &[Finding]) -> Vec<Value> {
    let finding = |finding: &Finding| {
        json!({
            "code": finding.code.as_str(),
            "severity": finding.severity.as_str(),
            "text": short(&finding.text),
            "cure": short(&finding.cure),
        })
    };
    findings.iter().take(MOST).map(finding).collect()
}

fn doors(doors: &[Door]) -> Vec<Value> {
    let door = |door: &Door| {
        json!({
            "username": door.account,
            "address": door.address,
            "configured": short(&door.configured),
            "effective": short(&door.effective),
        })
    };
    doors.iter().take(MOST).map(door).collect()
}

/// A file of somebody else may have a line of any length in it.
fn short(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
