//! How rows become values. Whatever does not hold what it should is an error that names the record,
//! never a default: of all that is stored, much permits something.

use rusqlite::Row;
use rusqlite::types::FromSql;
use twofactor::UnixTime;

use crate::StoreError;

/// A statement that returns rows, and what a row of it is called when it is damaged.
#[derive(Clone, Copy)]
pub(crate) struct Query {
    pub(crate) record: &'static str,
    pub(crate) sql: &'static str,
}

/// The columns of one row.
pub(crate) struct Fields<'r> {
    row: &'r Row<'r>,
    record: &'static str,
}

impl<'r> Fields<'r> {
    pub(crate) const fn new(row: &'r Row<'r>, record: &'static str) -> Self {
        Self { row, record }
    }

    /// A column as it is. A number that does not fit into `T` is damage.
    pub(crate) fn get<T: FromSql>(&self, at: usize) -> Result<T, StoreError> {
        self.row.get(at).map_err(|_| self.damaged())
    }

    pub(crate) fn time(&self, at: usize) -> Result<UnixTime, StoreError> {
        time(self.get(at)?).ok_or_else(|| self.damaged())
    }

    pub(crate) fn maybe_time(&self, at: usize) -> Result<Option<UnixTime>, StoreError> {
        let secs: Option<i64> = self.get(at)?;
        secs.map(|secs| time(secs).ok_or_else(|| self.damaged()))
            .transpose()
    }

    pub(crate) fn flag(&self, at: usize) -> Result<bool, StoreError> {
        match self.get(at)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.damaged()),
        }
    }

    /// What a column means, if it means anything.
    pub(crate) fn valid<T>(&self, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.damaged())
    }

    pub(crate) const fn damaged(&self) -> StoreError {
        StoreError::Damaged {
            record: self.record,
        }
    }
}

fn time(secs: i64) -> Option<UnixTime> {
    u64::try_from(secs).ok().map(UnixTime::from_secs)
}

/// A time as it is stored. SQLite's integers are signed; the end of time is as late as they go.
pub(crate) fn secs(time: UnixTime) -> i64 {
    number(time.as_secs())
}

/// An unsigned number as it is stored, or the largest that can be.
pub(crate) fn number(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
