//! What a restore says: what is different by it, and for whom.

use schemars::JsonSchema;
use serde::Serialize;
use twofactor::Settings;

use super::account::Moved;
use crate::auth_twofactor::record::{AccountEntry, Page};

/// How many changes are listed, and how many accounts that were skipped. All are counted.
const LISTED: usize = 1000;

/// What is different, or would be.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Report {
    /// Whether nothing was changed.
    dry_run: bool,
    /// The machine that the export is of.
    hostname: String,
    /// When it was made, in seconds since 1970, UTC.
    at: u64,
    /// Accounts that have what the export has of them.
    accounts: usize,
    /// Devices that come.
    devices_added: usize,
    /// Devices that go.
    devices_removed: usize,
    /// Devices whose name or codes are others.
    devices_changed: usize,
    /// What is different for whom; the first 1,000.
    changes: Vec<Change>,
    /// Accounts of the export that get nothing.
    accounts_skipped: usize,
    /// Which, and why; the first 1,000.
    skipped: Vec<Skipped>,
    /// Accounts that the export does not know: they keep what they have.
    accounts_left: usize,
    /// Accounts whose recovery codes are void.
    recovery_void: usize,
    /// Settings and policy.
    pub(super) settings: SettingsReport,
}

/// What becomes of settings and policy.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct SettingsReport {
    /// As they were.
    pub(super) before: Switches,
    /// As they are now.
    pub(super) after: Switches,
    /// As the export has them.
    pub(super) exported: Switches,
    /// Whether anything of settings or policy is different.
    pub(super) changed: bool,
    /// Whether accounts without a device are still let in, though the export refuses them: they would be
    /// locked out.
    pub(super) still_lets_in: bool,
}

/// What is on.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Switches {
    /// Whether a code is asked for at all.
    enabled: bool,
    /// Whether sshd asks for it then.
    ssh: bool,
}

impl Switches {
    pub(super) const fn of(settings: &Settings) -> Self {
        Self {
            enabled: settings.enabled,
            ssh: settings.ssh,
        }
    }
}

/// A difference.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Change {
    /// The account.
    username: String,
    /// What is different.
    what: What,
    /// The device's name, or the reason of the exemption; null for grace.
    name: Option<String>,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
enum What {
    /// A device comes.
    DeviceAdded,
    /// A device goes.
    DeviceRemoved,
    /// A device has another name, or other codes.
    DeviceChanged,
    /// An exemption comes.
    ExemptionAdded,
    /// An exemption goes.
    ExemptionRemoved,
    /// It needs no device for a while.
    Grace,
}

/// An account of the export that gets nothing.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Skipped {
    /// Its name.
    username: String,
    /// Its uid in the export.
    uid: u32,
    /// Why.
    why: Why,
}

/// Why an account gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub(super) enum Why {
    /// There is no such user on this machine.
    NoSuchUser,
    /// That user has another uid here, or another name first.
    OtherUid,
    /// There is a record here of another user with that name or uid.
    OtherRecord,
}

impl Report {
    pub(super) fn new(first: &Page, dry_run: bool) -> Self {
        Self {
            dry_run,
            hostname: first.hostname.0.clone(),
            at: first.at.0.as_secs(),
            accounts: 0,
            devices_added: 0,
            devices_removed: 0,
            devices_changed: 0,
            changes: Vec::new(),
            accounts_skipped: 0,
            skipped: Vec::new(),
            accounts_left: 0,
            recovery_void: 0,
            settings: SettingsReport::default(),
        }
    }

    /// Whether no more changes are listed.
    pub(super) fn is_full(&self) -> bool {
        self.changes.len() >= LISTED
    }

    pub(super) fn moved(&mut self, moved: &Moved<'_>) {
        self.accounts += 1;
        self.recovery_void += usize::from(moved.had_recovery_codes);
        let mut list = |what, name: Option<&str>| {
            if self.changes.len() < LISTED {
                self.changes.push(Change {
                    username: moved.account.name.to_string(),
                    what,
                    name: name.map(str::to_owned),
                });
            }
        };
        for name in &moved.gone {
            self.devices_removed += 1;
            list(What::DeviceRemoved, Some(name));
        }
        for pair in &moved.devices {
            if pair.is_new() {
                self.devices_added += 1;
                list(What::DeviceAdded, Some(pair.name()));
            } else if pair.is_changed() {
                self.devices_changed += 1;
                list(What::DeviceChanged, Some(pair.name()));
            }
        }
        for reason in &moved.ended {
            list(What::ExemptionRemoved, Some(reason));
        }
        for reason in moved.exempt() {
            list(What::ExemptionAdded, Some(reason));
        }
        if moved.grace_until.is_some() {
            list(What::Grace, None);
        }
    }

    pub(super) fn skipped(&mut self, entry: &AccountEntry, why: Why) {
        self.accounts_skipped += 1;
        if self.skipped.len() < LISTED {
            self.skipped.push(Skipped {
                username: entry.username.0.to_string(),
                uid: entry.uid.0,
                why,
            });
        }
    }

    pub(super) const fn left(&mut self, accounts: usize) {
        self.accounts_left = accounts;
    }

    /// For the journal.
    pub(super) fn message(&self) -> String {
        format!(
            "An export of '{}' was restored: accounts {}, skipped {}; devices that came {}, went {}, \
             changed {}",
            self.hostname,
            self.accounts,
            self.accounts_skipped,
            self.devices_added,
            self.devices_removed,
            self.devices_changed
        )
    }
}
