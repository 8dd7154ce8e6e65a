//! `auth.twofactor.exemption.*`: accounts that are not asked for a code, up to a date.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::{ExemptionRecord, ReadTx};
use twofactor::{Account, AccountName, UnixTime};

use super::whose::{self, Concern, OfUser, Whose};
use crate::CallError;
use crate::access::{Proof, Right};
use crate::alert::{Alert, AlertKind};
use crate::bounded::{Id, KeyPrint, Line, Moment, Username};
use crate::door::span;
use crate::error::Issue;
use crate::method::{Declared, Method, OnAccount, Read, Reading, Write, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

/// The longest exemption: a year. Whoever needs it longer looks at it again by then.
const LONGEST_DAYS: u64 = 366;

/// An account that is not asked for a code.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Exemption {
    /// Its number.
    id: i64,
    /// The account.
    username: String,
    /// The fingerprint of the key that it holds for alone, at sshd; null where it holds for whatever the
    /// account proves.
    key: Option<String>,
    /// The first second at which it is asked again, since 1970, UTC.
    until: u64,
    /// Why.
    reason: String,
    /// When it was made, in seconds since 1970, UTC.
    created: u64,
}

impl Exemption {
    fn new(record: ExemptionRecord, username: String) -> Self {
        Self {
            id: record.id,
            username,
            key: record.key.map(|key| key.to_string()),
            until: record.until.as_secs(),
            reason: record.reason,
            created: record.created.as_secs(),
        }
    }

    /// Those that are not over.
    pub(super) fn list(
        tx: &ReadTx<'_>,
        whose: Whose,
        today: UnixTime,
    ) -> Result<Vec<Self>, CallError> {
        let records = tx.exemptions()?.into_iter();
        records
            .filter(|record| today < record.until && whose.includes(record.uid))
            .map(|record| {
                let username = whose::username(tx, record.uid)?;
                Ok(Self::new(record, username))
            })
            .collect()
    }
}

fields! {
    /// Exempts an account: until the date it is not asked for a code by any service.
    ///
    /// Meant for accounts that programs use. A program that logs in with a key is refused all the
    /// same where sshd itself demands a second method. With `key` it holds for logins at sshd by that
    /// one key, which must not be a certificate.
    pub(crate) struct CreateExemption {
        /// Whom, how long and why.
        exemption_create: NewExemption,
    }
}

fields! {
    /// The exemption to make.
    pub(crate) struct NewExemption {
        /// The account.
        username: Username,
        /// The first second at which it is asked again, since 1970, UTC: later than now, and at
        /// most 366 days from now.
        until: Moment,
        /// Why, for whoever reads the list or the audit.
        reason: Line,
        /// The fingerprint of a key, as `ssh-keygen -lf` prints it: SHA256 and the rest.
        key: Option<KeyPrint>,
    }
}

impl Field for NewExemption {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl NewExemption {
    fn check(&self, today: UnixTime) -> Result<(), CallError> {
        let latest = today.saturating_add_secs(LONGEST_DAYS * 86_400);
        let message = match self.until.0 {
            until if until <= today => format!("Should be later than now, which is {today}"),
            until if until > latest => {
                format!("Should be at most {LONGEST_DAYS} days from now: {latest}")
            }
            _ => return Ok(()),
        };
        let issue = Issue::new("exemption_create.until", message);
        Err(CallError::Invalid(vec![issue]))
    }
}

impl Declared for CreateExemption {
    const NAME: &'static str = "auth.twofactor.exemption.create";
    const RIGHT: Right = Right::Root;
    type Output = Exemption;
}

impl OnAccount for CreateExemption {
    fn is_way_back(&self) -> bool {
        true
    }

    fn username(&self) -> &AccountName {
        &self.exemption_create.username.0
    }

    fn call(&self, account: &Account, write: &mut Writing<'_, '_>) -> Result<Exemption, CallError> {
        let NewExemption {
            until, reason, key, ..
        } = &self.exemption_create;
        let today = write.today()?;
        self.exemption_create.check(today)?;
        write.tx.ensure_account(account)?;
        let id = write.tx.add_exemption(account.uid, until.0, &reason.0)?;
        if let Some(key) = key {
            write.tx.bind_exemption(id, key.0)?;
        }
        write.audit("granted")?;
        write.alert(Alert {
            kind: AlertKind::Exemption,
            account: Some(account.name.clone()),
            source: None,
            message: format!(
                "'{}'{} is not asked for a code for {}: {}",
                account.name,
                key.map_or_else(String::new, |key| format!(" with the key {}", key.0)),
                span(until.0.since(today)),
                reason.0
            ),
        })?;
        whose::tell(write, Some(&account.name), Concern::Exemption)?;
        Ok(Exemption {
            id,
            username: account.name.as_str().to_owned(),
            key: key.map(|key| key.0.to_string()),
            until: until.0.as_secs(),
            reason: reason.0.clone(),
            created: write.tx.now().as_secs(),
        })
    }
}

fields! {
    /// Lists the exemptions that are not over.
    pub(crate) struct QueryExemptions {
        /// Which; all if it is not given.
        exemption_query: Option<OfUser>,
    }
}

impl Declared for QueryExemptions {
    const NAME: &'static str = "auth.twofactor.exemption.query";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    type Output = Vec<Exemption>;
}

impl Read for QueryExemptions {
    fn call(self, read: &Reading<'_>) -> Result<Vec<Exemption>, CallError> {
        let whose = OfUser::whose(self.exemption_query.as_ref(), read.tx)?;
        Exemption::list(read.tx, whose, read.today()?)
    }
}

fields! {
    /// Ends an exemption: from now on its account is asked for a code, unless another one covers it.
    pub(crate) struct DeleteExemption {
        /// Its number.
        id: Id,
    }
}

impl Declared for DeleteExemption {
    const NAME: &'static str = "auth.twofactor.exemption.delete";
    const RIGHT: Right = Right::Root;
    type Output = bool;
}

impl Write for DeleteExemption {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let id = self.id.0;
        let record = write.tx.exemption(id)?;
        let Some(record) = record else {
            let message = format!(
                "There is no exemption {id}. Those that there are: midclt call \
                 auth.twofactor.exemption.query"
            );
            return Err(CallError::refused(Errno::ENOENT, message));
        };
        let name = whose::about(write, record.uid)?;
        write.tx.delete_exemption(id)?;
        write.audit("ended")?;
        whose::tell(write, name.as_ref(), Concern::Exemption)?;
        Ok(true)
    }
}

pub(crate) const METHODS: &[Method] = &[
    Method::on_account::<CreateExemption>(),
    Method::write::<DeleteExemption>(),
    Method::read::<QueryExemptions>(),
];
