//! Who somebody is said to be, held against what is remembered.

use store::ReadTx;
use twofactor::{Account, AccountKey, AccountName, Identity};

use crate::CallError;

/// Whom an attempt is about.
#[derive(Debug)]
pub(crate) struct Who {
    name: Option<AccountName>,
    uid: Option<u32>,
    identity: Identity,
    key: AccountKey,
}

impl Who {
    /// Holds a name, and the uid that the system gives it, against the records.
    ///
    /// A name that the system does not know is taken for the record of that name: whether such an
    /// account may log in at all is for the rest of the caller's stack, and its codes are asked for.
    pub(crate) fn find(tx: &ReadTx<'_>, name: &str, uid: Option<u32>) -> Result<Self, CallError> {
        // What can be no account's name has no record. It is charged like every unknown name.
        let Some(valid) = AccountName::new(name) else {
            return Ok(Self::unknown(None, tx.unknown_name(name)?));
        };
        let identity = match uid {
            Some(uid) => tx.identity(&Account {
                uid,
                name: valid.clone(),
            })?,
            None => match tx.account_named(&valid)? {
                Some(record) => return Ok(Self::known(record.account)),
                None => Identity::Unknown,
            },
        };
        Ok(match (identity, uid) {
            (Identity::Known, Some(uid)) => Self::known(Account { uid, name: valid }),
            (Identity::Mismatch, _) => Self {
                identity: Identity::Mismatch,
                ..Self::unknown(Some(valid), tx.unknown_name(name)?)
            },
            _ => Self::unknown(Some(valid), tx.unknown_name(name)?),
        })
    }

    /// An account that is on record.
    pub(crate) fn known(account: Account) -> Self {
        let Account { uid, name } = account;
        Self {
            key: AccountKey::Known(uid),
            name: Some(name),
            uid: Some(uid),
            identity: Identity::Known,
        }
    }

    const fn unknown(name: Option<AccountName>, key: AccountKey) -> Self {
        Self {
            name,
            uid: None,
            identity: Identity::Unknown,
            key,
        }
    }

    /// The name as it came, where it can be one.
    pub(crate) const fn name(&self) -> Option<&AccountName> {
        self.name.as_ref()
    }

    /// The name, if it is on record: only then may it be written down.
    pub(crate) fn known_name(&self) -> Option<&str> {
        self.uid.and(self.name.as_ref()).map(AccountName::as_str)
    }

    /// The uid, if it is on record under this name.
    pub(crate) const fn known_uid(&self) -> Option<u32> {
        self.uid
    }

    pub(crate) const fn identity(&self) -> Identity {
        self.identity
    }

    /// Whose budget is charged.
    pub(crate) const fn key(&self) -> AccountKey {
        self.key
    }
}
