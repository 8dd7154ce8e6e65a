//! `auth.twofactor.grace.*`: time for an account to set up its first device.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use twofactor::{Account, AccountName, UnixTime};

use super::whose::{self, Concern, OfUser, Whose};
use crate::CallError;
use crate::access::{Proof, Right};
use crate::alert::{Alert, AlertKind};
use crate::bounded::{Username, Whole};
use crate::method::{Declared, Method, OnAccount, Read, Reading, Write, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

/// How many are listed.
const MOST: u32 = 1000;

const DAY_SECS: u64 = 86_400;

/// An account that needs no device yet.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Grace {
    /// The account.
    username: String,
    /// The first second at which it needs a device, since 1970, UTC.
    until: u64,
}

impl Grace {
    pub(super) fn new(name: &AccountName, until: UnixTime) -> Self {
        Self {
            username: name.as_str().to_owned(),
            until: until.as_secs(),
        }
    }
}

fields! {
    /// Gives an account time to set up its first device: until then it logs in without a code.
    ///
    /// It takes the place of grace that the account has. Refused for an account that has an active
    /// device, since that one is asked for a code all the same.
    pub(crate) struct CreateGrace {
        /// To whom, and how long.
        grace_create: NewGrace,
    }
}

fields! {
    /// The grace to give.
    pub(crate) struct NewGrace {
        /// The account.
        username: Username,
        /// How many days; those of the policy if it is not given.
        days: Option<Whole<1, 90>>,
    }
}

impl Field for NewGrace {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Declared for CreateGrace {
    const NAME: &'static str = "auth.twofactor.grace.create";
    const RIGHT: Right = Right::Administrator(Proof::Fresh);
    type Output = Grace;
}

impl OnAccount for CreateGrace {
    fn is_way_back(&self) -> bool {
        true
    }

    fn username(&self) -> &AccountName {
        &self.grace_create.username.0
    }

    fn call(&self, account: &Account, write: &mut Writing<'_, '_>) -> Result<Grace, CallError> {
        let name = &account.name;
        if write.tx.has_active_device(account.uid)? {
            let message = format!(
                "'{name}' has a device, and grace does not stop the question for its code. For a \
                 lost phone: midclt 2fa bypass {name} --reason TEXT"
            );
            return Err(CallError::refused(Errno::EEXIST, message));
        }
        let usual = u32::from(write.tx.policy()?.grace_days);
        let days = self.grace_create.days.map_or(usual, |days| days.0);
        let until = write
            .today()?
            .saturating_add_secs(u64::from(days) * DAY_SECS);
        write.tx.ensure_account(account)?;
        write.tx.set_grace(account.uid, Some(until))?;
        write.audit("granted")?;
        write.alert(Alert {
            kind: AlertKind::Exemption,
            account: Some(name.clone()),
            source: None,
            message: format!("'{name}' is not asked for a code for {days} days: grace"),
        })?;
        whose::tell(write, Some(name), Concern::Grace)?;
        Ok(Grace::new(name, until))
    }
}

fields! {
    /// Lists the accounts that need no device yet, those first whose time is over first; at most
    /// 1,000.
    pub(crate) struct QueryGrace {
        /// Which; all if it is not given.
        grace_query: Option<OfUser>,
    }
}

impl Declared for QueryGrace {
    const NAME: &'static str = "auth.twofactor.grace.query";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    type Output = Vec<Grace>;
}

impl Read for QueryGrace {
    fn call(self, read: &Reading<'_>) -> Result<Vec<Grace>, CallError> {
        let today = read.today()?;
        let whose = OfUser::whose(self.grace_query.as_ref(), read.tx)?;
        let records = match whose {
            Whose::All => read.tx.accounts_in_grace(today, MOST)?,
            Whose::Of(uid) => read.tx.account(uid)?.into_iter().collect(),
            Whose::Nobodys => Vec::new(),
        };
        let grace = records.into_iter().filter_map(|record| {
            let until = record.grace_until.filter(|until| today < *until)?;
            Some(Grace::new(&record.account.name, until))
        });
        Ok(grace.collect())
    }
}

fields! {
    /// Ends the grace of an account: from now on it needs a device.
    pub(crate) struct DeleteGrace {
        /// The account.
        username: Username,
    }
}

impl Declared for DeleteGrace {
    const NAME: &'static str = "auth.twofactor.grace.delete";
    const RIGHT: Right = Right::Administrator(Proof::Fresh);
    type Output = bool;
}

impl Write for DeleteGrace {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let name = &self.username.0;
        let record = write.tx.account_named(name)?;
        let Some(record) = record.filter(|record| record.grace_until.is_some()) else {
            let message =
                format!("'{name}' has no grace. Who has: midclt call auth.twofactor.grace.query");
            return Err(CallError::refused(Errno::ENOENT, message));
        };
        write.about(name);
        write.tx.set_grace(record.account.uid, None)?;
        write.audit("ended")?;
        whose::tell(write, Some(name), Concern::Grace)?;
        Ok(true)
    }
}

pub(crate) const METHODS: &[Method] = &[
    Method::on_account::<CreateGrace>(),
    Method::write::<DeleteGrace>(),
    Method::read::<QueryGrace>(),
];
