//! What a read and a write may do. The types differ, so that a read cannot write.

use std::cell::Cell;
use std::ops::Deref;

use rusqlite::{Connection, Params};
use twofactor::UnixTime;

use crate::StoreError;
use crate::seal::Sealer;

/// One snapshot of the state.
pub struct ReadTx<'a> {
    conn: &'a Connection,
    sealer: &'a Sealer,
}

impl<'a> ReadTx<'a> {
    pub(crate) const fn new(conn: &'a Connection, sealer: &'a Sealer) -> Self {
        Self { conn, sealer }
    }

    /// Why secrets cannot be read or made, if so.
    #[must_use]
    pub fn degraded(&self) -> Option<&str> {
        self.sealer.missing()
    }

    pub(crate) const fn conn(&self) -> &'a Connection {
        self.conn
    }

    pub(crate) const fn sealer(&self) -> &'a Sealer {
        self.sealer
    }
}

/// One call's part of a write transaction: durable when the batch is committed, gone when the call
/// fails.
pub struct WriteTx<'a> {
    read: ReadTx<'a>,
    now: UnixTime,
    /// Whether a write met a full disk, whatever the call made of that error.
    disk_full: &'a Cell<bool>,
}

impl<'a> WriteTx<'a> {
    pub(crate) const fn new(read: ReadTx<'a>, now: UnixTime, disk_full: &'a Cell<bool>) -> Self {
        Self {
            read,
            now,
            disk_full,
        }
    }

    /// The time of this batch: all its calls see the same.
    #[must_use]
    pub const fn now(&self) -> UnixTime {
        self.now
    }

    pub(crate) fn write(&self, sql: &str, params: impl Params) -> Result<(), StoreError> {
        let written = self
            .conn()
            .prepare_cached(sql)
            .and_then(|mut write| write.execute(params));
        written
            .map(drop)
            .map_err(StoreError::from)
            .inspect_err(|error| {
                if matches!(error, StoreError::DiskFull) {
                    self.disk_full.set(true);
                }
            })
    }
}

impl<'a> Deref for WriteTx<'a> {
    type Target = ReadTx<'a>;

    fn deref(&self) -> &ReadTx<'a> {
        &self.read
    }
}
