//! The one writer: what is waiting runs in one transaction, a savepoint each, committed once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use breakglass::Override;
use rusqlite::{Connection, Savepoint, TransactionBehavior};
use twofactor::{Clocks, UnixTime};

use crate::backup::Copy;
use crate::directory::StateDir;
use crate::seal::Sealer;
use crate::tx::{Effects, Moment};
use crate::{ReadTx, StateError, StoreError, WriteTx, backup};

/// What came of one call of a committed batch.
#[derive(Debug)]
pub enum Ran<T> {
    /// It returned, and what it wrote is durable if that was `Ok`.
    Returned(T),
    /// It panicked, and what it wrote was rolled back.
    Panicked,
}

/// Whether a batch may use the space that is kept for recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    /// A call in it may be somebody's way back in.
    MayUse,
    /// Everything else.
    Keep,
}

/// The connection that writes.
pub struct Writer {
    conn: Connection,
    sealer: Arc<Sealer>,
    dir: Arc<StateDir>,
    effects: Effects,
    found: Option<Override>,
}

impl Writer {
    pub(crate) fn new(conn: Connection, sealer: Arc<Sealer>, dir: Arc<StateDir>) -> Self {
        Self {
            conn,
            sealer,
            dir,
            effects: Effects::default(),
            found: None,
        }
    }

    /// From now on every batch is under this override, which the caller has found, or under none.
    pub fn obey(&mut self, found: Option<Override>) {
        self.found = found;
    }

    /// Runs `run` for every call, all at the time of `clocks`, in one transaction, and commits once
    /// (`BEGIN IMMEDIATE`; each call in a savepoint of its own). A call that returns `Err` or panics
    /// is rolled back alone. Where the disk is full and `reserve` allows it, the reserve is given
    /// up and everything runs once more, so `run` must not have other effects.
    ///
    /// # Errors
    /// The batch could not be committed: then none of its calls wrote anything.
    pub fn batch<C, T, E>(
        &mut self,
        clocks: &Clocks,
        reserve: Reserve,
        calls: &[C],
        run: impl Fn(&C, &mut WriteTx<'_>) -> Result<T, E>,
    ) -> Result<Vec<Ran<Result<T, E>>>, StoreError> {
        let first = self.try_batch(clocks, calls, &run);
        let full = matches!(first, Err(StoreError::DiskFull));
        if full && reserve == Reserve::MayUse && self.dir.ballast().release() {
            tracing::warn!("the disk is full: used the reserve that is kept for recovery");
            return self.try_batch(clocks, calls, &run);
        }
        first
    }

    /// Makes today's copy of the state where it is due, and takes up the recovery reserve again where
    /// it was used. Whether a copy was made.
    ///
    /// # Errors
    /// No copy could be made; the state itself is not affected.
    pub fn keep_house(&self, now: UnixTime, due: Copy) -> Result<bool, StateError> {
        // The reserve first: a copy must not take the space that an unlock needs.
        if !self.dir.ballast().ensure() {
            return Ok(false);
        }
        backup::today(&self.conn, &self.dir, now, due)
    }

    fn try_batch<C, T, E>(
        &mut self,
        clocks: &Clocks,
        calls: &[C],
        run: impl Fn(&C, &mut WriteTx<'_>) -> Result<T, E>,
    ) -> Result<Vec<Ran<Result<T, E>>>, StoreError> {
        let (sealer, effects) = (&self.sealer, &self.effects);
        effects.disk_full.set(false);
        let moment = Moment {
            boot: clocks.boot,
            found: self.found.as_ref(),
        };
        let mut batch = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            let savepoint = batch.savepoint()?;
            let mut tx = WriteTx::new(ReadTx::new(&savepoint, sealer, moment), *clocks, effects);
            // The savepoint undoes whatever a panic left half done.
            let ran = catch_unwind(AssertUnwindSafe(|| run(call, &mut tx)));
            answers.push(match ran {
                Ok(Ok(value)) => {
                    savepoint.commit()?;
                    Ran::Returned(Ok(value))
                }
                Ok(Err(error)) => {
                    undo(savepoint)?;
                    Ran::Returned(Err(error))
                }
                Err(_) => {
                    undo(savepoint)?;
                    Ran::Panicked
                }
            });
        }
        let mut tx = WriteTx::new(ReadTx::new(&batch, sealer, moment), *clocks, effects);
        tx.note_time()?;
        tx.trim_throttle_if_due()?;
        if effects.disk_full.get() {
            // Dropping the batch undoes it; some calls of a batch must not be durable when the
            // whole of it may run again.
            return Err(StoreError::DiskFull);
        }
        // A commit without a transaction is an error in SQLite, so a batch that it has rolled back
        // by itself is never taken for a durable one.
        let Err(error) = batch.commit() else {
            return Ok(answers);
        };
        Err(self.not_committed(error))
    }

    /// What became of a batch whose commit failed. Where only the sync failed, all of it is in the log, and
    /// a start after a crash would take it for durable. So something is written over it.
    fn not_committed(&self, error: rusqlite::Error) -> StoreError {
        const SQL: &str = "INSERT INTO meta (name, value) VALUES ('failed_commits', 1) \
            ON CONFLICT (name) DO UPDATE SET value = value + 1";
        match error.into() {
            StoreError::Sqlite(error) if self.conn.execute(SQL, []).is_err() => {
                StoreError::Unsure(error)
            }
            error => error,
        }
    }
}

/// Undoes one call. Fails where SQLite has rolled back the whole transaction by itself, as it may on
/// a full or failing disk; then the calls before it are lost too.
fn undo(mut savepoint: Savepoint<'_>) -> rusqlite::Result<()> {
    savepoint.rollback()?;
    savepoint.commit()
}
