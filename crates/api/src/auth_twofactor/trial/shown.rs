//! Trials as callers see them.

use schemars::JsonSchema;
use serde::Serialize;
use store::{ReadTx, TrialState};
use twofactor::{Changes, RolledBack, UnixTime, Window};

use crate::CallError;
use crate::auth_twofactor::policy;
use crate::method::Reading;

/// A trial that has begun.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Begun {
    /// Its number; never used again for another one.
    id: i64,
    /// When it ends by itself, in seconds since 1970, UTC, if nobody sets the clock.
    until: u64,
    /// What is tried.
    changes: ShownChanges,
}

impl Begun {
    pub(super) fn new(id: i64, until: UnixTime, changes: &Changes) -> Self {
        Self {
            id,
            until: until.as_secs(),
            changes: ShownChanges::new(changes),
        }
    }
}

/// What is tried.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
struct ShownChanges {
    /// Whether a code is asked for at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    /// Steps accepted on each side of now.
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<u8>,
    /// Which services ask for a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<ShownServices>,
    /// The rules for accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<policy::ShownChanges>,
}

/// Which services ask for a code.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
struct ShownServices {
    /// Whether sshd does.
    ssh: bool,
}

impl ShownChanges {
    fn new(changes: &Changes) -> Self {
        Self {
            enabled: changes.enabled,
            window: changes.window.map(Window::steps),
            services: changes.ssh.map(|ssh| ShownServices { ssh }),
            policy: policy::ShownChanges::new(changes),
        }
    }
}

/// The trial that is on.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct ShownTrial {
    /// Its number.
    id: i64,
    /// When it ends by itself, in seconds since 1970, UTC, if nobody sets the clock.
    until: u64,
    /// How many seconds that are.
    seconds_left: u64,
    /// The service that a login has to come through to keep it.
    service: String,
    /// What is tried, and was not changed since by an administrator.
    changes: ShownChanges,
}

impl ShownTrial {
    pub(in crate::auth_twofactor) fn stored(tx: &ReadTx<'_>) -> Result<Option<Self>, CallError> {
        let live = tx.live_trial()?;
        Ok(live.map(|(record, seconds_left)| Self {
            id: record.id,
            until: record.until.as_secs(),
            seconds_left,
            service: record.service,
            changes: ShownChanges::new(&record.trial.changes),
        }))
    }
}

/// The last trial, if it was rolled back and nothing was changed since.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct ShownRollback {
    /// When that was noticed, in seconds since 1970, UTC.
    at: u64,
    /// Its number.
    id: i64,
    /// "deadline", "reboot" or "asked".
    why: &'static str,
}

impl ShownRollback {
    pub(in crate::auth_twofactor) fn stored(read: &Reading<'_>) -> Result<Option<Self>, CallError> {
        let Some(record) = read.tx.trial()? else {
            return Ok(None);
        };
        let (why, at) = match record.state {
            TrialState::RolledBack(why) => (why, record.ended),
            TrialState::Live => match record.trial.left(read.clocks.boot) {
                Ok(_) => return Ok(None),
                Err(why) => (why, None),
            },
            TrialState::Committed | TrialState::Forgotten => return Ok(None),
        };
        let at = at.unwrap_or(read.clocks.wall).as_secs();
        let why = match why {
            RolledBack::Deadline => "deadline",
            RolledBack::Reboot => "reboot",
            RolledBack::Asked => "asked",
        };
        let id = record.id;
        Ok(Some(Self { at, id, why }))
    }
}
