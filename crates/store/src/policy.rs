//! The one row of policy. Like the settings it is not sealed.

use rusqlite::params;
use twofactor::{Limits, Policy, SecurityKeys, Unenrolled};

use crate::rows::{Fields, Query};
use crate::{ReadTx, StoreError, WriteTx};

pub(crate) const POLICY: Query = Query {
    record: "policy",
    sql: "SELECT unenrolled, grace_days, bypass_minutes_max, bypass_uses_max, free_failures, \
        first_wait_secs, source_failures, account_failures, account_forgets_per_day, known_days, \
        security_keys FROM policy WHERE id = 1",
};

impl ReadTx<'_> {
    /// The policy that counts now: the one that is stored, under the trial that is on.
    ///
    /// # Errors
    /// It cannot be read, or holds what it never should: then nothing is permitted by it.
    pub fn policy(&self) -> Result<Policy, StoreError> {
        let stored = self.stored_policy()?;
        Ok(self.tried()?.map_or(stored, |tried| tried.policy(stored)))
    }

    /// The policy that counts once no trial is on.
    ///
    /// # Errors
    /// It cannot be read, or holds what it never should.
    pub fn stored_policy(&self) -> Result<Policy, StoreError> {
        self.only(&POLICY, [], policy)
    }
}

impl WriteTx<'_> {
    /// Replaces the stored policy.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_policy(&mut self, policy: &Policy) -> Result<(), StoreError> {
        const SQL: &str = "INSERT OR REPLACE INTO policy (id, unenrolled, grace_days, \
            bypass_minutes_max, bypass_uses_max, free_failures, first_wait_secs, source_failures, \
            account_failures, account_forgets_per_day, known_days, security_keys) \
            VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let limits = &policy.limits;
        self.write(
            SQL,
            params![
                unenrolled_word(policy.unenrolled),
                policy.grace_days,
                policy.bypass_minutes_max,
                policy.bypass_uses_max,
                limits.free_failures,
                limits.first_wait_secs,
                limits.source_failures,
                limits.account_failures,
                limits.account_forgets_per_day,
                limits.known_days,
                security_keys_word(policy.security_keys),
            ],
        )
        .map(drop)
    }
}

fn policy(row: &Fields<'_>) -> Result<Policy, StoreError> {
    let (unenrolled, security_keys): (String, String) = (row.get(0)?, row.get(10)?);
    let policy = Policy {
        unenrolled: row.valid(unenrolled_of(&unenrolled))?,
        security_keys: row.valid(security_keys_of(&security_keys))?,
        grace_days: row.get(1)?,
        bypass_minutes_max: row.get(2)?,
        bypass_uses_max: row.get(3)?,
        limits: Limits {
            free_failures: row.get(4)?,
            first_wait_secs: row.get(5)?,
            source_failures: row.get(6)?,
            account_failures: row.get(7)?,
            account_forgets_per_day: row.get(8)?,
            known_days: row.get(9)?,
        },
    };
    row.valid(policy.validated().ok())
}

pub(crate) const fn unenrolled_word(unenrolled: Unenrolled) -> &'static str {
    match unenrolled {
        Unenrolled::Deny => "DENY",
        Unenrolled::Allow => "ALLOW",
    }
}

pub(crate) fn unenrolled_of(word: &str) -> Option<Unenrolled> {
    let all = [Unenrolled::Deny, Unenrolled::Allow];
    all.into_iter().find(|one| unenrolled_word(*one) == word)
}

pub(crate) const fn security_keys_word(security_keys: SecurityKeys) -> &'static str {
    match security_keys {
        SecurityKeys::Ask => "ASK",
        SecurityKeys::BothFactors => "BOTH_FACTORS",
    }
}

pub(crate) fn security_keys_of(word: &str) -> Option<SecurityKeys> {
    let all = [SecurityKeys::Ask, SecurityKeys::BothFactors];
    all.into_iter().find(|one| security_keys_word(*one) == word)
}
