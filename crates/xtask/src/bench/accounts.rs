//! A store full of accounts, and codes for all of them: written by the store itself, before a daemon
//! starts on it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use store::{NewDevice, Ran, Reserve, Store, StoreError, WriteTx, Writer, entropy};
use testkit::Algorithm;
use twofactor::{
    Account, AccountName, Device, Digits, Enrolment, Secret, TimeStep, UnixTime, Window,
};

/// The widest window: ten steps on each side of now, each of which has a code that is good once.
pub(super) const WINDOW: u8 = 10;

/// The steps of that window, and how many of them are left out at its start: so all codes stay good for
/// a minute and a half.
const STEPS: u64 = 2 * WINDOW as u64 + 1;
const LEFT_OUT: usize = 3;

const STEP_SECS: u64 = 30;

/// Far from any uid of this machine.
const FIRST_UID: u32 = 1_000_000_000;

/// How many accounts are written in one transaction.
const CHUNK: usize = 1000;

/// Accounts with one device each.
#[derive(Debug)]
pub(super) struct Accounts {
    all: Vec<Known>,
    used: AtomicU64,
}

#[derive(Debug)]
struct Known {
    name: String,
    uid: u32,
    codes: Vec<String>,
}

impl Accounts {
    /// Makes a state directory that holds so many, and asks everybody for a code.
    pub(super) fn create(state: &Path, count: u32) -> Result<Self> {
        let new: Vec<_> = (0..count).map(account).collect::<Result<_>>()?;
        let mut writer = Store::open(state, None)?.into_writer()?;
        write(&mut writer, &[()], |(), tx| ask_everybody(tx))?;
        for chunk in new.chunks(CHUNK) {
            write(&mut writer, chunk, |(account, device), tx| {
                add(tx, account, device)
            })?;
        }
        let known = |(account, device): (Account, Device)| Known {
            name: account.name.to_string(),
            uid: account.uid,
            codes: codes(&device.secret.to_base32()),
        };
        Ok(Self {
            all: new.into_iter().map(known).collect(),
            used: AtomicU64::new(0),
        })
    }

    /// A login that is accepted: the next account's next code. Every code is handed out once, and
    /// those of an account in their order.
    ///
    /// # Errors
    /// All codes are used up.
    pub(super) fn login(&self) -> Result<Value> {
        let used = self.used.fetch_add(1, Ordering::Relaxed);
        let count = self.all.len() as u64;
        let Known { name, uid, codes } = self.get(used)?;
        let round = usize::try_from(used / count.max(1))?;
        let token = codes.get(round).context("all codes are used up")?;
        Ok(json!({
            "username": name,
            "uid": uid,
            "token": token,
            "service": "sshd",
            "source": "192.0.2.7",
            "factor": "password",
        }))
    }

    /// The name and the uid of an account; they come in turns.
    pub(super) fn name(&self, number: u64) -> Result<(&str, u32)> {
        let known = self.get(number)?;
        Ok((&known.name, known.uid))
    }

    fn get(&self, number: u64) -> Result<&Known> {
        let at = number.checked_rem(self.all.len() as u64);
        let known = self.all.get(usize::try_from(at.unwrap_or_default())?);
        known.context("there are no accounts")
    }
}

/// The codes of a secret that was made just now, in their order, each of them good once. Without those
/// that two steps share by chance: they use up more than their own step.
pub(super) fn codes(secret: &str) -> Vec<String> {
    let start = testkit::now() / STEP_SECS - u64::from(WINDOW);
    let code = |step| testkit::totp(secret, 6, STEP_SECS, step * STEP_SECS, Algorithm::Sha1);
    let all: Vec<String> = (start..start + STEPS).map(code).collect();
    let is_alone = |code: &&String| all.iter().filter(|other| other == code).count() == 1;
    let good = all.iter().skip(LEFT_OUT).filter(is_alone);
    good.cloned().collect()
}

fn account(number: u32) -> Result<(Account, Device)> {
    let name = AccountName::new(&format!("account{number}"));
    let account = Account {
        uid: FIRST_UID + number,
        name: name.context("no account has such a name")?,
    };
    let device = Device {
        secret: Secret::generate(entropy::random()?),
        algorithm: twofactor::Algorithm::default(),
        digits: Digits::default(),
        step: TimeStep::default(),
        floor: UnixTime::EPOCH,
    };
    Ok((account, device))
}

fn ask_everybody(tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
    let mut settings = tx.settings()?;
    (settings.enabled, settings.ssh) = (true, true);
    settings.window = Window::new(WINDOW).unwrap_or(settings.window);
    tx.put_settings(&settings)
}

fn add(tx: &mut WriteTx<'_>, account: &Account, device: &Device) -> Result<(), StoreError> {
    tx.ensure_account(account)?;
    let added = tx.add_device(&NewDevice {
        uid: account.uid,
        name: "phone",
        enrolment: Enrolment::Active,
        replaces: None,
        device,
    });
    added.map(drop)
}

fn write<C>(
    writer: &mut Writer,
    calls: &[C],
    run: impl Fn(&C, &mut WriteTx<'_>) -> Result<(), StoreError>,
) -> Result<()> {
    for ran in writer.batch(&clock::clocks(), Reserve::Keep, calls, run)? {
        match ran {
            Ran::Returned(written) => written?,
            Ran::Panicked => bail!("the store panicked"),
        }
    }
    Ok(())
}
