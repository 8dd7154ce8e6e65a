//! Whose record something is: the filter that `query` methods share, names in answers, and the event
//! that tells of a change.

use serde::Serialize;
use serde_json::Value;
use store::ReadTx;
use twofactor::AccountName;

use super::ROOT;
use crate::CallError;
use crate::bounded::Username;
use crate::event::{ACCOUNT, Event};
use crate::method::Writing;
use crate::params::{At, Field, Issues, decode_object, fields};

fields! {
    /// Which records.
    pub(crate) struct OfUser {
        /// Only those of this account.
        username: Option<Username>,
    }
}

impl OfUser {
    /// Whose records these are.
    pub(crate) fn whose(filter: Option<&Self>, tx: &ReadTx<'_>) -> Result<Whose, CallError> {
        Whose::of(filter.and_then(|filter| filter.username.as_ref()), tx)
    }
}

impl Field for OfUser {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

/// Whose records are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of all accounts.
    All,
    /// Those of one account.
    Of(u32),
    /// Those of an account that there is no record of, which has none.
    Nobodys,
}

impl Whose {
    pub(crate) fn of(username: Option<&Username>, tx: &ReadTx<'_>) -> Result<Self, CallError> {
        let Some(Username(name)) = username else {
            return Ok(Self::All);
        };
        let found = tx.account_named(name)?;
        Ok(found.map_or(Self::Nobodys, |record| Self::Of(record.account.uid)))
    }

    pub(crate) fn includes(self, uid: u32) -> bool {
        match self {
            Self::All => true,
            Self::Of(wanted) => wanted == uid,
            Self::Nobodys => false,
        }
    }
}

/// The name of the account with this uid. A release before accounts had names may have left a device
/// of root's; should a name be missing otherwise, the uid is shown in its place.
pub(crate) fn username(tx: &ReadTx<'_>, uid: u32) -> Result<String, CallError> {
    let name = tx.account(uid)?.map(|record| record.account.name);
    Ok(match name {
        Some(name) => name.as_str().to_owned(),
        None if uid == ROOT => "root".to_owned(),
        None => format!("#{uid}"),
    })
}

/// Has what is audited from here on name the account with this uid. Its name, if it has one.
pub(crate) fn about(
    write: &mut Writing<'_, '_>,
    uid: u32,
) -> Result<Option<AccountName>, CallError> {
    let name = write.tx.account(uid)?.map(|record| record.account.name);
    if let Some(name) = &name {
        write.about(name);
    }
    Ok(name)
}

/// What an account may do without a code of a device, and what lets it begin.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Concern {
    Bypass,
    Exemption,
    Grace,
    Invite,
    Recovery,
}

#[derive(Serialize)]
struct Changed<'a> {
    username: Option<&'a str>,
    what: Concern,
}

/// Tells subscribers that something concerning this account, or everybody, is different now.
pub(crate) fn tell(
    write: &mut Writing<'_, '_>,
    account: Option<&AccountName>,
    what: Concern,
) -> Result<(), CallError> {
    let fields = Changed {
        username: account.map(AccountName::as_str),
        what,
    };
    write.emit(Event::changed(ACCOUNT, None, &fields)?);
    Ok(())
}
