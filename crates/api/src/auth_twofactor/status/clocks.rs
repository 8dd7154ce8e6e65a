//! What is wrong with this machine's clock, or with the clock of a phone.

use twofactor::UnixTime;

use super::report::{Report, Skewed};
use super::warnings::counted;
use crate::CallError;
use crate::clock_guard;
use crate::door::span;
use crate::method::Reading;

/// How the clocks are.
pub(super) struct Clocks {
    synchronised: bool,
    /// The latest time that was seen, where the clock is behind it.
    latest: Option<UnixTime>,
    /// How many devices have codes used that are still to come, and until when.
    burned: Option<(u32, UnixTime)>,
    skews: Vec<Skewed>,
}

impl Clocks {
    pub(super) fn stored(read: &Reading<'_>, report: &Report) -> Result<Self, CallError> {
        let now = read.clocks.wall;
        let window = read.tx.settings()?.window;
        Ok(Self {
            synchronised: read.clocks.synchronised,
            latest: clock_guard::ahead_of(read.tx.latest()?, now),
            burned: read.tx.floors_ahead(now, window.steps())?,
            skews: report.skews.clone(),
        })
    }

    pub(super) fn unkept(&self) -> Option<String> {
        let message = "Nothing keeps the clock right; once it is half a minute wrong, right codes \
            are refused. To see what should keep it: timedatectl status";
        (!self.synchronised).then(|| message.to_owned())
    }

    pub(super) fn behind(&self) -> Option<String> {
        let latest = self.latest?;
        Some(format!(
            "The clock is behind, or was ahead: it has shown {latest} (date -d @{latest}). What is \
             granted is judged by that time until it has come. Once the clock is right and kept so: \
             midclt 2fa unlock root"
        ))
    }

    pub(super) fn burned(&self) -> Option<String> {
        let (count, until) = self.burned?;
        let (devices, have) = counted(count, "device");
        Some(format!(
            "{devices} {have} codes used that are still to come, up to {until} (date -d @{until}): \
             theirs are refused till then; recovery codes and the console work. Once the clock is \
             right and kept so: midclt 2fa unlock NAME"
        ))
    }

    /// One phone alone is wrong; several that are off alike are right, and the machine is wrong.
    pub(super) fn skewed(&self) -> Option<String> {
        let alike = |one: &Skewed| {
            let like = self
                .skews
                .iter()
                .filter(|other| other.skew.is_like(&one.skew));
            like.count()
        };
        let most = self.skews.iter().max_by_key(|one| alike(one))?;
        match alike(most) {
            1 => Some(self.phones()),
            several => Some(self.machine(most, several)),
        }
    }

    fn machine(&self, most: &Skewed, several: usize) -> String {
        let kept = if self.synchronised {
            "though something keeps it"
        } else {
            "and nothing keeps it right"
        };
        format!(
            "{several} devices are off alike, so it is this machine's clock: it is about {} {}, {kept}. \
             To see what should keep it: timedatectl status",
            span(most.skew.secs.unsigned_abs()),
            // The other way round.
            if most.skew.secs < 0 {
                "ahead"
            } else {
                "behind"
            }
        )
    }

    fn phones(&self) -> String {
        const NAMED: usize = 3;
        let each = self.skews.iter().take(NAMED).map(|one| {
            format!(
                "'{}' of {} {} {}",
                one.device,
                one.username,
                span(one.skew.secs.unsigned_abs()),
                if one.skew.secs < 0 { "behind" } else { "ahead" }
            )
        });
        let each: Vec<_> = each.collect();
        let more = match self.skews.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let advice = if self.synchronised {
            "This machine's is kept right: have the phone set its own by the network"
        } else {
            "It may be this machine's clock too, which nothing keeps right"
        };
        format!(
            "Clocks of phones are off, as their wrong codes show: {}{more}. {advice}. A code of theirs \
             explained: midclt 2fa doctor NAME",
            each.join(", ")
        )
    }
}
