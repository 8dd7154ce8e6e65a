//! After a wrong code: whether it is the code of another time, and so a clock is off.
//!
//! Nobody waits for it, and no door is told: "92 s ahead" tells a guesser which code comes next. What is
//! found is for administrators, in `auth.twofactor.status`.

use store::StoredDevice;
use twofactor::{Device, Enrolment, Reach, Sighting, Skew, TimeStep, UnixTime, search};
use zeroize::Zeroizing;

use super::judge::decoy;
use crate::CallError;
use crate::auth_twofactor::login::Authenticate;
use crate::method::{Aftermath, Declared, WriteCall, Writing};

/// A device to be searched; `None` stands for one that nobody has, so that the work is the same.
struct Searched {
    id: Option<(i64, UnixTime)>,
    device: Device,
}

/// Has a wrong code looked for later, on every active device of the account.
pub(super) fn look_later(write: &mut Writing<'_, '_>, stored: &[StoredDevice], typed: &str) {
    let now = write.tx.now();
    let active = stored
        .iter()
        .filter(|stored| stored.record.enrolment == Enrolment::Active);
    let mut devices: Vec<Searched> = active
        .map(|StoredDevice { record, device }| Searched {
            id: Some((record.id, record.created)),
            device: device.clone(),
        })
        .collect();
    if devices.is_empty() {
        devices.push(Searched {
            id: None,
            device: decoy(),
        });
    }
    let typed = Zeroizing::new(typed.to_owned());
    write.follow_up(Aftermath::new(move || {
        let found: Vec<Finding> = devices
            .into_iter()
            .filter_map(|searched| Finding::of(&searched, &typed, now))
            .collect();
        (!found.is_empty()).then(|| remember(found, now))
    }));
}

/// What was found of one device.
struct Finding {
    id: i64,
    /// When its secret was issued: meanwhile it may be another one.
    created: UnixTime,
    step: TimeStep,
    sighting: Sighting,
}

impl Finding {
    fn of(searched: &Searched, typed: &str, now: UnixTime) -> Option<Self> {
        let sighting = search(&searched.device, typed, now, Reach::Minutes)?;
        let (id, created) = searched.id?;
        Some(Self {
            id,
            created,
            step: searched.device.step,
            sighting,
        })
    }
}

/// Nothing is audited: whoever failed is in the audit already.
fn remember(found: Vec<Finding>, at: UnixTime) -> WriteCall {
    WriteCall::of_daemon(Authenticate::NAME, move |write| {
        for finding in &found {
            note(write, finding, at)?;
        }
        Ok(())
    })
}

fn note(write: &mut Writing<'_, '_>, finding: &Finding, at: UnixTime) -> Result<(), CallError> {
    let before = write.tx.skew(finding.id)?;
    let after = Skew::after(before, &finding.sighting, finding.step, at);
    if let Some(after) = after.filter(|after| Some(*after) != before) {
        write.tx.put_skew(finding.id, finding.created, &after)?;
    }
    Ok(())
}
