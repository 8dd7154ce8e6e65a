//! How many wrong codes are judged: waits for a pair and a source, a hard stop for an account.

use crate::{Limits, UnixTime};

const DAY_SECS: u64 = 86_400;

/// One failure of a [`Level`]. A rate of n failures a day is then n parts a second, so that nothing
/// is lost to rounding however often the level is looked at.
pub const PARTS_PER_FAILURE: u64 = DAY_SECS;

/// Which budget an attempt is charged to. Each has streaks and source levels of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Budget {
    /// Codes of devices.
    Codes,
    /// Recovery codes. The hard stop does not apply to them: they have 80 bits, and they are the
    /// way back in. Nor do wrong codes of devices from the same source.
    Recovery,
}

/// Failures in a row of one account and source. A day without one ends the row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streak {
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last: UnixTime,
}

impl Streak {
    /// Whether a day has passed since the last failure.
    #[must_use]
    pub fn is_over(&self, now: UnixTime) -> bool {
        now.since(self.last) >= DAY_SECS
    }
}

/// Failures that are forgotten steadily, so many a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// The level just after the last failure, in parts of a failure ([`PARTS_PER_FAILURE`]).
    pub parts: u64,
    /// When the last failure was, or a later time at which one before it was.
    pub last: UnixTime,
}

impl Level {
    /// The failures that are not forgotten yet, a part of one counted as one.
    #[must_use]
    pub fn failures(&self, now: UnixTime, forgets_per_day: u32) -> u64 {
        self.parts_at(now, forgets_per_day)
            .div_ceil(PARTS_PER_FAILURE)
    }

    fn parts_at(&self, now: UnixTime, forgets_per_day: u32) -> u64 {
        let forgotten = now
            .since(self.last)
            .saturating_mul(u64::from(forgets_per_day));
        self.parts.saturating_sub(forgotten)
    }

    fn failed(&mut self, now: UnixTime, forgets_per_day: u32) {
        let parts = self.parts_at(now, forgets_per_day);
        self.parts = parts.saturating_add(PARTS_PER_FAILURE);
        // A clock that is behind now, and right later, would forget all that it then jumps over.
        self.last = self.last.max(now);
    }

    fn forgive(&mut self, failures: u32) {
        let forgiven = u64::from(failures).saturating_mul(PARTS_PER_FAILURE);
        self.parts = self.parts.saturating_sub(forgiven);
        if self.parts == 0 {
            *self = Level::default();
        }
    }
}

/// All that is counted for one attempt: what the account, the source and both together did before.
///
/// In this order: [`settle`](Tally::settle), then [`check`](Tally::check), then, if it passed and
/// the code was judged, [`failed`](Tally::failed) for a wrong code or [`succeeded`](Tally::succeeded)
/// for a right one. A replayed or malformed code is no guess and counts nothing; nor does an attempt
/// that was locked, since its code was not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The account's failures in a row from this source, in this budget.
    pub pair: Streak,
    /// The source's failures over all accounts, in this budget. `None` where [`Source::has_level`] says so: one
    /// local user must not slow the others.
    ///
    /// [`Source::has_level`]: crate::Source::has_level
    pub source: Option<Level>,
    /// The account's failures from all its new sources. `None` where the hard stop does not apply:
    /// for [`Source::Local`], a known source ([`Limits::is_known`]) and [`Budget::Recovery`].
    ///
    /// [`Source::Local`]: crate::Source::Local
    pub account: Option<Level>,
}

/// An attempt is refused unjudged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locked {
    /// When the next one is judged.
    pub until: UnixTime,
    /// What has to pass until then.
    pub cause: LockCause,
}

/// What locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockCause {
    /// The wait of this account from this source.
    Pair,
    /// The wait of this source, over all accounts.
    Source,
    /// The hard stop: the account is closed to new sources.
    Account,
}

impl Tally {
    /// Brings what was loaded into the present, and says whether it changed.
    ///
    /// A failure in the future (a clock that was ahead, and is right now) is taken for one at
    /// `now`, so that no wait is longer than [`Limits::LONGEST_WAIT_SECS`] from here. What changed
    /// must be stored even if the attempt is then locked: else the wait would begin anew with each.
    /// A streak that is over is dropped.
    ///
    /// The hard stop is no wait, and stays as it is. A clock that starts in 1970 and is right later
    /// would forget it otherwise; where it was counted by a clock that was ahead, an unlock ends it.
    #[must_use = "what changed must be stored, also if the attempt is locked"]
    pub fn settle(&mut self, now: UnixTime) -> bool {
        let before = *self;
        self.pair.last = self.pair.last.min(now);
        if self.pair.is_over(now) {
            self.pair = Streak::default();
        }
        if let Some(source) = &mut self.source {
            source.last = source.last.min(now);
        }
        *self != before
    }

    /// Whether a code may be judged now.
    ///
    /// # Errors
    /// The lock that lasts longest.
    pub fn check(&self, now: UnixTime, limits: &Limits) -> Result<(), Locked> {
        let locks = [
            self.pair_lock(now, limits),
            self.source_lock(now, limits),
            self.account_lock(now, limits),
        ];
        match locks.into_iter().flatten().max_by_key(|lock| lock.until) {
            Some(lock) => Err(lock),
            None => Ok(()),
        }
    }

    fn pair_lock(&self, now: UnixTime, limits: &Limits) -> Option<Locked> {
        if self.pair.is_over(now) {
            return None;
        }
        let wait = limits.wait_after(u64::from(self.pair.failures), limits.free_failures);
        waiting(self.pair.last, wait, now).map(|until| Locked {
            until,
            cause: LockCause::Pair,
        })
    }

    fn source_lock(&self, now: UnixTime, limits: &Limits) -> Option<Locked> {
        let source = self.source?;
        let failures = source.parts.div_ceil(PARTS_PER_FAILURE);
        let wait = limits.wait_after(failures, limits.source_failures);
        waiting(source.last, wait, now).map(|until| Locked {
            until,
            cause: LockCause::Source,
        })
    }

    fn account_lock(&self, now: UnixTime, limits: &Limits) -> Option<Locked> {
        let forgets = limits.account_forgets_per_day;
        let most = u64::from(limits.account_failures).saturating_sub(1) * PARTS_PER_FAILURE;
        let account = self.account?;
        let excess = account.parts_at(now, forgets).checked_sub(most)?;
        let secs = excess.div_ceil(u64::from(forgets.max(1)));
        (excess > 0).then(|| Locked {
            // Nothing is forgotten before the clock has come to where the last one was counted.
            until: now.max(account.last).saturating_add_secs(secs),
            cause: LockCause::Account,
        })
    }

    /// Counts a wrong code.
    pub fn failed(&mut self, now: UnixTime, limits: &Limits) {
        if self.pair.is_over(now) {
            self.pair = Streak::default();
        }
        self.pair.failures = self.pair.failures.saturating_add(1);
        self.pair.last = now;
        if let Some(source) = &mut self.source {
            source.failed(now, Limits::SOURCE_FORGETS_PER_DAY);
        }
        if let Some(account) = &mut self.account {
            account.failed(now, limits.account_forgets_per_day);
        }
    }

    /// Forgives the failures of this account from this source, after a right code, and nobody
    /// else's: they are taken off the levels too, as far as these hold so many.
    pub fn succeeded(&mut self) {
        for level in [&mut self.source, &mut self.account].into_iter().flatten() {
            level.forgive(self.pair.failures);
        }
        self.pair = Streak::default();
    }
}

/// The end of a wait that began with the failure at `last`, if it is not over.
fn waiting(last: UnixTime, wait_secs: u64, now: UnixTime) -> Option<UnixTime> {
    let last = last.min(now);
    // Not by comparing `now` with the end: at the end of time that would let everybody in.
    (now.since(last) < wait_secs).then(|| last.saturating_add_secs(wait_secs))
}
