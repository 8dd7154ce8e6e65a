//! What deserves a look, the worst first: a way in for everybody, somebody locked out, what makes
//! right codes wrong, what will lock somebody out, and what is permitted on purpose.

use super::super::{bypass, time};
use super::{Status, names};
use crate::layout::count;

/// Entries of one kind that are shown; the others are counted.
const SHOWN: usize = 3;

const UNENROLLED_CURE: &str = "midclt 2fa device add NAME     or: midclt 2fa invite NAME";

/// One matter, with the command about it.
#[derive(Debug)]
pub(super) struct Concern {
    /// Whether somebody should act, or it is only good to know.
    pub(super) mark: char,
    pub(super) text: String,
    pub(super) cure: Option<String>,
}

impl Concern {
    fn act(text: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            mark: '!',
            text: text.into(),
            cure: Some(cure.into()),
        }
    }

    fn know(text: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            mark: '-',
            ..Self::act(text, cure)
        }
    }
}

/// All of them, the worst first.
pub(super) fn of(status: &Status) -> Vec<Concern> {
    let mut concerns = Vec::new();
    concerns.extend(bypasses(status, true));
    concerns.extend(locks(status));
    concerns.extend(clock(status));
    concerns.extend(status.warnings.iter().map(|warning| Concern {
        mark: '!',
        text: warning.clone(),
        cure: None,
    }));
    concerns.extend(unenrolled(status));
    concerns.extend(recovery(status));
    concerns.extend(bypasses(status, false));
    concerns.extend(exemptions(status));
    concerns.extend(grace(status));
    concerns
}

fn bypasses(status: &Status, everybody: bool) -> impl Iterator<Item = Concern> {
    let chosen = status
        .bypasses
        .iter()
        .filter(move |bypass| bypass.username.is_none() == everybody);
    chosen.map(move |bypass| {
        let text = format!(
            "{} without a code: {} until {} ({}).",
            bypass::who(bypass),
            count(bypass.uses_left.into(), "login"),
            time::minute(bypass.until),
            bypass.reason
        );
        let cure = format!("midclt 2fa bypass --delete {}", bypass.id);
        if everybody {
            Concern::act(text, cure)
        } else {
            Concern::know(text, cure)
        }
    })
}

fn locks(status: &Status) -> Vec<Concern> {
    let locks = status.locks.iter().take(SHOWN);
    let mut concerns: Vec<_> = locks
        .map(|lock| {
            let text = format!(
                "{} must wait {} from {}: too many wrong codes.",
                lock.username,
                time::span(lock.retry_after),
                lock.source
            );
            let user = &lock.username;
            let cure = format!("midclt 2fa log {user}     then: midclt 2fa unlock {user}");
            Concern::act(text, cure)
        })
        .collect();
    let more = status.locks.len().saturating_sub(SHOWN);
    if more > 0 {
        let text = format!("{more} more must wait after wrong codes.");
        concerns.push(Concern::act(text, "midclt 2fa log --outcome locked"));
    }
    concerns
}

fn clock(status: &Status) -> Option<Concern> {
    let text = "The clock is not synchronised: right codes may be refused.";
    (!status.clock.synchronised).then(|| Concern::act(text, "timedatectl"))
}

fn unenrolled(status: &Status) -> Option<Concern> {
    let total = status.unenrolled_count;
    let accounts = count(total, "account");
    let verb = if total == 1 { "has" } else { "have" };
    let text = format!(
        "{accounts} with a login shell {verb} no active device: {}.",
        names(&status.unenrolled, total)
    );
    (total > 0).then(|| Concern::act(text, UNENROLLED_CURE))
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
    (!few.is_empty()).then(|| Concern::act(text, "midclt 2fa recovery NAME"))
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
    (!each.is_empty()).then(|| Concern::know(text, "midclt 2fa exempt --list"))
}

fn grace(status: &Status) -> Option<Concern> {
    let each: Vec<_> = status
        .grace
        .iter()
        .map(|grace| format!("{} until {}", grace.username, time::minute(grace.until)))
        .collect();
    let text = format!("In grace, without a device: {}.", first_of(&each));
    (!each.is_empty()).then(|| Concern::know(text, "midclt 2fa grace --list"))
}

fn first_of(each: &[String]) -> String {
    names(each.get(..SHOWN).unwrap_or(each), each.len() as u64)
}
