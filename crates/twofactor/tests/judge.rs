//! What the devices of an account accept together.
#![expect(clippy::unwrap_used, reason = "a test may panic; its helpers too")]

use proptest::prelude::*;
use twofactor::{
    Algorithm, Device, Digits, Judged, Secret, TimeStep, UnixTime, Verdict, Window, judge,
};

/// The start of a minute in 2026.
const NOON: u64 = 1_789_000_020;

fn device(number: u8, digits: u8, step: u32) -> Device {
    Device {
        secret: Secret::from_bytes(&[number; 20]).unwrap(),
        algorithm: Algorithm::Sha1,
        digits: Digits::new(digits).unwrap(),
        step: TimeStep::from_secs(step).unwrap(),
        floor: UnixTime::EPOCH,
    }
}

fn shown_at(device: &Device, time: u64) -> String {
    totp_rs::Builder::new()
        .with_secret(device.secret.bytes())
        .with_digits(device.digits.get())
        .with_step_duration(1)
        .build_noncompliant()
        .generate(time / u64::from(device.step.as_secs()))
        .to_string()
}

fn judged(devices: &mut [Device], typed: &str, time: u64) -> Judged {
    judge(
        devices,
        typed,
        UnixTime::from_secs(time),
        Window::new(1).unwrap(),
    )
}

fn accepted(devices: &[usize]) -> Judged {
    Judged::Accepted {
        devices: devices.to_vec(),
    }
}

#[test]
fn each_device_opens_with_its_own_code_once() {
    let mut devices = [device(1, 6, 30), device(2, 8, 30), device(3, 6, 60)];
    for index in 0..devices.len() {
        let before = devices.clone();
        let typed = shown_at(&devices[index], NOON);
        assert_eq!(judged(&mut devices, &typed, NOON), accepted(&[index]));
        for (other, device) in devices.iter().enumerate() {
            assert_eq!(device != &before[other], other == index, "{other}");
        }
        assert!(devices[index].floor > UnixTime::from_secs(NOON));
        assert_eq!(judged(&mut devices, &typed, NOON), replayed(index));
    }
}

/// Its newest code was used already.
fn replayed(device: usize) -> Judged {
    Judged::Replayed { last: vec![device] }
}

/// A step that was passed over is used up, and nobody has typed its code.
#[test]
fn only_the_newest_code_was_typed_for_sure() {
    let mut devices = [device(1, 6, 30)];
    let [before, now] = [NOON - 30, NOON].map(|time| shown_at(&devices[0], time));
    assert_eq!(judged(&mut devices, &now, NOON), accepted(&[0]));
    let none = Judged::Replayed { last: vec![] };
    assert_eq!(judged(&mut devices, &before, NOON), none);
    assert_eq!(judged(&mut devices, &now, NOON), replayed(0));
}

#[test]
fn refusals_change_nothing() {
    let mut devices = [device(1, 6, 30), device(2, 8, 30)];
    let used = shown_at(&devices[0], NOON);
    assert_eq!(judged(&mut devices, &used, NOON), accepted(&[0]));
    let before = devices.clone();
    let cases = [
        (used.as_str(), replayed(0)),
        ("000000", Judged::Wrong),
        ("00000000", Judged::Wrong),
        ("0000000", Judged::Malformed),
        ("", Judged::Malformed),
        ("None", Judged::Malformed),
    ];
    for (typed, answer) in cases {
        assert_eq!(judged(&mut devices, typed, NOON), answer, "{typed}");
        assert_eq!(devices, before, "{typed}");
    }
}

/// One secret set up twice: its code is burned on both, else it would be right a second time.
#[test]
fn a_code_of_two_devices_is_burned_on_both() {
    let mut devices = [device(1, 6, 30), device(2, 6, 30), device(1, 6, 30)];
    let typed = shown_at(&devices[0], NOON);
    assert_eq!(judged(&mut devices, &typed, NOON), accepted(&[0, 2]));
    for index in [0, 2] {
        assert_eq!(devices[index].floor, UnixTime::from_secs(NOON + 30));
        let mut alone = [devices[index].clone()];
        assert_eq!(judged(&mut alone, &typed, NOON), replayed(0));
    }
}

/// Somebody may have seen the digits in use, whichever device they came from, and whichever order
/// the devices are in.
#[test]
fn a_burned_code_of_one_device_opens_no_other() {
    let (used, fresh) = (device(1, 6, 30), device(1, 6, 30));
    let typed = shown_at(&used, NOON);
    let mut first = [used];
    assert_eq!(judged(&mut first, &typed, NOON), accepted(&[0]));
    let [used] = first;
    let both = [[used.clone(), fresh.clone()], [fresh, used]];
    for (at, mut devices) in both.into_iter().enumerate() {
        let before = devices.clone();
        assert_eq!(judged(&mut devices, &typed, NOON), replayed(at));
        assert_eq!(devices, before);
    }
}

proptest! {
    /// What several devices say follows from what each says alone.
    #[test]
    fn agrees_with_each_device_alone(
        kinds in prop::collection::vec((1_u8..4, 6_u8..=8, prop::sample::select(vec![30_u32, 60]), any::<bool>()), 0..6),
        chosen: prop::sample::Index,
        steps in -3_i64..=3,
        other in "[0-9]{5,9}|",
        is_other in prop::bool::weighted(0.2),
    ) {
        let mut devices: Vec<Device> = kinds
            .iter()
            .map(|(number, digits, step, is_used)| {
                let mut device = device(*number, *digits, *step);
                device.floor = UnixTime::from_secs(if *is_used { NOON } else { 0 });
                device
            })
            .collect();
        let typed = if is_other || devices.is_empty() {
            other
        } else {
            let device = &devices[chosen.index(devices.len())];
            let secs = steps * i64::from(device.step.as_secs());
            shown_at(device, NOON.saturating_add_signed(secs))
        };
        let mut alone = devices.clone();
        let now = UnixTime::from_secs(NOON);
        let window = Window::new(2).unwrap();
        let verdicts: Vec<Verdict> =
            alone.iter_mut().map(|device| device.verify(&typed, now, window)).collect();
        let accepting: Vec<usize> =
            (0..verdicts.len()).filter(|index| verdicts[*index].is_accepted()).collect();

        let before = devices.clone();
        let answer = judge(&mut devices, &typed, now, window);
        if verdicts.contains(&Verdict::Replayed) {
            prop_assert!(matches!(answer, Judged::Replayed { .. }), "{:?}", answer);
            prop_assert_eq!(devices, before);
        } else if !accepting.is_empty() {
            prop_assert_eq!(answer, Judged::Accepted { devices: accepting });
            prop_assert_eq!(devices, alone);
        } else if verdicts.contains(&Verdict::Wrong) {
            prop_assert_eq!(answer, Judged::Wrong);
            prop_assert_eq!(devices, before);
        } else {
            prop_assert_eq!(answer, Judged::Malformed);
            prop_assert_eq!(devices, before);
        }
    }
}
