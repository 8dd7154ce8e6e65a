//! Whether anything lets PAM come to a "yes" before it comes to our lines, or to our lines with a
//! password that is wrong.

use std::collections::BTreeSet;

use super::entries::{self, Action, Entry, after};
use crate::finding::{Code, Finding, Severity};
use crate::{Error, Root};

/// Modules that ask for a second factor too.
const OTHERS: [&str; 6] = [
    "pam_oath",
    "pam_google_authenticator",
    "pam_yubico",
    "pam_u2f",
    "pam_duo",
    "pam_otpw",
];

/// Modules that judge no password. Any other is taken for one that does.
const NO_PASSWORD: [&str; 34] = [
    "pam_abl",
    "pam_access",
    "pam_cap",
    "pam_debug",
    "pam_deny",
    "pam_echo",
    "pam_ecryptfs",
    "pam_env",
    "pam_exec",
    "pam_faildelay",
    "pam_faillock",
    "pam_fscrypt",
    "pam_gnome_keyring",
    "pam_group",
    "pam_issue",
    "pam_keyinit",
    "pam_kwallet",
    "pam_kwallet5",
    "pam_listfile",
    "pam_localuser",
    "pam_mount",
    "pam_nologin",
    "pam_permit",
    "pam_rootok",
    "pam_securetty",
    "pam_selinux",
    "pam_shells",
    "pam_succeed_if",
    "pam_tally",
    "pam_tally2",
    "pam_time",
    "pam_usertype",
    "pam_warn",
    "pam_wheel",
];

/// What is wrong with the flow of a stack that has our blocks, or will have.
///
/// # Errors
/// A file that it includes cannot be read.
pub fn findings(root: &Root, text: &str) -> Result<Vec<Finding>, Error> {
    let entries = entries::read(root, text)?;
    let mut found = Vec::new();
    for (kind, severity) in [("auth", Severity::Error), ("account", Severity::Warning)] {
        let of_kind: Vec<&Entry> = entries.iter().filter(|entry| entry.kind == kind).collect();
        let strays = around(&of_kind, severity);
        // One cure at a time.
        let is_straight = strays.is_empty();
        found.extend(strays);
        if kind == "auth" && is_straight {
            found.extend(unproven(&of_kind));
        }
    }
    let others = entries
        .iter()
        .filter(|entry| OTHERS.iter().any(|other| entry.module.contains(other)));
    found.extend(others.map(|entry| {
        let Entry { place, module, .. } = entry;
        Finding::warning(
            Code::OtherModule,
            format!("{place}: {module} asks for a second factor of its own too"),
        )
        .cure("take that line out, unless both are wanted")
    }));
    Ok(found)
}

/// Entries before our last one that end the stack with a "yes", or jump over ours.
fn around(entries: &[&Entry], severity: Severity) -> Vec<Finding> {
    let Some(last) = entries.iter().rposition(|entry| entry.ours) else {
        return Vec::new();
    };
    let before = entries.iter().take(last).enumerate();
    let strays = before.filter(|(at, entry)| {
        let control = &entry.control;
        let successes = control.on_success.iter();
        let ends = successes.filter(|action| **action != Action::Die);
        let failures = control.on_failure.iter();
        let mut actions = ends.chain(failures.filter(|action| matches!(action, Action::Jump(_))));
        !entry.ours && actions.any(|action| after(entries, *at, *action).is_none_or(|at| at > last))
    });
    let finding = |(_, entry): (usize, &&Entry)| {
        let text = format!("{} may skip the code", named(entry));
        Finding::new(severity, Code::Sufficient, text)
            .cure("say requisite, or move the line behind the block of middlewared")
    };
    strays.map(finding).collect()
}

fn named(entry: &Entry) -> String {
    let Entry {
        place,
        module,
        control,
        ..
    } = entry;
    format!("{place}: \"{}\" of {module}", control.text)
}

/// An entry between our lines that judges a password, and does not end the stack where it is wrong:
/// our line then takes it for right.
fn unproven(entries: &[&Entry]) -> Option<Finding> {
    let first = entries.iter().position(|entry| entry.ours)?;
    let last = entries.iter().rposition(|entry| entry.ours)?;
    let start = if first == last { 0 } else { first + 1 };
    // Where it may be, without a password that was right, and who has said that it is wrong.
    let mut open = vec![(start, None)];
    let mut seen = BTreeSet::new();
    while let Some((at, wrong)) = open.pop() {
        let Some(entry) = entries.get(at).filter(|_| seen.insert((at, wrong))) else {
            continue;
        };
        if at == last {
            let Some(entry) = wrong.and_then(|wrong| entries.get::<usize>(wrong)) else {
                continue;
            };
            let text = format!(
                "{} goes on to the code where the password is wrong",
                named(entry)
            );
            let cure = "say requisite there, or let it come to: auth requisite pam_deny.so";
            return Some(Finding::error(Code::Unproven, text).cure(cure));
        }
        let name = entry.module.rsplit('/').next().unwrap_or_default();
        let name = name.trim_end_matches(".so");
        let mut without = NO_PASSWORD.iter().chain(&OTHERS);
        let judges = !name.is_empty() && !without.any(|other| *other == name);
        let successes = entry.control.on_success.iter();
        let successes = successes.filter(|_| !judges && name != "pam_deny");
        let failures = entry.control.on_failure.iter();
        let failures = failures.filter(|_| name != "pam_permit");
        let wrong = if judges { Some(at) } else { wrong };
        let next = successes.chain(failures);
        open.extend(next.filter_map(|action| Some((after(entries, at, *action)?, wrong))));
    }
    None
}
