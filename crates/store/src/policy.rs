//! The one row of policy. Like the settings it is not sealed.

use rusqlite::params;
use twofactor::{Limits, Policy, Unenrolled};

use crate::rows::{Fields, Query};
use crate::{ReadTx, StoreError, WriteTx};

pub(crate) const POLICY: Query = Query {
    record: "policy",
    sql: "SELECT unenrolled, grace_days, bypass_minutes_max, bypass_uses_max, free_failures, \
        first_wait_secs, source_failures, account_failures, account_forgets_per_day, known_days \
        FROM policy WHERE id = 1",
};

impl ReadTx<'_> {
    /// The policy.
    ///
    /// # Errors
    /// It cannot be read, or holds what it never should: then nothing is permitted by it.
    pub fn policy(&self) -> Result<Policy, StoreError> {
        self.only(&POLICY, [], policy)
    }
}

impl WriteTx<'_> {
    /// Replaces the policy.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_policy(&mut self, policy: &Policy) -> Result<(), StoreError> {
        const SQL: &str = "INSERT OR REPLACE INTO policy (id, unenrolled, grace_days, \
            bypass_minutes_max, bypass_uses_max, free_failures, first_wait_secs, source_failures, \
            account_failures, account_forgets_per_day, known_days) \
            VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let unenrolled = match policy.unenrolled {
            Unenrolled::Deny => "DENY",
            Unenrolled::Allow => "ALLOW",
        };
        let limits = &policy.limits;
        self.write(
            SQL,
            params![
                unenrolled,
                policy.grace_days,
                policy.bypass_minutes_max,
                policy.bypass_uses_max,
                limits.free_failures,
                limits.first_wait_secs,
                limits.source_failures,
                limits.account_failures,
                limits.account_forgets_per_day,
                limits.known_days,
            ],
        )
        .map(drop)
    }
}

fn policy(row: &Fields<'_>) -> Result<Policy, StoreError> {
    let unenrolled: String = row.get(0)?;
    let policy = Policy {
        unenrolled: match unenrolled.as_str() {
            "DENY" => Unenrolled::Deny,
            "ALLOW" => Unenrolled::Allow,
            _ => return Err(row.damaged()),
        },
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
