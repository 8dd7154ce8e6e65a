//! Failures, as the throttle counts them, and the sources that accepted codes came from.
//!
//! Strangers fill these tables, so that each is bounded: streaks and source levels lose the rows
//! with the fewest failures, known sources are eight for an account, and account levels are as many as there are accounts
//! and levels that unknown names share.

use rusqlite::params;
use twofactor::{AccountKey, Budget, Level, Limits, Source, Streak, Tally, UnixTime};

use crate::rows::{Fields, Query, number, secs};
use crate::{ReadTx, StoreError, WriteTx};

/// How many streaks are kept.
const MOST_STREAKS: u32 = 50_000;

/// How many source levels are kept.
const MOST_SOURCE_LEVELS: u32 = 10_000;

/// After how many new rows the bounds are looked at again.
const INSERTS_BETWEEN_TRIMS: u32 = 256;

/// How many streaks of an account are listed.
const LISTED_STREAKS: u32 = 100;

/// How old a known source's last use may be before another is worth a write.
const REMEMBER_SECS: u64 = 3600;

/// Whose code is judged, from where, and on which budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The account, or what stands for a name of none.
    pub account: AccountKey,
    /// Where it comes from.
    pub source: Source,
    /// Which budget it is charged to.
    pub budget: Budget,
}

/// Failures in a row of an account and source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredStreak {
    /// Whose, from where, on which budget.
    pub attempt: Attempt,
    /// How many, and when the last was.
    pub streak: Streak,
}

/// One statement, since every code that is typed needs all of it.
pub(crate) const TALLY: Query = Query {
    record: "throttle",
    sql: "SELECT streaks.failures, streaks.last, source_levels.parts, source_levels.last, \
        account_levels.parts, account_levels.last, known_sources.last \
        FROM (SELECT 1) \
        LEFT JOIN streaks ON streaks.account = ?1 AND streaks.source = ?2 AND streaks.kind = ?3 \
        LEFT JOIN source_levels ON source_levels.source = ?2 AND source_levels.kind = ?3 \
        LEFT JOIN account_levels ON account_levels.account = ?4 \
        LEFT JOIN known_sources ON known_sources.uid = ?1 AND known_sources.source = ?2",
};

pub(crate) const STREAKS: Query = Query {
    record: "throttle",
    sql: "SELECT account, source, kind, failures, last FROM streaks WHERE account = ?1 \
        ORDER BY failures DESC, last DESC LIMIT ?2",
};

pub(crate) const KNOWN_SOURCE: Query = Query {
    record: "known source",
    sql: "SELECT last FROM known_sources WHERE uid = ?1 AND source = ?2",
};

pub(crate) const FORGIVABLE: Query = Query {
    record: "throttle",
    sql: "SELECT ifnull((SELECT sum(failures) FROM streaks WHERE account = ?1), 0), \
        ifnull((SELECT parts FROM account_levels WHERE account = ?2), 0)",
};

impl ReadTx<'_> {
    /// All that is counted for an attempt. `today` decides whether its source is still known.
    ///
    /// # Errors
    /// It cannot be read: then no code may be judged.
    pub fn tally(
        &self,
        attempt: &Attempt,
        today: UnixTime,
        limits: &Limits,
    ) -> Result<Tally, StoreError> {
        let Attempt {
            account,
            source,
            budget,
        } = attempt;
        let of_level = account.of_level().to_i64();
        let key = params![
            account.to_i64(),
            source.to_string(),
            kind(*budget),
            of_level
        ];
        self.only(&TALLY, key, |row| {
            let is_known = limits.is_known(row.maybe_time(6)?, today);
            // The hard stop closes an account to new sources, and never to recovery codes.
            let has_stop = *source != Source::Local && *budget == Budget::Codes && !is_known;
            Ok(Tally {
                pair: streak(row, 0)?,
                source: source.has_level().then(|| level(row, 2)).transpose()?,
                account: has_stop.then(|| level(row, 4)).transpose()?,
            })
        })
    }

    /// An account's failures in a row by source, the most first: at most 100 of them.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn streaks(&self, account: AccountKey) -> Result<Vec<StoredStreak>, StoreError> {
        self.all(
            &STREAKS,
            params![account.to_i64(), LISTED_STREAKS],
            stored_streak,
        )
    }
}

impl WriteTx<'_> {
    /// Stores what an attempt has changed in its tally, and nothing else. `old` is what was read.
    ///
    /// # Errors
    /// It cannot be written: then the code must not count as judged.
    pub fn put_tally(
        &mut self,
        attempt: &Attempt,
        old: &Tally,
        new: &Tally,
    ) -> Result<(), StoreError> {
        if new.pair != old.pair {
            self.put_streak(attempt, &old.pair, &new.pair)?;
        }
        if let (Some(old), Some(new)) = (old.source, new.source)
            && new != old
        {
            self.put_source_level(attempt, &old, &new)?;
        }
        if let (Some(old), Some(new)) = (old.account, new.account)
            && new != old
        {
            self.put_account_level(attempt.account, &new)?;
        }
        Ok(())
    }

    /// Remembers that a code of this account was accepted from a source, if it is one that can be
    /// known. The eight newest are kept, and each is written at most once an hour.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn remember_source(&mut self, uid: u32, source: Source) -> Result<(), StoreError> {
        const PUT: &str = "INSERT INTO known_sources (uid, source, last) VALUES (?1, ?2, ?3) \
            ON CONFLICT (uid, source) DO UPDATE SET last = excluded.last";
        // The new one stays, whatever times a clock that was ahead has given the others.
        const KEEP_NEWEST: &str = "DELETE FROM known_sources WHERE uid = ?1 AND source NOT IN \
            (SELECT source FROM known_sources WHERE uid = ?1 \
            ORDER BY source = ?2 DESC, last DESC LIMIT ?3)";
        if !source.can_be_known() {
            return Ok(());
        }
        // As it is judged: else, after a clock that was ahead, no new source would ever count.
        let (source, now) = (source.to_string(), self.today()?);
        let last = self.one(&KNOWN_SOURCE, params![uid, source], |row| row.time(0))?;
        if last.is_some_and(|last| last <= now && now.since(last) < REMEMBER_SECS) {
            return Ok(());
        }
        self.write(PUT, params![uid, source, secs(now)])?;
        if last.is_none() {
            self.write(
                KEEP_NEWEST,
                params![uid, source, number(Limits::KNOWN_SOURCES)],
            )?;
        }
        Ok(())
    }

    /// Forgives an account all its failures; they are taken off the sources they came from, too.
    /// How many there were.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub fn forgive(&mut self, account: AccountKey) -> Result<u32, StoreError> {
        const FORGIVE_LEVEL: &str = "DELETE FROM account_levels WHERE account = ?1";
        const FORGIVE: [&str; 3] = [
            "UPDATE source_levels SET parts = max(0, parts - 86400 * (SELECT sum(failures) \
                FROM streaks WHERE account = ?1 AND streaks.source = source_levels.source \
                AND streaks.kind = source_levels.kind)) \
                WHERE (source, kind) IN (SELECT source, kind FROM streaks WHERE account = ?1)",
            "DELETE FROM source_levels WHERE parts = 0 \
                AND (source, kind) IN (SELECT source, kind FROM streaks WHERE account = ?1)",
            "DELETE FROM streaks WHERE account = ?1",
        ];
        let (key, of_level) = (account.to_i64(), account.of_level().to_i64());
        let (in_a_row, parts): (i64, i64) = self.only(&FORGIVABLE, [key, of_level], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        for sql in FORGIVE {
            self.write(sql, [key])?;
        }
        self.write(FORGIVE_LEVEL, [of_level])?;
        let level = parts / 86_400;
        Ok(u32::try_from(in_a_row.max(level)).unwrap_or(u32::MAX))
    }

    /// Has rows removed where enough were added since the last time.
    pub(crate) fn trim_throttle_if_due(&mut self) -> Result<(), StoreError> {
        if self.effects().throttle_inserts.get() < INSERTS_BETWEEN_TRIMS {
            return Ok(());
        }
        self.trim_throttle()
    }

    /// Removes streaks and source levels beyond their bounds: those with the fewest failures, of these
    /// the oldest. By age alone a flood of single failures would end every wait.
    pub(crate) fn trim_throttle(&mut self) -> Result<(), StoreError> {
        const STREAKS: &str = "DELETE FROM streaks WHERE (account, source, kind) IN \
            (SELECT account, source, kind FROM streaks ORDER BY failures, last \
            LIMIT max(0, (SELECT count(*) FROM streaks) - ?1))";
        const SOURCE_LEVELS: &str = "DELETE FROM source_levels WHERE (source, kind) IN \
            (SELECT source, kind FROM source_levels ORDER BY parts, last \
            LIMIT max(0, (SELECT count(*) FROM source_levels) - ?1))";
        self.write(STREAKS, [MOST_STREAKS])?;
        self.write(SOURCE_LEVELS, [MOST_SOURCE_LEVELS])?;
        self.effects().throttle_inserts.set(0);
        Ok(())
    }

    fn put_streak(&self, attempt: &Attempt, old: &Streak, new: &Streak) -> Result<(), StoreError> {
        const PUT: &str = "INSERT INTO streaks (account, source, kind, failures, last) \
            VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account, source, kind) \
            DO UPDATE SET failures = excluded.failures, last = excluded.last";
        const DELETE: &str = "DELETE FROM streaks WHERE account = ?1 AND source = ?2 AND kind = ?3";
        let (account, source) = (attempt.account.to_i64(), attempt.source.to_string());
        let kind = kind(attempt.budget);
        if new.failures == 0 {
            return self.write(DELETE, params![account, source, kind]).map(drop);
        }
        self.count_insert(old.failures == 0);
        self.write(
            PUT,
            params![account, source, kind, new.failures, secs(new.last)],
        )
        .map(drop)
    }

    fn put_source_level(
        &self,
        attempt: &Attempt,
        old: &Level,
        new: &Level,
    ) -> Result<(), StoreError> {
        const PUT: &str = "INSERT INTO source_levels (source, kind, parts, last) \
            VALUES (?1, ?2, ?3, ?4) ON CONFLICT (source, kind) \
            DO UPDATE SET parts = excluded.parts, last = excluded.last";
        const DELETE: &str = "DELETE FROM source_levels WHERE source = ?1 AND kind = ?2";
        let (source, kind) = (attempt.source.to_string(), kind(attempt.budget));
        if new.parts == 0 {
            return self.write(DELETE, params![source, kind]).map(drop);
        }
        self.count_insert(old.parts == 0);
        self.write(
            PUT,
            params![source, kind, number(new.parts), secs(new.last)],
        )
        .map(drop)
    }

    fn put_account_level(&self, account: AccountKey, new: &Level) -> Result<(), StoreError> {
        const PUT: &str = "INSERT INTO account_levels (account, parts, last) VALUES (?1, ?2, ?3) \
            ON CONFLICT (account) DO UPDATE SET parts = excluded.parts, last = excluded.last";
        const DELETE: &str = "DELETE FROM account_levels WHERE account = ?1";
        let account = account.of_level().to_i64();
        if new.parts == 0 {
            return self.write(DELETE, [account]).map(drop);
        }
        self.write(PUT, params![account, number(new.parts), secs(new.last)])
            .map(drop)
    }

    pub(crate) fn count_insert(&self, is_new: bool) {
        let inserts = &self.effects().throttle_inserts;
        inserts.set(inserts.get().saturating_add(u32::from(is_new)));
    }
}

/// How a budget is stored.
pub(crate) const fn kind(budget: Budget) -> u8 {
    match budget {
        Budget::Codes => 0,
        Budget::Recovery => 1,
    }
}

/// A streak from two columns, which are both NULL where there is none.
fn streak(row: &Fields<'_>, at: usize) -> Result<Streak, StoreError> {
    match (row.get(at)?, row.maybe_time(at + 1)?) {
        (None, None) => Ok(Streak::default()),
        (Some(failures), Some(last)) => Ok(Streak { failures, last }),
        _ => Err(row.damaged()),
    }
}

/// A level from two columns, which are both NULL where there is none.
pub(crate) fn level(row: &Fields<'_>, at: usize) -> Result<Level, StoreError> {
    match (row.get::<Option<i64>>(at)?, row.maybe_time(at + 1)?) {
        (None, None) => Ok(Level::default()),
        (Some(parts), Some(last)) => Ok(Level {
            parts: row.valid(u64::try_from(parts).ok())?,
            last,
        }),
        _ => Err(row.damaged()),
    }
}

pub(crate) fn stored_streak(row: &Fields<'_>) -> Result<StoredStreak, StoreError> {
    let source: String = row.get(1)?;
    let budget = match row.get(2)? {
        0 => Budget::Codes,
        1 => Budget::Recovery,
        _ => return Err(row.damaged()),
    };
    Ok(StoredStreak {
        attempt: Attempt {
            account: row.valid(AccountKey::from_i64(row.get(0)?))?,
            source: row.valid(Source::from_stored(&source))?,
            budget,
        },
        streak: streak(row, 3)?,
    })
}
