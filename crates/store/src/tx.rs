//! What a read and a write may do. The types differ, so that a read cannot write.

use std::cell::Cell;
use std::ops::Deref;

use breakglass::Override;
use rusqlite::{Connection, Params};
use twofactor::{Boot, Clocks, UnixTime};

use crate::StoreError;
use crate::rows::{Fields, Query};
use crate::seal::Sealer;

/// One snapshot of the state.
pub struct ReadTx<'a> {
    conn: &'a Connection,
    sealer: &'a Sealer,
    moment: Moment<'a>,
}

/// What is not in the database and decides with it.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) boot: Boot,
    /// The override that was found, taken in or not.
    pub(crate) found: Option<&'a Override>,
}

impl<'a> ReadTx<'a> {
    pub(crate) const fn new(conn: &'a Connection, sealer: &'a Sealer, moment: Moment<'a>) -> Self {
        Self {
            conn,
            sealer,
            moment,
        }
    }

    /// Which boot it is, and how long ago that was: what a trial ends by.
    pub(crate) const fn boot(&self) -> Boot {
        self.moment.boot
    }

    /// The override that was found, taken in or not.
    pub(crate) const fn found(&self) -> Option<&'a Override> {
        self.moment.found
    }

    /// Why secrets cannot be read or made, if so.
    #[must_use]
    pub fn degraded(&self) -> Option<&str> {
        self.sealer.missing()
    }

    pub(crate) const fn sealer(&self) -> &'a Sealer {
        self.sealer
    }

    /// The first row, if there is one.
    pub(crate) fn one<T>(
        &self,
        query: &Query,
        params: impl Params,
        read: impl FnOnce(&Fields<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.conn.prepare_cached(query.sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?
            .map(|row| read(&Fields::new(row, query.record)))
            .transpose()
    }

    /// Every row.
    pub(crate) fn all<T>(
        &self,
        query: &Query,
        params: impl Params,
        read: impl Fn(&Fields<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.conn.prepare_cached(query.sql)?;
        let mut rows = statement.query(params)?;
        let mut values = Vec::new();
        while let Some(row) = rows.next()? {
            values.push(read(&Fields::new(row, query.record))?);
        }
        Ok(values)
    }

    /// The row that is always there.
    pub(crate) fn only<T>(
        &self,
        query: &Query,
        params: impl Params,
        read: impl FnOnce(&Fields<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let record = query.record;
        self.one(query, params, read)?
            .ok_or(StoreError::Damaged { record })
    }
}

/// What the calls of a batch do to more than themselves, also those that are undone.
#[derive(Default)]
pub(crate) struct Effects {
    /// A write met a full disk, whatever the call made of that error.
    pub(crate) disk_full: Cell<bool>,
    /// Rows that were added to the bounded tables of the throttle.
    pub(crate) throttle_inserts: Cell<u32>,
    /// The latest time of any batch of this process: later than the stored one by up to a minute.
    pub(crate) seen: Cell<UnixTime>,
}

/// One call's part of a write transaction: durable when the batch is committed, gone when the call
/// fails.
pub struct WriteTx<'a> {
    read: ReadTx<'a>,
    clocks: Clocks,
    effects: &'a Effects,
}

impl<'a> WriteTx<'a> {
    pub(crate) const fn new(read: ReadTx<'a>, clocks: Clocks, effects: &'a Effects) -> Self {
        Self {
            read,
            clocks,
            effects,
        }
    }

    /// What the clocks said when this batch began: all its calls see the same.
    #[must_use]
    pub const fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    /// The wall-clock time of this batch.
    #[must_use]
    pub const fn now(&self) -> UnixTime {
        self.clocks.wall
    }

    pub(crate) const fn effects(&self) -> &'a Effects {
        self.effects
    }

    /// Runs a statement. How many rows it changed.
    pub(crate) fn write(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let written = self
            .read
            .conn
            .prepare_cached(sql)
            .and_then(|mut write| write.execute(params));
        self.noting_full_disk(written.map_err(StoreError::from))
    }

    /// Runs a statement that adds a row with an id of its own. The id.
    pub(crate) fn insert(&self, sql: &str, params: impl Params) -> Result<i64, StoreError> {
        self.write(sql, params)?;
        Ok(self.read.conn.last_insert_rowid())
    }

    /// Runs a statement with `RETURNING`. Its first row, if it changed any.
    pub(crate) fn returning<T>(
        &self,
        query: &Query,
        params: impl Params,
        read: impl FnOnce(&Fields<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.noting_full_disk(self.read.one(query, params, read))
    }

    /// Runs `rehearsal`, and undoes all that it wrote: what it answers is what it would come to.
    ///
    /// # Errors
    /// Those of `rehearsal`; or it cannot be begun or undone, and then the call has to fail.
    pub fn rehearse<T, E: From<StoreError>>(
        &mut self,
        rehearsal: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write("SAVEPOINT rehearsal", []).map_err(E::from)?;
        let answer = rehearsal(self);
        self.write("ROLLBACK TO rehearsal", []).map_err(E::from)?;
        self.write("RELEASE rehearsal", []).map_err(E::from)?;
        answer
    }

    fn noting_full_disk<T>(&self, written: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(written, Err(StoreError::DiskFull)) {
            self.effects.disk_full.set(true);
        }
        written
    }
}

impl<'a> Deref for WriteTx<'a> {
    type Target = ReadTx<'a>;

    fn deref(&self) -> &ReadTx<'a> {
        &self.read
    }
}
