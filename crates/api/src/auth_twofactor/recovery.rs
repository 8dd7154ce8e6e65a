//! `auth.twofactor.recovery.*`: codes on paper, for when the phone is gone.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use store::entropy;
use twofactor::{Account, AccountName, LookupHash, LookupSecret, NoMemory, RECOVERY_CODES, Salt};

use super::invite::ShownText;
use super::whose::{self, Concern};
use crate::CallError;
use crate::access::{Proof, Right};
use crate::bounded::{Id, Username};
use crate::lookup::{self, Lookup};
use crate::method::{Declared, Method, OnAccount, Reading, Slow, Stage, Write, Writing};
use crate::params::fields;

fields! {
    /// Makes ten recovery codes, each good for one login without the phone. They are shown here and
    /// never again.
    ///
    /// They count once `auth.twofactor.recovery.confirm_saved` says that they are written down; until
    /// then the codes that the account had before do. They are asked for where a code of a device
    /// is, so an account without a device has no use for them.
    pub(crate) struct GenerateCodes {
        /// The account.
        username: Username,
    }
}

/// Ten recovery codes.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NewCodes {
    /// The number of the set, to confirm it with.
    id: i64,
    /// The codes.
    codes: Vec<ShownText>,
}

/// What there is to do before there are codes.
pub(crate) enum Making {
    /// For whom? Asks the user database.
    LookUp(AccountName),
    /// Ten codes for this account.
    Codes(Lookup),
}

/// Codes that nobody has yet.
pub(crate) struct Made {
    account: Lookup,
    salt: Salt,
    codes: Vec<LookupSecret>,
    hashes: Vec<LookupHash>,
}

impl Made {
    /// Takes 10 times 19 MiB and some 30 ms.
    fn new(account: Lookup) -> Result<Self, CallError> {
        let salt = Salt(entropy::random()?);
        let code = |_| Ok::<_, CallError>(LookupSecret::generate(entropy::random()?));
        let codes: Vec<LookupSecret> = (0..RECOVERY_CODES).map(code).collect::<Result<_, _>>()?;
        let hash = |code: &LookupSecret| code.argon2id(&salt).map_err(|NoMemory| no_memory());
        let hashes = codes.iter().map(hash).collect::<Result<_, _>>()?;
        Ok(Self {
            account,
            salt,
            codes,
            hashes,
        })
    }
}

impl Declared for GenerateCodes {
    const NAME: &'static str = "auth.twofactor.recovery.generate";
    const RIGHT: Right = Right::Own(Proof::Fresh);
    const OFFLINE: bool = true;
    type Output = NewCodes;
}

impl Slow for GenerateCodes {
    type Job = Making;
    type Found = Made;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<Making, Made>, CallError> {
        read.access.may_name(&self.username.0)?;
        Ok(match lookup::start(&self.username.0)? {
            Stage::Ready(account) => Stage::Heavy(Making::Codes(account)),
            Stage::Work(name) | Stage::Heavy(name) | Stage::Ask(name) => {
                Stage::Work(Making::LookUp(name))
            }
        })
    }

    fn work(job: Making) -> Result<Stage<Making, Made>, CallError> {
        match job {
            Making::LookUp(name) => Ok(Stage::Heavy(Making::Codes(lookup::run(&name)))),
            Making::Codes(account) => Made::new(account).map(Stage::Ready),
        }
    }

    fn otherwise(job: &Making) -> Option<Stage<Making, Made>> {
        let is_look_up = matches!(job, Making::LookUp(_));
        is_look_up.then_some(Stage::Heavy(Making::Codes(lookup::TOO_LATE)))
    }

    fn finish(&self, made: &Made, write: &mut Writing<'_, '_>) -> Result<NewCodes, CallError> {
        let account = made.account.account(&self.username.0, write.tx)?;
        let Account { uid, name } = &account;
        write.act_on(*uid)?;
        write.about(name);
        write.tx.ensure_account(&account)?;
        let id = write.tx.add_recovery_set(*uid, &made.salt, &made.hashes)?;
        write.audit("generated")?;
        whose::tell(write, Some(name), Concern::Recovery)?;
        let shown = made.codes.iter().map(|code| ShownText(code.to_text()));
        Ok(NewCodes {
            id,
            codes: shown.collect(),
        })
    }
}

fn no_memory() -> CallError {
    let message = "Not enough memory to make recovery codes; nothing was changed. Try again";
    CallError::refused(Errno::ENOMEM, message)
}

fields! {
    /// Has a set of recovery codes count, now that it is written down: from now on the codes before
    /// it are good for nothing.
    pub(crate) struct ConfirmSaved {
        /// The number of the set, as auth.twofactor.recovery.generate answered it.
        id: Id,
    }
}

/// How many recovery codes an account has.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Saved {
    /// The account.
    username: String,
    /// Its recovery codes that are not used.
    remaining: u32,
}

impl Declared for ConfirmSaved {
    const NAME: &'static str = "auth.twofactor.recovery.confirm_saved";
    const RIGHT: Right = Right::Own(Proof::Session);
    const OFFLINE: bool = true;
    type Output = Saved;
}

impl Write for ConfirmSaved {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<Saved, CallError> {
        let id = self.id.0;
        let uid = write.tx.confirm_recovery_set(id)?;
        // What is another's is not there for whoever is no administrator.
        let Some(uid) = uid.filter(|uid| write.access().permits(*uid)) else {
            let message = format!(
                "There is no set {id} of recovery codes; only the last one made for an account can \
                 be confirmed. New ones: midclt call auth.twofactor.recovery.generate NAME"
            );
            return Err(CallError::refused(Errno::ENOENT, message));
        };
        write.act_on(uid)?;
        let name = whose::about(write, uid)?;
        write.audit("saved")?;
        whose::tell(write, name.as_ref(), Concern::Recovery)?;
        Ok(Saved {
            username: whose::username(write.tx, uid)?,
            remaining: write.tx.recovery_codes_left(uid)?,
        })
    }
}

fields! {
    /// Says how many recovery codes an account has left.
    pub(crate) struct Remaining {
        /// The account.
        username: Username,
    }
}

/// The recovery codes that an account has.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Left {
    /// Those that are not used.
    remaining: u32,
    /// Whether newer ones wait for being confirmed as saved.
    unsaved: bool,
    /// When those that count were made, in seconds since 1970, UTC; null where there are none.
    created: Option<u64>,
}

impl Declared for Remaining {
    const NAME: &'static str = "auth.twofactor.recovery.remaining";
    const RIGHT: Right = Right::Own(Proof::Session);
    const OFFLINE: bool = true;
    type Output = Left;
}

impl OnAccount for Remaining {
    fn username(&self) -> &AccountName {
        &self.username.0
    }

    fn call(&self, account: &Account, write: &mut Writing<'_, '_>) -> Result<Left, CallError> {
        let uid = account.uid;
        let counts = write.tx.recovery_set(uid)?;
        Ok(Left {
            remaining: write.tx.recovery_codes_left(uid)?,
            unsaved: write.tx.unsaved_recovery_set(uid)?.is_some(),
            created: counts.map(|set| set.created.as_secs()),
        })
    }
}

pub(crate) const METHODS: &[Method] = &[
    Method::write::<ConfirmSaved>(),
    Method::slow::<GenerateCodes>(),
    Method::on_account::<Remaining>(),
];
