//! The policy: defaults, a round trip, and nothing out of range.

use twofactor::{Limits, Policy, SecurityKeys, Unenrolled};

use super::*;

#[test]
fn a_new_store_has_the_default_policy() {
    assert_eq!(Desk::new().read(|tx| tx.policy()), Policy::DEFAULT);
}

#[test]
fn what_is_stored_comes_back() {
    // No two numbers alike, so that none can be taken for another.
    let policy = Policy {
        unenrolled: Unenrolled::Allow,
        security_keys: SecurityKeys::BothFactors,
        grace_days: 21,
        bypass_minutes_max: 240,
        bypass_uses_max: 2,
        limits: Limits {
            free_failures: 3,
            first_wait_secs: 60,
            source_failures: 10,
            account_failures: 50,
            account_forgets_per_day: 5,
            known_days: 20,
        },
    };
    let mut desk = Desk::new();
    desk.write(|tx| tx.put_policy(&policy));
    let mut desk = desk.restarted();
    assert_eq!(desk.read(|tx| tx.policy()), policy);
    desk.write(|tx| tx.put_policy(&Policy::DEFAULT));
    assert_eq!(desk.read(|tx| tx.policy()), Policy::DEFAULT);
}

/// "Unreadable configuration meant defaults": here it is an error.
#[test]
fn damage_is_an_error_and_not_a_default() {
    let changes = [
        "UPDATE policy SET unenrolled = 'allow'",
        "UPDATE policy SET unenrolled = ''",
        "UPDATE policy SET security_keys = 'both'",
        "UPDATE policy SET grace_days = 0",
        "UPDATE policy SET grace_days = 91",
        "UPDATE policy SET grace_days = 65550",
        "UPDATE policy SET bypass_minutes_max = 1441",
        "UPDATE policy SET bypass_uses_max = 11",
        "UPDATE policy SET free_failures = 6",
        "UPDATE policy SET first_wait_secs = 29",
        "UPDATE policy SET first_wait_secs = 3601",
        "UPDATE policy SET source_failures = 21",
        "UPDATE policy SET account_failures = 4294967396",
        "UPDATE policy SET account_forgets_per_day = 0",
        "UPDATE policy SET known_days = 31",
        "DELETE FROM policy",
    ];
    Desk::new().damages(&changes, |tx| tx.policy());
    let changes = [
        "UPDATE settings SET enabled = 2",
        "UPDATE settings SET ssh = -1",
        "UPDATE settings SET window_steps = 11",
        "UPDATE settings SET digits = 5",
        "UPDATE settings SET step_secs = -30",
        "DELETE FROM settings",
    ];
    Desk::new().damages(&changes, settings);
}
