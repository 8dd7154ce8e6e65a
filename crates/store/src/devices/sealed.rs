//! The secrets of devices, sealed.

use rusqlite::params;
use twofactor::{Device, Secret};
use zeroize::Zeroizing;

use super::{BY_ID, BY_UID, DeviceRecord, FIRST_ACTIVE, RECORD, StoredDevice, record};
use crate::rows::Fields;
use crate::seal::Place;
use crate::{ReadTx, StoreError, WriteTx};

/// A device as it is stored: its record, and its sealed secret.
struct Sealed {
    record: DeviceRecord,
    secret: Vec<u8>,
}

impl ReadTx<'_> {
    /// The devices of an account with their secrets, the oldest first, pending ones too. The master
    /// key is needed if there are any.
    ///
    /// A damaged one is left out where another is whole: whoever has two phones gets in with the other.
    ///
    /// # Errors
    /// They cannot be read, or none of those that there are is whole.
    pub fn open_devices(&self, uid: u32) -> Result<Vec<StoredDevice>, StoreError> {
        // Damage to one is no damage to all, so each row has a result of its own.
        let rows = self.all(&BY_UID, [uid], |row| Ok(sealed(row)))?;
        let (mut whole, mut damage) = (Vec::new(), None);
        for row in rows {
            match row.and_then(|sealed| self.open(sealed)) {
                Ok(device) => whole.push(device),
                Err(error @ StoreError::Damaged { .. }) => damage = Some(error),
                Err(error) => return Err(error),
            }
        }
        match damage {
            Some(error) if whole.is_empty() => Err(error),
            _ => Ok(whole),
        }
    }

    /// One device with its secret.
    ///
    /// # Errors
    /// It cannot be read, or its secret cannot be opened.
    pub fn open_device(&self, id: i64) -> Result<Option<StoredDevice>, StoreError> {
        let stored = self.one(&BY_ID, [id], sealed)?;
        stored.map(|sealed| self.open(sealed)).transpose()
    }

    /// The oldest active device of an account, with its secret: the one that the 22.12 API shows.
    ///
    /// # Errors
    /// It cannot be read, or its secret cannot be opened.
    pub fn first_active_device(&self, uid: u32) -> Result<Option<StoredDevice>, StoreError> {
        let stored = self.one(&FIRST_ACTIVE, [uid], sealed)?;
        stored.map(|sealed| self.open(sealed)).transpose()
    }

    fn open(&self, sealed: Sealed) -> Result<StoredDevice, StoreError> {
        let Sealed { record, secret } = sealed;
        let secret: Zeroizing<Vec<u8>> = self.sealer().open(place(record.id), &secret)?;
        let damaged = StoreError::Damaged { record: RECORD };
        let device = Device {
            secret: Secret::from_bytes(&secret).map_err(|_| damaged)?,
            algorithm: record.algorithm,
            digits: record.digits,
            step: record.step,
            floor: record.floor,
        };
        Ok(StoredDevice { record, device })
    }
}

impl WriteTx<'_> {
    /// Overwrites a device's secret.
    pub(super) fn seal(&self, id: i64, secret: &Secret) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE devices SET secret = ?2 WHERE id = ?1";
        let sealed = self.sealer().seal(place(id), secret.bytes())?;
        self.write(SQL, params![id, sealed]).map(drop)
    }
}

fn sealed(row: &Fields<'_>) -> Result<Sealed, StoreError> {
    Ok(Sealed {
        record: record(row)?,
        secret: row.get(12)?,
    })
}

const fn place(id: i64) -> Place {
    Place {
        purpose: "devices.secret",
        id,
    }
}
