//! What a device accepts, and that it accepts nothing twice.
#![expect(clippy::unwrap_used, reason = "a test may panic; its helpers too")]

use std::collections::HashSet;

use proptest::prelude::*;
use twofactor::{Algorithm, Device, Digits, Secret, TimeStep, UnixTime, Verdict, Window};

const SECRET: &[u8] = b"12345678901234567890";
/// The start of a minute in 2026.
const NOON: u64 = 1_789_000_020;

fn device(step: u32) -> Device {
    Device {
        secret: Secret::from_bytes(SECRET).unwrap(),
        algorithm: Algorithm::Sha1,
        digits: Digits::default(),
        step: TimeStep::from_secs(step).unwrap(),
        floor: UnixTime::EPOCH,
    }
}

/// The code of one counter, as the authenticator shows it.
fn code(device: &Device, counter: u64) -> String {
    totp_rs::Builder::new()
        .with_secret(device.secret.bytes())
        .with_digits(device.digits.get())
        .with_step_duration(1)
        .build_noncompliant()
        .generate(counter)
        .to_string()
}

fn shown_at(device: &Device, time: u64) -> String {
    code(device, time / u64::from(device.step.as_secs()))
}

fn verify(device: &mut Device, typed: &str, time: u64, window: u8) -> Verdict {
    device.verify(
        typed,
        UnixTime::from_secs(time),
        Window::new(window).unwrap(),
    )
}

fn use_step(device: &mut Device, step: u32) {
    device.step = TimeStep::from_secs(step).unwrap();
}

#[test]
fn window_reaches_as_far_on_both_sides_and_no_farther() {
    for window in [0, 1, 2, 10] {
        for steps in -12_i64..=12 {
            let mut device = device(30);
            let shown = shown_at(&device, NOON.saturating_add_signed(30 * steps));
            let verdict = verify(&mut device, &shown, NOON, window);
            let within = steps.unsigned_abs() <= u64::from(window);
            assert_eq!(
                verdict.is_accepted(),
                within,
                "window {window}, {steps} steps: {verdict:?}"
            );
            if !within {
                assert_eq!(verdict, Verdict::Wrong);
                assert_eq!(device.floor, UnixTime::EPOCH);
            }
        }
    }
}

#[test]
fn accepting_burns_the_step_and_all_before_it() {
    let mut device = device(30);
    let (earlier, now, later) = (
        shown_at(&device, NOON - 30),
        shown_at(&device, NOON),
        shown_at(&device, NOON + 30),
    );
    assert!(verify(&mut device, &now, NOON, 1).is_accepted());
    assert_eq!(device.floor, UnixTime::from_secs(NOON + 30));
    for burned in [&earlier, &now] {
        assert_eq!(verify(&mut device, burned, NOON + 29, 1), Verdict::Replayed);
    }
    assert!(verify(&mut device, &later, NOON + 29, 1).is_accepted());
    assert_eq!(device.floor, UnixTime::from_secs(NOON + 60));
}

#[test]
fn refusals_change_nothing() {
    let mut device = device(30);
    let shown = shown_at(&device, NOON);
    assert!(verify(&mut device, &shown, NOON, 1).is_accepted());
    let before = device.clone();
    let cases = [
        (shown.as_str(), Verdict::Replayed),
        ("000000", Verdict::Wrong),
        ("", Verdict::Malformed),
        ("12345", Verdict::Malformed),
        ("1234567", Verdict::Malformed),
        ("None", Verdict::Malformed),
    ];
    for (typed, verdict) in cases {
        assert_eq!(verify(&mut device, typed, NOON, 1), verdict, "{typed}");
        assert_eq!(device, before, "{typed}");
    }
}

/// The counters 60138748 and 60138751 of this secret have the same code.
#[test]
fn one_code_for_two_steps_works_once() {
    const EARLY: u64 = 60_138_748;
    const LATE: u64 = 60_138_751;
    let fresh = device(30);
    let shown = code(&fresh, EARLY);
    assert_eq!(shown, code(&fresh, LATE));

    // Both are in the window and unused: the later is burned, and the earlier with it.
    let mut device = fresh.clone();
    let verdict = verify(&mut device, &shown, EARLY * 30, 10);
    assert_eq!(verdict, Verdict::Accepted { counter: LATE });
    assert_eq!(
        verify(&mut device, &shown, LATE * 30, 10),
        Verdict::Replayed
    );

    // The earlier was used on its own: as long as the window sees both, it is a replay.
    let mut device = fresh.clone();
    let verdict = verify(&mut device, &shown, EARLY * 30, 2);
    assert_eq!(verdict, Verdict::Accepted { counter: EARLY });
    assert_eq!(verify(&mut device, &shown, LATE * 30, 3), Verdict::Replayed);
}

#[test]
fn a_changed_step_does_not_lock_out() {
    for (first, second) in [(60, 30), (30, 60), (3600, 5), (5, 3600), (30, 31)] {
        let mut device = device(first);
        let shown = shown_at(&device, NOON);
        assert!(verify(&mut device, &shown, NOON, 0).is_accepted());
        use_step(&mut device, second);
        // What the burned step still covers has to pass, and a new step has to begin; no more.
        let soon = NOON + u64::from(first) + u64::from(second);
        let shown = shown_at(&device, soon);
        assert!(
            verify(&mut device, &shown, soon, 0).is_accepted(),
            "{first} s to {second} s"
        );
    }
}

#[test]
fn a_step_changed_there_and_back_does_not_reopen_a_code() {
    for (first, second) in [(60, 30), (30, 60), (3600, 5), (5, 3600), (30, 31)] {
        let mut device = device(first);
        let shown = shown_at(&device, NOON);
        assert!(verify(&mut device, &shown, NOON, 1).is_accepted());
        use_step(&mut device, second);
        let verdict = verify(&mut device, &shown, NOON, 10);
        assert!(
            !verdict.is_accepted(),
            "{first} s to {second} s: {verdict:?}"
        );
        let between = shown_at(&device, NOON);
        let _ = verify(&mut device, &between, NOON, 1);
        use_step(&mut device, first);
        assert_eq!(
            verify(&mut device, &shown, NOON, 1),
            Verdict::Replayed,
            "{first}/{second}"
        );
    }
}

/// The known limit of a floor that is a time: the HMAC knows only the counter, and under a longer
/// step the used counter comes round once more.
#[test]
fn a_used_counter_comes_back_under_a_longer_step_in_another_age() {
    let mut device = device(30);
    let shown = shown_at(&device, NOON);
    assert!(verify(&mut device, &shown, NOON, 0).is_accepted());
    use_step(&mut device, 60);
    for years in 0..56 {
        let time = NOON + years * 31_557_600;
        assert_eq!(
            verify(&mut device, &shown, time, 7),
            Verdict::Wrong,
            "after {years} years"
        );
    }
    assert!(verify(&mut device, &shown, 2 * NOON, 0).is_accepted());
}

#[test]
fn the_ends_of_time() {
    for step in [5, 30, 3600, u32::MAX] {
        for now in [0, 1, 4, 5, 29, 30, u64::MAX - 1, u64::MAX] {
            for window in [0, 1, 10] {
                let mut device = device(step);
                let shown = shown_at(&device, now);
                let counter = now / u64::from(step);
                let context = format!("step {step}, now {now}, window {window}");
                let verdict = verify(&mut device, &shown, now, window);
                assert_eq!(verdict, Verdict::Accepted { counter }, "{context}");
                assert!(device.floor.as_secs() > now || now == u64::MAX, "{context}");
                assert_eq!(
                    verify(&mut device, &shown, now, window),
                    Verdict::Replayed,
                    "{context}"
                );
            }
        }
    }
}

/// A floor in the future (a clock that was wrong) burns everything until then, and says so.
#[test]
fn a_floor_in_the_future_refuses_as_a_replay() {
    let mut device = device(30);
    device.floor = UnixTime::from_secs(NOON + 86_400);
    let shown = shown_at(&device, NOON);
    assert_eq!(verify(&mut device, &shown, NOON, 1), Verdict::Replayed);
    let next_day = NOON + 86_400;
    let shown = shown_at(&device, next_day);
    assert!(verify(&mut device, &shown, next_day, 1).is_accepted());
}

/// One thing that happens to a device.
#[derive(Clone, Debug)]
enum Event {
    ClockMoves(i64),
    StepBecomes(u32),
    WindowBecomes(u8),
    /// Somebody types the code of a step this many steps from now.
    Types(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (-100_i64..200).prop_map(Event::ClockMoves),
        1 => (-100_000_i64..100_000).prop_map(Event::ClockMoves),
        1 => prop::sample::select(vec![5, 7, 30, 31, 60, 3600]).prop_map(Event::StepBecomes),
        1 => (0_u8..=10).prop_map(Event::WindowBecomes),
        6 => (-12_i64..=12).prop_map(Event::Types),
    ]
}

/// What the verdict has to be, worked out the simple way from the codes as texts.
fn expected(device: &Device, typed: &str, now: u64, window: u8) -> Verdict {
    let step = u64::from(device.step.as_secs());
    let (current, window) = (now / step, u64::from(window));
    let same: Vec<u64> = (current.saturating_sub(window)..=current + window)
        .filter(|counter| code(device, *counter) == typed)
        .collect();
    match same.last() {
        None => Verdict::Wrong,
        Some(_)
            if same
                .iter()
                .any(|c| (c + 1) * step <= device.floor.as_secs()) =>
        {
            Verdict::Replayed
        }
        Some(latest) => Verdict::Accepted { counter: *latest },
    }
}

proptest! {
    /// Whatever the clock, the settings and the people do: a right code of a step above the floor
    /// is accepted, no step is accepted twice, and the floor only rises.
    #[test]
    fn no_code_is_accepted_twice(
        start in prop::sample::select(vec![0, 200, NOON]),
        events in prop::collection::vec(event(), 1..60),
    ) {
        let (mut device, mut now, mut window) = (device(30), start, 0);
        let mut used = HashSet::new();
        for event in events {
            match event {
                Event::ClockMoves(secs) => now = now.saturating_add_signed(secs),
                Event::StepBecomes(step) => use_step(&mut device, step),
                Event::WindowBecomes(steps) => window = steps,
                Event::Types(steps) => {
                    let step = u64::from(device.step.as_secs());
                    let typed = code(&device, (now / step).saturating_add_signed(steps));
                    let wanted = expected(&device, &typed, now, window);
                    let before = device.floor;
                    let verdict = verify(&mut device, &typed, now, window);
                    prop_assert_eq!(verdict, wanted);
                    if let Verdict::Accepted { counter } = verdict {
                        prop_assert!(used.insert((step, counter)), "step {} used twice", counter);
                        prop_assert!(device.floor > before);
                        prop_assert_eq!(device.floor.as_secs(), (counter + 1) * step);
                    } else {
                        prop_assert_eq!(device.floor, before);
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_typed_at_any_time_panics(
        typed in ".{0,12}|[0-9]{6}",
        now: u64,
        floor: u64,
        window in 0_u8..=10,
        step in 5_u32..,
    ) {
        let mut device = device(step);
        device.floor = UnixTime::from_secs(floor);
        let _ = verify(&mut device, &typed, now, window);
        prop_assert!(device.floor >= UnixTime::from_secs(floor));
    }
}
