//! Who an account is, as the machine's user database says (getpwnam(3)).
//!
//! The database may be a network away, and there is no deadline for it: so it is asked by the pool
//! only, and never by a connection or the writer.

use std::ffi::CString;

use nix::errno::Errno;
use nix::unistd::{Group, User, getgrouplist};
use store::{AccountRecord, ReadTx};
use twofactor::{Account, AccountName};

use crate::CallError;
use crate::method::Stage;

/// Root is who it is without any database.
pub(crate) const ROOT: &str = "root";

/// What the user database says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// It is this account.
    Account(Account),
    /// It is another name of this one.
    Alias(Account),
    /// There is nobody of that name.
    Absent,
    /// The database could not say.
    Failed(Errno),
}

/// What the database says that has not answered in time.
pub(crate) const TOO_LATE: Lookup = Lookup::Failed(Errno::ETIMEDOUT);

/// Root's account.
///
/// # Errors
/// Never: the name is a valid one.
pub(crate) fn root() -> Result<Account, CallError> {
    let name = AccountName::new(ROOT);
    let name = name.ok_or_else(|| CallError::internal("root is no valid name"))?;
    Ok(Account { uid: 0, name })
}

/// The account with the uid 0: as it is on record, for it may have another name, else root.
///
/// # Errors
/// The record cannot be read.
pub(crate) fn uid_0(tx: &ReadTx<'_>) -> Result<Account, CallError> {
    match tx.account(0)? {
        Some(record) => Ok(record.account),
        None => root(),
    }
}

/// Whether the database has to be asked at all.
pub(crate) fn start(name: &AccountName) -> Result<Stage<AccountName, Lookup>, CallError> {
    Ok(match name.as_str() {
        ROOT => Stage::Ready(Lookup::Account(root()?)),
        _ => Stage::Work(name.clone()),
    })
}

/// Asks the database. May take as long as it likes.
pub(crate) fn run(name: &AccountName) -> Lookup {
    match user(name) {
        Ok(Some(user)) => of_user(&user),
        Ok(None) => Lookup::Absent,
        Err(errno) => Lookup::Failed(errno),
    }
}

/// Asks the database about an account that is known from elsewhere. Where it is the same here, one
/// question is enough.
pub(crate) fn same(account: &Account) -> Lookup {
    match User::from_uid(account.uid.into()) {
        Ok(Some(user)) if user.name == account.name.as_str() => Lookup::Account(account.clone()),
        Ok(_) | Err(_) => run(&account.name),
    }
}

/// The uid of a name, for a verdict: one question, whether there is such a name or not. Two names of
/// one account are the same here: the caller holds name and uid against what is stored.
///
/// # Errors
/// The database could not say.
pub(crate) fn uid(name: &AccountName) -> Result<Option<u32>, CallError> {
    let user = user(name).map_err(failed)?;
    Ok(user.map(|user| user.uid.as_raw()))
}

fn user(name: &AccountName) -> Result<Option<User>, Errno> {
    match User::from_name(name.as_str()) {
        // What some databases say of an unknown name, getpwnam(3).
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        found => found,
    }
}

/// Whether an account is a member of a group, as initgroups(3) would have it. Where that cannot be said, it
/// is not.
pub(crate) fn is_member(name: &AccountName, group: &str) -> bool {
    let member = || {
        let user = user(name).ok()??;
        let group = Group::from_name(group).ok()??;
        let name = CString::new(user.name).ok()?;
        let groups = getgrouplist(&name, user.gid).ok()?;
        Some(groups.contains(&group.gid))
    };
    member().unwrap_or(false)
}

/// Several names may share a uid; the one that the uid has is the account's.
fn of_user(user: &User) -> Lookup {
    let owner = match User::from_uid(user.uid) {
        Ok(Some(owner)) => owner,
        Ok(None) => return Lookup::Failed(Errno::ESRCH),
        Err(errno) => return Lookup::Failed(errno),
    };
    let Some(name) = AccountName::new(&owner.name) else {
        return Lookup::Failed(Errno::EINVAL);
    };
    let uid = user.uid.as_raw();
    let account = Account { uid, name };
    if owner.name == user.name {
        Lookup::Account(account)
    } else {
        Lookup::Alias(account)
    }
}

impl Lookup {
    /// The account that `name` stands for, beside what is stored.
    ///
    /// A name that the database does not have, or not now, stands for the record of it. What does not
    /// agree with a record is refused: a re-created name must not inherit.
    pub(crate) fn account(
        &self,
        name: &AccountName,
        tx: &ReadTx<'_>,
    ) -> Result<Account, CallError> {
        let stored = || Ok::<_, CallError>(tx.account_named(name)?.map(|record| record.account));
        match self {
            Self::Account(account) => agreed(account, tx),
            Self::Alias(of) => Err(is_alias(name, of)),
            Self::Absent => stored()?.ok_or_else(|| is_absent(name)),
            Self::Failed(errno) => stored()?.ok_or_else(|| failed(*errno)),
        }
    }
}

pub(crate) fn is_alias(name: &AccountName, of: &Account) -> CallError {
    let message = format!(
        "'{name}' is another name of the user '{}': use that",
        of.name
    );
    CallError::refused(Errno::EEXIST, message)
}

pub(crate) fn is_absent(name: &AccountName) -> CallError {
    CallError::refused(Errno::ENOENT, format!("User '{name}' does not exist"))
}

fn failed(errno: Errno) -> CallError {
    let message = format!(
        "This machine's user database does not answer ({errno}); nothing was changed. Try again"
    );
    CallError::refused(Errno::EIO, message)
}

fn agreed(account: &Account, tx: &ReadTx<'_>) -> Result<Account, CallError> {
    let same = |record: &AccountRecord| record.account == *account;
    for record in [tx.account(account.uid)?, tx.account_named(&account.name)?] {
        let Some(Account { uid, name }) = record.filter(|r| !same(r)).map(|r| r.account) else {
            continue;
        };
        let message = format!(
            "The user '{}' has the uid {}, but a record of '{name}' with the uid {uid} is there; nobody \
             inherits it. Forget it: midclt call user.unset_2fa_secret {name}",
            account.name, account.uid
        );
        return Err(CallError::refused(Errno::EEXIST, message));
    }
    Ok(account.clone())
}

#[cfg(test)]
mod tests {
    use store::{Ran, Reserve, Store, WriteTx};
    use tempfile::TempDir;
    use twofactor::{Boot, BootId, Clocks, UnixTime};

    use super::*;

    fn account(uid: u32, name: &str) -> Account {
        let name = AccountName::new(name).unwrap();
        Account { uid, name }
    }

    /// What a name and its look-up come to beside these records.
    fn resolve(records: &[Account], name: &str, found: &Lookup) -> Result<Account, CallError> {
        let dir = TempDir::new().unwrap();
        let store = Store::open(&dir.path().join("state"), None).unwrap();
        let clocks = Clocks {
            wall: UnixTime::from_secs(1_700_000_000),
            boot: Boot {
                id: BootId([7; 16]),
                secs: 1,
            },
            synchronised: true,
        };
        let name = AccountName::new(name).unwrap();
        let run = |(): &(), tx: &mut WriteTx<'_>| {
            for record in records {
                tx.ensure_account(record)?;
            }
            found.account(&name, tx)
        };
        let ran = store
            .into_writer()
            .unwrap()
            .batch(&clocks, Reserve::Keep, &[()], run);
        match ran.unwrap().pop() {
            Some(Ran::Returned(resolved)) => resolved,
            ran => panic!("{ran:?}"),
        }
    }

    /// A re-created name does not inherit, and one uid has one name.
    #[test]
    fn a_name_stands_for_its_account_or_its_record_and_never_for_anothers() {
        let (alice, bob, toor) = (
            account(1001, "alice"),
            account(1002, "bob"),
            account(0, "root"),
        );
        let found = |account: &Account| Lookup::Account(account.clone());
        let records = [alice.clone(), bob.clone()];
        for (name, found, expected) in [
            ("alice", found(&alice), Ok(&alice)),
            (
                "carol",
                found(&account(1003, "carol")),
                Ok(&account(1003, "carol")),
            ),
            ("ALICE", found(&alice), Ok(&alice)),
            ("alice", Lookup::Absent, Ok(&alice)),
            ("alice", Lookup::Failed(Errno::EIO), Ok(&alice)),
            (
                "carol",
                Lookup::Absent,
                Err((Errno::ENOENT, "User 'carol' does not exist")),
            ),
            (
                "carol",
                Lookup::Failed(Errno::ETIMEDOUT),
                Err((Errno::EIO, "ETIMEDOUT")),
            ),
            (
                "toor",
                Lookup::Alias(toor),
                Err((Errno::EEXIST, "of the user 'root'")),
            ),
            // Made anew with another uid; renamed; made anew with the uid of somebody else.
            (
                "alice",
                found(&account(1009, "alice")),
                Err((Errno::EEXIST, "unset_2fa_secret alice")),
            ),
            (
                "zoe",
                found(&account(1001, "zoe")),
                Err((Errno::EEXIST, "unset_2fa_secret alice")),
            ),
            (
                "alice",
                found(&account(1002, "alice")),
                Err((Errno::EEXIST, "unset_2fa_secret bob")),
            ),
        ] {
            match (resolve(&records, name, &found), expected) {
                (Ok(account), Ok(expected)) => assert_eq!(account, *expected, "{name}"),
                (Err(error), Err((errno, text))) => {
                    assert_eq!(error.for_log(), format!("{errno:?}"), "{name}");
                    assert!(error.to_string().contains(text), "{name}: {error}");
                }
                (found, expected) => panic!("{name}: {found:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn root_is_root_without_a_database_and_nobody_is_absent() {
        let name = |name| AccountName::new(name).unwrap();
        let start = start(&name("root")).unwrap();
        let Stage::Ready(Lookup::Account(found)) = start else {
            panic!("root was to be looked up");
        };
        assert_eq!(found, account(0, "root"));
        assert_eq!(run(&name("root")), Lookup::Account(account(0, "root")));
        assert_eq!(run(&name("no-such-user-here")), Lookup::Absent);
    }
}
