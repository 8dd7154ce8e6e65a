//! Trials: how long they last, what they change, and whose login keeps them.

use proptest::prelude::*;
use twofactor::{
    Boot, BootId, Changes, Digits, Policy, Reason, Requirement, RolledBack, SecurityKeys, Settings,
    TimeStep, Trial, TrialSecs, Unenrolled, UnixTime, Window,
};

const fn at(id: u8, secs: u64) -> Boot {
    Boot {
        id: BootId([id; 16]),
        secs,
    }
}

#[test]
fn a_trial_lasts_its_seconds_of_its_boot() {
    for (lasts, now, left) in [
        (30, at(1, 1000), Ok(30)),
        (30, at(1, 1029), Ok(1)),
        (30, at(1, 1030), Err(RolledBack::Deadline)),
        (30, at(1, u64::MAX), Err(RolledBack::Deadline)),
        (3600, at(1, 1000), Ok(3600)),
        (3600, at(1, 4599), Ok(1)),
        (3600, at(2, 1000), Err(RolledBack::Reboot)),
        (3600, at(2, 5000), Err(RolledBack::Reboot)),
        // No clock of a boot goes back; what says so is damaged.
        (3600, at(1, 999), Err(RolledBack::Deadline)),
    ] {
        let lasts = TrialSecs::new(lasts).unwrap();
        let trial = Trial::new(Changes::default(), at(1, 1000), lasts);
        assert_eq!(trial.left(now), left, "{now:?}");
    }
    let late = Trial::new(
        Changes::default(),
        at(1, u64::MAX - 5),
        TrialSecs::default(),
    );
    assert_eq!(late.left(at(1, u64::MAX - 1)), Ok(1));
}

#[test]
fn a_trial_lasts_from_30_seconds_to_an_hour() {
    for (secs, is_valid) in [
        (0, false),
        (29, false),
        (30, true),
        (3600, true),
        (3601, false),
        (u32::MAX, false),
    ] {
        let lasts = TrialSecs::new(secs);
        assert_eq!(lasts.map(TrialSecs::get), is_valid.then_some(secs));
    }
    assert_eq!(TrialSecs::default().get(), 300);
}

/// Only a code that was asked for because of the trial.
#[test]
fn who_keeps_a_trial() {
    let until = UnixTime::from_secs(5);
    let all = [
        Requirement::NotRequired(Reason::Off),
        Requirement::NotRequired(Reason::Grace { until }),
        Requirement::NotRequired(Reason::Allowed),
        Requirement::NotRequired(Reason::SecurityKey),
        Requirement::Exempt { until },
        Requirement::Bypassed,
        Requirement::Code,
        Requirement::NotEnrolled,
    ];
    for stored in &all {
        for tried in &all {
            let expected = *tried == Requirement::Code && *stored != Requirement::Code;
            assert_eq!(Trial::is_shown_by(stored, tried), expected);
        }
    }
}

fn changes() -> impl Strategy<Value = Changes> {
    let settings = (
        any::<Option<bool>>(),
        any::<Option<bool>>(),
        prop::option::of(0_u8..=10),
    );
    let words = (any::<Option<bool>>(), any::<Option<bool>>());
    let numbers = (
        prop::option::of(1_u16..=90),
        prop::option::of(1_u32..=1440),
        prop::option::of(1_u32..=10),
    );
    let limits = (
        prop::option::of(1_u32..=5),
        prop::option::of(30_u32..=3600),
        prop::option::of(5_u32..=20),
        prop::option::of(10_u32..=100),
    );
    (settings, words, numbers, limits).prop_map(|(settings, words, numbers, limits)| Changes {
        enabled: settings.0,
        ssh: settings.1,
        window: settings.2.and_then(Window::new),
        unenrolled: words.0.map(|is_allowed| {
            if is_allowed {
                Unenrolled::Allow
            } else {
                Unenrolled::Deny
            }
        }),
        security_keys: words.1.map(|counts| {
            if counts {
                SecurityKeys::BothFactors
            } else {
                SecurityKeys::Ask
            }
        }),
        grace_days: numbers.0,
        bypass_minutes_max: numbers.1,
        bypass_uses_max: numbers.2,
        free_failures: limits.0,
        first_wait_secs: limits.1,
        source_failures: limits.2,
        account_failures: limits.3,
    })
}

fn default_settings() -> Settings {
    Settings {
        enabled: false,
        ssh: false,
        window: Window::default(),
        digits: Digits::default(),
        step: TimeStep::default(),
    }
}

/// All that counts, field by field.
fn words(changes: &Changes, settings: Settings, policy: Policy) -> Vec<String> {
    let (settings, policy) = (changes.settings(settings), changes.policy(policy));
    vec![
        settings.enabled.to_string(),
        settings.ssh.to_string(),
        settings.window.steps().to_string(),
        format!("{:?}", policy.unenrolled),
        format!("{:?}", policy.security_keys),
        policy.grace_days.to_string(),
        policy.bypass_minutes_max.to_string(),
        policy.bypass_uses_max.to_string(),
        policy.limits.free_failures.to_string(),
        policy.limits.first_wait_secs.to_string(),
        policy.limits.source_failures.to_string(),
        policy.limits.account_failures.to_string(),
    ]
}

/// Which fields are given.
fn given(changes: &Changes) -> [bool; 12] {
    [
        changes.enabled.is_some(),
        changes.ssh.is_some(),
        changes.window.is_some(),
        changes.unenrolled.is_some(),
        changes.security_keys.is_some(),
        changes.grace_days.is_some(),
        changes.bypass_minutes_max.is_some(),
        changes.bypass_uses_max.is_some(),
        changes.free_failures.is_some(),
        changes.first_wait_secs.is_some(),
        changes.source_failures.is_some(),
        changes.account_failures.is_some(),
    ]
}

proptest! {
    /// Whatever becomes of a trial, what an administrator wrote in the midst of it counts; and each field
    /// is what was last asked for: by them, else by the trial while it is on, else as it was.
    #[test]
    fn what_is_decided_later_counts_in_both_outcomes(tried in changes(), later in changes()) {
        let nothing = Changes::default();
        let policy = Policy::DEFAULT;
        let stored = later.settings(default_settings());
        let stored_policy = later.policy(policy);
        let rest = tried.without(&later);
        let live = words(&rest, stored, stored_policy);
        let rolled_back = words(&nothing, stored, stored_policy);
        let kept_settings = rest.settings(stored);
        let kept = words(&nothing, kept_settings, rest.policy(stored_policy));
        prop_assert_eq!(&live, &kept, "to keep it changes nothing that counts");
        let (was, of_later, of_trial) = (
            words(&nothing, default_settings(), policy),
            words(&later, default_settings(), policy),
            words(&tried, default_settings(), policy),
        );
        for field in 0..12 {
            let (is_later, is_tried) = (given(&later)[field], given(&tried)[field]);
            prop_assert_eq!(given(&rest)[field], is_tried && !is_later);
            let expected = match (is_later, is_tried) {
                (true, _) => &of_later,
                (false, true) => &of_trial,
                (false, false) => &was,
            };
            prop_assert_eq!(&live[field], &expected[field]);
            let expected = if is_later { &of_later } else { &was };
            prop_assert_eq!(&rolled_back[field], &expected[field]);
        }
        prop_assert_eq!(rest.concern_policy(), given(&rest)[3..].contains(&true));
        // What codes look like is never on trial.
        prop_assert_eq!(kept_settings.digits, stored.digits);
        prop_assert_eq!(kept_settings.step, stored.step);
        prop_assert!(rest.policy(stored_policy).validated().is_ok());
    }
}
