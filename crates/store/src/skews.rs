//! What is known of the clocks of devices. It is kept with the device, goes with its secret, and ends with
//! the next code that is right.

use rusqlite::params;
use twofactor::{Skew, UnixTime};

use crate::rows::{Fields, Query, number, secs};
use crate::{ReadTx, StoreError, WriteTx};

/// A device whose clock differs from this machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkewedDevice {
    /// Which.
    pub id: i64,
    /// Whose it is.
    pub uid: u32,
    /// What its owner calls it.
    pub name: String,
    /// By how much.
    pub skew: Skew,
}

const RECORD: &str = "device";

pub(crate) const OF_DEVICE: Query = Query {
    record: RECORD,
    sql: "SELECT skew_counter, skew_secs, skew_at, skew_agreed FROM devices \
        WHERE id = ?1 AND skew_counter IS NOT NULL",
};

const AGREED: Query = Query {
    record: RECORD,
    sql: "SELECT skew_counter, skew_secs, skew_at, skew_agreed, id, uid, name FROM devices \
        WHERE skew_agreed = 1 ORDER BY id LIMIT ?1",
};

/// Floors that no code of now passes: a clock was ahead, or is behind.
const AHEAD: Query = Query {
    record: RECORD,
    sql: "SELECT count(*), max(floor) FROM devices \
        WHERE pending_until IS NULL AND floor > ?1 + (?2 + 1) * step_secs",
};

impl ReadTx<'_> {
    /// What is known of the clock of a device, believed or not.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn skew(&self, id: i64) -> Result<Option<Skew>, StoreError> {
        self.one(&OF_DEVICE, [id], skew)
    }

    /// The devices whose clock differs, as far as that is believed; the oldest, at most `limit`.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn skewed_devices(&self, limit: u32) -> Result<Vec<SkewedDevice>, StoreError> {
        self.all(&AGREED, [limit], |row| {
            Ok(SkewedDevice {
                id: row.get(4)?,
                uid: row.get(5)?,
                name: row.get(6)?,
                skew: skew(row)?,
            })
        })
    }

    /// How many active devices have codes used that are still to come, and the latest of those times.
    /// `now` is the time, `window_steps` what is accepted on each side.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn floors_ahead(
        &self,
        now: UnixTime,
        window_steps: u8,
    ) -> Result<Option<(u32, UnixTime)>, StoreError> {
        self.only(&AHEAD, params![secs(now), window_steps], |row| {
            Ok(row
                .maybe_time(1)?
                .zip(row.get(0)?)
                .map(|(until, count)| (count, until)))
        })
    }
}

impl WriteTx<'_> {
    /// Remembers what was found of the clock of a device, unless its secret is another one than that
    /// issued at `created`. Whether it was remembered.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_skew(
        &mut self,
        id: i64,
        created: UnixTime,
        skew: &Skew,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE devices SET skew_counter = ?3, skew_secs = ?4, skew_at = ?5, \
            skew_agreed = ?6 WHERE id = ?1 AND created = ?2 AND pending_until IS NULL";
        let values = params![
            id,
            secs(created),
            number(skew.counter),
            skew.secs,
            secs(skew.at),
            skew.is_agreed
        ];
        Ok(self.write(SQL, values)? > 0)
    }
}

fn skew(row: &Fields<'_>) -> Result<Skew, StoreError> {
    let counter: i64 = row.get(0)?;
    Ok(Skew {
        counter: row.valid(u64::try_from(counter).ok())?,
        secs: row.get(1)?,
        at: row.time(2)?,
        is_agreed: row.flag(3)?,
    })
}
