//! What was typed: a code, or a recovery code, which is hashed before the writer has to do with it.

use nix::errno::Errno;
use store::ReadTx;
use twofactor::{Budget, LookupHash, LookupSecret, Salt, Source, find};

use super::Who;
use crate::CallError;
use crate::auth_twofactor::invite::TypedInvite;
use crate::method::{Reading, Writing};

/// What somebody typed.
#[derive(Clone, Copy)]
pub(crate) enum Typed<'a> {
    /// Nothing of the form of a recovery code; perhaps a code.
    Code(&'a str),
    /// Something of the form of a recovery code, hashed as the account's set is.
    Recovery(&'a Hashed),
    /// Something of that form that was not hashed, because the budget was used up.
    TooSoon,
    /// An invite for a first device, which is used up.
    Invite(&'a TypedInvite),
    /// An invite of somebody who signs in to set up that device: it is used up then.
    InviteToSignIn(&'a TypedInvite),
}

impl<'a> Typed<'a> {
    /// Sorts what was typed, and what came of hashing it.
    pub(crate) fn new(typed: &'a str, hashed: Option<&'a Hashed>) -> Self {
        match hashed {
            Some(hashed) => Self::Recovery(hashed),
            None if LookupSecret::parse(typed).is_some() => Self::TooSoon,
            None => Self::Code(typed),
        }
    }
}

/// A typed recovery code, after the work of hashing.
pub(crate) struct Hashed {
    salt: Salt,
    hash: LookupHash,
}

/// A typed recovery code, before that work.
pub(crate) struct ToHash {
    secret: LookupSecret,
    salt: Salt,
}

impl ToHash {
    /// Reads what was typed. Every account has a salt here, also one without recovery codes or one that
    /// there is not, so that the time it takes does not tell them apart.
    fn parse(tx: &ReadTx<'_>, typed: &str, uid: Option<u32>) -> Result<Option<Self>, CallError> {
        let Some(secret) = LookupSecret::parse(typed) else {
            return Ok(None);
        };
        let set = uid.map(|uid| tx.recovery_set(uid)).transpose()?.flatten();
        let salt = set.map_or(Salt([0; 16]), |set| set.salt);
        Ok(Some(Self { secret, salt }))
    }

    /// Argon2id: 19 MiB and some 30 ms.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(crate) fn hash(self) -> Result<Hashed, CallError> {
        let Self { secret, salt } = self;
        let hash = secret
            .argon2id(&salt)
            .map_err(|error| CallError::refused(Errno::ENOMEM, error.to_string()))?;
        Ok(Hashed { salt, hash })
    }
}

/// Uses up the recovery code, if it is one of the account's. How many are left then.
pub(super) fn use_up(
    write: &mut Writing<'_, '_>,
    uid: Option<u32>,
    hashed: &Hashed,
) -> Result<Option<u32>, CallError> {
    let set = uid
        .map(|uid| write.tx.recovery_set(uid))
        .transpose()?
        .flatten();
    // A set that was replaced while the code was hashed has another salt, and so no such code.
    let Some(set) = set.filter(|set| set.salt == hashed.salt) else {
        return Ok(None);
    };
    let Some(position) = find(&set.codes, &hashed.hash) else {
        return Ok(None);
    };
    write.tx.use_recovery_code(set.id, position)?;
    let left = set.codes.iter().flatten().count().saturating_sub(1);
    Ok(Some(u32::try_from(left).unwrap_or(u32::MAX)))
}

/// What has to be hashed of what was typed, if anything. Nothing where the budget is used up, so that
/// guessing costs the guesser more than us.
pub(crate) fn to_hash(
    read: &Reading<'_>,
    who: &Who,
    source: Source,
    typed: &str,
) -> Result<Option<ToHash>, CallError> {
    let Some(to_hash) = ToHash::parse(read.tx, typed, who.known_uid())? else {
        return Ok(None);
    };
    let limits = read.tx.policy()?.limits;
    let attempt = store::Attempt {
        account: who.key(),
        source,
        budget: Budget::Recovery,
    };
    let now = read.clocks.wall;
    let mut tally = read.tx.tally(&attempt, now, &limits)?;
    let _ = tally.settle(now);
    Ok(tally.check(now, &limits).is_ok().then_some(to_hash))
}
