//! What deserves a look, the worst first: the daemon's own warnings, who is locked out, and what is
//! permitted on purpose.

use super::super::{bypass, time};
use super::{Lock, Status, names};
use crate::layout::count;

/// Entries of one kind that are shown; the others are counted.
const SHOWN: usize = 3;

/// One matter, with the command about it.
#[derive(Debug)]
pub(in super::super) struct Concern {
    /// Whether somebody should act, or it is only good to know.
    pub(in super::super) mark: char,
    pub(in super::super) text: String,
    pub(in super::super) cure: Option<String>,
}

impl Concern {
    fn know(text: impl Into<String>, cure: Option<&str>) -> Self {
        Self {
            mark: '-',
            text: text.into(),
            cure: cure.map(str::to_owned),
        }
    }
}

/// All of them, the worst first.
pub(super) fn of(status: &Status) -> Vec<Concern> {
    let mut concerns: Vec<_> = status.warnings.iter().map(|text| warning(text)).collect();
    concerns.extend(trial(status));
    concerns.extend(locks(status));
    concerns.extend(unenrolled(status));
    concerns.extend(recovery(status));
    concerns.extend(bypasses(status));
    concerns.extend(exemptions(status));
    concerns.extend(grace(status));
    concerns
}

/// The daemon ends a warning with the command that helps, which must not be broken over lines.
fn warning(text: &str) -> Concern {
    let split = ["midclt ", "timedatectl"]
        .iter()
        .find_map(|command| text.find(&format!(": {command}")));
    let (text, cure) = match split.and_then(|at| text.split_at_checked(at + 1)) {
        Some((text, cure)) => (text, Some(cure.trim().to_owned())),
        None => (text, None),
    };
    Concern {
        mark: '!',
        text: text.to_owned(),
        cure,
    }
}

/// What ends, or has ended, by itself.
fn trial(status: &Status) -> Vec<Concern> {
    let act = |text, cure: &str| Concern {
        mark: '!',
        text,
        cure: Some(cure.to_owned()),
    };
    let live = status.trial.as_ref().map(|trial| {
        let until = time::minute(trial.until);
        act(
            format!("A trial is under way until {until}; a login with a code keeps it."),
            "midclt 2fa ssh commit",
        )
    });
    let back = status.rolled_back.as_ref().map(|back| {
        let at = time::minute(back.at);
        act(
            format!("A trial ended at {at}, and everything is as it was before."),
            "midclt 2fa ssh enable",
        )
    });
    let sshd = status
        .sshd
        .as_ref()
        .filter(|sshd| !sshd.ready && status.ssh);
    let sshd = sshd.map(|sshd| {
        let at = time::minute(sshd.at);
        act(
            format!("sshd does not ask as it should, as was found at {at}."),
            "midclt 2fa ssh check",
        )
    });
    live.into_iter().chain(back).chain(sshd).collect()
}

fn locks(status: &Status) -> Vec<Concern> {
    let mut locks: Vec<&Lock> = status.locks.iter().collect();
    // Accounts before addresses, those closed to all new addresses first, then the longest wait.
    locks.sort_by_key(|lock| {
        let is_closed = lock.username.is_some() && lock.source.is_none();
        (lock.username.is_none(), !is_closed, -lock.retry_after)
    });
    let mut concerns: Vec<_> = locks.into_iter().take(SHOWN).map(locked).collect();
    let more = status.locks.len().saturating_sub(SHOWN);
    if more > 0 {
        concerns.push(Concern {
            mark: '!',
            text: format!("{more} more must wait after wrong codes."),
            cure: Some("midclt 2fa log --outcome wrong".to_owned()),
        });
    }
    concerns
}

fn locked(lock: &Lock) -> Concern {
    let wait = time::span(lock.retry_after);
    let from = match lock.source.as_deref() {
        Some("local") => Some("this machine"),
        address => address,
    };
    let (who, cure) = match (&lock.username, from) {
        (Some(user), from) => (
            format!(
                "{user} must wait {wait} from {}",
                from.unwrap_or("new addresses")
            ),
            format!("midclt 2fa log {user}     then: midclt 2fa unlock {user}"),
        ),
        (None, from) => (
            format!(
                "{} must wait {wait}",
                from.unwrap_or("Names that are not known here (no device, or no such user)")
            ),
            "midclt 2fa log --outcome wrong".to_owned(),
        ),
    };
    Concern {
        mark: '!',
        text: format!("{who}: too many wrong codes."),
        cure: Some(cure),
    }
}

fn unenrolled(status: &Status) -> Option<Concern> {
    let total = status.unenrolled_count.unwrap_or_default();
    let names = names(&status.unenrolled, total);
    (total > 0).then(|| {
        let text = format!("Without an active device, exempt and in grace or not: {names}.");
        Concern::know(text, None)
    })
}

fn recovery(status: &Status) -> Option<Concern> {
    let left = |account: &super::CodesLeft| match account.remaining {
        0 => format!("{} none", account.username),
        some => format!("{} {some}", account.username),
    };
    let few: Vec<String> = status.recovery.iter().map(left).collect();
    let text = format!(
        "Few recovery codes left: {}.",
        names(&few, few.len() as u64)
    );
    (!few.is_empty()).then(|| Concern::know(text, None))
}

fn bypasses(status: &Status) -> impl Iterator<Item = Concern> {
    status.bypasses.iter().map(|bypass| {
        let text = format!(
            "{} without a code: {} until {} ({}).",
            bypass::who(bypass),
            count(bypass.uses_left.into(), "login"),
            time::minute(bypass.until),
            bypass.reason
        );
        let cure = format!("midclt 2fa bypass --delete {}", bypass.id);
        Concern::know(text, Some(&cure))
    })
}

fn exemptions(status: &Status) -> Option<Concern> {
    let each: Vec<_> = status
        .exemptions
        .iter()
        .map(|exemption| {
            format!(
                "{} until {}",
                exemption.username,
                time::minute(exemption.until)
            )
        })
        .collect();
    let text = format!("Exempt from codes: {}.", first_of(&each));
    (!each.is_empty()).then(|| Concern::know(text, Some("midclt 2fa exempt --list")))
}

fn grace(status: &Status) -> Option<Concern> {
    let each: Vec<_> = status
        .grace
        .iter()
        .map(|grace| format!("{} until {}", grace.username, time::minute(grace.until)))
        .collect();
    let text = format!("In grace, without a device: {}.", first_of(&each));
    (!each.is_empty()).then(|| Concern::know(text, Some("midclt 2fa grace --list")))
}

fn first_of(each: &[String]) -> String {
    names(each.get(..SHOWN).unwrap_or(each), each.len() as u64)
}
