//! `auth.twofactor.export`: all that another machine needs so that the phones go on, in pages.
//!
//! midclt locks them into a file. A page is smaller than a message, so that it can be handed over again.

use schemars::JsonSchema;
use serde::Serialize;
use store::{AccountRecord, ReadTx, StoreError, StoredDevice, StoredStreak, Subject};
use twofactor::{AccountKey, Enrolment, Level, Policy};
use zeroize::Zeroizing;

use super::import::KnownSecret;
use super::policy::{Changes, ThrottleChanges};
use super::record::{
    AccountEntry, DeviceEntry, ExemptionEntry, FORMAT, LevelEntry, MOST_ACCOUNTS, MOST_ROWS,
    Origin, Page, SettingsRecord, StreakEntry,
};
use crate::CallError;
use crate::access::Right;
use crate::alert::{Alert, AlertKind};
use crate::bounded::{
    Items, KeyPrint, Line, Moment, Nullable, OneOf, Sentence, Uid, Username, Whole,
};
use crate::fields::{Interval, OtpDigits};
use crate::method::{Declared, Write, Writing};
use crate::params::fields;
use crate::provisioning::hostname;

/// A page is full after so much of accounts. One more account, with all the rows that it may have, still
/// fits into a message.
const PAGE_BYTES: usize = 24 << 10;

fields! {
    /// Hands out a page of all that is stored, secrets included, for a file that only its passphrase
    /// opens: midclt 2fa export.
    ///
    /// Each call is audited, and the first page is an alert.
    pub(crate) struct Export {
        /// The uid after which the page begins: what the one before has as next. Without it, the first
        /// page.
        after: Option<Uid>,
    }
}

/// A page with the secrets of all that are on it.
#[derive(Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(crate) struct ExportPage(Page);

impl Declared for Export {
    const NAME: &'static str = "auth.twofactor.export";
    const RIGHT: Right = Right::Root;
    type Output = ExportPage;
}

impl Write for Export {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<ExportPage, CallError> {
        let after = self.after.map(|uid| uid.0);
        let most = u32::try_from(MOST_ACCOUNTS).unwrap_or(u32::MAX);
        let records = write.tx.accounts(after, most)?;
        let mut is_last = records.len() < MOST_ACCOUNTS;
        let (mut accounts, mut bytes) = (Vec::new(), 0);
        for record in &records {
            if bytes >= PAGE_BYTES {
                is_last = false;
                break;
            }
            let entry = account(write.tx, record)?;
            bytes += length(&entry)?;
            accounts.push(entry);
        }
        let next = accounts.last().filter(|_| !is_last).map(|last| last.uid);
        self.tell(write)?;
        Ok(ExportPage(Page {
            format: Whole(FORMAT),
            hostname: Sentence(hostname()),
            at: Moment::nearest(write.tx.now()),
            settings: SettingsRecord::new(&write.tx.stored_settings()?),
            policy: rules(&write.tx.stored_policy()?),
            accounts: Items(accounts),
            next: Nullable(next),
        }))
    }
}

impl Export {
    fn tell(&self, write: &mut Writing<'_, '_>) -> Result<(), CallError> {
        write.audit_often("exported", &Subject::default())?;
        if self.after.is_some() {
            return Ok(());
        }
        write.alert(Alert {
            kind: AlertKind::Exported,
            account: None,
            source: None,
            message: "Settings and devices are being exported, with their secrets".to_owned(),
        })
    }
}

/// All rules of a policy.
fn rules(policy: &Policy) -> Changes {
    let limits = &policy.limits;
    Changes {
        unenrolled: Some(OneOf(policy.unenrolled)),
        security_keys: Some(OneOf(policy.security_keys)),
        grace_days: Some(Whole(policy.grace_days.into())),
        bypass_minutes_max: Some(Whole(policy.bypass_minutes_max)),
        bypass_uses_max: Some(Whole(policy.bypass_uses_max)),
        throttle: Some(ThrottleChanges {
            free_failures: Some(Whole(limits.free_failures)),
            first_wait: Some(Whole(limits.first_wait_secs)),
            source_failures: Some(Whole(limits.source_failures)),
            account_failures: Some(Whole(limits.account_failures)),
        }),
    }
}

/// The bytes of an account as JSON. They have secrets, and are wiped.
fn length(entry: &AccountEntry) -> Result<usize, CallError> {
    let text = serde_json::to_vec(entry).map(Zeroizing::new);
    let text = text.map_err(|_| CallError::internal("an account cannot be written as JSON"))?;
    Ok(text.len())
}

fn account(tx: &ReadTx<'_>, record: &AccountRecord) -> Result<AccountEntry, CallError> {
    let uid = record.account.uid;
    let key = AccountKey::Known(uid);
    // What cannot be read keeps nothing else from being moved; it is counted.
    let stored = match tx.open_devices(uid) {
        Err(StoreError::Damaged { .. }) => Vec::new(),
        stored => stored?,
    };
    let readable = u32::try_from(stored.len()).unwrap_or(u32::MAX);
    let active = stored
        .iter()
        .filter(|stored| stored.record.enrolment == Enrolment::Active);
    let exemptions = tx.exemptions_of(uid)?.into_iter().rev().take(MOST_ROWS);
    let streaks = tx.streaks(key)?;
    let level = tx.account_level(key)?;
    Ok(AccountEntry {
        uid: Uid(uid),
        username: Username(record.account.name.clone()),
        grace_until: Nullable(record.grace_until.map(Moment::nearest)),
        failures_since_login: Whole(record.failures_since_login),
        last_login: Nullable(record.last_login.map(Moment::nearest)),
        recovery_codes: Whole(tx.recovery_codes_left(uid)?),
        devices: Items(active.map(device).collect()),
        unreadable: Whole(tx.count_devices(uid)?.saturating_sub(readable)),
        exemptions: Items(
            exemptions
                .map(|record| ExemptionEntry {
                    key: Nullable(record.key.map(KeyPrint)),
                    until: Moment::nearest(record.until),
                    reason: Line(record.reason),
                })
                .collect(),
        ),
        streaks: Items(streaks.iter().map(streak).collect()),
        level: Nullable(level.and_then(|level| counted(&level))),
    })
}

fn device(stored: &StoredDevice) -> DeviceEntry {
    let StoredDevice { record, device } = stored;
    DeviceEntry {
        name: Line(record.name.clone()),
        secret: KnownSecret(device.secret.clone()),
        algorithm: OneOf(device.algorithm),
        otp_digits: OtpDigits(device.digits),
        interval: Interval(device.step),
        floor: Moment::nearest(device.floor),
        created: Moment::nearest(record.created),
        last_used: Nullable(record.last_used.map(Moment::nearest)),
    }
}

fn streak(stored: &StoredStreak) -> StreakEntry {
    StreakEntry {
        source: Origin(stored.attempt.source),
        budget: OneOf(stored.attempt.budget),
        failures: Whole(stored.streak.failures),
        last: Moment::nearest(stored.streak.last),
    }
}

fn counted(level: &Level) -> Option<LevelEntry> {
    let parts = u32::try_from(level.parts).unwrap_or(u32::MAX);
    (parts > 0).then(|| LevelEntry {
        parts: Whole(parts),
        last: Moment::nearest(level.last),
    })
}
