//! `auth.twofactor.restore`: what an export has comes back, all of it or nothing.
//!
//! A message is too small for an export. So its pages are handed over first, one by one, and wait with
//! the connection; the restore takes them. (`middlewared restore` is something else: a copy of the
//! database of this very machine.)
//!
//! An export is older than what it replaces. Nothing is good again that may have been used since: codes up
//! to now count as used, recovery codes are void, and what counted against an account still does.

mod account;
mod report;
mod settings;

use std::collections::{HashMap, HashSet};

use nix::errno::Errno;
use serde_json::Value;
use store::{StoreError, Subject};
use twofactor::{Account, AccountName, UnixTime};

use super::lockout::Logins;
use super::record::{AccountEntry, Page};
use super::trial;
use crate::access::{Access, Right};
use crate::alert::{Alert, AlertKind};
use crate::bounded::Whole;
use crate::lookup::{self, Lookup};
use crate::method::{Declared, OfSession, OnSession, Reading, Slow, Stage, Writing};
use crate::params::{At, Field, Fields, Issues, decode_object, fields};
use crate::{CallError, Session};
use account::Moved;
use report::{Report, Why};

/// How many pages may be handed over: more than 50,000 accounts have.
const MOST_PAGES: u32 = 1024;

/// Names that are looked up in one go: each go may take 20 s.
const NAMES_AT_ONCE: usize = 200;

fields! {
    /// Hands over a page of an export, for `auth.twofactor.restore` on the same connection. Nothing is
    /// changed by it.
    pub(crate) struct RestorePage {
        /// Which page it is. 0 is the first one, and forgets those before.
        number: Whole<0, { MOST_PAGES - 1 }>,
        /// The page, as `auth.twofactor.export` answered it.
        page: Page,
    }
}

/// The pages that were handed over on a connection.
#[derive(Debug, Default)]
pub(crate) struct HandedOver(Vec<Page>);

impl Declared for RestorePage {
    const NAME: &'static str = "auth.twofactor.restore_page";
    const RIGHT: Right = Right::Root;
    type Output = u32;
}

impl OnSession for RestorePage {
    fn call(self, session: &mut Session, _: &Access) -> Result<u32, CallError> {
        let HandedOver(pages) = &mut session.handed_over;
        if self.number.0 == 0 {
            pages.clear();
        }
        let expected = u32::try_from(pages.len()).unwrap_or(u32::MAX);
        if self.number.0 != expected {
            let message =
                format!("Page {expected} was expected on this connection. Begin again with page 0");
            return Err(CallError::refused(Errno::EINVAL, message));
        }
        pages.push(self.page);
        Ok(expected + 1)
    }
}

fields! {
    /// Puts back what an export has: devices, policy, settings, exemptions, and what counts against
    /// accounts. Its pages are handed over before, by `auth.twofactor.restore_page` on this connection.
    ///
    /// All of it or nothing. An account gets the devices that it had; those that it has besides go. An
    /// account that the export does not know keeps all. Who has another uid on this machine, or is not
    /// there, gets nothing. Codes up to now count as used, and recovery codes are void. sshd is made to
    /// ask only where it is ready to.
    pub(crate) struct RestoreParams {
        /// Whether only to look, and whether what is off stays off.
        options: Option<Options>,
    }
}

fields! {
    /// How to restore.
    pub(crate) struct Options {
        /// Only to say what would be different. False if it is not given.
        dry_run: Option<bool>,
        /// Whether two-factor authentication stays off that is off now. Without it, it is on again
        /// where it was on.
        stay_off: Option<bool>,
    }
}

impl Field for Options {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

/// The call, with the pages of its connection.
pub(crate) struct Restore {
    params: RestoreParams,
    pages: Vec<Page>,
}

impl Fields for Restore {
    const NAMES: &'static [&'static str] = RestoreParams::NAMES;

    fn from_entries(
        entries: impl Iterator<Item = (String, Value)>,
        at: &At<'_>,
        issues: &mut Issues,
    ) -> Option<Self> {
        Some(Self {
            params: RestoreParams::from_entries(entries, at, issues)?,
            pages: Vec::new(),
        })
    }
}

impl schemars::JsonSchema for Restore {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        RestoreParams::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        RestoreParams::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

impl Declared for Restore {
    const NAME: &'static str = "auth.twofactor.restore";
    const RIGHT: Right = Right::Root;
    type Output = Report;
}

impl OfSession for Restore {
    fn take(&mut self, session: &mut Session) -> Result<(), CallError> {
        self.pages = std::mem::take(&mut session.handed_over).0;
        let is_whole = self.pages.last().is_some_and(|page| page.next.0.is_none());
        if is_whole {
            return Ok(());
        }
        let message = "Not all pages of an export were handed over on this connection; nothing was \
            changed. By hand this is easier: midclt 2fa restore FILE";
        Err(CallError::refused(Errno::EINVAL, message))
    }
}

/// Who the accounts of an export are on this machine.
pub(crate) struct Looking {
    left: Vec<Account>,
    found: Found,
}

/// What this machine says.
#[derive(Default)]
pub(crate) struct Found {
    accounts: HashMap<AccountName, Lookup>,
    logins: Option<Logins>,
}

impl Slow for Restore {
    type Job = Looking;
    type Found = Found;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<Looking, Found>, CallError> {
        if let Some(reason) = read.tx.degraded() {
            return Err(no_key(reason));
        }
        let accounts = self.entries().map(AccountEntry::account);
        Ok(Stage::Work(Looking {
            left: accounts
                .filter(|account| account.name.as_str() != lookup::ROOT)
                .collect(),
            found: Found::default(),
        }))
    }

    fn work(mut job: Looking) -> Result<Stage<Looking, Found>, CallError> {
        let rest = job.left.split_off(NAMES_AT_ONCE.min(job.left.len()));
        for account in std::mem::replace(&mut job.left, rest) {
            let found = lookup::same(&account);
            job.found.accounts.insert(account.name, found);
        }
        if !job.left.is_empty() {
            return Ok(Stage::Work(job));
        }
        job.found.logins = Some(Logins::look());
        Ok(Stage::Ready(job.found))
    }

    fn finish(&self, found: &Found, write: &mut Writing<'_, '_>) -> Result<Report, CallError> {
        trial::settle(write)?;
        if write.tx.live_trial()?.is_some() {
            return Err(CallError::refused(Errno::EBUSY, ON_TRIAL));
        }
        // Only what was restored shows who would be locked out by it.
        if self.is_dry() {
            return write.rehearse(|write| self.restore(found, write));
        }
        let report = self.restore(found, write)?;
        write.audit("restored")?;
        write.alert(Alert {
            kind: AlertKind::Restored,
            account: None,
            source: None,
            message: report.message(),
        })?;
        Ok(report)
    }
}

impl Restore {
    fn restore(&self, found: &Found, write: &mut Writing<'_, '_>) -> Result<Report, CallError> {
        let first = self.pages.first().ok_or_else(no_pages)?;
        let mut report = Report::new(first, self.is_dry());
        let mut named = HashSet::new();
        for entry in self.entries() {
            match whose(entry, found, write)? {
                Ok(account) => {
                    named.insert(account.uid);
                    let moved = Moved::of(entry, account, self.at(write)?, (first, write.tx))?;
                    moved.put(write)?;
                    audit(write, &moved, &report)?;
                    report.moved(&moved);
                }
                Err(why) => report.skipped(entry, why),
            }
        }
        let stored = write.tx.accounts(None, u32::MAX)?.into_iter();
        let left = stored.filter(|record| !named.contains(&record.account.uid));
        report.left(left.count());
        self.put_settings(found, write, &mut report)?;
        Ok(report)
    }

    fn entries(&self) -> impl Iterator<Item = &AccountEntry> {
        self.pages.iter().flat_map(|page| &page.accounts.0)
    }

    fn option(&self, option: impl Fn(&Options) -> Option<bool>) -> bool {
        let options = self.params.options.as_ref();
        options.and_then(option).unwrap_or(false)
    }

    fn is_dry(&self) -> bool {
        self.option(|options| options.dry_run)
    }

    fn stays_off(&self) -> bool {
        self.option(|options| options.stay_off)
    }

    /// What time it is at least: a clock that is behind must not bring back what an export has used up.
    fn at(&self, write: &Writing<'_, '_>) -> Result<UnixTime, CallError> {
        let made = self.pages.iter().map(|page| page.at.0).max();
        Ok(write.today()?.max(made.unwrap_or(UnixTime::EPOCH)))
    }
}

impl AccountEntry {
    /// Who it was on the machine that the export is of.
    fn account(&self) -> Account {
        Account {
            uid: self.uid.0,
            name: self.username.0.clone(),
        }
    }
}

/// Which account of this machine an entry is for. A name that was made anew inherits nothing.
fn whose(
    entry: &AccountEntry,
    found: &Found,
    write: &Writing<'_, '_>,
) -> Result<Result<Account, Why>, CallError> {
    let account = entry.account();
    let here = match found.accounts.get(&account.name) {
        Some(Lookup::Account(here)) => here.clone(),
        Some(Lookup::Failed(errno)) => return Err(unsure(*errno)),
        Some(Lookup::Absent) => return Ok(Err(Why::NoSuchUser)),
        Some(Lookup::Alias(_)) => return Ok(Err(Why::OtherUid)),
        None => lookup::root()?,
    };
    if here != account {
        return Ok(Err(Why::OtherUid));
    }
    Ok(match write.tx.identity(&account)? {
        twofactor::Identity::Mismatch => Err(Why::OtherRecord),
        _ => Ok(account),
    })
}

/// An entry of its own for each account whose devices are others now, as far as they are listed.
fn audit(write: &mut Writing<'_, '_>, moved: &Moved<'_>, report: &Report) -> Result<(), CallError> {
    if !moved.has_other_devices() || report.is_full() {
        return Ok(());
    }
    let subject = Subject {
        account: Some(moved.account.name.as_str()),
        ..Subject::default()
    };
    write.audit_login("restored", &subject)
}

fn no_pages() -> CallError {
    CallError::internal("there are no pages to restore")
}

const ON_TRIAL: &str = "Settings are on trial; nothing was changed. Keep them or roll them back first: \
    midclt call auth.twofactor.commit, or auth.twofactor.rollback";

/// Not where a part of what is stored cannot be read, and a second key is never made: a new state has one.
fn no_key(reason: &str) -> CallError {
    CallError::Store(StoreError::NoKey {
        reason: format!(
            "{reason}. To restore an export, set this state aside first, so that a new \
            one is made with a key of its own (docs/recovery.md)"
        ),
    })
}

fn unsure(errno: Errno) -> CallError {
    let message = format!(
        "This machine's user database does not answer ({errno}); nothing was changed. Try again"
    );
    CallError::refused(Errno::EIO, message)
}
