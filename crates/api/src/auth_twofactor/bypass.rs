//! `auth.twofactor.bypass.*`: timed and counted permissions to log in without a code.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::{BypassRecord, ReadTx};
use twofactor::{
    Account, AccountName, Bypass, BypassMinutes, BypassUses, Clocks, Policy, UnixTime,
};

use super::whose::{self, Concern, OfUser, Whose};
use crate::CallError;
use crate::access::{Proof, Right};
use crate::alert::{Alert, AlertKind};
use crate::bounded::{Id, Line, Nullable, Username, Whole};
use crate::door::span;
use crate::emergency::Emergency;
use crate::error::Issue;
use crate::lookup::{self, Lookup};
use crate::method::{Declared, Method, Read, Reading, Slow, Stage, Write, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

/// A permission to log in without a code.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct ShownBypass {
    /// Its number.
    pub(crate) id: i64,
    /// The account; null for everybody.
    pub(crate) username: Option<String>,
    /// The first second at which it is over, since 1970, UTC. It is over after a reboot too.
    pub(crate) until: u64,
    /// How many logins are left.
    pub(crate) uses_left: u32,
    /// Why.
    pub(crate) reason: String,
    /// When it was given, in seconds since 1970, UTC.
    pub(crate) created: u64,
}

impl ShownBypass {
    fn new(record: BypassRecord, username: Option<String>) -> Self {
        Self {
            id: record.id,
            username,
            until: record.bypass.until.as_secs(),
            uses_left: record.bypass.uses_left,
            reason: record.reason,
            created: record.created.as_secs(),
        }
    }

    /// Those that still permit something. One for everybody is for each account.
    pub(super) fn list(
        tx: &ReadTx<'_>,
        whose: Whose,
        (clocks, today): (&Clocks, UnixTime),
    ) -> Result<Vec<Self>, CallError> {
        let is_wanted = |record: &BypassRecord| match record.uid {
            Some(uid) => whose.includes(uid),
            None => true,
        };
        let valid = tx.bypasses()?.into_iter();
        valid
            .filter(|record| record.bypass.is_valid(clocks, today) && is_wanted(record))
            .map(|record| {
                let uid = record.uid;
                let name = uid.map(|uid| whose::username(tx, uid)).transpose()?;
                Ok(Self::new(record, name))
            })
            .collect()
    }
}

fields! {
    /// Lets an account, or everybody, log in without a code, for some minutes and some logins.
    ///
    /// It is over after a reboot too. Each login that uses it is audited and announced.
    pub(crate) struct CreateBypass {
        /// For whom, how long and why.
        bypass_create: NewBypass,
    }
}

fields! {
    /// The bypass to give.
    pub(crate) struct NewBypass {
        /// The account, or null for everybody.
        username: Nullable<Username>,
        /// How long; 15 if it is not given, and at most what the policy allows.
        minutes: Option<Whole<1, { BypassMinutes::MAX }>>,
        /// For how many logins; 1 if it is not given, and at most what the policy allows.
        uses: Option<Whole<1, { BypassUses::MAX }>>,
        /// Why, for whoever reads the list or the audit.
        reason: Line,
    }
}

impl Field for NewBypass {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl CreateBypass {
    /// What an override can give of it, where nothing can be stored.
    pub(crate) fn emergency(self) -> Option<Emergency> {
        let NewBypass {
            username,
            minutes,
            reason,
            ..
        } = self.bypass_create;
        Some(Emergency::Bypass {
            username: username.0?.0,
            minutes: minutes.map_or(BypassMinutes::default().get(), |minutes| minutes.0),
            reason: reason.0,
        })
    }
}

impl NewBypass {
    /// What was asked for, as far as the policy allows it. Where nothing was asked for, the usual is
    /// cut down to what the policy allows.
    fn granted(&self, policy: &Policy) -> Result<(BypassMinutes, BypassUses), CallError> {
        let (most_minutes, most_uses) = (policy.bypass_minutes_max, policy.bypass_uses_max);
        let minutes = self.minutes.map(|minutes| minutes.0);
        let uses = self.uses.map(|uses| uses.0);
        let mut issues = Vec::new();
        if minutes.is_some_and(|minutes| minutes > most_minutes) {
            issues.push(over("minutes", most_minutes, "bypass_minutes_max"));
        }
        if uses.is_some_and(|uses| uses > most_uses) {
            issues.push(over("uses", most_uses, "bypass_uses_max"));
        }
        if !issues.is_empty() {
            return Err(CallError::Invalid(issues));
        }
        let usual = (BypassMinutes::default().get(), BypassUses::default().get());
        let minutes = BypassMinutes::new(minutes.unwrap_or(usual.0.min(most_minutes)));
        let uses = BypassUses::new(uses.unwrap_or(usual.1.min(most_uses)));
        minutes
            .zip(uses)
            .ok_or_else(|| CallError::internal("the policy allows no bypass"))
    }
}

fn over(field: &str, most: u32, rule: &str) -> Issue {
    let message = format!(
        "Should be at most {most}, by the policy. To allow more: midclt call \
         auth.twofactor.policy.update '{{\"{rule}\": N}}'"
    );
    Issue::new(format!("bypass_create.{field}"), message)
}

impl Declared for CreateBypass {
    const NAME: &'static str = "auth.twofactor.bypass.create";
    const RIGHT: Right = Right::Administrator(Proof::New);
    const OFFLINE: bool = true;
    type Output = ShownBypass;

    /// One for everybody is for root at this machine.
    fn right(&self) -> Right {
        match self.bypass_create.username.0 {
            Some(_) => Self::RIGHT,
            None => Right::Root,
        }
    }
}

impl Slow for CreateBypass {
    type Job = AccountName;
    /// `None` is for everybody.
    type Found = Option<Lookup>;

    fn is_way_back(&self) -> bool {
        true
    }

    fn prepare(&self, _: &Reading<'_>) -> Result<Stage<AccountName, Option<Lookup>>, CallError> {
        let Some(Username(name)) = &self.bypass_create.username.0 else {
            return Ok(Stage::Ready(None));
        };
        Ok(lookup::start(name)?.map(Some))
    }

    fn work(name: AccountName) -> Result<Stage<AccountName, Option<Lookup>>, CallError> {
        Ok(Stage::Ready(Some(lookup::run(&name))))
    }

    fn otherwise(_: &AccountName) -> Option<Stage<AccountName, Option<Lookup>>> {
        Some(Stage::Ready(Some(lookup::TOO_LATE)))
    }

    fn finish(
        &self,
        found: &Option<Lookup>,
        write: &mut Writing<'_, '_>,
    ) -> Result<ShownBypass, CallError> {
        let account = match (&self.bypass_create.username.0, found) {
            (Some(Username(name)), Some(found)) => Some(found.account(name, write.tx)?),
            (None, None) => None,
            _ => return Err(CallError::internal("nobody was looked up")),
        };
        self.bypass_create.grant(write, account)
    }
}

impl NewBypass {
    fn grant(
        &self,
        write: &mut Writing<'_, '_>,
        account: Option<Account>,
    ) -> Result<ShownBypass, CallError> {
        // Whoever took over a browser must not get a way in for later.
        let is_own = |account: &Account| write.access().account() == Some(account);
        if account.as_ref().is_some_and(is_own) {
            let message = "A bypass for oneself is given at this machine: midclt 2fa bypass";
            return Err(CallError::refused(Errno::EACCES, message));
        }
        let (minutes, uses) = self.granted(&write.tx.policy()?)?;
        let bypass = Bypass::new(write.clocks(), write.today()?, minutes, uses);
        if let Some(account) = &account {
            write.about(&account.name);
            write.tx.ensure_account(account)?;
        }
        let (uid, name) = account.map(|account| (account.uid, account.name)).unzip();
        let reason = &self.reason.0;
        let id = write.tx.add_bypass(uid, &bypass, reason)?;
        write.audit("granted")?;
        write.alert(Alert {
            kind: AlertKind::Bypass,
            account: name.clone(),
            source: None,
            message: message(name.as_ref(), &bypass, write.today()?, reason),
        })?;
        whose::tell(write, name.as_ref(), Concern::Bypass)?;
        let record = BypassRecord {
            id,
            uid,
            bypass,
            reason: reason.clone(),
            created: write.tx.now(),
        };
        let name = name.map(|name| name.as_str().to_owned());
        Ok(ShownBypass::new(record, name))
    }
}

fn message(name: Option<&AccountName>, bypass: &Bypass, today: UnixTime, reason: &str) -> String {
    let who = name.map_or_else(|| "Everybody".to_owned(), |name| format!("'{name}'"));
    let times = match bypass.uses_left {
        1 => "once".to_owned(),
        uses => format!("{uses} times"),
    };
    let within = span(bypass.until.since(today));
    format!("{who} may log in without a code, {times} within {within}: {reason}")
}

fields! {
    /// Lists the bypasses that still permit something. One for everybody is listed for each account.
    pub(crate) struct QueryBypasses {
        /// Which; all if it is not given.
        bypass_query: Option<OfUser>,
    }
}

impl Declared for QueryBypasses {
    const NAME: &'static str = "auth.twofactor.bypass.query";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    const OFFLINE: bool = true;
    type Output = Vec<ShownBypass>;
}

impl Read for QueryBypasses {
    fn call(self, read: &Reading<'_>) -> Result<Vec<ShownBypass>, CallError> {
        let whose = OfUser::whose(self.bypass_query.as_ref(), read.tx)?;
        ShownBypass::list(read.tx, whose, (&read.clocks, read.today()?))
    }
}

fields! {
    /// Ends a bypass.
    pub(crate) struct DeleteBypass {
        /// Its number.
        id: Id,
    }
}

impl Declared for DeleteBypass {
    const NAME: &'static str = "auth.twofactor.bypass.delete";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    const OFFLINE: bool = true;
    type Output = bool;
}

impl Write for DeleteBypass {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let id = self.id.0;
        let Some(record) = write.tx.bypass(id)? else {
            let message = format!(
                "There is no bypass {id}. Those that there are: midclt call \
                 auth.twofactor.bypass.query"
            );
            return Err(CallError::refused(Errno::ENOENT, message));
        };
        let name = match record.uid {
            Some(uid) => whose::about(write, uid)?,
            None => None,
        };
        write.tx.delete_bypass(id)?;
        write.audit("ended")?;
        whose::tell(write, name.as_ref(), Concern::Bypass)?;
        Ok(true)
    }
}

pub(crate) const METHODS: &[Method] = &[
    Method::slow::<CreateBypass>(),
    Method::write::<DeleteBypass>(),
    Method::read::<QueryBypasses>(),
];
