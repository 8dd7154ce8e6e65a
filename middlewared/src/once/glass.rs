//! The override, as root writes and removes it.

use std::time::Duration;

use api::Emergency;
use breakglass::{BootId, Grant, Override, Place, Trouble};
use twofactor::Clocks;

/// What came of it.
pub(super) enum Written {
    /// It counts from now on.
    Yes,
    /// It took the place of another account's.
    Replaced(String),
}

/// The number of the next override.
pub(super) fn next_generation(clocks: &Clocks) -> u64 {
    number(clock::since_boot(), before(clocks).as_ref())
}

/// The override that there is. One that cannot be read counts for nobody, and is replaced.
pub(super) fn before(clocks: &Clocks) -> Option<Override> {
    let boot = BootId(clocks.boot.id.0);
    Place::standard().read(boot).ok().flatten()
}

/// Writes the override that stands for a call, in place of an earlier one.
pub(super) fn write(
    emergency: &Emergency,
    clocks: &Clocks,
    generation: u64,
) -> Result<Written, Trouble> {
    let before = before(clocks);
    let grant = emergency.grant(clocks);
    let written = match before.as_ref().map(|before| &before.grant) {
        Some(Grant::Bypass { account, .. }) if !is_for(&grant, account) => {
            Written::Replaced(account.clone())
        }
        _ => Written::Yes,
    };
    let boot = BootId(clocks.boot.id.0);
    Place::standard().write(boot, &Override { generation, grant })?;
    Ok(written)
}

/// Ends the override. Whether there was one.
pub(super) fn remove() -> Result<bool, Trouble> {
    Place::standard().remove()
}

fn is_for(grant: &Grant, name: &str) -> bool {
    match grant {
        Grant::Off => true,
        Grant::Bypass { account, .. } => account == name,
    }
}

/// Larger than every one before it in this boot.
fn number(since_boot: Duration, before: Option<&Override>) -> u64 {
    let now = u64::try_from(since_boot.as_nanos()).unwrap_or(u64::MAX);
    let next = before.map_or(0, |before| before.generation.saturating_add(1));
    now.max(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_override_has_a_larger_number() {
        let off = |generation| Override {
            generation,
            grant: Grant::Off,
        };
        let at = Duration::from_nanos;
        assert_eq!(number(at(7), None), 7);
        assert_eq!(number(at(7), Some(&off(3))), 7);
        assert_eq!(number(at(7), Some(&off(9))), 10);
        assert_eq!(number(Duration::MAX, Some(&off(9))), u64::MAX);
    }
}
