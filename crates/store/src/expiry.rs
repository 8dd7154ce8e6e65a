//! Housekeeping: what is over is removed, and the bounded tables are kept within their bounds.
//! Nothing depends on it: whoever reads what may be over judges it by its date.

use rusqlite::params;
use twofactor::Limits;

use crate::rows::{number, secs};
use crate::{StoreError, WriteTx};

/// How many old streaks and levels go at once, so that the write-ahead log stays small.
const MOST_AT_ONCE: u32 = 1000;

impl WriteTx<'_> {
    /// Removes pending devices, invites, bypasses, exemptions and grace that are over, and what the
    /// throttle has forgotten. How many rows.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn delete_expired(&mut self) -> Result<usize, StoreError> {
        const BYPASSES: &str = "DELETE FROM bypasses WHERE until <= ?1 OR uses_left < 1 \
            OR boot_id <> ?2 OR boot_until <= ?3";
        const DATED: [&str; 4] = [
            "DELETE FROM devices WHERE pending_until <= ?1",
            "DELETE FROM invites WHERE until <= ?1",
            "DELETE FROM exemptions WHERE max(until, ifnull(key_until, 0)) <= ?1",
            "UPDATE accounts SET grace_until = NULL WHERE grace_until <= ?1",
        ];
        let (today, boot) = (secs(self.today()?), self.clocks().boot);
        let mut removed = self.write(BYPASSES, params![today, boot.id.0, number(boot.secs)])?;
        for sql in DATED {
            removed += self.write(sql, [today])?;
        }
        removed += self.delete_forgotten()?;
        self.trim_throttle()?;
        Ok(removed)
    }

    /// Removes streaks that are over and levels that have sunk to nothing.
    fn delete_forgotten(&self) -> Result<usize, StoreError> {
        const STREAKS: &str = "DELETE FROM streaks WHERE (account, source, kind) IN \
            (SELECT account, source, kind FROM streaks WHERE last <= ?1 - 86400 LIMIT ?2)";
        const SOURCES: &str = "DELETE FROM source_levels WHERE (source, kind) IN \
            (SELECT source, kind FROM source_levels WHERE parts <= (?1 - last) * ?3 LIMIT ?2)";
        const ACCOUNTS: &str = "DELETE FROM account_levels WHERE account IN \
            (SELECT account FROM account_levels WHERE parts <= (?1 - last) * ?3 LIMIT ?2)";
        let now = secs(self.now());
        let forgets = self.policy()?.limits.account_forgets_per_day;
        let mut removed = self.write(STREAKS, params![now, MOST_AT_ONCE])?;
        let by_source = params![now, MOST_AT_ONCE, Limits::SOURCE_FORGETS_PER_DAY];
        removed += self.write(SOURCES, by_source)?;
        Ok(removed + self.write(ACCOUNTS, params![now, MOST_AT_ONCE, forgets])?)
    }
}
