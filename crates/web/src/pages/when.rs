//! Times as pages show them and people type them: of UTC, which says so.

use serde_json::Value;

/// A moment, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// The second that somebody wrote: `2026-11-24T20:05`, perhaps with seconds, or a day alone. Of UTC.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let numbers = |text: &str, by| -> Option<Vec<u64>> {
        text.split(by).map(|part| part.parse().ok()).collect()
    };
    let [year, month, day] = *numbers(day, '-')?.as_slice() else {
        return None;
    };
    let (hour, minute, second) = match *numbers(time, ':')?.as_slice() {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 || !(1970..=9999).contains(&year) {
        return None;
    }
    // Days of a year are few: whichever has that date is the one, and one that there is not has none.
    let first = (year - 1970) * 365;
    let leaps = (year - 1970) / 4 + 366 * 2;
    let days = (first..=first + leaps).find(|days| date(*days) == (year, month, day))?;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
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
        for secs in [
            0,
            951_782_399,
            951_782_400,
            1_795_550_709,
            4_107_542_400,
            253_402_300_799,
        ] {
            let iso = When(secs).iso();
            assert_eq!(parse(iso.trim_end_matches('Z')), Some(secs), "{iso}");
        }
        for (text, secs) in [
            ("1970-01-02", Some(86_400)),
            ("1970-01-01T00:01", Some(60)),
            ("2023-02-29T00:00", None),
            ("2023-02-01T24:00", None),
            ("1969-12-31", None),
            ("10000-01-01", None),
            ("yesterday", None),
            ("2023-02", None),
            ("", None),
        ] {
            assert_eq!(parse(text), secs, "{text}");
        }
        // What no clock shows panics nowhere.
        assert!(!When(u64::MAX).text().is_empty());
    }
}
