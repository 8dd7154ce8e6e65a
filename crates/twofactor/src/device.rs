//! An authenticator, and what it says about a code.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::totp::Generator;
use crate::{Algorithm, Code, Digits, Secret, TimeStep, UnixTime, Verdict, Window};

/// One enrolled authenticator: its secret, how it makes codes from it, and what was used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The key shared with the authenticator.
    pub secret: Secret,
    /// The hash under its HMAC.
    pub algorithm: Algorithm,
    /// The length of its codes.
    pub digits: Digits,
    /// How long each of its codes is current.
    pub step: TimeStep,
    /// The replay floor: the end of the last accepted step, [`UnixTime::EPOCH`] for "never used".
    ///
    /// A step that ends at or before the floor is burned. The floor is a time and not a counter,
    /// because a counter means another time as soon as the step is changed: after 30 s to 60 s, a
    /// floor of counters would refuse every code until 2083. It belongs to the secret, only rises,
    /// and starts again at the epoch only with a new secret.
    ///
    /// Its limit: an HMAC knows only the counter, and under a longer step a used counter comes
    /// round once more, after counter · (new step - old step) seconds. From 30 s to 60 s that is
    /// the year 2083, from 3,599 s to 3,600 s less than a week. A new secret ends it.
    pub floor: UnixTime,
}

impl Device {
    /// Judges what somebody typed at the time `now`, and burns the step of an accepted code.
    ///
    /// All codes of the window are computed and compared in constant time, whatever was typed, so
    /// that the time it takes does not tell how near a guess was. Where several steps of the window
    /// happen to have the same code, one burned step makes it a replay (digits that somebody may
    /// have seen in use do not open again), else the latest is burned, and with it all before.
    ///
    /// On [`Verdict::Accepted`] the floor has changed; on every other verdict nothing has.
    pub fn verify(&mut self, typed: &str, now: UnixTime, window: Window) -> Verdict {
        let Some(typed) = Code::parse(typed, self.digits) else {
            return Verdict::Malformed;
        };
        let matches = self.matches(&typed, now, window);
        if bool::from(matches.burned) {
            Verdict::Replayed
        } else if bool::from(matches.fresh) {
            self.burn(matches.latest);
            Verdict::Accepted {
                counter: matches.latest,
            }
        } else {
            Verdict::Wrong
        }
    }

    fn burn(&mut self, counter: u64) {
        self.floor = self.step.end_of(counter);
    }

    fn matches(&self, typed: &Code, now: UnixTime, window: Window) -> Matches {
        let generator = Generator::new(&self.secret, self.algorithm, self.digits);
        let mut matches = Matches::default();
        for counter in window.counters_around(self.step.counter_at(now)) {
            let equal = generator.code(counter).ct_eq(typed);
            let burned = Choice::from(u8::from(self.step.end_of(counter) <= self.floor));
            let is_last = Choice::from(u8::from(self.step.end_of(counter) == self.floor));
            matches.burned |= equal & burned;
            matches.last |= equal & is_last;
            matches.fresh |= equal & !burned;
            matches.latest.conditional_assign(&counter, equal);
        }
        matches
    }
}

/// What the devices of an account say together about a typed code.
#[must_use = "a verdict that nobody looks at protects nothing"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The code is right and was not used before. It is burned on each of these devices: their
    /// changed floors must be durable before anybody hears of this answer.
    Accepted {
        /// Which ones, by index and ascending: never none, and mostly one. The first is the one to
        /// name.
        devices: Vec<usize>,
    },
    /// The code is of a used step of a device.
    Replayed {
        /// The devices, by index, whose newest accepted code it is. Of older steps nobody knows whether
        /// their codes were ever typed.
        last: Vec<usize>,
    },
    /// The code belongs to no device.
    Wrong,
    /// The text is no code of any device, so that nothing was guessed.
    Malformed,
}

/// Judges what somebody typed over all devices that count, as [`Device::verify`] does for one.
///
/// The codes of all devices and steps are computed and compared in constant time, whatever was
/// typed and whatever matched already: the time it takes tells the number of devices, their windows
/// and algorithms, and nothing of the code (CVE-2022-29185). A code that is burned on any device
/// opens none, even if another happens to have the same digits now: somebody may have seen them in
/// use. Else it is burned wherever it is right.
///
/// On [`Judged::Accepted`] the floors of those devices have changed; on every other answer nothing
/// has. Without a device everything is malformed.
pub fn judge(devices: &mut [Device], typed: &str, now: UnixTime, window: Window) -> Judged {
    let mut found = Vec::with_capacity(devices.len());
    let mut is_malformed = true;
    for device in devices.iter() {
        let code = Code::parse(typed, device.digits);
        let is_code = Choice::from(u8::from(code.is_some()));
        is_malformed &= code.is_none();
        // What is no code is compared as well, so that it takes as long. The empty code equals none;
        // the masks say so once more, because here an error would open the door.
        let mut matches = device.matches(&code.unwrap_or_else(Code::empty), now, window);
        matches.burned &= is_code;
        matches.fresh &= is_code;
        matches.last &= is_code;
        found.push(matches);
    }
    if is_malformed {
        return Judged::Malformed;
    }
    let is_burned = found
        .iter()
        .fold(Choice::from(0), |any, matches| any | matches.burned);
    if bool::from(is_burned) {
        let of_last = found.iter().enumerate();
        let of_last = of_last.filter(|(_, matches)| bool::from(matches.last));
        let last = of_last.map(|(index, _)| index).collect();
        return Judged::Replayed { last };
    }
    let mut accepted = Vec::new();
    for (index, (device, matches)) in devices.iter_mut().zip(&found).enumerate() {
        if bool::from(matches.fresh) {
            device.burn(matches.latest);
            accepted.push(index);
        }
    }
    if accepted.is_empty() {
        Judged::Wrong
    } else {
        Judged::Accepted { devices: accepted }
    }
}

/// How long somebody has to type the first code of a new device: 7 days.
pub const PENDING_SECS: u64 = 7 * 86_400;

/// How far a device is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolment {
    /// The secret was issued, and no code of it has been seen.
    Pending {
        /// When it is forgotten.
        until: UnixTime,
    },
    /// Its first right code was seen.
    Active,
}

/// Which devices count at a door, in the order given.
///
/// The active ones do. A pending one does until it expires, so that its first right code can
/// activate it, but only beside an active one: alone it leaves the account unenrolled, else whoever
/// was handed a secret could log in with it before anybody confirmed that it arrived.
#[must_use]
pub fn counting(enrolments: &[Enrolment], today: UnixTime) -> Vec<bool> {
    let is_enrolled = enrolments.contains(&Enrolment::Active);
    enrolments
        .iter()
        .map(|enrolment| match *enrolment {
            Enrolment::Active => true,
            Enrolment::Pending { until } => is_enrolled && today < until,
        })
        .collect()
}

/// What a typed code equals in the window.
struct Matches {
    /// The code of a burned step.
    burned: Choice,
    /// The code of a step that is not burned.
    fresh: Choice,
    /// The code of the step that was accepted last.
    last: Choice,
    /// The highest counter with this code; meaningless without a match.
    latest: u64,
}

impl Default for Matches {
    fn default() -> Matches {
        Matches {
            burned: Choice::from(0),
            fresh: Choice::from(0),
            last: Choice::from(0),
            latest: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, Enrolment, Judged, PENDING_SECS, counting, judge};
    use crate::totp::CODES_MADE;
    use crate::{Algorithm, Digits, Secret, TimeStep, UnixTime, Window};

    const NOW: UnixTime = UnixTime::from_secs(1_789_000_020);

    fn device(number: u8, digits: u8) -> Device {
        Device {
            secret: Secret::generate([number; 20]),
            algorithm: Algorithm::Sha1,
            digits: Digits::new(digits).unwrap(),
            step: TimeStep::default(),
            floor: UnixTime::EPOCH,
        }
    }

    /// The device's code at [`NOW`], as its display shows it.
    fn shown(device: &Device) -> String {
        totp_rs::Builder::new()
            .with_secret(device.secret.bytes())
            .with_digits(device.digits.get())
            .with_step_duration(1)
            .build_noncompliant()
            .generate(device.step.counter_at(NOW))
            .to_string()
    }

    /// CVE-2022-29185: the time of a comparison told how near a guess was.
    #[test]
    fn judging_costs_the_same_whatever_is_typed() {
        let window = Window::new(2).unwrap();
        let devices = [device(1, 6), device(2, 8), device(3, 6)];
        let (first, last) = (shown(&devices[0]), shown(&devices[2]));
        for typed in [
            "", "abc", "000000", "0000000", "00000000", &first, &last, &first,
        ] {
            let mut devices = devices.clone();
            let before = CODES_MADE.get();
            let _ = judge(&mut devices, typed, NOW, window);
            assert_eq!(CODES_MADE.get() - before, 3 * 5, "{typed:?}");
            // The same for what is a replay now.
            let before = CODES_MADE.get();
            let _ = judge(&mut devices, typed, NOW, window);
            assert_eq!(CODES_MADE.get() - before, 3 * 5, "{typed:?} again");
        }
    }

    #[test]
    fn nothing_is_right_without_a_device() {
        for typed in ["", "000000", "12345678"] {
            let judged = judge(&mut [], typed, NOW, Window::default());
            assert_eq!(judged, Judged::Malformed, "{typed}");
        }
    }

    #[test]
    fn pending_devices_count_beside_an_active_one() {
        use Enrolment::{Active, Pending};
        let until = NOW.saturating_add_secs(PENDING_SECS);
        let (fresh, over) = (Pending { until }, Pending { until: NOW });
        let last_second = Pending {
            until: NOW.saturating_add_secs(1),
        };
        let cases: [(&[Enrolment], &[bool]); 8] = [
            (&[], &[]),
            (&[Active], &[true]),
            (&[fresh], &[false]),
            (&[fresh, fresh], &[false, false]),
            (&[fresh, Active], &[true, true]),
            (&[Active, over], &[true, false]),
            (&[over, Active, last_second], &[false, true, true]),
            (&[Active, Active], &[true, true]),
        ];
        for (enrolments, counts) in cases {
            assert_eq!(counting(enrolments, NOW), counts, "{enrolments:?}");
        }
    }
}
