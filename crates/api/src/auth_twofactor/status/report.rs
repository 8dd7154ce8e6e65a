//! What `auth.twofactor.status` answers, and how it is read from the state.

use schemars::JsonSchema;
use serde::Serialize;
use store::SkewedDevice;
use twofactor::{AccountKey, PARTS_PER_FAILURE, Skew, Source, Streak, Tally, UnixTime};

use crate::CallError;
use crate::auth_twofactor::bypass::ShownBypass;
use crate::auth_twofactor::device::is_alive;
use crate::auth_twofactor::exemption::Exemption;
use crate::auth_twofactor::grace::Grace;
use crate::auth_twofactor::ssh::Sshd;
use crate::auth_twofactor::trial::{ShownRollback, ShownTrial};
use crate::auth_twofactor::whose::{self, Whose};
use crate::devices::{DeviceEntry, State};
use crate::method::Reading;

/// How many of each kind are listed.
const MOST: u32 = 100;

/// So few recovery codes are worth a word.
const FEW_CODES: u32 = 2;

/// What an administrator should look at.
#[derive(Clone, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// Whether a code is asked for at all.
    pub(super) enabled: bool,
    /// Whether sshd asks.
    pub(super) ssh: bool,
    /// Steps accepted on each side of now.
    window: u8,
    /// How many accounts there are of which kind.
    pub(super) accounts: Accounts,
    /// Who has to wait; the newest 100 of each kind.
    locks: Vec<Lock>,
    /// Who may log in without a code for some minutes; the first 100.
    pub(super) bypasses: Vec<ShownBypass>,
    /// Who is not asked for a code up to a date; the first 100.
    exemptions: Vec<Exemption>,
    /// Who needs no device yet; the 100 whose time is over first.
    grace: Vec<Grace>,
    /// Accounts with a login shell and without an active device; the first 50.
    unenrolled: Vec<String>,
    /// How many there are of those; null where /etc/passwd cannot be read.
    pub(super) unenrolled_count: Option<u32>,
    /// Devices; the oldest 100.
    devices: Vec<Device>,
    /// Devices whose clock differs from this machine's, as two wrong codes have shown; the oldest 100.
    pub(super) skews: Vec<Skewed>,
    /// Accounts with two recovery codes or fewer left of those they saved; the 100 with the fewest.
    pub(super) recovery: Vec<Codes>,
    /// How this machine's clock is.
    pub(super) clock: Clock,
    /// The settings that are on trial; null where none are.
    trial: Option<ShownTrial>,
    /// The last trial, if it was rolled back and nothing was changed since; else null.
    rolled_back: Option<ShownRollback>,
    /// What sshd was last found to do; null where nobody looked.
    pub(super) sshd: Option<Sshd>,
    /// What is not as it should be, each with the cure.
    pub(super) warnings: Vec<String>,
}

/// How many accounts there are of which kind.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Accounts {
    /// Something is stored about them.
    known: u32,
    /// They have an active device.
    with_active_device: u32,
    /// They have a pending device only, so they have no second factor yet.
    pending_only: u32,
    /// They have an active device and no recovery code.
    pub(super) without_codes: u32,
}

/// Somebody who has to wait before a code is looked at.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
struct Lock {
    /// The account; null where it is an address for all accounts, or a name that nobody has.
    username: Option<String>,
    /// The address, "local" for this machine; null where an account is closed to new addresses.
    source: Option<String>,
    /// Seconds until the next code is looked at.
    retry_after: u64,
}

/// A device.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
struct Device {
    /// Whose it is.
    username: String,
    /// What its owner calls it.
    name: String,
    /// PENDING or ACTIVE.
    state: State,
    /// When a code of it was accepted last, in seconds since 1970, UTC; or null.
    last_used: Option<u64>,
}

/// A device whose clock differs from this machine's.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Skewed {
    /// Whose it is.
    pub(super) username: String,
    /// What its owner calls it.
    pub(super) device: String,
    /// By how many seconds it is ahead, give or take half an interval; below 0 it is behind.
    seconds: i64,
    /// When the newer of the two codes came, in seconds since 1970, UTC.
    at: u64,
    #[serde(skip)]
    pub(super) skew: Skew,
}

/// An account that has few recovery codes left.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Codes {
    /// The account.
    username: String,
    /// Its recovery codes that are not used.
    remaining: u32,
}

/// How this machine's clock is.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Clock {
    /// Whether something keeps it right.
    pub(super) synchronised: bool,
    /// How wrong the kernel thinks that it may be, in milliseconds; null where nobody knows.
    max_error: Option<u64>,
}

impl Clock {
    pub(super) fn now(synchronised: bool) -> Self {
        let max_error = clock::sync_state().max_error.as_millis();
        Self {
            synchronised,
            max_error: u64::try_from(max_error).ok().filter(|_| synchronised),
        }
    }
}

impl Report {
    /// What is stored; the rest is empty.
    pub(super) fn stored(read: &Reading<'_>) -> Result<Self, CallError> {
        let (tx, today) = (read.tx, read.today()?);
        let settings = tx.settings()?;
        let counts = tx.account_counts(today)?;
        let mut bypasses = ShownBypass::list(tx, Whose::All, (&read.clocks, today))?;
        bypasses.truncate(cut(MOST));
        let mut exemptions = Exemption::list(tx, Whose::All, today)?;
        exemptions.truncate(cut(MOST));
        Ok(Self {
            enabled: settings.enabled,
            ssh: settings.ssh,
            window: settings.window.steps(),
            accounts: Accounts {
                known: counts.known,
                with_active_device: counts.with_active_device,
                pending_only: counts.pending_only,
                without_codes: counts.without_codes,
            },
            locks: locks(read)?,
            bypasses,
            exemptions,
            grace: grace(read, today)?,
            unenrolled: Vec::new(),
            unenrolled_count: None,
            devices: devices(read, today)?,
            skews: skews(read)?,
            recovery: codes(read)?,
            clock: Clock {
                synchronised: read.clocks.synchronised,
                max_error: None,
            },
            trial: ShownTrial::stored(tx)?,
            rolled_back: ShownRollback::stored(read)?,
            sshd: Sshd::stored(tx)?,
            warnings: Vec::new(),
        })
    }

    /// Names some of them, and counts all.
    pub(super) fn set_unenrolled(&mut self, mut names: Vec<String>, most: usize) {
        self.unenrolled_count = u32::try_from(names.len()).ok();
        names.truncate(most);
        self.unenrolled = names;
    }
}

fn grace(read: &Reading<'_>, today: UnixTime) -> Result<Vec<Grace>, CallError> {
    let records = read.tx.accounts_in_grace(today, MOST)?;
    let shown = records.into_iter().filter_map(|record| {
        let until = record.grace_until?;
        Some(Grace::new(&record.account.name, until))
    });
    Ok(shown.collect())
}

fn devices(read: &Reading<'_>, today: UnixTime) -> Result<Vec<Device>, CallError> {
    let records = read.tx.all_devices(None, MOST)?;
    records
        .into_iter()
        .filter(|record| is_alive(record, today))
        .map(|record| {
            let username = whose::username(read.tx, record.uid)?;
            let entry = DeviceEntry::new(&username, &record);
            Ok(Device {
                username,
                name: entry.name,
                state: entry.state,
                last_used: entry.last_used,
            })
        })
        .collect()
}

fn skews(read: &Reading<'_>) -> Result<Vec<Skewed>, CallError> {
    let skewed = read.tx.skewed_devices(MOST)?;
    skewed
        .into_iter()
        .map(
            |SkewedDevice {
                 uid, name, skew, ..
             }| {
                Ok(Skewed {
                    username: whose::username(read.tx, uid)?,
                    device: name,
                    seconds: skew.secs,
                    at: skew.at.as_secs(),
                    skew,
                })
            },
        )
        .collect()
}

fn codes(read: &Reading<'_>) -> Result<Vec<Codes>, CallError> {
    let few = read.tx.few_recovery_codes(FEW_CODES, MOST)?;
    few.into_iter()
        .map(|few| {
            Ok(Codes {
                username: whose::username(read.tx, few.uid)?,
                remaining: few.left,
            })
        })
        .collect()
}

/// Who has to wait: accounts from one address, addresses, and accounts from new addresses.
fn locks(read: &Reading<'_>) -> Result<Vec<Lock>, CallError> {
    let (tx, limits, now) = (read.tx, read.tx.policy()?.limits, read.clocks.wall);
    let mut locks = Vec::new();
    for failing in tx.failing(day_before(now), limits.free_failures, MOST)? {
        let tally = Tally {
            pair: failing.streak,
            ..NOTHING
        };
        let (account, source) = (failing.attempt.account, failing.attempt.source);
        locks.extend(lock(read, tally, Some(account), Some(source))?);
    }
    for (source, level) in tx.raised_sources(below(limits.source_failures), MOST)? {
        let tally = Tally {
            source: Some(level),
            ..NOTHING
        };
        locks.extend(lock(read, tally, None, Some(source))?);
    }
    for (account, level) in tx.raised_accounts(below(limits.account_failures), MOST)? {
        let tally = Tally {
            account: Some(level),
            ..NOTHING
        };
        locks.extend(lock(read, tally, Some(account), None)?);
    }
    Ok(locks)
}

/// Nobody has failed.
const NOTHING: Tally = Tally {
    pair: Streak {
        failures: 0,
        last: UnixTime::EPOCH,
    },
    source: None,
    account: None,
};

/// How long one has to wait, if at all.
fn lock(
    read: &Reading<'_>,
    mut tally: Tally,
    account: Option<AccountKey>,
    source: Option<Source>,
) -> Result<Option<Lock>, CallError> {
    let now = read.clocks.wall;
    // Nothing is stored here: whoever judges a code does that.
    let _ = tally.settle(now);
    let Err(locked) = tally.check(now, &read.tx.policy()?.limits) else {
        return Ok(None);
    };
    // Of a name that nobody has only a hash is stored.
    let username = match account {
        Some(AccountKey::Known(uid)) => Some(whose::username(read.tx, uid)?),
        Some(AccountKey::Unknown(_)) | None => None,
    };
    Ok(Some(Lock {
        username,
        source: source.map(|source| source.to_string()),
        retry_after: locked.until.since(now).max(1),
    }))
}

/// The parts of a level that is one failure short of these.
fn below(failures: u32) -> u64 {
    u64::from(failures).saturating_sub(1) * PARTS_PER_FAILURE
}

fn day_before(now: UnixTime) -> UnixTime {
    UnixTime::from_secs(now.as_secs().saturating_sub(86_400))
}

fn cut(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}
