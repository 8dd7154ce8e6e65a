//! Unix seconds as people write them: days and minutes, always in UTC, as the daemon's log has them.

use std::time::{SystemTime, UNIX_EPOCH};

pub(super) const DAY: i64 = 86_400;

/// The time now. Only for what people ask in their own terms, such as `--days 3`, and to be
/// compared with a phone: the daemon judges by its own clock.
#[expect(
    clippy::disallowed_methods,
    reason = "midclt reads the clock here and nowhere else; crates/clock belongs to the daemon"
)]
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |span| i64::try_from(span.as_secs()).unwrap_or(i64::MAX))
}

/// `2026-11-24 04:25 UTC`.
pub(super) fn minute(unix: i64) -> String {
    format!("{} UTC", short_minute(unix))
}

/// `2026-11-24 04:25`.
pub(super) fn short_minute(unix: i64) -> String {
    let mut text = second(unix);
    text.truncate(text.len() - ":00".len());
    text
}

/// `2026-11-24 04:25:31`.
pub(super) fn second(unix: i64) -> String {
    let (year, month, day) = civil(unix.div_euclid(DAY));
    let second = unix.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// The first second of a day that is written as `2026-11-24`.
pub(super) fn parse_date(text: &str) -> Result<i64, String> {
    let wrong = || "a date is written YYYY-MM-DD".to_owned();
    let parts: Vec<&str> = text.split('-').collect();
    let &[year, month, day] = parts.as_slice() else {
        return Err(wrong());
    };
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    if [year.len(), month.len(), day.len()] != [4, 2, 2] || !parts.iter().all(is_number) {
        return Err(wrong());
    }
    let number = |part: &str| part.parse::<i64>().map_err(|_| wrong());
    let (year, month, day) = (number(year)?, number(month)?, number(day)?);
    let days = days_from_civil(year, month, day);
    // The 30th of February is another day when it is written back.
    if civil(days) == (year, month, day) {
        Ok(days * DAY)
    } else {
        Err(format!("there is no such day as {text}"))
    }
}

/// `90 s`, `12 min`, `5 h`, `3 days`: rounded up, so that it is over when it was said to be.
pub(super) fn span(seconds: i64) -> String {
    let up = |unit: i64| seconds.saturating_add(unit - 1) / unit;
    match seconds.max(0) {
        0..=90 => format!("{} s", seconds.max(0)),
        91..=5_400 => format!("{} min", up(60)),
        5_401..=172_800 => format!("{} h", up(3_600)),
        _ => format!("{} days", up(DAY)),
    }
}

/// Days since 1970-01-01 to a date. H. Hinnant, "chrono-Compatible Low-Level Date Algorithms":
/// years begin in March, so that the leap day is a year's last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The inverse, for years of four digits.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against date(1): `date -u -d @N '+%F %T'`.
    #[test]
    fn seconds() {
        let check = |unix: i64, expected: &str| assert_eq!(second(unix), expected, "{unix}");
        check(0, "1970-01-01 00:00:00");
        check(-1, "1969-12-31 23:59:59");
        check(951_782_399, "2000-02-28 23:59:59");
        check(951_782_400, "2000-02-29 00:00:00");
        check(951_868_800, "2000-03-01 00:00:00");
        check(1_795_508_731, "2026-11-24 08:25:31");
        check(4_107_542_399, "2100-02-28 23:59:59");
        check(4_107_542_400, "2100-03-01 00:00:00");
        assert_eq!(minute(1_795_508_731), "2026-11-24 08:25 UTC");
    }

    #[test]
    fn dates_that_exist() {
        for days in 0..50_000 {
            let midnight = days * DAY;
            let date = second(midnight);
            let (date, time) = date.split_once(' ').unwrap();
            assert_eq!(time, "00:00:00");
            assert_eq!(parse_date(date), Ok(midnight), "{date}");
        }
    }

    #[test]
    fn dates_that_do_not() {
        let form = "a date is written YYYY-MM-DD";
        let check = |text: &str, expected: &str| {
            assert_eq!(parse_date(text), Err(expected.to_owned()), "{text}");
        };
        for text in [
            "",
            "tomorrow",
            "24.11.2026",
            "2026-1-1",
            "2026-11",
            "+026-11-24",
            "2026-11-24-1",
        ] {
            check(text, form);
        }
        check("2026-02-30", "there is no such day as 2026-02-30");
        check("2026-13-01", "there is no such day as 2026-13-01");
        check("2026-00-10", "there is no such day as 2026-00-10");
        check("2100-02-29", "there is no such day as 2100-02-29");
    }

    #[test]
    fn spans() {
        let check = |seconds: i64, expected: &str| assert_eq!(span(seconds), expected);
        check(-5, "0 s");
        check(30, "30 s");
        check(90, "90 s");
        check(91, "2 min");
        check(3_600, "60 min");
        check(5_401, "2 h");
        check(86_400, "24 h");
        check(172_801, "3 days");
    }
}
