//! `auth.twofactor.ssh.report`: what sshd and PAM were found to do, told by who may look.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::ReadTx;

use crate::CallError;
use crate::access::Right;
use crate::alert::{Alert, AlertKind};
use crate::bounded::{Items, Line, Nullable, OneOf, Sentence, Username, Word};
use crate::method::{Declared, Method, Write, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

/// The finding that sshd takes keys in hardware only with their PIN or finger.
pub(super) const VERIFY_REQUIRED: &str = "VERIFY_REQUIRED";

/// The finding that files were put back on a guess.
pub(super) const PUT_BACK: &str = "PUT_BACK";

/// More findings or doors than a page has lines are no help.
const MOST: usize = 64;

fields! {
    /// Tells what sshd and PAM were found to do. The newest report counts: only with one that says
    /// `ready` may SSH be made to ask, and there is an alert when one does not any more.
    ///
    /// The daemon cannot look itself. `midclt 2fa ssh check --report` looks and tells.
    pub(crate) struct ReportSshd {
        /// What was found.
        ssh_report: Found,
    }
}

fields! {
    /// What was found.
    pub(crate) struct Found {
        /// Whether sshd asks middlewared in every way in that it has.
        ready: bool,
        /// What the drop-in asks for before the code: a password or a key, or a key alone. Null where
        /// there is no drop-in.
        mode: Nullable<OneOf<Mode>>,
        /// What is not as it should be, and what is good to know.
        findings: Items<Finding, MOST>,
        /// What each way in asks for.
        doors: Items<Door, MOST>,
    }
}

fields! {
    /// Something that was found.
    pub(crate) struct Finding {
        /// Its name for programs.
        code: Line,
        /// How bad it is.
        severity: OneOf<Severity>,
        /// What it is.
        text: Sentence,
        /// What helps; may be empty.
        cure: Option<Nullable<Sentence>>,
    }
}

fields! {
    /// A way in.
    pub(crate) struct Door {
        /// For which account; null for any.
        username: Nullable<Username>,
        /// From which address; null for any.
        address: Nullable<Line>,
        /// What the drop-in says.
        configured: Sentence,
        /// What sshd does.
        effective: Sentence,
    }
}

impl Field for Found {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Field for Finding {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Field for Door {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

/// What the drop-in asks for before the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub(crate) enum Mode {
    /// A password or a key.
    PasswordOrKey,
    /// A key.
    KeyOnly,
}

impl Word for Mode {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("PASSWORD_OR_KEY", Self::PasswordOrKey),
        ("KEY_ONLY", Self::KeyOnly),
    ];
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub(crate) enum Severity {
    /// A door is open without a code, or shut.
    Error,
    /// Somebody should look at it.
    Warning,
    /// Good to know.
    Info,
}

impl Word for Severity {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("ERROR", Self::Error),
        ("WARNING", Self::Warning),
        ("INFO", Self::Info),
    ];
}

impl Declared for ReportSshd {
    const NAME: &'static str = "auth.twofactor.ssh.report";
    const RIGHT: Right = Right::Root;
    type Output = bool;
}

impl Write for ReportSshd {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let found = &self.ssh_report;
        let details = Details::new(found);
        let was_ready = is_ready(write.tx)?;
        let text = serde_json::to_string(&details);
        let text = text.map_err(|_| CallError::internal("the report cannot be written as JSON"))?;
        write.tx.put_sshd_report(found.ready, &text)?;
        // It comes at each change of a file; what is said again is not worth an entry.
        if was_ready != found.ready {
            write.audit(if found.ready { "ready" } else { "not ready" })?;
        }
        if was_ready && !found.ready && write.tx.settings()?.asks(twofactor::Settings::SSHD) {
            write.alert(Alert {
                kind: AlertKind::SshdDrifted,
                account: None,
                source: None,
                message: details.drifted(),
            })?;
        }
        Ok(true)
    }
}

/// Whether sshd was last found to ask as it should. Where nobody looked, or what was told cannot be
/// read, it was not.
///
/// # Errors
/// The database cannot be read.
pub(super) fn is_ready(tx: &ReadTx<'_>) -> Result<bool, CallError> {
    Ok(Sshd::stored(tx)?.is_some_and(|sshd| sshd.ready))
}

/// What sshd was last found to do.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Sshd {
    /// Whether it asks middlewared in every way in that it has.
    pub(super) ready: bool,
    /// When that was found, in seconds since 1970, UTC.
    pub(super) at: u64,
    /// What the drop-in asks for before the code: a password or a key, or a key alone. Null where there
    /// is no drop-in.
    pub(super) mode: Option<Mode>,
    /// What is not as it should be, and what is good to know.
    findings: Vec<ShownFinding>,
    /// What each way in asks for.
    doors: Vec<ShownDoor>,
}

impl Sshd {
    /// The newest report. One that cannot be read is none.
    pub(super) fn stored(tx: &ReadTx<'_>) -> Result<Option<Self>, CallError> {
        let report = match tx.sshd_report() {
            Err(store::StoreError::Damaged { .. }) => None,
            report => report?,
        };
        Ok(report.and_then(|report| {
            let details: Details = serde_json::from_str(&report.report).ok()?;
            Some(Self {
                ready: report.ready,
                at: report.at.as_secs(),
                mode: details.mode,
                findings: details.findings,
                doors: details.doors,
            })
        }))
    }

    /// Whether this was found.
    pub(super) fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }
}

/// What was found, as it is stored.
#[derive(Serialize, Deserialize)]
struct Details {
    mode: Option<Mode>,
    findings: Vec<ShownFinding>,
    doors: Vec<ShownDoor>,
}

/// Something that was found.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
struct ShownFinding {
    /// Its name for programs.
    code: String,
    /// How bad it is.
    severity: Severity,
    /// What it is.
    text: String,
    /// What helps; may be empty.
    cure: String,
}

/// A way in.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
struct ShownDoor {
    /// For which account; null for any.
    username: Option<String>,
    /// From which address; null for any.
    address: Option<String>,
    /// What the drop-in says.
    configured: String,
    /// What sshd does.
    effective: String,
}

impl Details {
    fn new(found: &Found) -> Self {
        let findings = found.findings.0.iter().map(|finding| ShownFinding {
            code: finding.code.0.clone(),
            severity: finding.severity.0,
            text: finding.text.0.clone(),
            cure: finding
                .cure
                .as_ref()
                .and_then(|cure| cure.0.as_ref())
                .map(|cure| cure.0.clone())
                .unwrap_or_default(),
        });
        let doors = found.doors.0.iter().map(|door| ShownDoor {
            username: door.username.0.as_ref().map(|name| name.0.to_string()),
            address: door.address.0.as_ref().map(|address| address.0.clone()),
            configured: door.configured.0.clone(),
            effective: door.effective.0.clone(),
        });
        Self {
            mode: found.mode.0.map(|mode| mode.0),
            findings: findings.collect(),
            doors: doors.collect(),
        }
    }

    /// What an alert says, with the worst that was found.
    fn drifted(&self) -> String {
        let worst = self
            .findings
            .iter()
            .find(|finding| finding.severity == Severity::Error);
        let what = worst.map_or("", |finding| finding.text.as_str());
        let colon = if what.is_empty() { "" } else { ": " };
        format!(
            "sshd asks for codes no longer as it should{colon}{what}. To look: midclt 2fa ssh check"
        )
    }
}

pub(crate) const METHODS: &[Method] = &[Method::write::<ReportSshd>()];
