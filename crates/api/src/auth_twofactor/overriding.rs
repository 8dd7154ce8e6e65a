//! Root's override, which lies beside the state: obeyed at once, and made a part of the state as soon as
//! that can be written.

use breakglass::{Grant, LONGEST_BYPASS_SECS, Moment};
use twofactor::{AccountName, Bypass, BypassMinutes, BypassUses, Clocks};

use super::settings::Update;
use super::whose::{self, Concern};
use crate::CallError;
use crate::alert::{Alert, AlertKind};
use crate::door::span;
use crate::method::{Declared, WriteCall, Writing};

/// Makes what the override says a part of the state, and the override one that counts no more. Whether
/// there was one. One for an account without a record stays as it is, and ends by itself.
#[must_use]
pub fn take_in() -> WriteCall {
    WriteCall::of_daemon(Update::NAME, |write| {
        let Some(found) = write.tx.overriding() else {
            return Ok(false);
        };
        match &found.grant {
            Grant::Off => Update::turn_off(write).map(|()| true),
            Grant::Bypass { account, until } => bypass(write, account, *until),
        }
    })
}

/// The override counts no logins, so this one has as many as there can be.
fn bypass(write: &mut Writing<'_, '_>, name: &str, until: Moment) -> Result<bool, CallError> {
    let left = until.since(moment(write.clocks()));
    if left == 0 {
        return Ok(write.tx.take_override()?);
    }
    let record = match AccountName::new(name) {
        Some(name) => write.tx.account_named(&name)?,
        None => None,
    };
    let minutes = u32::try_from(left.div_ceil(60)).ok();
    let minutes = minutes.and_then(BypassMinutes::new);
    let (Some(record), Some(minutes)) = (record, minutes) else {
        return Ok(false);
    };
    write.tx.take_override()?;
    let uses = BypassUses::new(BypassUses::MAX);
    let uses = uses.ok_or_else(|| CallError::internal("no bypass has so many uses"))?;
    let bypass = Bypass::new(write.clocks(), write.today()?, minutes, uses);
    let account = record.account;
    let reason = "an override, while the state could not be written";
    write.about(&account.name);
    write.tx.add_bypass(Some(account.uid), &bypass, reason)?;
    write.audit("granted")?;
    write.alert(Alert {
        kind: AlertKind::Bypass,
        account: Some(account.name.clone()),
        source: None,
        message: format!(
            "'{}' may log in without a code within {}: {reason}",
            account.name,
            span(left.min(LONGEST_BYPASS_SECS))
        ),
    })?;
    whose::tell(write, Some(&account.name), Concern::Bypass)?;
    Ok(true)
}

/// What the clocks show, as an override tells of it.
pub(crate) fn moment(clocks: &Clocks) -> Moment {
    Moment {
        wall: clocks.wall.as_secs(),
        of_boot: clocks.boot.secs,
    }
}
