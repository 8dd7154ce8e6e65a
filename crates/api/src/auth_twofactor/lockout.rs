//! Who would be locked out of SSH, and whether sshd asks at all: looked at before it is made to.

use std::collections::{HashMap, HashSet};

use nix::errno::Errno;
use store::ReadTx;
use twofactor::{Policy, Settings, Unenrolled, UnixTime};

use super::people::{self, Login};
use super::{ROOT, ssh, whose};
use crate::CallError;
use crate::error::Issue;
use crate::method::{Stage, Writing};

/// More records are not looked at where /etc/passwd cannot be.
const MOST_RECORDS: u32 = 10_000;

/// How many names a refusal has.
const NAMED: usize = 10;

/// The accounts with a login shell, as far as this machine says.
#[derive(Clone, Debug)]
pub(crate) struct Logins(Option<Vec<Login>>);

/// What a method has found that looks only where somebody could be locked out.
pub(super) type Seen = Option<Logins>;

impl Logins {
    /// Looks; not for the writer.
    pub(super) fn look() -> Self {
        Self(people::logins())
    }

    /// How a method begins that looks only where somebody could be locked out.
    pub(super) const fn wanted(is_wanted: bool) -> Stage<(), Seen> {
        if is_wanted {
            Stage::Work(())
        } else {
            Stage::Ready(None)
        }
    }

    /// How it goes on.
    pub(super) fn seen() -> Stage<(), Seen> {
        Stage::Ready(Some(Self::look()))
    }

    /// Whether there was anything to be seen.
    pub(super) const fn are_known(&self) -> bool {
        self.0.is_some()
    }

    /// Those that the policy refuses, root first. Where nobody could look, root and those on record
    /// stand for all.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(super) fn refused(
        &self,
        tx: &ReadTx<'_>,
        policy: &Policy,
        today: UnixTime,
    ) -> Result<Vec<Login>, CallError> {
        if policy.unenrolled == Unenrolled::Allow {
            return Ok(Vec::new());
        }
        let mut let_in: HashSet<u32> = tx.enrolled_uids()?.into_iter().collect();
        let exemptions = tx.exemptions()?.into_iter();
        let_in.extend(exemptions.filter(|e| today < e.until).map(|e| e.uid));
        let in_grace = tx.accounts_in_grace(today, u32::MAX)?.into_iter();
        let_in.extend(in_grace.map(|record| record.account.uid));
        let mut refused = match &self.0 {
            Some(logins) => logins.clone(),
            None => on_record(tx)?,
        };
        // Whoever logs in by another name than the one on record is nobody.
        let records = tx.accounts(None, u32::MAX)?.into_iter();
        let names: HashMap<u32, String> = records
            .map(|record| (record.account.uid, record.account.name.to_string()))
            .collect();
        let is_known = |login: &Login| names.get(&login.uid).is_none_or(|name| *name == login.name);
        refused.retain(|login| !(let_in.contains(&login.uid) && is_known(login)));
        refused.sort_by_key(|login| login.uid);
        Ok(refused)
    }
}

fn on_record(tx: &ReadTx<'_>) -> Result<Vec<Login>, CallError> {
    let records = tx.accounts(None, MOST_RECORDS)?.into_iter();
    let others = records.filter(|record| record.account.uid != ROOT);
    let mut logins: Vec<Login> = others
        .map(|record| Login {
            uid: record.account.uid,
            name: record.account.name.to_string(),
        })
        .collect();
    logins.push(Login {
        uid: ROOT,
        name: whose::username(tx, ROOT)?,
    });
    Ok(logins)
}

/// A change of the settings, as it comes out with or without a trial.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) old: Settings,
    pub(super) new: Settings,
}

impl Step {
    /// Whether sshd asks from now on, and did not before.
    pub(super) fn makes_sshd_ask(self) -> bool {
        self.new.asks(Settings::SSHD) && !self.old.asks(Settings::SSHD)
    }

    /// Whether anything is different.
    pub(super) fn is_change(self) -> bool {
        self.old != self.new
    }

    /// Whether a code is asked for at all from now on, and was not before.
    pub(super) const fn is_turned_on(self) -> bool {
        self.new.enabled && !self.old.enabled
    }

    /// Whether sshd has to be ready for it.
    fn needs_sshd(self) -> bool {
        self.makes_sshd_ask() || self.new.ssh && !self.old.ssh
    }

    /// Refuses a change after which sshd would let everybody in who has proven one factor, or nobody in
    /// of some.
    ///
    /// # Errors
    /// It is refused, or the state cannot be read.
    pub(super) fn check(
        self,
        tx: &ReadTx<'_>,
        policy: &Policy,
        today: UnixTime,
        seen: Option<&Logins>,
        object: &str,
    ) -> Result<(), CallError> {
        if !self.needs_sshd() {
            return Ok(());
        }
        let field = if self.new.ssh && !self.old.ssh {
            "services.ssh"
        } else {
            "enabled"
        };
        let issue = |message| Issue::new(format!("{object}.{field}"), message);
        let mut issues = Vec::new();
        if self.makes_sshd_ask() {
            issues.extend(locked_out(tx, policy, today, seen)?.map(issue));
        }
        if !ssh::is_ready(tx)? {
            issues.push(issue(NOT_READY.to_owned()));
        }
        if issues.is_empty() {
            return Ok(());
        }
        Err(CallError::Invalid(issues))
    }
}

/// Whether sshd, which asks already, refuses from now on whoever has no device.
///
/// # Errors
/// The state cannot be read.
pub(super) fn shuts_out(tx: &ReadTx<'_>, old: &Policy, new: &Policy) -> Result<bool, CallError> {
    let is_stricter = old.unenrolled == Unenrolled::Allow && new.unenrolled == Unenrolled::Deny;
    // An override or a trial ends, and then what is stored counts.
    let is_asking =
        tx.stored_settings()?.asks(Settings::SSHD) || tx.settings()?.asks(Settings::SSHD);
    Ok(is_stricter && is_asking)
}

/// Refuses a policy that some could not log in any more under.
///
/// # Errors
/// It is refused, or the state cannot be read.
pub(super) fn check_policy(
    write: &Writing<'_, '_>,
    policy: &Policy,
    seen: Option<&Logins>,
    object: &str,
) -> Result<(), CallError> {
    let message = locked_out(write.tx, policy, write.today()?, seen)?;
    message.map_or(Ok(()), |message| {
        let issue = Issue::new(format!("{object}.unenrolled"), message);
        Err(CallError::Invalid(vec![issue]))
    })
}

const NOT_READY: &str = "sshd does not ask middlewared yet: midclt 2fa ssh enable";

fn changed_meanwhile() -> CallError {
    let message = "The settings were changed meanwhile; nothing was changed now. Try again";
    CallError::refused(Errno::EBUSY, message)
}

/// Names those who could not log in any more, if there are any, and counts the rest.
fn locked_out(
    tx: &ReadTx<'_>,
    policy: &Policy,
    today: UnixTime,
    seen: Option<&Logins>,
) -> Result<Option<String>, CallError> {
    // The settings were others when it was found out whether to look.
    let logins = seen.ok_or_else(changed_meanwhile)?;
    let refused = logins.refused(tx, policy, today)?;
    let first: Vec<&str> = refused
        .iter()
        .take(NAMED)
        .map(|login| login.name.as_str())
        .collect();
    let names = first.join(", ");
    let more = match refused.len().saturating_sub(NAMED) {
        _ if refused.is_empty() => return Ok(None),
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Ok(Some(format!(
        "Without a second factor these could not log in any more: {names}{more}. For each: midclt 2fa \
         device add NAME, or for some days: midclt 2fa grace NAME"
    )))
}
