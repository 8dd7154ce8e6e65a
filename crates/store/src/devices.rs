//! Enrolled devices, their secrets sealed.
//!
//! The floor of a pending device is kept beside the column of that name, which holds the end of
//! time: release 1 knows no pending devices, and refuses their codes as used.

mod sealed;

use rusqlite::params;
use twofactor::{Algorithm, Device, Digits, Enrolment, Source, TimeStep, UnixTime};

use crate::rows::{Fields, Query, secs};
use crate::{ReadTx, StoreError, WriteTx};

/// What is stored of a device beside its secret. No master key is needed to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Never used again for another device.
    pub id: i64,
    /// Whose it is.
    pub uid: u32,
    /// What its owner calls it.
    pub name: String,
    /// The hash under its HMAC.
    pub algorithm: Algorithm,
    /// The length of its codes.
    pub digits: Digits,
    /// How long each of its codes is current.
    pub step: TimeStep,
    /// The replay floor.
    pub floor: UnixTime,
    /// When its secret was issued.
    pub created: UnixTime,
    /// When a code of it was accepted last.
    pub last_used: Option<UnixTime>,
    /// How far it is set up.
    pub enrolment: Enrolment,
    /// The device that goes when this one becomes active.
    pub replaces: Option<i64>,
}

/// A device with its secret, and its record.
#[derive(Debug)]
pub struct StoredDevice {
    /// Its record.
    pub record: DeviceRecord,
    /// What verifies codes.
    pub device: Device,
}

/// A device that is to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewDevice<'a> {
    /// Whose it is.
    pub uid: u32,
    /// What its owner calls it.
    pub name: &'a str,
    /// How far it is set up.
    pub enrolment: Enrolment,
    /// The device that goes when this one becomes active.
    pub replaces: Option<i64>,
    /// What verifies codes.
    pub device: &'a Device,
}

const RECORD: &str = "device";

/// The columns that [`record`] and `sealed` read.
macro_rules! select {
    ($rest:literal) => {
        Query {
            record: RECORD,
            sql: concat!(
                "SELECT id, uid, name, algorithm, digits, step_secs, floor, created, last_used, \
                 pending_until, pending_floor, replaces, secret FROM devices ",
                $rest
            ),
        }
    };
}

pub(crate) const BY_ID: Query = select!("WHERE id = ?1");

pub(crate) const BY_UID: Query = select!("WHERE uid = ?1 ORDER BY id");

pub(crate) const FIRST_ACTIVE: Query =
    select!("WHERE uid = ?1 AND pending_until IS NULL ORDER BY id LIMIT 1");

const PAGE: Query = select!("WHERE id > ?1 ORDER BY id LIMIT ?2");

pub(crate) const HAS_ACTIVE: Query = Query {
    record: RECORD,
    sql: "SELECT EXISTS (SELECT 1 FROM devices WHERE uid = ?1 AND pending_until IS NULL)",
};

pub(crate) const LAST_SOURCE: Query = Query {
    record: RECORD,
    sql: "SELECT last_source FROM devices WHERE id = ?1 AND last_source IS NOT NULL",
};

pub(crate) const COUNT: Query = Query {
    record: RECORD,
    sql: "SELECT count(*) FROM devices WHERE uid = ?1",
};

impl ReadTx<'_> {
    /// The longest time step of all devices.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn longest_step(&self) -> Result<Option<TimeStep>, StoreError> {
        const LONGEST: Query = Query {
            record: RECORD,
            sql: "SELECT step_secs FROM devices ORDER BY step_secs DESC LIMIT 1",
        };
        self.one(&LONGEST, [], |row| {
            row.valid(TimeStep::from_secs(row.get(0)?))
        })
    }

    /// The devices of an account, the oldest first, pending ones too.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn devices(&self, uid: u32) -> Result<Vec<DeviceRecord>, StoreError> {
        self.all(&BY_UID, [uid], record)
    }

    /// Devices of all accounts in the order of their ids, from the one after `after_id`, at most
    /// `limit`.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn all_devices(
        &self,
        after_id: Option<i64>,
        limit: u32,
    ) -> Result<Vec<DeviceRecord>, StoreError> {
        self.all(&PAGE, params![after_id.unwrap_or(0), limit], record)
    }

    /// One device.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn device(&self, id: i64) -> Result<Option<DeviceRecord>, StoreError> {
        self.one(&BY_ID, [id], record)
    }

    /// Whether an account has an active device; works without the master key.
    ///
    /// # Errors
    /// The devices cannot be read.
    pub fn has_active_device(&self, uid: u32) -> Result<bool, StoreError> {
        self.only(&HAS_ACTIVE, [uid], |row| row.flag(0))
    }

    /// Where the newest code of a device was accepted, if that is known.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn last_source(&self, id: i64) -> Result<Option<Source>, StoreError> {
        let stored = self.one(&LAST_SOURCE, [id], |row| {
            let source: String = row.get(0)?;
            row.valid(Source::from_stored(&source))
        })?;
        Ok(stored)
    }

    /// How many devices an account has, pending ones too.
    ///
    /// # Errors
    /// The devices cannot be read.
    pub fn count_devices(&self, uid: u32) -> Result<u32, StoreError> {
        self.only(&COUNT, [uid], |row| row.get(0))
    }
}

impl WriteTx<'_> {
    /// Stores a device. Its id.
    ///
    /// # Errors
    /// The master key is missing, or it cannot be written.
    pub fn add_device(&mut self, new: &NewDevice<'_>) -> Result<i64, StoreError> {
        const INSERT: &str = "INSERT INTO devices (uid, secret, algorithm, digits, step_secs, \
            floor, created, name, pending_until, pending_floor, replaces) \
            VALUES (?1, x'', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let Device {
            secret,
            algorithm,
            digits,
            step,
            floor,
        } = new.device;
        let (floor, pending_until, pending_floor) = match new.enrolment {
            Enrolment::Active => (secs(*floor), None, None),
            Enrolment::Pending { until } => (i64::MAX, Some(secs(until)), Some(secs(*floor))),
        };
        let id = self.insert(
            INSERT,
            params![
                new.uid,
                algorithm.as_str(),
                digits.get(),
                step.as_secs(),
                floor,
                secs(self.now()),
                new.name,
                pending_until,
                pending_floor,
                new.replaces,
            ],
        )?;
        // The id is part of the seal, so the row comes first.
        self.seal(id, secret)?;
        Ok(id)
    }

    /// Gives an active device a new secret, and with it a new floor; its name and its place among the
    /// account's devices stay. The old secret is overwritten.
    ///
    /// # Errors
    /// There is no such device, the master key is missing, or it cannot be written.
    pub fn renew_device(&mut self, id: i64, device: &Device) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE devices SET algorithm = ?2, digits = ?3, step_secs = ?4, \
            floor = ?5, created = ?6, last_used = NULL, last_source = NULL, skew_counter = NULL, \
            skew_secs = NULL, skew_at = NULL, skew_agreed = NULL \
            WHERE id = ?1 AND pending_until IS NULL";
        let Device {
            secret,
            algorithm,
            digits,
            step,
            floor,
        } = device;
        let (algorithm, now) = (algorithm.as_str(), secs(self.now()));
        let look = params![
            id,
            algorithm,
            digits.get(),
            step.as_secs(),
            secs(*floor),
            now
        ];
        match self.write(SQL, look)? {
            0 => Err(StoreError::Damaged { record: RECORD }),
            _ => self.seal(id, secret),
        }
    }

    /// Makes a pending device active, and removes the one it replaces, if that is of the same
    /// account. Whether it was pending.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn activate_device(&mut self, id: i64) -> Result<bool, StoreError> {
        const REPLACE: &str = "DELETE FROM devices WHERE id = \
            (SELECT replaces FROM devices WHERE id = ?1 AND pending_until IS NOT NULL) \
            AND uid = (SELECT uid FROM devices WHERE id = ?1) AND id <> ?1";
        const ACTIVATE: &str = "UPDATE devices SET floor = pending_floor, \
            pending_until = NULL, pending_floor = NULL, replaces = NULL \
            WHERE id = ?1 AND pending_until IS NOT NULL";
        self.write(REPLACE, [id])?;
        Ok(self.write(ACTIVATE, [id])? > 0)
    }

    /// Gives a device another name. Whether there is such a device.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn rename_device(&mut self, id: i64, name: &str) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE devices SET name = ?2 WHERE id = ?1";
        Ok(self.write(SQL, params![id, name])? > 0)
    }

    /// Removes a device; its sealed secret is overwritten. Whether there was such a device.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn delete_device(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(self.write("DELETE FROM devices WHERE id = ?1", [id])? > 0)
    }

    /// Remembers that a code of this device was accepted, up to the end of its step, and where. The floor
    /// only rises. Its clock is right, whatever was found before.
    ///
    /// # Errors
    /// There is no such device, or it cannot be written: then the code must not count as accepted.
    pub fn record_use(
        &mut self,
        id: i64,
        floor: UnixTime,
        source: Source,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE devices SET last_used = ?3, last_source = ?4, \
            floor = max(floor, ?2), pending_floor = max(pending_floor, ?2), \
            skew_counter = NULL, skew_secs = NULL, skew_at = NULL, skew_agreed = NULL \
            WHERE id = ?1";
        let (now, source) = (secs(self.now()), source.to_string());
        match self.write(SQL, params![id, secs(floor), now, source])? {
            0 => Err(StoreError::Damaged { record: RECORD }),
            _ => Ok(()),
        }
    }

    /// Sets the floor of a device, also to an earlier time: one in the future, which a clock that
    /// was ahead has left behind, refuses every code.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set_floor(&mut self, id: i64, floor: UnixTime) -> Result<(), StoreError> {
        // The newest code that is used up by it was typed nowhere.
        const SQL: &str = "UPDATE devices SET last_source = NULL, \
            floor = iif(pending_until IS NULL, ?2, floor), \
            pending_floor = iif(pending_until IS NULL, NULL, ?2) WHERE id = ?1";
        self.write(SQL, params![id, secs(floor)]).map(drop)
    }

    /// Changes how the codes of a device look; its secret and floor stay. Works without the master
    /// key.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn reshape_device(
        &mut self,
        id: i64,
        digits: Digits,
        step: TimeStep,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE devices SET digits = ?2, step_secs = ?3 WHERE id = ?1";
        self.write(SQL, params![id, digits.get(), step.as_secs()])
            .map(drop)
    }
}

fn record(row: &Fields<'_>) -> Result<DeviceRecord, StoreError> {
    let algorithm: String = row.get(3)?;
    // One of both alone would be a floor that nobody knows.
    let (enrolment, floor) = match (row.maybe_time(9)?, row.maybe_time(10)?) {
        (None, None) => (Enrolment::Active, row.time(6)?),
        (Some(until), Some(floor)) => (Enrolment::Pending { until }, floor),
        _ => return Err(row.damaged()),
    };
    Ok(DeviceRecord {
        id: row.get(0)?,
        uid: row.get(1)?,
        name: row.get(2)?,
        algorithm: row.valid(Algorithm::parse(&algorithm))?,
        digits: row.valid(Digits::new(row.get(4)?))?,
        step: row.valid(TimeStep::from_secs(row.get(5)?))?,
        floor,
        created: row.time(7)?,
        last_used: row.maybe_time(8)?,
        enrolment,
        replaces: row.get(11)?,
    })
}
