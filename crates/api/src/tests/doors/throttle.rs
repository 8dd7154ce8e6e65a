//! Who has to wait, and who does not.

use super::*;

#[test]
fn five_wrong_codes_lock_one_source_and_a_success_forgives_only_its_own() {
    let mut doors = Doors::new();
    doors.fail(4, "192.0.2.1");
    doors.fail(5, "192.0.2.2");
    let code = doors.code();
    for typed in [json!(code), json!("000000"), json!(null), json!("nonsense")] {
        let answer = doors.login(json!({ "token": typed, "source": "192.0.2.2" }));
        assert_eq!(answer["verdict"], "LOCKED", "{typed}");
        assert_eq!(answer["retry_after"], 30);
    }
    assert_eq!(
        doors.verdict(json!({ "token": code, "source": "192.0.2.1" })),
        "ACCEPTED"
    );
    doors.fail(5, "192.0.2.1");
    assert_eq!(
        doors.verdict(json!({ "source": "192.0.2.2" })),
        "LOCKED",
        "not forgiven"
    );
    // The wait is over, and one more failure doubles it.
    doors.machine.now += 30;
    doors.fail(1, "192.0.2.2");
    assert_eq!(
        doors.login(json!({ "source": "192.0.2.2" }))["retry_after"],
        60
    );
    let locked = doors
        .machine
        .alerts
        .iter()
        .filter(|alert| alert.kind == AlertKind::FailuresAfterPassword);
    assert_eq!(
        locked.count(),
        2,
        "at the fifth since the last login, from wherever"
    );
}

/// The account is never locked, and its password is known all the same.
#[test]
fn guesses_after_a_password_from_everywhere_are_an_alarm() {
    let mut doors = Doors::new();
    doors.machine.alerts.clear();
    for address in 0..11 {
        doors.fail(4, &format!("192.0.2.{address}"));
    }
    let alerts = std::mem::take(&mut doors.machine.alerts);
    let told: Vec<_> = alerts
        .iter()
        .map(|alert| (alert.kind, alert.message.split(' ').next().unwrap()))
        .collect();
    let alarm = AlertKind::FailuresAfterPassword;
    let expected = ["5", "10", "20", "40"].map(|count| (alarm, count));
    assert_eq!(told, expected);
    // Nothing is proven: nobody's password is known.
    for address in 0..5 {
        let (wrong, source) = (doors.wrong(), format!("198.51.100.{address}"));
        doors.verdict(json!({ "token": wrong, "source": source, "factor": null }));
    }
    assert!(doors.machine.alerts().is_empty());
}

#[test]
fn failures_outlive_a_restart_and_what_is_no_guess_is_not_counted() {
    let mut doors = Doors::new();
    doors.fail(4, "192.0.2.1");
    for typed in ["", "12345", "123456789", "abc", "１２３４５６"] {
        doors.login(json!({ "token": typed, "source": "192.0.2.1" }));
    }
    let code = doors.code();
    assert_eq!(
        doors.verdict(json!({ "token": code, "source": "198.51.100.1" })),
        "ACCEPTED"
    );
    for _ in 0..10 {
        let verdict = doors.verdict(json!({ "token": code, "source": "192.0.2.1" }));
        assert_eq!(verdict, "REPLAYED", "a right code is no guess");
    }
    let now = doors.machine.now;
    let mut doors = Doors {
        machine: doors.machine.restarted(),
        secret: doors.secret,
    };
    doors.machine.now = now;
    doors.fail(1, "192.0.2.1");
    assert_eq!(doors.verdict(json!({ "source": "192.0.2.1" })), "LOCKED");
}

/// 20 addresses of five codes each must not lock the owner out.
#[test]
fn twenty_addresses_times_five_codes_leave_known_sources_and_recovery_codes_open() {
    let mut doors = Doors::new();
    let code = doors.code();
    assert_eq!(
        doors.verdict(json!({ "token": code, "source": "203.0.113.5" })),
        "ACCEPTED"
    );
    for address in 0..20 {
        doors.fail(5, &format!("192.0.2.{address}"));
    }
    let recovery = LookupSecret::generate([3; 10]);
    doors.give_recovery_codes(std::slice::from_ref(&recovery));
    doors.machine.now += 60;
    let code = doors.code();
    let closed = doors.login(json!({ "token": code, "source": "198.51.100.9" }));
    assert_eq!(closed["verdict"], "LOCKED");
    assert!(
        closed["message"]
            .as_str()
            .unwrap()
            .contains("midclt 2fa unlock daemon"),
        "{closed}"
    );
    assert_eq!(
        doors.verdict(json!({ "source": "local" })),
        "LOCKED",
        "no address"
    );
    assert_eq!(
        doors.verdict(json!({})),
        "CODE_REQUIRED",
        "this machine itself"
    );
    let open = doors.login(json!({ "token": code, "source": "203.0.113.5" }));
    assert_eq!(open["verdict"], "ACCEPTED");
    let warning = open["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("100 wrong codes were typed since your last login"),
        "{warning}"
    );
    let typed = recovery.to_text();
    let rescued = doors.login(json!({ "token": *typed, "source": "198.51.100.9" }));
    assert_eq!(rescued["verdict"], "ACCEPTED", "{rescued}");
}
