//! Bypasses, exemptions and invites; and what ends them.

use twofactor::{Bypass, BypassMinutes, BypassUses};

use super::*;

/// A bypass that begins now, for 15 minutes.
pub(super) fn bypass(uses: u32) -> Bypass {
    let uses = BypassUses::new(uses).unwrap();
    Bypass::new(&CLOCKS, NOW, BypassMinutes::default(), uses)
}

#[test]
fn a_bypass_comes_back_for_whom_it_was_given() {
    let mut desk = Desk::new();
    let given = bypass(3);
    for uid in [Some(1000), None, Some(1001)] {
        desk.write(|tx| tx.add_bypass(uid, &given, "lost phone"));
    }
    let mut desk = desk.restarted();
    let record = BypassRecord {
        id: 1,
        uid: Some(1000),
        bypass: given,
        reason: "lost phone".to_owned(),
        created: NOW,
    };
    assert_eq!(desk.read(|tx| tx.bypasses())[0], record);
    assert_eq!(desk.read(|tx| tx.bypass(1)), Some(record));
    assert_eq!(desk.read(|tx| tx.bypass(4)), None);
    let mut whose = |uid| -> Vec<Option<u32>> {
        let found = desk.read(|tx| tx.bypasses_for(uid));
        found.iter().map(|found| found.uid).collect()
    };
    assert_eq!(whose(Some(1000)), [Some(1000), None], "its own first");
    assert_eq!(whose(Some(1001)), [Some(1001), None]);
    assert_eq!(whose(Some(1002)), [None]);
    assert!(desk.write(|tx| tx.delete_bypass(2)));
    assert!(!desk.write(|tx| tx.delete_bypass(2)));
    assert_eq!(desk.read(|tx| tx.bypasses_for(Some(1002))), []);
}

#[test]
fn a_bypass_is_used_as_often_as_it_says() {
    let mut desk = Desk::new();
    let given = bypass(2);
    let id = desk.write(|tx| tx.add_bypass(Some(1000), &given, "lost phone"));
    for (was_left, left) in [(true, 1), (true, 0), (false, 0)] {
        let used = desk.try_write(|tx| tx.use_bypass(id));
        assert_eq!(used.is_ok(), was_left);
        assert_eq!(desk.read(|tx| tx.bypasses())[0].bypass.uses_left, left);
    }
    assert!(desk.try_write(|tx| tx.use_bypass(99)).is_err());
}

#[test]
fn the_latest_exemption_counts() {
    let mut desk = Desk::new();
    assert_eq!(desk.read(|tx| tx.exempt_until(1000)), None);
    for (uid, secs) in [(1000, 60), (1000, 90), (1000, 30), (1001, 120)] {
        desk.write(|tx| tx.add_exemption(uid, after(secs), "backups"));
    }
    let mut desk = desk.restarted();
    assert_eq!(desk.read(|tx| tx.exempt_until(1000)), Some(after(90)));
    let record = ExemptionRecord {
        id: 2,
        uid: 1000,
        key: None,
        until: after(90),
        reason: "backups".to_owned(),
        created: NOW,
    };
    assert_eq!(desk.read(|tx| tx.exemptions())[1], record);
    assert_eq!(desk.read(|tx| tx.exemption(2)), Some(record));
    assert_eq!(desk.read(|tx| tx.exemption(5)), None);
    assert!(desk.write(|tx| tx.delete_exemption(2)));
    assert!(!desk.write(|tx| tx.delete_exemption(2)));
    assert_eq!(desk.read(|tx| tx.exempt_until(1000)), Some(after(60)));
}

/// Release 2 reads this store after a downgrade, and would take an exemption of a key for one of the
/// account.
#[test]
fn an_exemption_of_a_key_is_none_of_the_account_here_and_in_release_2() {
    let [key, other] = [("AQEB", "AQE"), ("AgIC", "AgI")].map(|(four, end)| {
        let text = format!("SHA256:{}{end}", four.repeat(10));
        twofactor::Fingerprint::parse(&text).unwrap()
    });
    let mut desk = Desk::new();
    desk.write(|tx| {
        let id = tx.add_exemption(1000, after(90), "backups")?;
        tx.bind_exemption(id, key)
    });
    assert!(desk.try_write(|tx| tx.bind_exemption(1, other)).is_err());
    let mut desk = desk.restarted();
    let record = desk.read(|tx| tx.exemption(1)).unwrap();
    assert_eq!((record.key, record.until), (Some(key), after(90)));
    assert_eq!(
        desk.read(|tx| tx.key_exempt_until(1000, key)),
        Some(after(90))
    );
    assert_eq!(desk.read(|tx| tx.key_exempt_until(1000, other)), None);
    assert_eq!(desk.read(|tx| tx.key_exempt_until(1001, key)), None);
    let of_account = desk.read(|tx| tx.exempt_until(1000));
    assert_eq!(of_account, Some(UnixTime::EPOCH), "over");
    let seen_by_release_2 =
        desk.count("SELECT count(*) FROM exemptions WHERE uid = 1000 AND until > 1700000000");
    assert_eq!(seen_by_release_2, 0);
    for (secs, left) in [(89, 1), (90, 0)] {
        desk.wait_until(secs);
        desk.write(|tx| tx.delete_expired());
        assert_eq!(desk.read(|tx| tx.exemptions()).len(), left, "{secs}");
    }
}

#[test]
fn an_invite_comes_back_and_is_used_once() {
    let mut desk = Desk::new();
    for (uid, byte) in [(1000, 1), (1001, 2)] {
        desk.write(|tx| tx.add_invite(uid, &hash(byte), after(60)));
    }
    let mut desk = desk.restarted();
    let record = InviteRecord {
        id: 2,
        uid: 1001,
        hash: hash(2),
        until: after(60),
        created: NOW,
    };
    assert_eq!(desk.read(|tx| tx.invite(2)), Some(record.clone()));
    assert_eq!(desk.read(|tx| tx.invite(3)), None);
    assert_eq!(desk.read(|tx| tx.invites_for(1001)), [record]);
    assert_eq!(desk.read(|tx| tx.invites()).len(), 2);
    assert!(desk.write(|tx| tx.delete_invite(2)));
    assert!(!desk.write(|tx| tx.delete_invite(2)));
    assert_eq!(desk.read(|tx| tx.invites_for(1001)), []);
}

#[test]
fn housekeeping_removes_what_is_over_and_nothing_else() {
    let mut desk = Desk::new();
    for until in [60, 120] {
        desk.write(|tx| {
            let uid = u32::try_from(until).unwrap();
            tx.ensure_account(&account(uid, &format!("user{until}")))?;
            tx.set_grace(uid, Some(after(until)))?;
            tx.add_exemption(uid, after(until), "backups")?;
            tx.add_invite(uid, &hash(1), after(until))?;
            let enrolment = Enrolment::Pending {
                until: after(until),
            };
            tx.add_device(&NewDevice {
                uid,
                name: "phone",
                enrolment,
                replaces: None,
                device: &device(Secret::generate([7; 20])),
            })?;
            renew(tx, 5, Secret::generate([7; 20]))
        });
    }
    let ends = |desk: &Desk| {
        [
            "devices WHERE pending_until",
            "invites WHERE id",
            "exemptions WHERE id",
            "accounts WHERE grace_until",
            "devices WHERE pending_until IS NULL AND uid = 5 AND id",
        ]
        .map(|kept| desk.count(&format!("SELECT count(*) FROM {kept} IS NOT NULL")))
    };
    for (at, left) in [(59, 2), (60, 1), (119, 1), (120, 0)] {
        desk.wait_until(at);
        desk.write(|tx| tx.delete_expired());
        assert_eq!(ends(&desk), [left, left, left, left, 1], "at {at}");
    }
    assert_eq!(
        desk.count("SELECT count(*) FROM accounts"),
        2,
        "accounts stay"
    );
}

/// A clock that is set back brings nothing back.
#[test]
fn what_is_over_is_judged_by_the_latest_time() {
    let mut desk = Desk::new();
    desk.write(|tx| tx.add_exemption(1000, after(600), "backups"));
    desk.wait_until(3600);
    desk.write(|_| Ok(()));
    desk.wait_until(0);
    assert_eq!(desk.write(|tx| tx.delete_expired()), 1);
}

#[test]
fn a_bypass_that_is_over_on_any_clock_is_removed() {
    let cases = [
        ("valid", NOW, CLOCKS.boot, 1),
        ("wall clock", after(900), CLOCKS.boot, 0),
        ("last second", after(899), CLOCKS.boot, 1),
        (
            "time since boot",
            NOW,
            Boot {
                secs: 1900,
                ..CLOCKS.boot
            },
            0,
        ),
        (
            "last second since boot",
            NOW,
            Boot {
                secs: 1899,
                ..CLOCKS.boot
            },
            1,
        ),
        (
            "another boot",
            NOW,
            Boot {
                id: BootId([2; 16]),
                secs: 0,
            },
            0,
        ),
    ];
    for (what, wall, boot, left) in cases {
        let mut desk = Desk::new();
        let given = bypass(1);
        desk.write(|tx| tx.add_bypass(None, &given, "outage"));
        desk.clocks = Clocks {
            wall,
            boot,
            ..CLOCKS
        };
        desk.write(|tx| tx.delete_expired());
        assert_eq!(desk.read(|tx| tx.bypasses()).len(), left, "{what}");
        assert_eq!(given.is_valid(&desk.clocks, wall), left == 1, "{what}");
    }
    let mut desk = Desk::new();
    let given = bypass(1);
    let id = desk.write(|tx| tx.add_bypass(None, &given, "outage"));
    desk.write(|tx| tx.use_bypass(id));
    desk.write(|tx| tx.delete_expired());
    assert_eq!(desk.read(|tx| tx.bypasses()), [], "used up");
}

/// What permits and cannot be read is an error, never "yes".
#[test]
fn damage_is_an_error_and_not_a_permission() {
    let mut desk = Desk::new();
    let given = bypass(1);
    desk.write(|tx| {
        tx.add_bypass(Some(1000), &given, "lost phone")?;
        tx.add_exemption(1000, after(60), "backups")?;
        tx.add_invite(1000, &hash(1), after(60)).map(drop)
    });
    let changes = [
        "UPDATE bypasses SET until = -1",
        "UPDATE bypasses SET boot_id = x'00'",
        "UPDATE bypasses SET boot_until = -1",
        "UPDATE bypasses SET uses_left = -1",
        "UPDATE bypasses SET uses_left = 4294967296",
        "UPDATE bypasses SET created = -1",
    ];
    desk.damages(&changes, |tx| tx.bypasses_for(Some(1000)));
    desk.damages(&["UPDATE bypasses SET uid = -1"], |tx| tx.bypasses());
    let changes = [
        "UPDATE exemptions SET until = -1",
        "UPDATE exemptions SET created = -1",
    ];
    desk.damages(&changes, |tx| tx.exemptions());
    desk.damages(&changes[..1], |tx| tx.exempt_until(1000));
    let changes = [
        "UPDATE invites SET until = -1",
        "UPDATE invites SET hash = x'00'",
        "UPDATE invites SET created = -1",
    ];
    desk.damages(&changes, |tx| tx.invites_for(1000));
}
