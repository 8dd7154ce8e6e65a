//! What an export has and a restore takes: one type for both, so that what was written is what is read.
//!
//! Bypasses and invites are not in it, nor devices that are pending: what lets somebody in for a while
//! is granted anew. Nor are recovery codes, of which a restore would make nothing; only their number is.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::Value;
use twofactor::{Algorithm, Budget, Settings, Source};

use super::import::KnownSecret;
use super::policy;
use crate::bounded::{
    Items, KeyPrint, Line, Moment, Nullable, OneOf, Sentence, Uid, Username, Whole, Word,
};
use crate::fields::{Interval, OtpDigits, WindowSteps};
use crate::params::{At, Field, Issues, decode_object, fields};

/// The form of a page. A release that changes it counts on, and reads the older ones.
pub(super) const FORMAT: u32 = 1;

/// How many accounts a page has at most.
pub(super) const MOST_ACCOUNTS: usize = 200;

/// Exemptions and rows of failures of an account at most, so that it fits into a message.
pub(super) const MOST_ROWS: usize = 100;

fields! {
    /// A part of an export: the settings and some accounts. It has their secrets.
    #[derive(Serialize)]
    pub(crate) struct Page {
        /// The form of the page: 1.
        pub(super) format: Whole<FORMAT, FORMAT>,
        /// The machine that it is of.
        pub(super) hostname: Sentence,
        /// When it was made, in seconds since 1970, UTC.
        pub(super) at: Moment,
        /// The settings.
        pub(super) settings: SettingsRecord,
        /// The policy.
        pub(super) policy: policy::Changes,
        /// Accounts in the order of their uids.
        pub(super) accounts: Items<AccountEntry, MOST_ACCOUNTS>,
        /// The uid after which the next page begins; null on the last one.
        pub(super) next: Nullable<Uid>,
    }
}

fields! {
    /// The settings.
    #[derive(Serialize)]
    pub(crate) struct SettingsRecord {
        /// Whether a code is asked for at all.
        pub(super) enabled: bool,
        /// Whether sshd asks for it.
        pub(super) ssh: bool,
        /// Steps accepted on each side of now.
        pub(super) window: WindowSteps,
        /// Digits of the next device of the 22.12 API.
        pub(super) otp_digits: OtpDigits,
        /// Seconds that a code of it is valid for.
        pub(super) interval: Interval,
    }
}

fields! {
    /// An account.
    #[derive(Serialize)]
    pub(crate) struct AccountEntry {
        /// Its uid.
        pub(super) uid: Uid,
        /// Its name.
        pub(super) username: Username,
        /// Until when it needs no device, or null.
        pub(super) grace_until: Nullable<Moment>,
        /// Wrong codes after a proven password or key, since its last login.
        pub(super) failures_since_login: Whole<0, { u32::MAX }>,
        /// When it last logged in with a code, or null.
        pub(super) last_login: Nullable<Moment>,
        /// Recovery codes that it had left.
        pub(super) recovery_codes: Whole<0, 10>,
        /// Its active devices, the first one first.
        pub(super) devices: Items<DeviceEntry, 8>,
        /// Devices that could not be read, and are not there.
        pub(super) unreadable: Whole<0, { u32::MAX }>,
        /// Until when it is not asked, and why.
        pub(super) exemptions: Items<ExemptionEntry, MOST_ROWS>,
        /// Wrong codes in a row, by source.
        pub(super) streaks: Items<StreakEntry, MOST_ROWS>,
        /// Wrong codes from unknown addresses, or null.
        pub(super) level: Nullable<LevelEntry>,
    }
}

fields! {
    /// A device, with its secret.
    #[derive(Serialize)]
    pub(crate) struct DeviceEntry {
        /// What its owner calls it.
        pub(super) name: Line,
        /// The secret in base32.
        pub(super) secret: KnownSecret,
        /// The hash under its HMAC.
        pub(super) algorithm: OneOf<Algorithm>,
        /// Digits of a code.
        pub(super) otp_digits: OtpDigits,
        /// Seconds that a code is valid for.
        pub(super) interval: Interval,
        /// The replay floor: the end of the last step that was used, in seconds since 1970, UTC.
        pub(super) floor: Moment,
        /// When its secret was issued.
        pub(super) created: Moment,
        /// When a code of it was accepted last, or null.
        pub(super) last_used: Nullable<Moment>,
    }
}

fields! {
    /// An exemption.
    #[derive(Serialize)]
    pub(crate) struct ExemptionEntry {
        /// The fingerprint of the key that it holds for alone, or null.
        pub(super) key: Nullable<KeyPrint>,
        /// The first second at which the account is asked again.
        pub(super) until: Moment,
        /// Why.
        pub(super) reason: Line,
    }
}

fields! {
    /// Wrong codes in a row.
    #[derive(Serialize)]
    pub(crate) struct StreakEntry {
        /// Where they came from.
        pub(super) source: Origin,
        /// What they were taken for.
        pub(super) budget: OneOf<Budget>,
        /// How many.
        pub(super) failures: Whole<1, { u32::MAX }>,
        /// When the last one was.
        pub(super) last: Moment,
    }
}

fields! {
    /// Wrong codes from unknown addresses, of which so many a day are forgotten.
    #[derive(Serialize)]
    pub(crate) struct LevelEntry {
        /// 86,400 for each that was not forgotten by then.
        pub(super) parts: Whole<1, { u32::MAX }>,
        /// When the last one was.
        pub(super) last: Moment,
    }
}

impl SettingsRecord {
    pub(super) const fn new(settings: &Settings) -> Self {
        Self {
            enabled: settings.enabled,
            ssh: settings.ssh,
            window: WindowSteps(settings.window),
            otp_digits: OtpDigits(settings.digits),
            interval: Interval(settings.step),
        }
    }

    pub(super) const fn settings(&self) -> Settings {
        Settings {
            enabled: self.enabled,
            ssh: self.ssh,
            window: self.window.0,
            digits: self.otp_digits.0,
            step: self.interval.0,
        }
    }
}

impl Word for Budget {
    const WORDS: &'static [(&'static str, Self)] =
        &[("CODES", Self::Codes), ("RECOVERY", Self::Recovery)];
}

/// Where a wrong code came from, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin(pub(super) Source);

impl Field for Origin {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let source = Source::from_stored(&String::decode(value, at, issues)?);
        if source.is_none() {
            issues.out_of_range(at, "Should be an address, local or unplaced");
        }
        source.map(Self)
    }
}

impl JsonSchema for Origin {
    fn schema_name() -> Cow<'static, str> {
        "Origin".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// What is decoded as an object.
macro_rules! object_fields {
    ($($type:ident)*) => { $(
        impl Field for $type {
            fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
                decode_object(value, at, issues)
            }
        }
    )* };
}

object_fields!(Page SettingsRecord AccountEntry DeviceEntry ExemptionEntry StreakEntry LevelEntry);

/// How a param is written where it is a result: so that it is read again as the same.
macro_rules! as_json {
    ($([$($generics:tt)*] $type:ty: |$this:ident| $value:expr;)*) => { $(
        impl<$($generics)*> Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $this = self;
                Serialize::serialize(&$value, serializer)
            }
        }
    )* };
}

as_json! {
    [] Uid: |uid| uid.0;
    [] Username: |name| name.0.as_str();
    [] Line: |line| line.0;
    [] Sentence: |text| text.0;
    [] KeyPrint: |print| print.0.to_string();
    [] Moment: |at| at.0.as_secs();
    [] Origin: |origin| origin.0.to_string();
    [] WindowSteps: |window| window.0.steps();
    [] OtpDigits: |digits| digits.0.get();
    [] Interval: |step| step.0.as_secs();
    [] KnownSecret: |secret| **secret.0.to_base32();
    [const MIN: u32, const MAX: u32] Whole<MIN, MAX>: |number| number.0;
    [T: Serialize] Nullable<T>: |value| value.0;
    [T: Serialize, const MOST: usize] Items<T, MOST>: |items| items.0;
    [W: Word + PartialEq] OneOf<W>: |word| word.0.word();
}
