//! What a session keeps while somebody sets something up: shown again after a reload, and wiped with the
//! session.

use std::fmt;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::pages::answer::Problem;
use crate::pages::recovery::Codes;

/// How far somebody has come.
#[derive(Default)]
pub(in crate::pages) struct Progress {
    /// They have read what enabling means, and went on.
    pub(super) is_enabling: bool,
    /// They go on without recovery codes.
    pub(super) is_without_codes: bool,
    /// The phone that is being set up.
    pub(super) setup: Option<Setup>,
    /// Recovery codes that nobody has saved yet.
    pub(super) codes: Option<Codes>,
    /// What a phone has to scan again.
    pub(super) reshaped: Option<Reshaped>,
}

/// The secret whose codes look different now.
#[derive(Clone)]
pub(super) struct Reshaped {
    pub(super) uri: Zeroizing<String>,
    pub(super) digits_before: u64,
    pub(super) interval_before: u64,
}

/// Why a phone is set up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Enable,
    Renew,
}

/// A device whose first code is not seen yet.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) purpose: Purpose,
    pub(super) id: i64,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) uri: Zeroizing<String>,
}

impl Setup {
    /// From what `auth.twofactor.device.create` answers.
    pub(super) fn new(purpose: Purpose, issued: &Value) -> Result<Self, Problem> {
        let text = |key| issued.get(key).and_then(Value::as_str);
        Ok(Self {
            purpose,
            id: issued
                .get("id")
                .and_then(Value::as_i64)
                .ok_or(Problem::Broken)?,
            username: text("username").ok_or(Problem::Broken)?.to_owned(),
            name: text("name").ok_or(Problem::Broken)?.to_owned(),
            uri: Zeroizing::new(text("provisioning_uri").ok_or(Problem::Broken)?.to_owned()),
        })
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress(..)")
    }
}
