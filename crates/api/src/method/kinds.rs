//! The kinds of methods: what each may touch.

use schemars::JsonSchema;
use serde::Serialize;
use store::ReadTx;
use twofactor::{Account, AccountName, Clocks, UnixTime};

use super::writing::Writing;
use crate::access::{Access, Right};
use crate::lookup::{self, Lookup};
use crate::params::Params;
use crate::{CallError, Session};

/// What the kinds of methods share.
pub(crate) trait Declared: Params + JsonSchema + Send + Sync + 'static {
    /// The full name.
    const NAME: &'static str;
    /// Who may call it.
    const RIGHT: Right;
    /// Whether recovery may run it without the daemon: it must do no harm when done twice.
    const OFFLINE: bool = false;
    /// The result.
    type Output: Serialize + JsonSchema;

    /// Who may make this very call, where that is stricter.
    fn right(&self) -> Right {
        Self::RIGHT
    }
}

/// A method that concerns the connection, or nothing at all.
pub(crate) trait OnSession: Declared {
    fn call(self, session: &mut Session, access: &Access) -> Result<Self::Output, CallError>;
}

/// A method that only reads.
pub(crate) trait Read: Declared {
    fn call(self, read: &Reading<'_>) -> Result<Self::Output, CallError>;
}

/// A method that only reads, of everybody's or of one account's.
pub(crate) trait ReadOwn: Declared {
    /// `only` is the account whose records the caller may see; nobody where it may see all.
    fn call(self, read: &Reading<'_>, only: Option<&Account>) -> Result<Self::Output, CallError>;
}

/// A method that changes state. It may run more than once before its changes are kept, so it changes
/// nothing but the transaction.
pub(crate) trait Write: Declared {
    /// Whether it gives verdicts: then it waits behind administration.
    const IS_DOOR: bool = false;

    /// Whether this call is somebody's way back in, which may use the space kept for that.
    fn is_way_back(&self) -> bool {
        false
    }

    fn call(&self, write: &mut Writing<'_, '_>) -> Result<Self::Output, CallError>;
}

/// A method that changes state, and has to work or to wait for somebody before that: off the
/// connection and off the writer, which nobody else waits behind.
pub(crate) trait Slow: Declared {
    /// What the work needs.
    type Job: Send + 'static;
    /// What comes of the work.
    type Found: Send + 'static;

    /// Whether it gives verdicts: then it waits behind administration.
    const IS_DOOR: bool = false;

    /// Whether this call is somebody's way back in, which may use the space kept for that.
    fn is_way_back(&self) -> bool {
        false
    }

    /// The answer, where it needs neither work nor the writer: such a call is answered also while
    /// nothing can be written.
    fn at_once(&self, _: &Reading<'_>) -> Result<Option<Self::Output>, CallError> {
        Ok(None)
    }

    /// Says what there is to do, if anything.
    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<Self::Job, Self::Found>, CallError>;

    /// Does it, or the next stage of it. Touches no state.
    fn work(job: Self::Job) -> Result<Stage<Self::Job, Self::Found>, CallError>;

    /// What stands for a stage that took too long, if anything does; else the call fails.
    fn otherwise(_: &Self::Job) -> Option<Stage<Self::Job, Self::Found>> {
        None
    }

    /// The answer, where nothing has to be written for it after all.
    fn unwritten(&self, _: &Self::Found) -> Option<Self::Output> {
        None
    }

    /// Changes the state. It may be another one than `prepare` saw, so what matters is looked at
    /// again; and it may run more than once, as a [`Write`] may.
    fn finish(
        &self,
        found: &Self::Found,
        write: &mut Writing<'_, '_>,
    ) -> Result<Self::Output, CallError>;
}

/// A slow method that needs what was handed over on its connection before.
pub(crate) trait OfSession: Slow {
    /// Takes it, once.
    fn take(&mut self, session: &mut Session) -> Result<(), CallError>;
}

/// How far a slow call is before its work.
pub(crate) enum Stage<J, F> {
    /// There is nothing to do.
    Ready(F),
    /// There is: somebody else is asked, who may take as long as they like.
    Work(J),
    /// There is: it takes so much memory that it is done one at a time. So it waits for nobody.
    Heavy(J),
    /// There is: a password is asked about, which has threads of its own.
    Ask(J),
}

impl<J, F> Stage<J, F> {
    /// The same as a part of something larger.
    pub(crate) fn map_both<K, G>(
        self,
        job: impl FnOnce(J) -> K,
        found: impl FnOnce(F) -> G,
    ) -> Stage<K, G> {
        match self {
            Self::Ready(ready) => Stage::Ready(found(ready)),
            Self::Work(work) => Stage::Work(job(work)),
            Self::Heavy(work) => Stage::Heavy(job(work)),
            Self::Ask(work) => Stage::Ask(job(work)),
        }
    }

    /// The same, with something else found where there is nothing to do.
    pub(crate) fn map<G>(self, found: impl FnOnce(F) -> G) -> Stage<J, G> {
        self.map_both(|job| job, found)
    }
}

/// A method that acts on one account of this machine, given by its name.
///
/// Its work is to look the name up. A name that is not there any more stands for the record that
/// there is of it, so that it can be cleared away.
pub(crate) trait OnAccount: Declared {
    /// Whether it gives verdicts: then it waits behind administration.
    const IS_DOOR: bool = false;

    /// Whether this call is somebody's way back in, which may use the space kept for that.
    fn is_way_back(&self) -> bool {
        false
    }

    /// The name that was given.
    fn username(&self) -> &AccountName;

    /// Acts on the account, which may have no record yet. What is audited from here names it.
    fn call(
        &self,
        account: &Account,
        write: &mut Writing<'_, '_>,
    ) -> Result<Self::Output, CallError>;
}

impl<M: OnAccount> Slow for M {
    type Job = AccountName;
    type Found = Lookup;
    const IS_DOOR: bool = M::IS_DOOR;

    fn is_way_back(&self) -> bool {
        OnAccount::is_way_back(self)
    }

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<AccountName, Lookup>, CallError> {
        if let Right::Own(_) = M::RIGHT {
            read.access.may_name(self.username())?;
        }
        lookup::start(self.username())
    }

    fn work(name: AccountName) -> Result<Stage<AccountName, Lookup>, CallError> {
        Ok(Stage::Ready(lookup::run(&name)))
    }

    /// A database that hangs is one that could not say.
    fn otherwise(_: &AccountName) -> Option<Stage<AccountName, Lookup>> {
        Some(Stage::Ready(lookup::TOO_LATE))
    }

    fn finish(&self, found: &Lookup, write: &mut Writing<'_, '_>) -> Result<M::Output, CallError> {
        let account = found.account(self.username(), write.tx)?;
        write.act_on(account.uid)?;
        write.about(&account.name);
        self.call(&account, write)
    }
}

/// How the machine names itself on a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who issued the secret.
    pub issuer: String,
    /// What follows `hostname@`.
    pub product: String,
}

/// What a read may use.
pub struct Reading<'a> {
    /// The state.
    pub tx: &'a ReadTx<'a>,
    /// How this machine names itself.
    pub identity: &'a Identity,
    /// What its clocks say.
    pub clocks: Clocks,
    /// Who calls, and what that permits.
    pub access: &'a Access,
}

impl Reading<'_> {
    /// The time by which dates that permit something are judged: a clock that was set back does not
    /// make them valid again.
    pub(crate) fn today(&self) -> Result<UnixTime, CallError> {
        Ok(self.tx.latest()?.max(self.clocks.wall))
    }
}
