//! What the daemon answers about sshd. What a daemon of another version adds is not read.

use serde::Deserialize;

/// What `auth.twofactor.status` tells before a trial begins.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) enabled: bool,
    pub(super) ssh: bool,
    #[serde(default)]
    pub(super) trial: Option<Trial>,
}

/// A trial that is live.
#[derive(Debug, Deserialize)]
pub(super) struct Trial {
    pub(super) id: i64,
    pub(super) until: i64,
}

/// What became of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Fate {
    /// It goes on.
    #[serde(rename = "LIVE")]
    Live,
    /// It is kept: a code was accepted, or somebody said so.
    #[serde(rename = "COMMITTED")]
    Kept,
    /// It is over, and nothing of it is kept.
    #[serde(rename = "ROLLED_BACK")]
    Over,
}

/// What would change for people.
#[derive(Debug, Deserialize)]
pub(super) struct Preflight {
    pub(super) locked_out: Vec<LockedOut>,
    pub(super) locked_out_count: Option<u64>,
    pub(super) warnings: Vec<String>,
    pub(super) root: RootStanding,
}

#[derive(Debug, Deserialize)]
pub(super) struct LockedOut {
    pub(super) username: String,
    pub(super) reason: String,
    pub(super) cure: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RootStanding {
    pub(super) recovery_codes: u32,
}
