//! Errors under `midclt 2fa`: with the cures in its own words instead of calls.

use client::CallError;

use super::lines_of;

/// An error of the API for people.
pub(super) fn lines_for_people(error: &CallError) -> Vec<String> {
    let line = |line: String| format!("midclt: {}", in_commands(&line));
    lines_of(error).into_iter().map(line).collect()
}

/// Calls that have a command of their own.
const COMMANDS: [(&str, &str); 13] = [
    ("auth.twofactor.update '{\"enabled\": false}'", "disable"),
    ("auth.twofactor.update '{\"enabled\": true}'", "enable"),
    ("auth.twofactor.bypass.query", "bypass --list"),
    ("auth.twofactor.device.delete", "device remove"),
    ("auth.twofactor.device.query", "device list"),
    ("auth.twofactor.exemption.query", "exempt --list"),
    ("auth.twofactor.grace.query", "grace --list"),
    ("auth.twofactor.invite.query", "invite --list"),
    ("auth.twofactor.recovery.generate", "recovery"),
    ("auth.twofactor.unlock", "unlock"),
    (
        "auth.twofactor.policy.update '{\"bypass_minutes_max\": N}'",
        "policy bypass_minutes_max=N",
    ),
    (
        "auth.twofactor.policy.update '{\"bypass_uses_max\": N}'",
        "policy bypass_uses_max=N",
    ),
    ("user.unset_2fa_secret", "reset"),
];

fn in_commands(text: &str) -> String {
    let mut text = text.to_owned();
    for (call, command) in COMMANDS {
        text = text.replace(
            &format!("midclt call {call}"),
            &format!("midclt 2fa {command}"),
        );
    }
    // The one object that these take is an account.
    let Some((before, rest)) = text.split_once(" '{\"username\": \"") else {
        return text;
    };
    match rest.split_once("\"}'") {
        Some((name, after)) if before.contains("midclt 2fa ") => format!("{before} {name}{after}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_for_people() {
        let check = |reason: &str, expected: &str| {
            let error = serde_json::json!({"code": -32001, "data": {"error": 2, "reason": reason}});
            let error: CallError = serde_json::from_value(error).unwrap();
            assert_eq!(lines_for_people(&error), [format!("midclt: {expected}")]);
        };
        check("[ENOENT] No.", "[ENOENT] No.");
        check(
            "No such bypass: midclt call auth.twofactor.bypass.query",
            "No such bypass: midclt 2fa bypass --list",
        );
        check(
            "Its devices: midclt call auth.twofactor.device.query '{\"username\": \"bob\"}'",
            "Its devices: midclt 2fa device list bob",
        );
        check(
            "Off: midclt call auth.twofactor.update '{\"enabled\": true}'.",
            "Off: midclt 2fa enable.",
        );
        check(
            "To allow more: midclt call auth.twofactor.policy.update '{\"bypass_uses_max\": N}'",
            "To allow more: midclt 2fa policy bypass_uses_max=N",
        );
        check(
            "To narrow it: midclt call auth.twofactor.update '{\"window\": 1}'",
            "To narrow it: midclt call auth.twofactor.update '{\"window\": 1}'",
        );
    }
}
