//! `auth.twofactor.account.query`: every account, and what each door asks it for.

mod choice;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::{DeviceRecord, ReadTx};
use twofactor::{
    Account, AccountKey, AccountName, Budget, Policy, Reason, Requirement, Settings, Source,
    Standing, Streak, Tally, UnixTime,
};

use super::device::is_alive;
use super::people;
use choice::{Chosen, Wanted};

use crate::CallError;
use crate::access::{self, Proof, Right};
use crate::bounded::{Line, Username, Whole};
use crate::devices::{DeviceEntry, State};
use crate::door::{self, Attempt, Factor, Who};
use crate::method::{Declared, Method, Reading, Slow, Stage, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

/// How many are listed, where nobody says.
const USUAL: u32 = 50;

/// More records are not looked at.
const MOST_RECORDS: u32 = 100_000;

fields! {
    /// Lists accounts by name, with their devices and what doors ask them for.
    ///
    /// They are those with a login shell in /etc/passwd, and those that something is stored about. An
    /// account of a directory (LDAP, AD) is listed once something is stored about it.
    pub(crate) struct QueryAccounts {
        /// Which; the first 50 if it is not given.
        account_query: Option<Filter>,
    }
}

fields! {
    /// Which accounts.
    pub(crate) struct Filter {
        /// Only this one.
        username: Option<Username>,
        /// Only those with this in their name, in upper or lower case.
        search: Option<Line>,
        /// Only those with a later name: for the next page, what the page before has as next.
        after: Option<Username>,
        /// How many; 50 if it is not given.
        limit: Option<Whole<1, 200>>,
    }
}

impl Field for Filter {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

/// A page of accounts.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page {
    /// The accounts, by name.
    accounts: Vec<Entry>,
    /// How many there are on all pages.
    matching: usize,
    /// The name after which the next page begins; null on the last one.
    next: Option<String>,
}

/// An account.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Entry {
    /// Its name.
    username: String,
    /// Its uid.
    uid: u32,
    /// Whether it has a login shell in /etc/passwd; null where that cannot be read.
    has_shell: Option<bool>,
    /// Its devices, the oldest first.
    devices: Vec<Device>,
    /// When it last logged in with a code, in seconds since 1970, UTC; or null.
    last_login: Option<u64>,
    /// Its recovery codes that are not used.
    recovery_codes: u32,
    /// The first second at which it is asked again, if it is exempt, also where that holds for one key
    /// only.
    exempt_until: Option<u64>,
    /// The first second at which it needs a device, if it has grace.
    grace_until: Option<u64>,
    /// The first second at which its own bypass is over, if it has one.
    bypass_until: Option<u64>,
    /// Seconds until the next code is looked at from everywhere, if wrong codes have closed a place.
    retry_after: Option<u64>,
    /// What sshd is to ask for after a password or a key, by what is configured.
    ssh: Asked,
    /// What all other services that ask middlewared are to ask for.
    others: Asked,
}

/// A device.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Device {
    /// What its owner calls it.
    name: String,
    /// PENDING or ACTIVE.
    state: State,
    /// When a code of it was accepted last, in seconds since 1970, UTC; or null.
    last_used: Option<u64>,
}

/// What somebody is asked for who has proven a password or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
enum Asked {
    /// Nobody is asked for anything.
    Off,
    /// A code.
    Code,
    /// Nothing: it is exempt.
    Exempt,
    /// Nothing: it has grace.
    Grace,
    /// Nothing: it has no device, and the policy lets such accounts in.
    Allowed,
    /// Nothing: it has a bypass, or everybody has.
    Bypass,
    /// It is refused: it has no device, or the record is of another account.
    Refused,
}

impl Asked {
    fn new(requirement: Requirement) -> Self {
        match requirement {
            Requirement::NotRequired(Reason::Off) => Self::Off,
            Requirement::NotRequired(Reason::Grace { .. }) => Self::Grace,
            Requirement::NotRequired(Reason::Allowed) => Self::Allowed,
            // Nobody has shown a key.
            Requirement::Code | Requirement::NotRequired(Reason::SecurityKey) => Self::Code,
            Requirement::Exempt { .. } => Self::Exempt,
            Requirement::Bypassed => Self::Bypass,
            Requirement::NotEnrolled => Self::Refused,
        }
    }
}

/// Which page, and whom the state knows.
pub(crate) struct Job {
    wanted: Wanted,
    known: Vec<Account>,
}

impl Declared for QueryAccounts {
    const NAME: &'static str = "auth.twofactor.account.query";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    type Output = Page;
}

impl Slow for QueryAccounts {
    type Job = Job;
    type Found = Chosen;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<Job, Chosen>, CallError> {
        let records = read.tx.accounts(None, MOST_RECORDS)?.into_iter();
        Ok(Stage::Work(Job {
            wanted: self.wanted(),
            known: records.map(|record| record.account).collect(),
        }))
    }

    /// Who may log in only the machine can say.
    fn work(job: Job) -> Result<Stage<Job, Chosen>, CallError> {
        let chosen = job.wanted.choose(people::logins(), job.known);
        Ok(Stage::Ready(chosen))
    }

    /// A page is small, and each account of it is found by its key.
    fn finish(&self, chosen: &Chosen, write: &mut Writing<'_, '_>) -> Result<Page, CallError> {
        let machine = Machine::new(write)?;
        let accounts = chosen.accounts.iter();
        let accounts =
            accounts.map(|(account, has_shell)| machine.entry(write, account, *has_shell));
        let last = chosen.accounts.last().filter(|_| chosen.has_more);
        Ok(Page {
            accounts: accounts.collect::<Result<_, CallError>>()?,
            matching: chosen.matching,
            next: last.map(|(account, _)| account.name.to_string()),
        })
    }
}

impl QueryAccounts {
    fn wanted(&self) -> Wanted {
        let filter = self.account_query.as_ref();
        let username = filter.and_then(|filter| filter.username.as_ref());
        let search = filter.and_then(|filter| filter.search.as_ref());
        let after = filter.and_then(|filter| filter.after.as_ref());
        let limit = filter.and_then(|filter| filter.limit.as_ref());
        let limit = limit.map_or(USUAL, |limit| limit.0);
        Wanted {
            username: username.map(|name| name.0.clone()),
            search: search.map_or_else(String::new, |search| search.0.to_lowercase()),
            after: after.map(|name| name.0.clone()),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        }
    }
}

/// What holds for all accounts.
struct Machine {
    settings: Settings,
    policy: Policy,
    now: UnixTime,
    today: UnixTime,
}

impl Machine {
    fn new(write: &Writing<'_, '_>) -> Result<Self, CallError> {
        Ok(Self {
            settings: write.tx.settings()?,
            policy: write.tx.policy()?,
            now: write.tx.now(),
            today: write.today()?,
        })
    }

    fn entry(
        &self,
        write: &Writing<'_, '_>,
        account: &Account,
        has_shell: Option<bool>,
    ) -> Result<Entry, CallError> {
        let who = Who::find(write.tx, account.name.as_str(), Some(account.uid))?;
        let standing = door::standing(write, &proven(&who))?;
        let asked = |service| {
            let standing = Standing {
                is_asked: self.settings.asks(service),
                ..standing
            };
            Asked::new(standing.requirement(&self.policy, self.today))
        };
        let (ssh, others) = (asked(Settings::SSHD), asked(access::SERVICE));
        // A record of another account says nothing of this one.
        let kept = match who.known_uid() {
            Some(uid) => self.kept(write, uid, &account.name)?,
            None => Kept::default(),
        };
        Ok(Entry {
            username: account.name.to_string(),
            uid: account.uid,
            has_shell,
            devices: kept.devices,
            last_login: kept.last_login,
            recovery_codes: kept.recovery_codes,
            exempt_until: kept.exempt_until,
            grace_until: kept.grace_until,
            bypass_until: kept.bypass_until,
            retry_after: kept.retry_after,
            ssh,
            others,
        })
    }

    fn kept(
        &self,
        write: &Writing<'_, '_>,
        uid: u32,
        name: &AccountName,
    ) -> Result<Kept, CallError> {
        let (tx, clocks) = (&write.tx, write.clocks());
        let still = |until: &UnixTime| self.today < *until;
        let record = tx.account(uid)?;
        let grace = record.as_ref().and_then(|record| record.grace_until);
        let exemptions = tx.exemptions_of(uid)?.into_iter();
        let bypasses = tx.bypasses_for(Some(uid))?.into_iter();
        let bypasses = bypasses
            .filter(|record| record.uid == Some(uid) && record.bypass.is_valid(clocks, self.today));
        let devices = tx.devices(uid)?.into_iter();
        let devices = devices.filter(|record| is_alive(record, self.today));
        Ok(Kept {
            devices: devices.map(|record| Device::new(name, &record)).collect(),
            last_login: record
                .and_then(|record| record.last_login)
                .map(UnixTime::as_secs),
            recovery_codes: tx.recovery_codes_left(uid)?,
            exempt_until: exemptions
                .map(|record| record.until)
                .filter(still)
                .max()
                .map(UnixTime::as_secs),
            grace_until: grace.filter(still).map(UnixTime::as_secs),
            bypass_until: bypasses.map(|record| record.bypass.until.as_secs()).max(),
            retry_after: self.wait(tx, uid)?,
        })
    }

    /// How long it takes at most until a code is looked at from wherever wrong ones came from.
    fn wait(&self, tx: &ReadTx<'_>, uid: u32) -> Result<Option<u64>, CallError> {
        let account = AccountKey::Known(uid);
        let streaks = tx.streaks(account)?.into_iter();
        let codes = streaks.filter(|streak| streak.attempt.budget == Budget::Codes);
        let mut tallies: Vec<_> = codes
            .map(|streak| Tally {
                pair: streak.streak,
                source: None,
                account: None,
            })
            .collect();
        tallies.push(Tally {
            pair: Streak::default(),
            source: None,
            account: tx.account_level(account)?,
        });
        let waits = tallies.into_iter().filter_map(|mut tally| {
            // Nothing is stored here: whoever judges a code does that.
            let _ = tally.settle(self.now);
            let locked = tally.check(self.now, &self.policy.limits).err()?;
            Some(locked.until.since(self.now).max(1))
        });
        Ok(waits.max())
    }
}

/// What is stored of an account.
#[derive(Default)]
struct Kept {
    devices: Vec<Device>,
    last_login: Option<u64>,
    recovery_codes: u32,
    exempt_until: Option<u64>,
    grace_until: Option<u64>,
    bypass_until: Option<u64>,
    retry_after: Option<u64>,
}

impl Device {
    fn new(owner: &AccountName, record: &DeviceRecord) -> Self {
        let entry = DeviceEntry::new(owner.as_str(), record);
        Self {
            name: entry.name,
            state: entry.state,
            last_used: entry.last_used,
        }
    }
}

/// Somebody who has proven a password here, and typed no code yet.
const fn proven(who: &Who) -> Attempt<'_> {
    Attempt {
        who,
        service: access::SERVICE,
        source: Source::Local,
        factor: Factor::Password,
        typed: None,
    }
}

pub(crate) const METHODS: &[Method] = &[Method::slow::<QueryAccounts>()];
