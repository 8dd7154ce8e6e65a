//! Golden pages.

use serde_json::{Value, json};

use super::page::page;
use super::*;

fn status(changes: Value) -> Status {
    let mut status = json!({
        "enabled": true, "ssh": true, "window": 1,
        "accounts": {"known": 2, "with_active_device": 2, "pending_only": 0, "without_codes": 0},
        "locks": [], "bypasses": [], "exemptions": [], "grace": [],
        "unenrolled": [], "unenrolled_count": 0,
        "devices": [
            {"username": "root", "name": "phone", "state": "ACTIVE", "last_used": 1_795_508_731},
            {"username": "alice", "name": "tablet", "state": "ACTIVE", "last_used": null},
        ],
        "recovery": [], "clock": {"synchronised": true, "max_error": 1000}, "warnings": [],
    });
    let Value::Object(changes) = changes else {
        panic!("an object")
    };
    for (key, value) in changes {
        status[key] = value;
    }
    serde_json::from_value(status).unwrap()
}

/// Everything at once.
fn troubled(devices: usize) -> Status {
    let device = |number| {
        json!({"username": format!("user{number}"), "name": "phone", "state": "PENDING",
               "last_used": null})
    };
    let lock = |name: Value, source: Value| json!({"username": name, "source": source, "retry_after": 700});
    status(json!({
        "locks": [lock("alice".into(), "192.0.2.1".into()), lock("bob".into(), "local".into()),
                  lock("carol".into(), Value::Null), lock("dave".into(), "192.0.2.1".into()),
                  lock(Value::Null, "192.0.2.1".into())],
        "bypasses": [
            {"id": 4, "username": "bob", "until": 1_795_509_000, "uses_left": 1, "reason": "phone",
             "created": 0},
            {"id": 5, "username": null, "until": 1_795_509_000, "uses_left": 2, "reason": "outage",
             "created": 0},
        ],
        "exemptions": [{"id": 1, "username": "backup", "until": 1_798_761_600, "reason": "r",
                        "created": 0}],
        "grace": [{"username": "gus", "until": 1_798_761_600}],
        "unenrolled": ["a", "b", "c", "d", "e", "f", "g", "h"],
        "unenrolled_count": 70,
        "recovery": [{"username": "alice", "remaining": 2}, {"username": "bob", "remaining": 0}],
        "clock": {"synchronised": false, "max_error": null},
        "warnings": [
            "A bypass lets everybody in without a code. To end it: midclt 2fa bypass --list, then \
             midclt 2fa bypass --delete ID",
            "Nothing keeps the clock right; once it is half a minute wrong, right codes are \
             refused. To see what should keep it: timedatectl status",
            "A code is good for 270 s, and should be for at most 120.",
        ],
        "devices": (0..devices).map(device).collect::<Vec<_>>(),
    }))
}

#[test]
fn all_is_well() {
    let text = page(&status(json!({})), 24);
    assert_eq!(
        text,
        "\
Two-factor authentication is ON.
services.ssh is on; codes of 1 step before and after now are accepted.
sshd asks for codes. Is it so? midclt 2fa ssh check

Nothing to do.

2 accounts known: 2 with an active device, 0 only pending, 0 without recovery
codes.

USER   DEVICE  STATE   LAST USED (UTC)
root   phone   active  2026-11-24 08:25
alice  tablet  active  never
"
    );
}

#[test]
fn all_is_well_and_off() {
    let text = page(&status(json!({"enabled": false, "devices": []})), 24);
    assert!(
        text.starts_with(
            "Two-factor authentication is OFF for EVERYBODY. To turn it on: midclt 2fa enable\n"
        ),
        "{text}"
    );
}

#[test]
fn the_worst_first() {
    assert_eq!(
        page(&troubled(2), usize::MAX),
        "\
Two-factor authentication is ON.
services.ssh is on; codes of 1 step before and after now are accepted.
sshd asks for codes. Is it so? midclt 2fa ssh check

! A bypass lets everybody in without a code. To end it:
      midclt 2fa bypass --list, then midclt 2fa bypass --delete ID
! Nothing keeps the clock right; once it is half a minute wrong, right codes are
  refused. To see what should keep it:
      timedatectl status
! A code is good for 270 s, and should be for at most 120.
! carol must wait 12 min from new addresses: too many wrong codes.
      midclt 2fa log carol     then: midclt 2fa unlock carol
! alice must wait 12 min from 192.0.2.1: too many wrong codes.
      midclt 2fa log alice     then: midclt 2fa unlock alice
! bob must wait 12 min from this machine: too many wrong codes.
      midclt 2fa log bob     then: midclt 2fa unlock bob
! 2 more must wait after wrong codes.
      midclt 2fa log --outcome wrong
- Without an active device, exempt and in grace or not: a, b, c, d, e, f and 64
  more.
- Few recovery codes left: alice 2, bob none.
- bob without a code: 1 login until 2026-11-24 08:30 UTC (phone).
      midclt 2fa bypass --delete 4
- EVERYBODY without a code: 2 logins until 2026-11-24 08:30 UTC (outage).
      midclt 2fa bypass --delete 5
- Exempt from codes: backup until 2027-01-01 00:00 UTC.
      midclt 2fa exempt --list
- In grace, without a device: gus until 2027-01-01 00:00 UTC.
      midclt 2fa grace --list

2 accounts known: 2 with an active device, 0 only pending, 0 without recovery
codes.

USER   DEVICE  STATE    LAST USED (UTC)
user0  phone   pending  never
user1  phone   pending  never
"
    );
}

/// With the shell's prompt below it, on every terminal that has room for anything.
#[test]
fn it_fits_a_console() {
    let quiet = |devices: usize| {
        let device = json!({"username": "u", "name": "n", "state": "ACTIVE", "last_used": 0});
        status(json!({"devices": vec![device; devices]}))
    };
    for rows in [12, 24, 25, 50] {
        for devices in [0, 1, 2, 13, 14, 15, 100] {
            for status in [quiet(devices), troubled(devices)] {
                let text = page(&status, rows);
                assert!(text.lines().count() < rows, "{rows} {devices}\n{text}");
                assert!(
                    text.lines().all(|line| line.chars().count() <= 80),
                    "{text}"
                );
            }
        }
    }
    let crowded = page(&troubled(100), 24);
    assert!(
        crowded.contains("... and 7 more: midclt 2fa status | less")
            && crowded.ends_with("\n\nDevices: midclt 2fa device list\n"),
        "{crowded}"
    );
    let many = page(&quiet(100), 24);
    assert!(
        many.ends_with("... and 88 more: midclt 2fa device list\n"),
        "{many}"
    );
}

/// Whom an address, or a name that nobody has, keeps waiting.
#[test]
fn locks_of_nobody() {
    let lock = json!({"username": null, "source": "192.0.2.1", "retry_after": 60});
    let text = page(&status(json!({"locks": [lock]})), 24);
    let expected = "\
! 192.0.2.1 must wait 60 s: too many wrong codes.
      midclt 2fa log --outcome wrong
";
    assert!(text.contains(expected), "{text}");
}

/// Accounts come before addresses, and among each the longest wait.
#[test]
fn the_worst_lock_first() {
    let lock = |name: Option<&str>, source: Option<&str>, wait: u32| json!({"username": name, "source": source, "retry_after": wait});
    let locks = json!([
        lock(None, Some("192.0.2.1"), 3_000),
        lock(Some("bob"), Some("192.0.2.2"), 30),
        lock(Some("eve"), Some("192.0.2.2"), 60),
        lock(Some("eve"), None, 20),
    ]);
    let text = page(&status(json!({"locks": locks})), 24);
    let shown: Vec<_> = text.lines().filter(|line| line.starts_with('!')).collect();
    assert_eq!(
        shown,
        [
            "! eve must wait 20 s from new addresses: too many wrong codes.",
            "! eve must wait 60 s from 192.0.2.2: too many wrong codes.",
            "! bob must wait 30 s from 192.0.2.2: too many wrong codes.",
            "! 1 more must wait after wrong codes.",
        ]
    );
    let unknown = page(&status(json!({"locks": [lock(None, None, 60)]})), 24);
    let expected =
        "! Names that are not known here (no device, or no such user) must wait 60 s: too";
    assert!(unknown.contains(expected), "{unknown}");
}

/// "On" alone protects nothing, and a window of 0 accepts no step besides the current one.
#[test]
fn what_being_on_does_not_mean() {
    let ssh = "sshd does not ask for codes: midclt 2fa ssh enable\n";
    let asks = "sshd asks for codes. Is it so? midclt 2fa ssh check\n";
    let check = |enabled: bool, ssh_asks: bool, expected: [bool; 2]| {
        let changes = json!({"enabled": enabled, "ssh": ssh_asks, "window": 0});
        let text = page(&status(changes), 24);
        assert_eq!([asks, ssh].map(|line| text.contains(line)), expected);
        assert!(
            text.contains("only the current code is accepted (window 0)."),
            "{text}"
        );
    };
    check(true, true, [true, false]);
    check(true, false, [false, true]);
    check(false, false, [false, false]);
}

#[test]
fn trials_and_reports_about_sshd() {
    let check = |changes: Value, expected: &str| {
        let text = page(&status(changes), 24);
        assert!(text.contains(&format!("\n\n{expected}\n\n")), "{text}");
    };
    check(
        json!({"trial": {"id": 1, "until": 1_795_508_700, "seconds_left": 9}}),
        "! A trial is under way until 2026-11-24 08:25 UTC; a login with a code keeps it.\n      \
         midclt 2fa ssh commit",
    );
    check(
        json!({"rolled_back": {"id": 1, "at": 1_795_508_700, "why": "deadline"}}),
        "! A trial ended at 2026-11-24 08:25 UTC, and everything is as it was before.\n      \
         midclt 2fa ssh enable",
    );
    let sshd = |ready: bool| json!({"sshd": {"ready": ready, "at": 1_795_508_700}});
    check(
        sshd(false),
        "! sshd does not ask as it should, as was found at 2026-11-24 08:25 UTC.\n      \
         midclt 2fa ssh check",
    );
    check(sshd(true), "Nothing to do.");
}

/// The daemon's words for a lost key name three ways on, the last of them on a line of its own.
#[test]
fn a_missing_key() {
    let warning = "The master key is missing, so no code can be checked: K. Recovery codes and midclt \
        2fa bypass USER --reason TEXT still work; put back the copy of the key. Off for everybody: \
        midclt 2fa disable";
    let text = page(&status(json!({"warnings": [warning]})), 24);
    assert!(
        text.contains("copy of the key.\n  Off for everybody:\n      midclt 2fa disable\n"),
        "{text}"
    );
}

#[test]
fn nobody_knows_who_has_no_device() {
    let text = page(&status(json!({"unenrolled_count": null})), 24);
    assert!(text.contains("Nothing to do."), "{text}");
}

#[test]
fn long_names_do_not_widen_it() {
    let long = "x".repeat(256);
    let status = status(json!({
        "locks": [{"username": long, "source": "2001:db8:1:2::/64", "retry_after": 3600}],
        "devices": [{"username": long, "name": long, "state": "ACTIVE", "last_used": 0}],
        "unenrolled": [long], "unenrolled_count": 1,
    }));
    let text = page(&status, 24);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}
