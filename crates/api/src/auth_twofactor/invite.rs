//! `auth.twofactor.invite.*`: one-time permissions to set up a first device.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::Value;
use store::{InviteRecord, entropy};
use twofactor::{Account, AccountName, LookupHash, LookupSecret, UnixTime};
use zeroize::Zeroizing;

use super::whose::{self, Concern, OfUser, Whose};
use crate::CallError;
use crate::access::{Proof, Right};
use crate::bounded::{Id, Username, Whole};
use crate::method::{Declared, Method, OnAccount, Read, Reading, Write, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};

/// How long an invite is good for, where nobody says: a day.
const USUAL_HOURS: u32 = 24;

/// A text that opens something, to be sent to this one caller.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(crate) struct ShownText(#[schemars(with = "String")] pub(crate) Zeroizing<String>);

impl Serialize for ShownText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// An invite, without what is to be typed.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Invite {
    /// Its number.
    id: i64,
    /// Who is invited.
    username: String,
    /// The first second at which it is over, since 1970, UTC.
    expires: u64,
    /// When it was made, in seconds since 1970, UTC.
    created: u64,
}

/// An invite, with what is to be typed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NewInvite {
    /// Its number.
    id: i64,
    /// Who is invited.
    username: String,
    /// What is to be typed. It is shown here and never again.
    invite: ShownText,
    /// The first second at which it is over, since 1970, UTC.
    expires: u64,
    /// When it was made, in seconds since 1970, UTC.
    created: u64,
}

fields! {
    /// Makes a one-time invite, with which an account may set up its first device.
    ///
    /// It takes the place of an earlier one for the account. Refused for an account that has an
    /// active device. Hand it over in person, or by another way than the password.
    pub(crate) struct CreateInvite {
        /// Whom, and for how long.
        invite_create: ToInvite,
    }
}

fields! {
    /// The invite to make.
    pub(crate) struct ToInvite {
        /// The account.
        username: Username,
        /// How long it is good for; 24 hours if it is not given.
        hours: Option<Whole<1, 168>>,
    }
}

impl Field for ToInvite {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Declared for CreateInvite {
    const NAME: &'static str = "auth.twofactor.invite.create";
    const RIGHT: Right = Right::Administrator(Proof::Fresh);
    type Output = NewInvite;
}

impl OnAccount for CreateInvite {
    fn username(&self) -> &AccountName {
        &self.invite_create.username.0
    }

    fn call(&self, account: &Account, write: &mut Writing<'_, '_>) -> Result<NewInvite, CallError> {
        let (uid, name) = (account.uid, &account.name);
        if write.tx.has_active_device(uid)? {
            let message = format!(
                "'{name}' has a device, and an invite is for the first one. Another one: midclt 2fa \
                 device add {name}"
            );
            return Err(CallError::refused(Errno::EEXIST, message));
        }
        let hours = self
            .invite_create
            .hours
            .map_or(USUAL_HOURS, |hours| hours.0);
        let until = write.today()?.saturating_add_secs(3600 * u64::from(hours));
        let secret = LookupSecret::generate(entropy::random()?);
        write.tx.ensure_account(account)?;
        for older in write.tx.invites_for(uid)? {
            write.tx.delete_invite(older.id)?;
        }
        let id = write.tx.add_invite(uid, &secret.sha256(), until)?;
        write.audit("invited")?;
        whose::tell(write, Some(name), Concern::Invite)?;
        Ok(NewInvite {
            id,
            username: name.as_str().to_owned(),
            invite: ShownText(secret.to_text()),
            expires: until.as_secs(),
            created: write.tx.now().as_secs(),
        })
    }
}

/// Whether an account may set up its first device with an invite now.
///
/// # Errors
/// The state cannot be read.
pub(crate) fn may_enrol(write: &Writing<'_, '_>, uid: u32) -> Result<bool, CallError> {
    let today = write.today()?;
    let invites = write.tx.invites_for(uid)?;
    let is_invited = invites.iter().any(|invite| today < invite.until);
    Ok(is_invited && !write.tx.has_active_device(uid)?)
}

/// An invite as somebody typed it. What cannot be one is `None`, and is refused like a wrong one.
#[derive(Debug)]
pub(crate) struct TypedInvite(Option<LookupHash>);

impl Field for TypedInvite {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let Value::String(typed) = value else {
            issues.wrong(at, "Not a string");
            return None;
        };
        Some(Self::parse(&Zeroizing::new(typed)))
    }
}

impl JsonSchema for TypedInvite {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TypedInvite".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl TypedInvite {
    /// What cannot be an invite is refused like a wrong one.
    pub(crate) fn parse(typed: &str) -> Self {
        Self(LookupSecret::parse(typed).map(|secret| secret.sha256()))
    }

    /// Uses up the invite of this account, if it is one that is not over.
    pub(crate) fn use_up(&self, write: &mut Writing<'_, '_>, uid: u32) -> Result<bool, CallError> {
        let right = self.right(write, uid)?;
        for record in &right {
            write.tx.delete_invite(record.id)?;
        }
        Ok(!right.is_empty())
    }

    /// Whether it is one of this account that is not over. It stays good.
    pub(crate) fn is_right(&self, write: &Writing<'_, '_>, uid: u32) -> Result<bool, CallError> {
        Ok(!self.right(write, uid)?.is_empty())
    }

    fn right(&self, write: &Writing<'_, '_>, uid: u32) -> Result<Vec<InviteRecord>, CallError> {
        let Some(typed) = &self.0 else {
            return Ok(Vec::new());
        };
        let today = write.today()?;
        // All are compared, each in constant time, whichever it is.
        let is_it = |record: &InviteRecord| record.hash == *typed && today < record.until;
        let (right, _): (Vec<_>, Vec<_>) = write.tx.invites_for(uid)?.into_iter().partition(is_it);
        Ok(right)
    }
}

fields! {
    /// Lists the invites that are not used and not over, without what is to be typed.
    pub(crate) struct QueryInvites {
        /// Which; all if it is not given.
        invite_query: Option<OfUser>,
    }
}

impl Declared for QueryInvites {
    const NAME: &'static str = "auth.twofactor.invite.query";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    type Output = Vec<Invite>;
}

impl Read for QueryInvites {
    fn call(self, read: &Reading<'_>) -> Result<Vec<Invite>, CallError> {
        let today: UnixTime = read.today()?;
        let records = match OfUser::whose(self.invite_query.as_ref(), read.tx)? {
            Whose::All => read.tx.invites()?,
            Whose::Of(uid) => read.tx.invites_for(uid)?,
            Whose::Nobodys => Vec::new(),
        };
        records
            .into_iter()
            .filter(|record| today < record.until)
            .map(|record| {
                Ok(Invite {
                    id: record.id,
                    username: whose::username(read.tx, record.uid)?,
                    expires: record.until.as_secs(),
                    created: record.created.as_secs(),
                })
            })
            .collect()
    }
}

fields! {
    /// Takes an invite back.
    pub(crate) struct DeleteInvite {
        /// Its number.
        id: Id,
    }
}

impl Declared for DeleteInvite {
    const NAME: &'static str = "auth.twofactor.invite.delete";
    const RIGHT: Right = Right::Administrator(Proof::Session);
    type Output = bool;
}

impl Write for DeleteInvite {
    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let id = self.id.0;
        let Some(record) = write.tx.invite(id)? else {
            let message = format!(
                "There is no invite {id}: it was used, or is over. Those that there are: midclt \
                 call auth.twofactor.invite.query"
            );
            return Err(CallError::refused(Errno::ENOENT, message));
        };
        let name = whose::about(write, record.uid)?;
        write.tx.delete_invite(id)?;
        write.audit("taken back")?;
        whose::tell(write, name.as_ref(), Concern::Invite)?;
        Ok(true)
    }
}

pub(crate) const METHODS: &[Method] = &[
    Method::on_account::<CreateInvite>(),
    Method::write::<DeleteInvite>(),
    Method::read::<QueryInvites>(),
];
