//! The one trial of settings and policy, which lies over what is stored.

use rusqlite::params;
use twofactor::{Boot, BootId, Changes, Policy, RolledBack, Trial, UnixTime, Window};

use crate::policy::{security_keys_of, security_keys_word, unenrolled_of, unenrolled_word};
use crate::rows::{Fields, Query, number, secs};
use crate::{ReadTx, StoreError, WriteTx};

/// The newest trial, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialRecord {
    /// Never used again for another trial.
    pub id: i64,
    /// What was said to have become of it. A [`TrialState::Live`] one may be over.
    pub state: TrialState,
    /// Through which service a code commits it.
    pub service: String,
    /// What is tried, and until when.
    pub trial: Trial,
    /// What the wall clock was expected to show at its end.
    pub until: UnixTime,
    /// When it was said what became of it.
    pub ended: Option<UnixTime>,
}

/// What was said to have become of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialState {
    /// Nothing yet.
    Live,
    /// What was tried is stored.
    Committed,
    /// It was rolled back.
    RolledBack(RolledBack),
    /// It was rolled back, and what is stored was changed since.
    Forgotten,
}

impl TrialState {
    pub(crate) const ALL: [Self; 6] = [
        Self::Live,
        Self::Committed,
        Self::RolledBack(RolledBack::Deadline),
        Self::RolledBack(RolledBack::Reboot),
        Self::RolledBack(RolledBack::Asked),
        Self::Forgotten,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Committed => "COMMITTED",
            Self::RolledBack(RolledBack::Deadline) => "DEADLINE",
            Self::RolledBack(RolledBack::Reboot) => "REBOOT",
            Self::RolledBack(RolledBack::Asked) => "ASKED",
            Self::Forgotten => "FORGOTTEN",
        }
    }
}

/// What has become of a trial, also of one that is not the newest any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialFate {
    /// It is on.
    Live,
    /// It was kept.
    Committed,
    /// It is over, and was not kept.
    RolledBack,
}

/// The trials that were kept, the newest last.
pub(crate) const KEPT: Query = Query {
    record: "kept trials",
    sql: "SELECT value FROM meta WHERE name = 'kept_trials'",
};

/// So many of them are remembered: whoever asks does so within an hour.
const MOST_KEPT: usize = 8;

pub(crate) const TRIAL: Query = Query {
    record: "trial",
    sql: "SELECT id, state, service, boot_id, boot_until, until, ended, enabled, ssh, window_steps, \
        unenrolled, security_keys, grace_days, bypass_minutes_max, bypass_uses_max, free_failures, \
        first_wait_secs, source_failures, account_failures FROM trial WHERE slot = 1",
};

impl ReadTx<'_> {
    /// The newest trial, if there ever was one. One that cannot be read is none, and so rolled back: it
    /// must not stand in the way of turning all of it off.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn trial(&self) -> Result<Option<TrialRecord>, StoreError> {
        match self.one(&TRIAL, [], record) {
            Err(StoreError::Damaged { .. }) => Ok(None),
            read => read,
        }
    }

    /// The trial that is on now, and how many seconds are left of it.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn live_trial(&self) -> Result<Option<(TrialRecord, u64)>, StoreError> {
        let live = self
            .trial()?
            .filter(|trial| trial.state == TrialState::Live);
        Ok(live.and_then(|record| {
            let left = record.trial.left(self.boot()).ok()?;
            Some((record, left))
        }))
    }

    /// What has become of the trial with this number; None where nothing here tells.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn trial_fate(&self, id: i64) -> Result<Option<TrialFate>, StoreError> {
        if self.kept_trials()?.contains(&id) {
            return Ok(Some(TrialFate::Committed));
        }
        let newest = self.trial()?.filter(|record| record.id == id);
        Ok(newest.map(|record| match record.state {
            TrialState::Committed => TrialFate::Committed,
            TrialState::Live if record.trial.left(self.boot()).is_ok() => TrialFate::Live,
            _ => TrialFate::RolledBack,
        }))
    }

    fn kept_trials(&self) -> Result<Vec<i64>, StoreError> {
        let text = match self.one(&KEPT, [], |row| row.get::<String>(0)) {
            Err(StoreError::Damaged { .. }) => None,
            read => read?,
        };
        let text = text.unwrap_or_default();
        Ok(text.split(' ').filter_map(|id| id.parse().ok()).collect())
    }

    /// What a trial that is on changes.
    pub(crate) fn tried(&self) -> Result<Option<Changes>, StoreError> {
        let live = self.live_trial()?;
        Ok(live.map(|(record, _)| record.trial.changes))
    }
}

impl WriteTx<'_> {
    /// Begins a trial; the one before is forgotten. Its id.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin_trial(&mut self, trial: &Trial, service: &str) -> Result<i64, StoreError> {
        const SQL: &str = "INSERT OR REPLACE INTO trial \
            (slot, id, state, service, boot_id, boot_until, until) \
            VALUES (1, (SELECT ifnull(max(id), 0) + 1 FROM trial), 'LIVE', ?1, ?2, ?3, ?4)";
        let Trial { changes, ends } = trial;
        let lasts = ends.secs.saturating_sub(self.clocks().boot.secs);
        let until = self.now().saturating_add_secs(lasts);
        self.write(
            SQL,
            params![service, ends.id.0, number(ends.secs), secs(until)],
        )?;
        self.put_tried(changes)?;
        let id = Query {
            record: TRIAL.record,
            sql: "SELECT id FROM trial WHERE slot = 1",
        };
        self.only(&id, [], |row| row.get(0))
    }

    /// Replaces what a trial changes.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_tried(&mut self, changes: &Changes) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE trial SET enabled = ?1, ssh = ?2, window_steps = ?3, \
            unenrolled = ?4, security_keys = ?5, grace_days = ?6, bypass_minutes_max = ?7, \
            bypass_uses_max = ?8, free_failures = ?9, first_wait_secs = ?10, source_failures = ?11, \
            account_failures = ?12 WHERE slot = 1";
        self.write(
            SQL,
            params![
                changes.enabled,
                changes.ssh,
                changes.window.map(Window::steps),
                changes.unenrolled.map(unenrolled_word),
                changes.security_keys.map(security_keys_word),
                changes.grace_days,
                changes.bypass_minutes_max,
                changes.bypass_uses_max,
                changes.free_failures,
                changes.first_wait_secs,
                changes.source_failures,
                changes.account_failures,
            ],
        )
        .map(drop)
    }

    /// Says what became of the newest trial.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn end_trial(&mut self, state: TrialState) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE trial SET state = ?1, ended = ?2 WHERE slot = 1";
        self.write(SQL, params![state.word(), secs(self.now())])?;
        match (state, self.trial()?) {
            (TrialState::Committed, Some(record)) => self.remember_kept(record.id),
            _ => Ok(()),
        }
    }

    /// The next trial takes the place of this one, and somebody may still ask what became of it.
    fn remember_kept(&mut self, id: i64) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO meta (name, value) VALUES ('kept_trials', ?1) \
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let mut kept = self.kept_trials()?;
        kept.retain(|other| *other != id);
        kept.push(id);
        let newest = kept.iter().rev().take(MOST_KEPT).rev();
        let text: Vec<_> = newest.map(i64::to_string).collect();
        self.write(SQL, [text.join(" ")]).map(drop)
    }
}

fn record(row: &Fields<'_>) -> Result<TrialRecord, StoreError> {
    let state: String = row.get(1)?;
    let mut states = TrialState::ALL.into_iter();
    let boot_secs: i64 = row.get(4)?;
    Ok(TrialRecord {
        id: row.get(0)?,
        state: row.valid(states.find(|known| known.word() == state))?,
        service: row.get(2)?,
        trial: Trial {
            changes: changes(row)?,
            ends: Boot {
                id: BootId(row.get(3)?),
                secs: row.valid(u64::try_from(boot_secs).ok())?,
            },
        },
        until: row.time(5)?,
        ended: row.maybe_time(6)?,
    })
}

fn changes(row: &Fields<'_>) -> Result<Changes, StoreError> {
    let unenrolled: Option<String> = row.get(10)?;
    let security_keys: Option<String> = row.get(11)?;
    let window: Option<u8> = row.get(9)?;
    let changes = Changes {
        enabled: flag(row, 7)?,
        ssh: flag(row, 8)?,
        window: window
            .map(|steps| row.valid(Window::new(steps)))
            .transpose()?,
        unenrolled: unenrolled
            .map(|word| row.valid(unenrolled_of(&word)))
            .transpose()?,
        security_keys: security_keys
            .map(|word| row.valid(security_keys_of(&word)))
            .transpose()?,
        grace_days: row.get(12)?,
        bypass_minutes_max: row.get(13)?,
        bypass_uses_max: row.get(14)?,
        free_failures: row.get(15)?,
        first_wait_secs: row.get(16)?,
        source_failures: row.get(17)?,
        account_failures: row.get(18)?,
    };
    // Out of range it would be worse than any policy can be.
    row.valid(changes.policy(Policy::DEFAULT).validated().ok())?;
    Ok(changes)
}

fn flag(row: &Fields<'_>, at: usize) -> Result<Option<bool>, StoreError> {
    match row.get::<Option<i64>>(at)? {
        None => Ok(None),
        Some(_) => row.flag(at).map(Some),
    }
}
