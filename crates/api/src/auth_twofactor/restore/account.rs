//! One account: what it has, what it had, and what it gets.

use store::{Attempt, ExemptionRecord, NewDevice, ReadTx, StoreError, StoredDevice};
use twofactor::{Account, AccountKey, Device, Enrolment, Level, Policy, Streak, UnixTime};

use crate::CallError;
use crate::auth_twofactor::record::{AccountEntry, DeviceEntry, ExemptionEntry, Page};
use crate::auth_twofactor::whose::{self, Concern};
use crate::devices;
use crate::event::{DEVICE, Event};
use crate::method::Writing;

const DAY_SECS: u64 = 86_400;

/// The longest exemption.
const EXEMPT_DAYS: u64 = 366;

/// An account, beside what an export has of it.
pub(super) struct Moved<'a> {
    pub(super) account: Account,
    entry: &'a AccountEntry,
    at: UnixTime,
    /// Its devices of the export, and those it has with the same secret.
    pub(super) devices: Vec<Pair<'a>>,
    /// Names of devices that go.
    pub(super) gone: Vec<String>,
    /// Exemptions that are not over, and whether it has them already.
    exemptions: Vec<Exempt<'a>>,
    /// Exemptions of now that the export does not have.
    pub(super) ended: Vec<String>,
    pub(super) grace_until: Option<UnixTime>,
    pub(super) had_recovery_codes: bool,
}

/// A device of the export.
pub(super) struct Pair<'a> {
    entry: &'a DeviceEntry,
    /// With its floor of now.
    device: Device,
    same: Option<StoredDevice>,
}

struct Exempt<'a> {
    entry: &'a ExemptionEntry,
    until: UnixTime,
    is_new: bool,
}

impl Pair<'_> {
    pub(super) fn name(&self) -> &str {
        &self.entry.name.0
    }

    /// Whether the account does not have it.
    pub(super) const fn is_new(&self) -> bool {
        self.same.is_none()
    }

    /// Whether it has it, with another name or other codes.
    pub(super) fn is_changed(&self) -> bool {
        self.same.as_ref().is_some_and(|same| {
            let look = (same.record.digits, same.record.step);
            same.record.name != self.entry.name.0 || look != (self.device.digits, self.device.step)
        })
    }
}

impl<'a> Moved<'a> {
    /// Compares. `at` is what time it is at least; `first` has the window of the export.
    pub(super) fn of(
        entry: &'a AccountEntry,
        account: Account,
        at: UnixTime,
        (first, tx): (&Page, &ReadTx<'_>),
    ) -> Result<Self, CallError> {
        let mut stored = match tx.open_devices(account.uid) {
            // They go: nobody can use them.
            Err(StoreError::Damaged { .. }) => Vec::new(),
            stored => stored?,
        };
        let window = tx.stored_settings()?.window.max(first.settings.window.0);
        let pair = |entry: &'a DeviceEntry| {
            let same = stored.iter().position(|stored| is_same(stored, entry));
            let same = same.map(|at| stored.remove(at));
            let floors = [
                Some(entry.floor.0),
                Some(devices::burned(at, entry.interval.0, window)),
                same.as_ref().map(|same| same.device.floor),
            ];
            let floor = floors.into_iter().flatten().max();
            let device = entry.device(floor.unwrap_or(at));
            Pair {
                entry,
                device,
                same,
            }
        };
        let devices: Vec<_> = entry.devices.0.iter().map(pair).collect();
        let known = tx.exemptions_of(account.uid)?;
        let known: Vec<_> = known.into_iter().filter(|known| at < known.until).collect();
        let exemptions = exemptions(entry, &known, at);
        let ended = ended(&known, &exemptions);
        let record = tx.account(account.uid)?;
        let has_grace = record.is_some_and(|record| record.grace_until.is_some_and(|end| at < end));
        let grace_until = entry.grace_until.0.map(|until| until.0);
        let grace_until =
            grace_until.filter(|until| at < *until && !has_grace && devices.is_empty());
        let left = entry.recovery_codes.0 + tx.recovery_codes_left(account.uid)?;
        Ok(Self {
            account,
            entry,
            at,
            gone: stored.iter().map(|gone| gone.record.name.clone()).collect(),
            devices,
            exemptions,
            ended,
            grace_until,
            had_recovery_codes: left > 0,
        })
    }

    /// Whether devices come, go or change.
    pub(super) fn has_other_devices(&self) -> bool {
        let is_other = |pair: &Pair<'_>| pair.is_new() || pair.is_changed();
        !self.gone.is_empty() || self.devices.iter().any(is_other)
    }

    /// The reasons of exemptions that come.
    pub(super) fn exempt(&self) -> impl Iterator<Item = &str> {
        let new = self.exemptions.iter().filter(|exempt| exempt.is_new);
        new.map(|exempt| exempt.entry.reason.0.as_str())
    }

    pub(super) fn put(&self, write: &mut Writing<'_, '_>) -> Result<(), CallError> {
        let uid = self.account.uid;
        write.tx.ensure_account(&self.account)?;
        self.put_devices(write)?;
        self.put_exemptions(write)?;
        if self.devices.is_empty() {
            if let Some(until) = self.grace_until {
                let latest = self
                    .at
                    .saturating_add_secs(u64::from(Policy::MAX_GRACE_DAYS) * DAY_SECS);
                write.tx.set_grace(uid, Some(until.min(latest)))?;
            }
        } else {
            devices::end_beginning(write, uid, &self.account.name)?;
        }
        if self.had_recovery_codes {
            whose::tell(write, Some(&self.account.name), Concern::Recovery)?;
        }
        // Also a set that nobody has confirmed yet.
        write.tx.void_recovery_codes(uid)?;
        self.put_counts(write)
    }

    /// The first device is the one of the 22.12 API: where the order would be another one, all are made
    /// anew.
    fn put_devices(&self, write: &mut Writing<'_, '_>) -> Result<(), CallError> {
        let id = |pair: &Pair<'_>| pair.same.as_ref().map(|same| same.record.id);
        let ids: Vec<_> = self.devices.iter().map(id).collect();
        let is_in_order = ids.is_sorted_by_key(|id| id.unwrap_or(i64::MAX));
        let kept: Vec<_> = ids
            .into_iter()
            .map(|id| id.filter(|_| is_in_order))
            .collect();
        let all_kept: Vec<_> = kept.iter().flatten().copied().collect();
        for gone in (write.tx).delete_devices_but(self.account.uid, &all_kept)? {
            write.emit(Event::removed(DEVICE, gone).of(self.account.uid));
        }
        for (pair, kept) in self.devices.iter().zip(kept) {
            self.put_device(pair, kept, write)?;
        }
        Ok(())
    }

    fn put_device(
        &self,
        pair: &Pair<'_>,
        kept: Option<i64>,
        write: &mut Writing<'_, '_>,
    ) -> Result<(), CallError> {
        let Pair { entry, device, .. } = pair;
        if let Some(id) = kept {
            write.tx.rename_device(id, &entry.name.0)?;
            write.tx.reshape_device(id, device.digits, device.step)?;
            write.tx.set_floor(id, device.floor)?;
            if pair.is_changed() {
                devices::changed(write, &self.account.name, id)?;
            }
            return Ok(());
        }
        let id = write.tx.add_device(&NewDevice {
            uid: self.account.uid,
            name: &entry.name.0,
            enrolment: Enrolment::Active,
            replaces: None,
            device,
        })?;
        let last_used = entry.last_used.0.map(|at| at.0);
        write.tx.put_history(id, entry.created.0, last_used)?;
        devices::added(write, &self.account.name, id).map(drop)
    }

    fn put_exemptions(&self, write: &mut Writing<'_, '_>) -> Result<(), CallError> {
        let is_same = self.ended.is_empty() && self.exemptions.iter().all(|exempt| !exempt.is_new);
        if is_same {
            return Ok(());
        }
        write.tx.delete_exemptions_of(self.account.uid)?;
        for Exempt { entry, until, .. } in &self.exemptions {
            let id = write
                .tx
                .add_exemption(self.account.uid, *until, &entry.reason.0)?;
            if let Some(key) = entry.key.0 {
                write.tx.bind_exemption(id, key.0)?;
            }
        }
        whose::tell(write, Some(&self.account.name), Concern::Exemption)
    }

    /// What counts against the account counts on. A time in the future would count for too long.
    fn put_counts(&self, write: &mut Writing<'_, '_>) -> Result<(), CallError> {
        let (uid, now) = (self.account.uid, write.tx.now());
        let entry = self.entry;
        let last_login = entry.last_login.0.map(|at| at.0.min(now));
        write
            .tx
            .raise_failures(uid, entry.failures_since_login.0, last_login)?;
        for streak in &entry.streaks.0 {
            let attempt = Attempt {
                account: AccountKey::Known(uid),
                source: streak.source.0,
                budget: streak.budget.0,
            };
            let streak = Streak {
                failures: streak.failures.0,
                last: streak.last.0.min(now),
            };
            write.tx.raise_streak(&attempt, &streak)?;
        }
        if let Some(level) = &entry.level.0 {
            let level = Level {
                parts: level.parts.0.into(),
                last: level.last.0.min(now),
            };
            write.tx.raise_level(AccountKey::Known(uid), &level)?;
        }
        Ok(())
    }
}

impl DeviceEntry {
    fn device(&self, floor: UnixTime) -> Device {
        Device {
            secret: self.secret.0.clone(),
            algorithm: self.algorithm.0,
            digits: self.otp_digits.0,
            step: self.interval.0,
            floor,
        }
    }
}

/// Whether a device that is active now is one of the export.
fn is_same(stored: &StoredDevice, entry: &DeviceEntry) -> bool {
    stored.record.enrolment == Enrolment::Active
        && stored.device.secret == entry.secret.0
        && stored.device.algorithm == entry.algorithm.0
}

fn exemptions<'a>(
    entry: &'a AccountEntry,
    known: &[ExemptionRecord],
    at: UnixTime,
) -> Vec<Exempt<'a>> {
    let latest = at.saturating_add_secs(EXEMPT_DAYS * DAY_SECS);
    let running = entry.exemptions.0.iter().filter(|entry| at < entry.until.0);
    running
        .map(|entry| Exempt {
            entry,
            until: entry.until.0.min(latest),
            is_new: !known.iter().any(|known| has(known, entry)),
        })
        .collect()
}

fn ended(known: &[ExemptionRecord], exempt: &[Exempt<'_>]) -> Vec<String> {
    let is_in = |known: &&ExemptionRecord| exempt.iter().any(|exempt| has(known, exempt.entry));
    let ended = known.iter().filter(|known| !is_in(known));
    ended.map(|ended| ended.reason.clone()).collect()
}

fn has(known: &ExemptionRecord, entry: &ExemptionEntry) -> bool {
    let key = entry.key.0.map(|key| key.0);
    known.key == key && known.until == entry.until.0 && known.reason == entry.reason.0
}
