//! Times as pages show them: of UTC, which says so; scripts show the reader's own.

use serde_json::Value;

/// A moment, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When(u64);

impl When {
    /// From a field of an answer; none where it is null.
    pub(super) fn of(entry: &Value, key: &str) -> Option<Self> {
        entry.get(key).and_then(Value::as_u64).map(Self)
    }

    /// For programs: `2026-11-24T20:05:09Z`.
    pub(super) fn iso(self) -> String {
        let (year, month, day) = date(self.0 / 86_400);
        let (hour, minute, second) = (self.0 / 3600 % 24, self.0 / 60 % 60, self.0 % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// For people: `2026-11-24 20:05 UTC`.
    pub(super) fn text(self) -> String {
        let iso = self.iso();
        let (day, rest) = iso.split_at(10);
        let minute = rest.get(1..6).unwrap_or_default();
        format!("{day} {minute} UTC")
    }
}

/// The civil date of a day since 1970, by eras of 400 years (Hinnant, "chrono-compatible low-level date
/// algorithms"). Years begin in March, so that a leap day is the last one.
const fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (secs, iso) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_550_709, "2026-11-24T20:05:09Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(When(secs).iso(), iso);
        }
        assert_eq!(When(1_795_550_709).text(), "2026-11-24 20:05 UTC");
        // What no clock shows panics nowhere.
        assert!(!When(u64::MAX).text().is_empty());
    }
}
