//! What was found, for people: the worst first, each with what helps, in 80 columns.

use ::ssh::check::{Door, Preflight, Report};
use ::ssh::dropin::Mode;
use ::ssh::service::Brought;
use ::ssh::{Finding, Severity};

use super::wire;
use crate::layout::{count, matter};

/// Findings with their cures.
pub(super) fn findings(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .flat_map(|finding| {
            let mark = match finding.severity {
                Severity::Error => '!',
                Severity::Warning | Severity::Info => '-',
            };
            matter(mark, &finding.text, &finding.cure)
        })
        .collect()
}

/// How it stands.
pub(super) fn report(report: &Report) -> String {
    let mut lines = vec![match (report.ready, report.mode) {
        (true, Some(Mode::PasswordOrKey)) => {
            "sshd asks middlewared: after a key, and after a password.".to_owned()
        }
        (true, _) => "sshd asks middlewared: after a key.".to_owned(),
        (false, _) => "sshd does NOT ask middlewared as it should:".to_owned(),
    }];
    lines.extend(findings(&report.findings));
    lines.join("\n") + "\n"
}

/// Ways in, what is configured against what sshd does.
pub(super) fn doors(doors: &[Door]) -> Vec<String> {
    let mut lines = Vec::new();
    for door in doors {
        let name = name(door);
        if [NOTHING, &door.effective].contains(&door.configured.as_str()) {
            lines.push(format!("  {name}: {}", door.effective));
        } else {
            lines.push(format!("! {name}: {}", door.effective));
            lines.push(format!("    it should be: {}", door.configured));
        }
    }
    lines
}

/// What is configured for a door where nothing was set up.
const NOTHING: &str = "nothing";

fn name(door: &Door) -> String {
    let account = door.account.as_deref().unwrap_or("everybody");
    match &door.address {
        Some(address) => format!("{account} from {address}"),
        None => account.to_owned(),
    }
}

/// What would be, and for whom.
pub(super) fn plan(plan: &Preflight, people: Option<&wire::Preflight>) -> String {
    let mut lines = Vec::new();
    if let Some(people) = people {
        lines.extend(locked_out(people));
    }
    lines.extend(findings(&plan.findings));
    if let Some(people) = people {
        // That sshd does not ask yet is what is about to be changed.
        let warnings = people.warnings.iter();
        let warnings = warnings.filter(|text| !text.contains("midclt 2fa ssh"));
        lines.extend(warnings.flat_map(|text| matter('-', text, "")));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push("The ways in:".to_owned());
    for door in &plan.doors {
        lines.extend(door_lines(door));
    }
    lines
        .push("  programs that cannot type a code (BatchMode) are refused, on and off:".to_owned());
    lines
        .push("    midclt 2fa ssh exempt ACCOUNT --key FILE --until DATE --reason TEXT".to_owned());
    lines.push("  a console asks for no code".to_owned());
    lines.extend(brings(&plan.brings));
    lines.join("\n")
}

/// A network door that is shut now is opened, and stays open.
fn brings(brings: &Brought) -> Vec<String> {
    let started = brings.started.iter();
    let started = started.map(|unit| format!("  {unit} does not run now: it is started"));
    let enabled = brings
        .enabled
        .iter()
        .map(|unit| format!("  {unit} does not start with the machine now: it is enabled"));
    let mut lines: Vec<_> = started.chain(enabled).collect();
    if !lines.is_empty() {
        lines.insert(0, "sshd itself, kept so with the trial:".to_owned());
    }
    lines
}

fn locked_out(people: &wire::Preflight) -> Vec<String> {
    let mut lines = Vec::new();
    for person in &people.locked_out {
        let why = match person.reason.as_str() {
            "NO_DEVICE" => "has no active device",
            other => other,
        };
        let text = format!("{} {why}, and would be locked out", person.username);
        lines.extend(matter('!', &text, &person.cure));
    }
    let shown = u64::try_from(people.locked_out.len()).unwrap_or(u64::MAX);
    let more = people
        .locked_out_count
        .unwrap_or(shown)
        .saturating_sub(shown);
    if more > 0 {
        let text = format!("{} would be locked out too", count(more, "more account"));
        lines.extend(matter('!', &text, "midclt 2fa status"));
    }
    lines
}

/// Now, and later with two-factor authentication on and off: what asks for the code then takes it
/// away again, but a method that sshd demands stays demanded.
fn door_lines(door: &Door) -> Vec<String> {
    let off = door.effective.replace(" + code", "");
    let mut lines = vec![format!("  {}", name(door))];
    lines.push(format!("    now:          {}", door.configured));
    if off == door.effective {
        lines.push(format!("    2FA on, off:  {off}"));
    } else {
        lines.push(format!("    2FA on:       {}", door.effective));
        lines.push(format!("    2FA off:      {off}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use ::ssh::Code;
    use ::ssh::dropin::{DropIn, RootDoor};

    use super::*;

    fn finding(severity: Severity, text: &str) -> Finding {
        Finding {
            severity,
            code: Code::Overridden,
            text: text.to_owned(),
            cure: "do this".to_owned(),
        }
    }

    fn door(account: Option<&str>, configured: &str, effective: &str) -> Door {
        Door {
            account: account.map(str::to_owned),
            address: None,
            configured: configured.to_owned(),
            effective: effective.to_owned(),
        }
    }

    const ON: &str = "key + code, or password + code";

    #[test]
    fn a_plan() {
        let plan = Preflight {
            dropin: Some(DropIn {
                mode: Mode::PasswordOrKey,
                root: RootDoor::Key,
            }),
            changes: Vec::new(),
            findings: vec![finding(Severity::Warning, "something odd")],
            doors: vec![
                door(None, "key alone, or password alone", ON),
                door(Some("root"), "refused", "refused"),
            ],
            brings: Brought {
                started: Some("ssh.service".to_owned()),
                enabled: Some("ssh.service".to_owned()),
            },
        };
        let people = serde_json::json!({
            "locked_out": [{"username": "bob", "uid": 1001, "reason": "NO_DEVICE",
                "cure": "midclt 2fa device add bob"}],
            "locked_out_count": 3, "warnings": ["sshd does not ask yet: midclt 2fa ssh enable", "grace ends"],
            "root": {"active_device": true, "recovery_codes": 0}});
        let people: wire::Preflight = serde_json::from_value(people).unwrap();
        let expected = "\
! bob has no active device, and would be locked out
    midclt 2fa device add bob
! 2 more accounts would be locked out too
    midclt 2fa status
- something odd
    do this
- grace ends

The ways in:
  everybody
    now:          key alone, or password alone
    2FA on:       key + code, or password + code
    2FA off:      key, or password
  root
    now:          refused
    2FA on, off:  refused
  programs that cannot type a code (BatchMode) are refused, on and off:
    midclt 2fa ssh exempt ACCOUNT --key FILE --until DATE --reason TEXT
  a console asks for no code
sshd itself, kept so with the trial:
  ssh.service does not run now: it is started
  ssh.service does not start with the machine now: it is enabled";
        let page = super::plan(&plan, Some(&people));
        assert_eq!(page, expected);
        assert!(page.lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn reports() {
        let check = |ready, mode, severity: &[Severity], expected: &str| {
            let findings = severity.iter().map(|&severity| finding(severity, "odd"));
            let report = Report {
                ready,
                mode,
                findings: findings.collect(),
                doors: Vec::new(),
            };
            assert_eq!(super::report(&report), expected);
        };
        check(
            true,
            Some(Mode::PasswordOrKey),
            &[],
            "sshd asks middlewared: after a key, and after a password.\n",
        );
        check(
            true,
            Some(Mode::KeyOnly),
            &[Severity::Warning],
            "sshd asks middlewared: after a key.\n- odd\n    do this\n",
        );
        check(
            false,
            None,
            &[Severity::Error],
            "sshd does NOT ask middlewared as it should:\n! odd\n    do this\n",
        );
    }

    #[test]
    fn doors_that_differ() {
        let all = [
            door(None, ON, ON),
            door(Some("bob"), ON, "key alone"),
            door(Some("eve"), NOTHING, "key alone"),
        ];
        let expected = [
            "  everybody: key + code, or password + code",
            "! bob: key alone",
            "    it should be: key + code, or password + code",
            "  eve: key alone",
        ];
        assert_eq!(doors(&all), expected);
    }
}
