//! Health: what the daemon knows to be wrong, or soon will be, the worst first, each with what mends it.
//! What only the files of the machine show `midclt 2fa doctor` finds, as root.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::answer::{self, Problem};
use super::visitor::{Frame, Visitor};
use super::when::When;
use crate::app::App;

/// How many of each kind are named.
const NAMED: usize = 20;

/// What a warning of the daemon ends with.
const COMMANDS: [&str; 4] = ["midclt ", "timedatectl ", "systemctl ", "rm "];

pub(super) fn routes() -> Router<App> {
    Router::new().route("/health", get(show))
}

/// How bad it is. The worst is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Error,
    Warning,
    Info,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "Wrong",
            Self::Warning => "To look at",
            Self::Info => "Good to know",
        }
    }

    /// One that this program does not know is not made light of.
    fn of(word: Option<&str>) -> Self {
        match word {
            Some("ERROR") => Self::Error,
            Some("INFO") => Self::Info,
            _ => Self::Warning,
        }
    }
}

/// Something that was found.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    severity: Severity,
    text: String,
    /// The command that mends it; may be empty.
    cure: String,
}

impl Finding {
    fn new(severity: Severity, text: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            severity,
            text: text.into(),
            cure: cure.into(),
        }
    }

    /// Sentences of the daemon's. The last one leads to the command, which stands apart here, and may say
    /// when it is right: "Once the clock is kept right: midclt ...".
    fn of_warning(warning: &str) -> Self {
        let found = COMMANDS
            .iter()
            .find_map(|command| warning.find(&format!(": {command}")));
        let (text, cure) = match found.and_then(|at| warning.split_at_checked(at)) {
            Some((text, cure)) => (format!("{text}:"), cure.trim_start_matches(": ")),
            None => (warning.to_owned(), ""),
        };
        Self::new(Severity::Warning, text, cure)
    }
}

#[derive(Template)]
#[template(path = "health.html")]
struct Page {
    frame: Frame,
    findings: Vec<Finding>,
    errors: usize,
    warnings: usize,
    /// When somebody looked at sshd.
    looked: Option<When>,
}

async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let session = visitor.signed_in().ok_or(Problem::SignIn)?;
    let status = session
        .daemon
        .call("auth.twofactor.status", json!([]))
        .await?;
    let findings = findings(&status);
    let number = |severity| {
        findings
            .iter()
            .filter(|found| found.severity == severity)
            .count()
    };
    let page = Page {
        errors: number(Severity::Error),
        warnings: number(Severity::Warning),
        looked: status.get("sshd").and_then(|sshd| When::of(sshd, "at")),
        findings,
        frame: visitor.frame("Health"),
    };
    Ok(answer::page(&visitor, &page))
}

/// The worst first.
fn findings(status: &Value) -> Vec<Finding> {
    let mut all = Vec::new();
    if status.get("enabled") != Some(&json!(true)) {
        let text = "Two-factor authentication is OFF for EVERYBODY.";
        all.push(Finding::new(Severity::Warning, text, "midclt 2fa enable"));
    }
    all.extend(
        list(status, "warnings")
            .filter_map(Value::as_str)
            .map(Finding::of_warning),
    );
    all.extend(of_sshd(status));
    all.extend(of_trial(status));
    all.extend(list(status, "locks").take(NAMED).map(locked));
    all.extend(list(status, "recovery").take(NAMED).filter_map(few_codes));
    all.extend(list(status, "bypasses").take(NAMED).filter_map(bypass));
    all.extend(list(status, "exemptions").take(NAMED).filter_map(exemption));
    all.sort_by_key(|found| found.severity);
    all
}

fn list<'a>(status: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    status
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text<'a>(entry: &'a Value, key: &str) -> Option<&'a str> {
    entry.get(key).and_then(Value::as_str)
}

/// What was found at sshd. Where it is neither to ask nor set up to, nothing of that is wrong.
fn of_sshd(status: &Value) -> Vec<Finding> {
    let report = status.get("sshd").unwrap_or(&Value::Null);
    let is_set_up = text(report, "mode").is_some();
    let is_wanted = status.get("ssh") == Some(&json!(true));
    if !is_wanted && !is_set_up {
        let text = "SSH logins need no code.";
        return vec![Finding::new(Severity::Info, text, "midclt 2fa ssh enable")];
    }
    let found = list(report, "findings").filter_map(|found| {
        let severity = Severity::of(text(found, "severity"));
        Some(Finding::new(
            severity,
            text(found, "text")?,
            text(found, "cure").unwrap_or(""),
        ))
    });
    found.collect()
}

fn of_trial(status: &Value) -> Option<Finding> {
    let trial = status.get("trial").filter(|trial| !trial.is_null())?;
    let until = When::of(trial, "until")?;
    let text = format!(
        "Settings are on trial until {}; a login with a code keeps them.",
        until.text()
    );
    Some(Finding::new(
        Severity::Warning,
        text,
        "midclt 2fa ssh commit",
    ))
}

fn locked(lock: &Value) -> Finding {
    let wait = lock.get("retry_after").and_then(Value::as_u64).unwrap_or(0);
    let from = match text(lock, "source") {
        Some("local") => "this machine",
        Some(address) => address,
        None => "new addresses",
    };
    let (who, cure) = match text(lock, "username") {
        Some(name) => (
            format!("{name} must wait {wait} s from {from}"),
            format!("midclt 2fa unlock {name}"),
        ),
        None => (
            format!("Names that are not known here must wait {wait} s from {from}"),
            "midclt 2fa log --outcome wrong".to_owned(),
        ),
    };
    Finding::new(
        Severity::Warning,
        format!("{who}: too many wrong codes."),
        cure,
    )
}

fn few_codes(account: &Value) -> Option<Finding> {
    let name = text(account, "username")?;
    let left = account.get("remaining").and_then(Value::as_u64)?;
    let text = format!("{name} has {left} recovery codes left.");
    Some(Finding::new(
        Severity::Info,
        text,
        format!("midclt 2fa recovery {name}"),
    ))
}

fn bypass(bypass: &Value) -> Option<Finding> {
    let who = text(bypass, "username").unwrap_or("Everybody");
    let until = When::of(bypass, "until")?.text();
    let id = bypass.get("id").and_then(Value::as_i64)?;
    let text = format!(
        "{who} is let in without a code until {until}: {}.",
        text(bypass, "reason")?
    );
    Some(Finding::new(
        Severity::Info,
        text,
        format!("midclt 2fa bypass --delete {id}"),
    ))
}

fn exemption(exemption: &Value) -> Option<Finding> {
    let name = text(exemption, "username")?;
    let until = When::of(exemption, "until")?.text();
    let text = format!(
        "{name} is exempt from codes until {until}: {}.",
        text(exemption, "reason")?
    );
    Some(Finding::new(
        Severity::Info,
        text,
        "midclt 2fa exempt --list",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first_each_with_its_command() {
        let status = json!({
            "enabled": true, "ssh": true,
            "warnings": ["Nothing keeps the clock right. To see what should keep it: timedatectl status"],
            "sshd": {"at": 1, "ready": false, "mode": "KEY_ONLY", "findings": [
                {"code": "A", "severity": "INFO", "text": "Good.", "cure": null},
                {"code": "B", "severity": "ERROR", "text": "A door is open.", "cure": "midclt 2fa ssh enable"},
            ]},
            "locks": [{"username": "bob", "source": null, "retry_after": 30}],
        });
        let shown: Vec<_> = findings(&status)
            .into_iter()
            .map(|found| (found.severity.word(), found.text, found.cure))
            .collect();
        let expected = [
            ("Wrong", "A door is open.", "midclt 2fa ssh enable"),
            (
                "To look at",
                "Nothing keeps the clock right. To see what should keep it:",
                "timedatectl status",
            ),
            (
                "To look at",
                "bob must wait 30 s from new addresses: too many wrong codes.",
                "midclt 2fa unlock bob",
            ),
            ("Good to know", "Good.", ""),
        ];
        let expected = expected.map(|(word, text, cure)| (word, text.to_owned(), cure.to_owned()));
        assert_eq!(shown, expected);
    }

    #[test]
    fn without_ssh_nothing_is_wrong_at_sshd() {
        let status = json!({"enabled": true, "ssh": false, "sshd": {"at": 1, "mode": null, "findings": [
            {"code": "B", "severity": "ERROR", "text": "No drop-in.", "cure": ""},
        ]}});
        let found = findings(&status);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Info);
    }
}
