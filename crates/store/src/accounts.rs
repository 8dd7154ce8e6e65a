//! Unix accounts that something is stored about, each once, by uid and by name.

use rusqlite::params;
use twofactor::{Account, AccountName, Identity, UnixTime};

use crate::rows::{Fields, Query, secs};
use crate::{ReadTx, StoreError, WriteTx};

/// What is known of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its uid and canonical name.
    pub account: Account,
    /// Until when it needs no device, if it was given grace.
    pub grace_until: Option<UnixTime>,
    /// Wrong codes after a proven password or key, since the last login.
    pub failures_since_login: u32,
    /// When it last logged in with a code, or what stands for one.
    pub last_login: Option<UnixTime>,
}

const RECORD: &str = "account";

pub(crate) const BY_UID: Query = Query {
    record: RECORD,
    sql: "SELECT uid, name, grace_until, failures_since_login, last_login FROM accounts \
        WHERE uid = ?1",
};

pub(crate) const BY_NAME: Query = Query {
    record: RECORD,
    sql: "SELECT uid, name, grace_until, failures_since_login, last_login FROM accounts \
        WHERE name = ?1",
};

const PAGE: Query = Query {
    record: RECORD,
    sql: "SELECT uid, name, grace_until, failures_since_login, last_login FROM accounts \
        WHERE uid > ?1 ORDER BY uid LIMIT ?2",
};

const IN_GRACE: Query = Query {
    record: RECORD,
    sql: "SELECT uid, name, grace_until, failures_since_login, last_login FROM accounts \
        WHERE grace_until > ?1 ORDER BY grace_until LIMIT ?2",
};

pub(crate) const IDENTITY: Query = Query {
    record: RECORD,
    sql: "SELECT uid, name FROM accounts WHERE uid = ?1 OR name = ?2",
};

impl ReadTx<'_> {
    /// The account with this uid.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn account(&self, uid: u32) -> Result<Option<AccountRecord>, StoreError> {
        self.one(&BY_UID, [uid], record)
    }

    /// The account with this name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn account_named(&self, name: &AccountName) -> Result<Option<AccountRecord>, StoreError> {
        self.one(&BY_NAME, [name.as_str()], record)
    }

    /// Accounts in the order of their uids, from the one after `after_uid`, at most `limit`.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn accounts(
        &self,
        after_uid: Option<u32>,
        limit: u32,
    ) -> Result<Vec<AccountRecord>, StoreError> {
        let after = after_uid.map_or(-1, i64::from);
        self.all(&PAGE, params![after, limit], record)
    }

    /// Accounts whose grace is not over, from the one whose grace ends first, at most `limit`.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn accounts_in_grace(
        &self,
        today: UnixTime,
        limit: u32,
    ) -> Result<Vec<AccountRecord>, StoreError> {
        self.all(&IN_GRACE, params![secs(today), limit], record)
    }

    /// Whether an account is the one that is stored.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn identity(&self, account: &Account) -> Result<Identity, StoreError> {
        let stored = self.all(&IDENTITY, params![account.uid, account.name.as_str()], key)?;
        Ok(match stored.as_slice() {
            [] => Identity::Unknown,
            [stored] if stored == account => Identity::Known,
            _ => Identity::Mismatch,
        })
    }
}

impl WriteTx<'_> {
    /// Stores an account that is not stored yet.
    ///
    /// # Errors
    /// Its uid or its name belongs to another stored account, or it cannot be written.
    pub fn ensure_account(&mut self, account: &Account) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO accounts (uid, name, created) VALUES (?1, ?2, ?3)";
        match self.identity(account)? {
            Identity::Known => Ok(()),
            Identity::Unknown => self
                .write(
                    SQL,
                    params![account.uid, account.name.as_str(), secs(self.now())],
                )
                .map(drop),
            Identity::Mismatch => Err(StoreError::OtherAccount),
        }
    }

    /// Gives grace until a date, or ends it. Whether there is such an account.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set_grace(&mut self, uid: u32, until: Option<UnixTime>) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE accounts SET grace_until = ?2 WHERE uid = ?1";
        Ok(self.write(SQL, params![uid, until.map(secs)])? > 0)
    }

    /// Counts a wrong code that came after a proven password or key. How many there were since the
    /// last login, with this one; none of an account that is not stored.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn note_failure_after_password(&mut self, uid: u32) -> Result<u32, StoreError> {
        const COUNT: Query = Query {
            record: RECORD,
            sql: "UPDATE accounts \
                SET failures_since_login = min(failures_since_login + 1, 4294967295) \
                WHERE uid = ?1 RETURNING failures_since_login",
        };
        let counted = self.returning(&COUNT, [uid], |row| row.get(0))?;
        Ok(counted.unwrap_or_default())
    }

    /// Notes a login, and begins to count anew. How many failures there were since the last one.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn note_login(&mut self, uid: u32) -> Result<u32, StoreError> {
        const SQL: &str =
            "UPDATE accounts SET failures_since_login = 0, last_login = ?2 WHERE uid = ?1";
        let Some(found) = self.account(uid)? else {
            return Ok(0);
        };
        self.write(SQL, params![uid, secs(self.now())])?;
        Ok(found.failures_since_login)
    }

    /// Forgets an account and all that belongs to it. Whether there was anything.
    ///
    /// # Errors
    /// It cannot be written: then all of it is still there.
    pub fn forget_account(&mut self, uid: u32) -> Result<bool, StoreError> {
        const OWNED: [&str; 11] = [
            "DELETE FROM recovery_codes \
                WHERE set_id IN (SELECT id FROM recovery_sets WHERE uid = ?1)",
            "DELETE FROM recovery_sets WHERE uid = ?1",
            "DELETE FROM devices WHERE uid = ?1",
            "DELETE FROM streaks WHERE account = ?1",
            "DELETE FROM account_levels WHERE account = ?1",
            "DELETE FROM known_sources WHERE uid = ?1",
            "DELETE FROM invites WHERE uid = ?1",
            "DELETE FROM exemptions WHERE uid = ?1",
            "DELETE FROM bypasses WHERE uid = ?1",
            "DELETE FROM notices WHERE uid = ?1",
            "DELETE FROM accounts WHERE uid = ?1",
        ];
        let mut forgotten = 0;
        for sql in OWNED {
            forgotten += self.write(sql, [uid])?;
        }
        Ok(forgotten > 0)
    }
}

fn record(row: &Fields<'_>) -> Result<AccountRecord, StoreError> {
    Ok(AccountRecord {
        account: key(row)?,
        grace_until: row.maybe_time(2)?,
        failures_since_login: row.get(3)?,
        last_login: row.maybe_time(4)?,
    })
}

fn key(row: &Fields<'_>) -> Result<Account, StoreError> {
    let name: String = row.get(1)?;
    Ok(Account {
        uid: row.get(0)?,
        name: row.valid(AccountName::new(&name))?,
    })
}
