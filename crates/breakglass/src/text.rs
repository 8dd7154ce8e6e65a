//! What stands in the file: four lines, in this order.
//!
//! ```text
//! version 1
//! boot 8f5b2c1e-0001-4002-8003-000000000004
//! generation 7
//! bypass alice 1795510405 4711
//! ```
//!
//! The last line is `off`, or `bypass ACCOUNT UNTIL SECOND`: UNTIL in seconds since 1970, UTC, and SECOND
//! in seconds of this boot. Whichever comes first is its end, so that no clock that is set back prolongs it.

use std::fmt::{self, Write};

use crate::BootId;

/// A bypass that ends later than this from now is none: a day is the longest that there is, so the
/// clock was set back.
pub const LONGEST_BYPASS_SECS: u64 = 24 * 60 * 60;

/// The longest name of an account, in bytes.
const LONGEST_NAME: usize = 256;

/// What root has decided, and over which settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Which override of this boot it is: a later one has a larger number. The daemon remembers up to
    /// which one they were taken into its state, where they count no more.
    pub generation: u64,
    /// What it permits.
    pub grant: Grant,
}

/// What the clocks show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970, UTC, as somebody may have set them.
    pub wall: u64,
    /// Seconds of this boot, which nobody can set.
    pub of_boot: u64,
}

/// What an override permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Nobody is asked for a code.
    Off,
    /// One account is not asked for a code.
    Bypass {
        /// Its canonical name.
        account: String,
        /// When that is over, by either clock.
        until: Moment,
    },
}

/// A file whose text is not that of an override.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the override is no text of version 1")]
pub struct Malformed;

impl Grant {
    /// Whether an account is let in without a code now.
    #[must_use]
    pub fn permits(&self, account: &str, now: Moment) -> bool {
        match self {
            Self::Off => true,
            Self::Bypass {
                account: permitted,
                until,
            } => permitted == account && until.is_soon_after(now),
        }
    }
}

impl Moment {
    /// Seconds from then until this has come, by the clock that it comes first on.
    #[must_use]
    pub const fn since(self, then: Self) -> u64 {
        let (wall, of_boot) = (
            self.wall.saturating_sub(then.wall),
            self.of_boot.saturating_sub(then.of_boot),
        );
        if wall < of_boot { wall } else { of_boot }
    }

    /// Whether it is still to come on both clocks, and on none later than any bypass lasts.
    fn is_soon_after(self, now: Self) -> bool {
        let is_soon =
            |end: u64, now: u64| (1..=LONGEST_BYPASS_SECS).contains(&end.saturating_sub(now));
        is_soon(self.wall, now.wall) && is_soon(self.of_boot, now.of_boot)
    }
}

impl Override {
    /// The text of the file, for this boot.
    ///
    /// # Errors
    /// [`Malformed`]: the account's name can be no name.
    pub(crate) fn to_text(&self, boot: BootId) -> Result<String, Malformed> {
        let grant = match &self.grant {
            Grant::Off => "off".to_owned(),
            Grant::Bypass { account, until } if is_name(account) => {
                format!("bypass {account} {} {}", until.wall, until.of_boot)
            }
            Grant::Bypass { .. } => return Err(Malformed),
        };
        let generation = self.generation;
        Ok(format!(
            "version 1\nboot {boot}\ngeneration {generation}\n{grant}\n"
        ))
    }

    /// Reads the text of the file: the boot that it names, as it stands there, and the rest.
    ///
    /// # Errors
    /// [`Malformed`]: a line is missing, or more, or is not as it should be.
    pub(crate) fn of_text(text: &str) -> Result<(&str, Self), Malformed> {
        let lines: Vec<&str> = text
            .strip_suffix('\n')
            .ok_or(Malformed)?
            .split('\n')
            .collect();
        let ["version 1", boot, generation, grant] = lines.as_slice() else {
            return Err(Malformed);
        };
        let boot = boot.strip_prefix("boot ").ok_or(Malformed)?;
        let generation = generation.strip_prefix("generation ").and_then(number);
        let decided = Self {
            generation: generation.ok_or(Malformed)?,
            grant: read_grant(grant)?,
        };
        Ok((boot, decided))
    }
}

fn read_grant(line: &str) -> Result<Grant, Malformed> {
    if line == "off" {
        return Ok(Grant::Off);
    }
    let words = line.strip_prefix("bypass ").ok_or(Malformed)?;
    // A name may have spaces; a number has none.
    let (words, of_boot) = words.rsplit_once(' ').ok_or(Malformed)?;
    let (account, wall) = words.rsplit_once(' ').ok_or(Malformed)?;
    if !is_name(account) {
        return Err(Malformed);
    }
    Ok(Grant::Bypass {
        account: account.to_owned(),
        until: Moment {
            wall: number(wall).ok_or(Malformed)?,
            of_boot: number(of_boot).ok_or(Malformed)?,
        },
    })
}

/// Digits alone: `parse` would take a plus sign as well.
fn number(text: &str) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
        && !text.contains(|c: char| c == '/' || c.is_control())
        && text.trim() == text
}

/// As the kernel writes it.
impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_char('-')?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: BootId = BootId([
        0xa1, 0xb2, 0xc3, 0xd4, 0, 1, 0x40, 2, 0x80, 3, 0, 0, 0, 0, 0, 4,
    ]);
    const HEAD: &str = "version 1\nboot a1b2c3d4-0001-4002-8003-000000000004\n";

    fn bypass(account: &str, wall: u64, of_boot: u64) -> Grant {
        Grant::Bypass {
            account: account.to_owned(),
            until: Moment { wall, of_boot },
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let cases = [
            (0, Grant::Off, "generation 0\noff\n"),
            (
                7,
                bypass("alice", 1_795_510_405, 4711),
                "generation 7\nbypass alice 1795510405 4711\n",
            ),
            (
                u64::MAX,
                bypass("EXAMPLE\\a b", 0, u64::MAX),
                "generation 18446744073709551615\nbypass EXAMPLE\\a b 0 18446744073709551615\n",
            ),
        ];
        for (generation, grant, tail) in cases {
            let written = Override { generation, grant };
            let text = written.to_text(BOOT).unwrap();
            assert_eq!(text, format!("{HEAD}{tail}"));
            let boot = BOOT.to_string();
            assert_eq!(Override::of_text(&text), Ok((boot.as_str(), written)));
        }
    }

    #[test]
    fn any_other_text_is_malformed() {
        let good = format!("{HEAD}generation 7\noff\n");
        assert!(Override::of_text(&good).is_ok());
        let cases = [
            String::new(),
            "\n".to_owned(),
            "off\n".to_owned(),
            good.trim_end().to_owned(),
            format!("{good}\n"),
            format!("{good}off\n"),
            format!("\n{good}"),
            good.replace('\n', "\r\n"),
            good.replace("version 1", "version 2"),
            good.replace("version 1", "Version 1"),
            good.replace("version 1\n", ""),
            good.replace("boot ", "boot_id "),
            good.replace("generation 7", "generation"),
            good.replace("generation 7", "generation "),
            good.replace("generation 7", "generation +7"),
            good.replace("generation 7", "generation -7"),
            good.replace("generation 7", "generation 18446744073709551616"),
            good.replace("off", "OFF"),
            good.replace("off", "off "),
            good.replace("off", "on"),
            good.replace("off", "bypass"),
            good.replace("off", "bypass "),
            good.replace("off", "bypass alice"),
            good.replace("off", "bypass  17 17"),
            good.replace("off", "bypass alice "),
            good.replace("off", "bypass alice soon"),
            good.replace("off", "bypass alice 17"),
            good.replace("off", "bypass alice 17 "),
            good.replace("off", "bypass alice 17 soon"),
            good.replace("off", "bypass alice soon 17"),
            good.replace("off", "bypass  alice 17 17"),
            good.replace("off", "bypass a/b 17 17"),
            good.replace("off", "bypass a\tb 17 17"),
            good.replace("off", &format!("bypass {} 17 17", "a".repeat(257))),
        ];
        for text in cases {
            assert_eq!(Override::of_text(&text), Err(Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_name_that_would_be_read_as_something_else_is_not_written() {
        for account in ["", " ", "a ", "a\nbypass b", "a/b", &"a".repeat(257)] {
            let written = Override {
                generation: 1,
                grant: bypass(account, 17, 17),
            };
            assert_eq!(written.to_text(BOOT), Err(Malformed), "{account:?}");
        }
    }

    #[test]
    fn a_bypass_is_for_one_account_and_some_time() {
        const NOW: u64 = 1_795_510_405;
        const UP: u64 = 5000;
        let day = LONGEST_BYPASS_SECS;
        let lasting = |account, secs: u64| bypass(account, NOW.saturating_add(secs), UP + secs);
        let cases = [
            (Grant::Off, "alice", true),
            (Grant::Off, "", true),
            (lasting("alice", 1), "alice", true),
            (lasting("alice", day), "alice", true),
            (lasting("alice", 60), "bob", false),
            (lasting("alice", 60), "Alice", false),
            (lasting("alice", 60), "", false),
            (lasting("alice", 0), "alice", false),
            (lasting("alice", day + 1), "alice", false),
            (bypass("alice", 0, UP + 60), "alice", false),
            (bypass("alice", NOW + 60, 0), "alice", false),
            (bypass("alice", u64::MAX, UP + 60), "alice", false),
            (bypass("alice", NOW + 60, u64::MAX), "alice", false),
        ];
        let now = Moment {
            wall: NOW,
            of_boot: UP,
        };
        for (grant, account, permitted) in cases {
            let found = grant.permits(account, now);
            assert_eq!(found, permitted, "{grant:?} {account}");
        }
    }

    /// It ended with the wall clock alone, and so lasted as often as that was set back.
    #[test]
    fn a_clock_that_is_set_back_prolongs_no_bypass() {
        let grant = bypass("alice", 1_795_511_305, 5900);
        for (wall, of_boot, permitted) in [
            (1_795_510_405, 5000, true),
            (1_795_511_304, 5899, true),
            (1_795_507_000, 5899, true),
            (1_795_507_000, 5900, false),
            (1_795_510_405, 90_000, false),
            (1_795_511_305, 5001, false),
        ] {
            let now = Moment { wall, of_boot };
            assert_eq!(grant.permits("alice", now), permitted, "{now:?}");
        }
    }
}
