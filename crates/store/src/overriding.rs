//! The override that root has left in the break-glass file, and up to which one they were taken in.
//!
//! The daemon may not remove root's file. So it remembers which of them it has made its own: what they
//! permitted is stored, or something newer is, and the file counts no more.

use breakglass::{Grant, Override};

use crate::rows::Query;
use crate::{ReadTx, StoreError, WriteTx};

/// 16 bytes of boot id and 8 of the generation.
pub(crate) const TAKEN: Query = Query {
    record: "override",
    sql: "SELECT value FROM meta WHERE name = 'override'",
};

impl<'a> ReadTx<'a> {
    /// The override that counts now, if one does.
    ///
    /// Where nobody can read whether it was taken in, it counts: it was written because the state is
    /// damaged, perhaps, and root said so in this boot.
    #[must_use]
    pub fn overriding(&self) -> Option<&'a Override> {
        let found = self.found()?;
        let taken = self.one(&TAKEN, [], |row| row.get::<[u8; 24]>(0));
        let is_taken = matches!(taken, Ok(Some(taken)) if self.covers(taken, found));
        (!is_taken).then_some(found)
    }

    /// Whether everybody is let in by one.
    #[must_use]
    pub fn is_off_by_override(&self) -> bool {
        let overriding = self.overriding();
        overriding.is_some_and(|decided| decided.grant == Grant::Off)
    }

    /// Whether there is a file that counts no more: it would, if the daemon did not run.
    #[must_use]
    pub fn has_stale_override(&self) -> bool {
        self.found().is_some() && self.overriding().is_none()
    }

    fn covers(&self, taken: [u8; 24], found: &Override) -> bool {
        let Some((boot, generation)) = taken.split_first_chunk::<16>() else {
            return false;
        };
        let generation = generation.try_into().map(u64::from_be_bytes);
        *boot == self.boot().id.0 && generation.is_ok_and(|taken| found.generation <= taken)
    }
}

impl WriteTx<'_> {
    /// From now on the override that there is counts no more: what is stored does. Whether one did.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn take_override(&mut self) -> Result<bool, StoreError> {
        match self.overriding().map(|decided| decided.generation) {
            Some(generation) => self.take_overrides(generation).map(|()| true),
            None => Ok(false),
        }
    }

    /// The same for every override of this boot up to this one: what it will say is stored.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn take_overrides(&mut self, generation: u64) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO meta (name, value) VALUES ('override', ?1) \
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let taken = [&self.boot().id.0[..], &generation.to_be_bytes()].concat();
        self.write(SQL, [taken]).map(drop)
    }
}
