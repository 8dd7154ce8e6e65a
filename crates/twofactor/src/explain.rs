//! Why the first code of a new authenticator is wrong.

use std::cmp::Ordering;

use subtle::ConstantTimeEq;

use crate::skew::{Reach, search};
use crate::totp::Generator;
use crate::{Algorithm, Code, Device, Digits, TimeStep, UnixTime, Window};

/// The next codes are looked at too: clocks differ a little, and typing takes time.
const NEAR: Window = match Window::new(1) {
    Some(window) => window,
    None => unreachable!(),
};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];

/// What a wrong first code is instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// The code of another device: by its place in the list.
    OtherDevice(usize),
    /// The app makes codes of another length: it ignored how many digits it was told.
    Digits(Digits),
    /// The app's codes last so long: it ignored the time step it was told.
    Step(TimeStep),
    /// The app uses this hash: it ignored the one it was told.
    Algorithm(Algorithm),
    /// The phone's clock is this many seconds ahead, give or take a step.
    Ahead(u64),
    /// The phone's clock is this many seconds behind, give or take a step.
    Behind(u64),
}

/// Finds out what a wrong code is, that somebody typed to confirm `wanted`: a code of one of the
/// account's `others`, or one of an app that did not do as it was told, or whose clock is wrong.
///
/// Only for whoever is shown the secret of `wanted` anyway, and only after the code was counted: what
/// it says of `others` is as much as a door would say. Nothing is accepted or used up by it.
#[must_use]
pub fn explain(
    wanted: &Device,
    others: &[Device],
    typed: &str,
    now: UnixTime,
) -> Option<Explanation> {
    let is_shown = |device: &Device| shows(device, typed, now);
    if let Some(at) = others.iter().position(is_shown) {
        return Some(Explanation::OtherDevice(at));
    }
    disobedient(wanted, typed, now).or_else(|| clock(wanted, typed, now))
}

/// An app that ignored one or several parameters takes the usual ones in their place. The first one
/// that differs is named.
fn disobedient(wanted: &Device, typed: &str, now: UnixTime) -> Option<Explanation> {
    let digits = (0..=u8::MAX)
        .filter_map(Digits::new)
        .find(|digits| Code::parse(typed, *digits).is_some())?;
    let steps = [
        Some(wanted.step),
        TimeStep::from_secs(30),
        TimeStep::from_secs(60),
    ];
    for step in steps.into_iter().flatten() {
        for algorithm in ALGORITHMS {
            let app = Device {
                algorithm,
                digits,
                step,
                ..wanted.clone()
            };
            if shows(&app, typed, now) {
                return difference(wanted, &app);
            }
        }
    }
    None
}

fn difference(wanted: &Device, app: &Device) -> Option<Explanation> {
    if app.digits != wanted.digits {
        Some(Explanation::Digits(app.digits))
    } else if app.step != wanted.step {
        Some(Explanation::Step(app.step))
    } else if app.algorithm != wanted.algorithm {
        Some(Explanation::Algorithm(app.algorithm))
    } else {
        None
    }
}

/// Whether the phone shows the right codes at the wrong time.
fn clock(wanted: &Device, typed: &str, now: UnixTime) -> Option<Explanation> {
    let found = search(wanted, typed, now, Reach::Minutes)?.counter;
    let current = wanted.step.counter_at(now);
    let secs = found.abs_diff(current) * u64::from(wanted.step.as_secs());
    match found.cmp(&current) {
        Ordering::Greater => Some(Explanation::Ahead(secs)),
        Ordering::Less => Some(Explanation::Behind(secs)),
        Ordering::Equal => None,
    }
}

/// Whether a device shows this code about now, used up or not.
fn shows(device: &Device, typed: &str, now: UnixTime) -> bool {
    let Some(typed) = Code::parse(typed, device.digits) else {
        return false;
    };
    let generator = Generator::new(&device.secret, device.algorithm, device.digits);
    NEAR.counters_around(device.step.counter_at(now))
        .any(|counter| generator.code(counter).ct_eq(&typed).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    const NOW: UnixTime = UnixTime::from_secs(1_900_000_020);

    fn device(fill: u8) -> Device {
        Device {
            secret: Secret::from_bytes(&[fill; 20]).unwrap(),
            algorithm: Algorithm::Sha1,
            digits: Digits::default(),
            step: TimeStep::default(),
            floor: UnixTime::EPOCH,
        }
    }

    fn code(device: &Device, time: UnixTime) -> String {
        let totp = totp_rs::Builder::new()
            .with_algorithm(match device.algorithm {
                Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
                Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
                Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
            })
            .with_secret(device.secret.bytes())
            .with_digits(device.digits.get())
            .with_step_duration(device.step.as_secs().into())
            .build_noncompliant();
        totp.generate(time.as_secs()).to_string()
    }

    #[test]
    fn an_app_that_did_not_do_as_it_was_told() {
        let eight = Digits::new(8).unwrap();
        let minute = TimeStep::from_secs(60).unwrap();
        let plain = device(7);
        for (wanted, shown, expected) in [
            (
                Device {
                    step: minute,
                    ..device(7)
                },
                plain.clone(),
                Some(Explanation::Step(TimeStep::default())),
            ),
            (
                Device {
                    digits: eight,
                    ..device(7)
                },
                plain.clone(),
                Some(Explanation::Digits(Digits::default())),
            ),
            (
                Device {
                    algorithm: Algorithm::Sha512,
                    ..device(7)
                },
                plain.clone(),
                Some(Explanation::Algorithm(Algorithm::Sha1)),
            ),
            (
                Device {
                    digits: eight,
                    step: minute,
                    ..device(7)
                },
                plain.clone(),
                Some(Explanation::Digits(Digits::default())),
            ),
            (
                plain.clone(),
                Device {
                    step: minute,
                    ..device(7)
                },
                Some(Explanation::Step(minute)),
            ),
            (plain.clone(), device(9), None),
        ] {
            let typed = code(&shown, NOW);
            assert_eq!(
                explain(&wanted, &[], &typed, NOW),
                expected,
                "{wanted:?} {shown:?}"
            );
        }
    }

    #[test]
    fn the_code_of_another_device() {
        let others = [device(1), device(2)];
        let typed = code(&others[1], NOW);
        let found = explain(&device(7), &others, &typed, NOW);
        assert_eq!(found, Some(Explanation::OtherDevice(1)));
    }

    #[test]
    fn a_phone_whose_clock_is_wrong() {
        let phone = device(7);
        for (there, expected) in [
            (90, Some(Explanation::Ahead(90))),
            (600, Some(Explanation::Ahead(600))),
            (-90, Some(Explanation::Behind(90))),
            (-600, Some(Explanation::Behind(600))),
            (3_600, None),
            (-3_600, None),
        ] {
            let time = UnixTime::from_secs(NOW.as_secs().saturating_add_signed(there));
            let typed = code(&phone, time);
            assert_eq!(explain(&phone, &[], &typed, NOW), expected, "{there}");
        }
    }

    #[test]
    fn what_is_no_code_explains_nothing() {
        for typed in ["", "12345", "123456789", "abcdef"] {
            assert_eq!(
                explain(&device(7), &[device(1)], typed, NOW),
                None,
                "{typed}"
            );
        }
    }
}
