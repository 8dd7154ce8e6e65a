//! What the daemon answers about sshd. What a daemon of another version adds is not read.

use serde::Deserialize;

/// How `auth.twofactor.status` tells of a trial.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) enabled: bool,
    pub(super) ssh: bool,
    #[serde(default)]
    pub(super) trial: Option<Trial>,
    #[serde(default)]
    rolled_back: Option<RolledBack>,
}

/// A trial that is live.
#[derive(Debug, Deserialize)]
pub(super) struct Trial {
    pub(super) id: i64,
    pub(super) until: i64,
}

#[derive(Debug, Deserialize)]
struct RolledBack {
    id: i64,
}

/// The settings that the files go with.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    pub(super) services: Services,
}

#[derive(Debug, Deserialize)]
pub(super) struct Services {
    pub(super) ssh: bool,
}

/// What became of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Live,
    /// It is kept: a code was accepted, or somebody said so.
    Kept,
    /// It is over, and nothing of it is kept.
    Over,
}

impl Status {
    /// What became of the trial with this id.
    pub(super) fn fate(&self, id: i64) -> Fate {
        let is_back = self.rolled_back.as_ref().is_some_and(|back| back.id == id);
        if self.trial.as_ref().is_some_and(|trial| trial.id == id) {
            Fate::Live
        // Another trial may be live by now, and it may be off for a while: neither says anything of this one.
        } else if self.ssh && !is_back {
            Fate::Kept
        } else {
            Fate::Over
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_trial() {
        let check = |status: &str, expected: Fate| {
            let found: Status = serde_json::from_str(status).unwrap();
            assert_eq!(found.fate(7), expected, "{status}");
        };
        let live = r#"{"enabled":true,"ssh":true,"trial":{"id":7,"until":1}}"#;
        check(live, Fate::Live);
        // Another one, of the policy perhaps.
        check(
            r#"{"enabled":true,"ssh":true,"trial":{"id":8,"until":1}}"#,
            Fate::Kept,
        );
        check(
            r#"{"enabled":true,"ssh":true,"trial":null,"rolled_back":null}"#,
            Fate::Kept,
        );
        check(
            r#"{"enabled":true,"ssh":false,"rolled_back":{"id":7}}"#,
            Fate::Over,
        );
        check(
            r#"{"enabled":true,"ssh":true,"rolled_back":{"id":7}}"#,
            Fate::Over,
        );
        check(
            r#"{"enabled":true,"ssh":true,"rolled_back":{"id":6}}"#,
            Fate::Kept,
        );
        check(r#"{"enabled":false,"ssh":true}"#, Fate::Kept);
    }
}
