//! `auth.twofactor.trial`: what has become of a trial.

use schemars::JsonSchema;
use serde::Serialize;
use store::TrialFate;

use crate::CallError;
use crate::access::{Proof, Right};
use crate::bounded::Id;
use crate::method::{Declared, Read, Reading};
use crate::params::fields;

fields! {
    /// Tells what has become of a trial: `LIVE`, `COMMITTED` or `ROLLED_BACK`; null where nothing is
    /// known of it any more, or it never was.
    ///
    /// Whoever has changed files together with a trial asks this before putting them back. It says
    /// nothing of what is in force now: others may have changed it since.
    pub(crate) struct GetTrial {
        /// Which trial.
        id: Id,
    }
}

/// What has become of it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub(crate) enum Fate {
    /// It is on.
    Live,
    /// It was kept.
    Committed,
    /// It is over, and was not kept.
    RolledBack,
}

impl Declared for GetTrial {
    const NAME: &'static str = "auth.twofactor.trial";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    const OFFLINE: bool = true;
    type Output = Option<Fate>;
}

impl Read for GetTrial {
    fn call(self, read: &Reading<'_>) -> Result<Option<Fate>, CallError> {
        let fate = read.tx.trial_fate(self.id.0)?;
        Ok(fate.map(|fate| match fate {
            TrialFate::Live => Fate::Live,
            TrialFate::Committed => Fate::Committed,
            TrialFate::RolledBack => Fate::RolledBack,
        }))
    }
}
