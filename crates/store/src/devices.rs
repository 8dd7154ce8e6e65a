//! Enrolled devices, their secrets sealed.

use rusqlite::{OptionalExtension, Row, params};
use twofactor::{Algorithm, Device, Digits, Secret, TimeStep, UnixTime};

use crate::seal::Place;
use crate::{ReadTx, StoreError, WriteTx};

const DAMAGED: StoreError = StoreError::Damaged { record: "device" };

/// A device and its record.
#[derive(Debug)]
pub struct StoredDevice {
    /// The record's id; never used again for another device.
    pub id: i64,
    /// What verifies codes.
    pub device: Device,
}

/// A device without its secret, as it is stored.
struct Record {
    id: i64,
    sealed: Vec<u8>,
    algorithm: String,
    digits: u8,
    step_secs: u32,
    floor: i64,
}

impl ReadTx<'_> {
    /// The first device of an account. The secret is opened, so the master key is needed.
    ///
    /// # Errors
    /// It cannot be read, or its secret cannot be opened.
    pub fn first_device(&self, uid: u32) -> Result<Option<StoredDevice>, StoreError> {
        const SQL: &str = "SELECT id, secret, algorithm, digits, step_secs, floor \
            FROM devices WHERE uid = ?1 ORDER BY id LIMIT 1";
        let record = self
            .conn()
            .prepare_cached(SQL)?
            .query_row([uid], record)
            .optional()?;
        record.map(|record| self.open(&record)).transpose()
    }

    /// Whether an account has a device; works without the master key.
    ///
    /// # Errors
    /// The devices cannot be read.
    pub fn has_device(&self, uid: u32) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT EXISTS (SELECT 1 FROM devices WHERE uid = ?1)";
        Ok(self
            .conn()
            .prepare_cached(SQL)?
            .query_row([uid], |row| row.get(0))?)
    }

    fn open(&self, record: &Record) -> Result<StoredDevice, StoreError> {
        let secret = self.sealer().open(place(record.id), &record.sealed)?;
        let device = Device {
            secret: Secret::from_bytes(&secret).map_err(|_| DAMAGED)?,
            algorithm: Algorithm::parse(&record.algorithm).ok_or(DAMAGED)?,
            digits: Digits::new(record.digits).ok_or(DAMAGED)?,
            step: TimeStep::from_secs(record.step_secs).ok_or(DAMAGED)?,
            // A negative floor was never written; the latest possible one accepts nothing.
            floor: UnixTime::from_secs(u64::try_from(record.floor).unwrap_or(u64::MAX)),
        };
        Ok(StoredDevice {
            id: record.id,
            device,
        })
    }
}

impl WriteTx<'_> {
    /// Makes `device` the only device of an account, in place of those it had. Its id.
    ///
    /// # Errors
    /// The master key is missing, or it cannot be written.
    pub fn replace_devices(&mut self, uid: u32, device: &Device) -> Result<i64, StoreError> {
        const INSERT: &str = "INSERT INTO devices \
            (uid, secret, algorithm, digits, step_secs, floor, created) \
            VALUES (?1, x'', ?2, ?3, ?4, ?5, ?6)";
        let Device {
            secret,
            algorithm,
            digits,
            step,
            floor,
        } = device;
        self.write("DELETE FROM devices WHERE uid = ?1", params![uid])?;
        let (algorithm, now) = (algorithm.as_str(), secs(self.now()));
        self.write(
            INSERT,
            params![
                uid,
                algorithm,
                digits.get(),
                step.as_secs(),
                secs(*floor),
                now
            ],
        )?;
        // The id is part of the seal, so the row comes first.
        let id = self.conn().last_insert_rowid();
        let sealed = self.sealer().seal(place(id), secret.bytes())?;
        self.write(
            "UPDATE devices SET secret = ?2 WHERE id = ?1",
            params![id, sealed],
        )?;
        Ok(id)
    }

    /// Remembers that a code of this device was accepted, up to the end of its step.
    ///
    /// # Errors
    /// It cannot be written: then the code must not count as accepted.
    pub fn record_use(&mut self, id: i64, floor: UnixTime) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE devices SET floor = ?2, last_used = ?3 WHERE id = ?1";
        self.write(SQL, params![id, secs(floor), secs(self.now())])
    }

    /// Changes how the codes of an account's first device look; its secret and floor stay. Works
    /// without the master key.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn reshape_first_device(
        &mut self,
        uid: u32,
        digits: Digits,
        step: TimeStep,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE devices SET digits = ?2, step_secs = ?3 \
            WHERE id = (SELECT min(id) FROM devices WHERE uid = ?1)";
        self.write(SQL, params![uid, digits.get(), step.as_secs()])
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        id: row.get(0)?,
        sealed: row.get(1)?,
        algorithm: row.get(2)?,
        digits: row.get(3)?,
        step_secs: row.get(4)?,
        floor: row.get(5)?,
    })
}

const fn place(id: i64) -> Place {
    Place {
        purpose: "devices.secret",
        id,
    }
}

/// SQLite's integers are signed; the end of time is as late as they go.
fn secs(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
