//! The store through its public face, on real files; a file for each topic.
#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path of a method stands for one lifetime of its transaction, not for any"
)]

mod accounts;
mod audit;
mod beside;
mod bounds;
mod devices;
mod latest;
mod migration;
mod moved;
mod notices;
mod overriding;
mod overview;
mod permits;
mod plans;
mod policy;
mod recovery;
mod restore;
mod skews;
mod ssh;
mod state;
mod throttle;
mod trial;

use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;
use twofactor::{
    Account, AccountName, Boot, BootId, Clocks, Device, Enrolment, LookupHash, Secret, Settings,
    UnixTime,
};

use super::*;

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

const CLOCKS: Clocks = clocks_at(NOW);

const fn clocks_at(wall: UnixTime) -> Clocks {
    let boot = Boot {
        id: BootId([1; 16]),
        secs: 1000,
    };
    Clocks {
        wall,
        boot,
        synchronised: true,
    }
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("state")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    fn open(&self) -> Result<Store, StateError> {
        Store::open(&self.dir(), None)
    }

    /// What the daemon would say when it stops.
    fn refusal(&self) -> String {
        self.open()
            .and_then(Store::into_writer)
            .err()
            .expect("the state should be refused")
            .to_string()
    }

    fn with_device(&self) -> Secret {
        let secret = Secret::generate([7; 20]);
        let stored = secret.clone();
        write(self, move |tx| renew(tx, 0, stored.clone())).unwrap();
        secret
    }
}

fn device(secret: Secret) -> Device {
    let (algorithm, digits, step) = Default::default();
    Device {
        secret,
        algorithm,
        digits,
        step,
        floor: UnixTime::EPOCH,
    }
}

/// Makes a device the only one of an account.
fn renew(tx: &mut WriteTx<'_>, uid: u32, secret: Secret) -> Result<(), StoreError> {
    for old in tx.devices(uid)? {
        tx.delete_device(old.id)?;
    }
    let new = NewDevice {
        uid,
        name: "phone",
        enrolment: Enrolment::Active,
        replaces: None,
        device: &device(secret),
    };
    tx.add_device(&new).map(drop)
}

fn write(
    place: &Place,
    run: impl Fn(&mut WriteTx<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut writer = place.open().unwrap().into_writer().unwrap();
    match writer
        .batch(&CLOCKS, Reserve::Keep, &[()], |(), tx| run(tx))?
        .pop()
    {
        Some(Ran::Returned(returned)) => returned,
        _ => panic!("the call panicked"),
    }
}

fn enabled(place: &Place) -> bool {
    let mut reader = place.open().unwrap().reader().unwrap();
    reader.read(&CLOCKS, settings).unwrap().enabled
}

fn settings(tx: &ReadTx<'_>) -> Result<Settings, StoreError> {
    tx.settings()
}

fn enable(tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
    let settings = Settings {
        enabled: true,
        ..tx.settings()?
    };
    tx.put_settings(&settings)
}

/// A store in use: its writer, a reader, and clocks that a test moves.
struct Desk {
    writer: Writer,
    reader: Reader,
    clocks: Clocks,
    place: Place,
}

impl Desk {
    fn new() -> Self {
        Self::at(Place::new())
    }

    fn at(place: Place) -> Self {
        let store = place.open().unwrap();
        Self {
            reader: store.reader().unwrap(),
            writer: store.into_writer().unwrap(),
            clocks: CLOCKS,
            place,
        }
    }

    fn restarted(self) -> Self {
        let Self {
            writer,
            reader,
            place,
            clocks,
        } = self;
        drop((writer, reader));
        Self {
            clocks,
            ..Self::at(place)
        }
    }

    /// Sets the wall clock to so many seconds after [`NOW`].
    fn wait_until(&mut self, secs: u64) {
        self.clocks.wall = after(secs);
    }

    fn try_write<T>(
        &mut self,
        run: impl Fn(&mut WriteTx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let ran = self
            .writer
            .batch(&self.clocks, Reserve::Keep, &[()], |(), tx| run(tx))?
            .pop();
        match ran {
            Some(Ran::Returned(returned)) => returned,
            _ => panic!("the call panicked"),
        }
    }

    fn write<T>(&mut self, run: impl Fn(&mut WriteTx<'_>) -> Result<T, StoreError>) -> T {
        self.try_write(run).unwrap()
    }

    fn read<T>(&mut self, run: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError>) -> T {
        self.reader.read(&self.clocks, run).unwrap()
    }

    /// Another process. What a test does to the database need not survive a power cut.
    fn other(&self) -> Connection {
        let conn = Connection::open(self.place.file("middlewared.db")).unwrap();
        conn.pragma_update(None, "synchronous", "off").unwrap();
        conn
    }

    /// Has another process change the database.
    fn sql(&self, sql: &str) {
        self.other().execute_batch(sql).unwrap();
    }

    fn count(&self, sql: &str) -> i64 {
        self.other().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Each change makes `read` fail with damage, and nothing else. Every change is undone.
    fn damages<T: std::fmt::Debug>(
        &mut self,
        changes: &[&str],
        read: impl Fn(&ReadTx<'_>) -> Result<T, StoreError>,
    ) {
        self.read(&read);
        for change in changes {
            let before = self.place.0.path().join("before.db");
            let _ = std::fs::remove_file(&before);
            self.sql(&format!("VACUUM INTO '{}'", before.display()));
            self.sql(change);
            let found = self.reader.read(&self.clocks, &read);
            assert!(
                matches!(found, Err(StoreError::Damaged { .. })),
                "{change}: {found:?}"
            );
            let mut live = self.other();
            let copy = Connection::open(&before).unwrap();
            rusqlite::backup::Backup::new(&copy, &mut live)
                .unwrap()
                .run_to_completion(1024, Duration::ZERO, None)
                .unwrap();
        }
        self.read(&read);
    }
}

/// So many seconds after [`NOW`].
const fn after(secs: u64) -> UnixTime {
    NOW.saturating_add_secs(secs)
}

fn account(uid: u32, name: &str) -> Account {
    Account {
        uid,
        name: AccountName::new(name).unwrap(),
    }
}

fn hash(byte: u8) -> LookupHash {
    LookupHash([byte; 32])
}
