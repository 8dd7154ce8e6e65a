//! `auth.twofactor.unlock`, and the ways back beside it.

use store::Attempt;
use twofactor::{Account, AccountKey, AccountName, Budget, Enrolment, Limits, Source, Tally};

use super::*;

const UNLOCK: &str = "auth.twofactor.unlock";

fn attempt(account: AccountKey, source: &str, budget: Budget) -> Attempt {
    Attempt {
        account,
        source: Source::parse(source),
        budget,
    }
}

fn tally(machine: &mut Machine, attempt: &Attempt) -> Tally {
    machine.state(|tx| tx.tally(attempt, tx.now(), &Limits::DEFAULT).unwrap())
}

fn fail(machine: &mut Machine, attempt: &Attempt, times: usize) {
    let old = tally(machine, attempt);
    machine.state(|tx| {
        let mut new = old;
        for _ in 0..times {
            new.failed(tx.now(), &Limits::DEFAULT);
        }
        tx.put_tally(attempt, &old, &new).unwrap();
    });
}

/// An account that this machine's user database does not know.
fn gone(machine: &mut Machine) -> Account {
    let account = Account {
        uid: 4_000_000,
        name: AccountName::new("long-gone").unwrap(),
    };
    machine.state(|tx| tx.ensure_account(&account).unwrap());
    account
}

#[test]
fn wrong_codes_are_forgiven_from_everywhere_and_in_each_budget() {
    let mut machine = Machine::new();
    let root = AccountKey::Known(0);
    let other = attempt(AccountKey::Known(1), "192.0.2.1", Budget::Codes);
    let attempts = [
        attempt(root, "192.0.2.1", Budget::Codes),
        attempt(root, "2001:db8::1", Budget::Codes),
        attempt(root, "", Budget::Recovery),
    ];
    machine.update(json!({ "enabled": true }));
    for attempt in attempts.iter().chain([&other]) {
        fail(&mut machine, attempt, 7);
    }
    machine.alerts.clear();
    let answer = machine.ok(UNLOCK, json!(["root"]));
    let expected =
        json!({ "failures_forgiven": 21, "floors_reset": 0, "clock_synchronised": true });
    assert_eq!(answer, expected);
    let entry = (
        UNLOCK.to_owned(),
        "unlocked".to_owned(),
        Some("root".to_owned()),
    );
    assert_eq!(machine.audited(), entry);
    let message = &machine.alerts[0].message;
    assert_eq!(message, "'root' was unlocked; wrong codes forgiven: 21");
    assert_eq!(machine.alerts(), [AlertKind::Unlocked]);
    for attempt in &attempts {
        let now = UnixTime::from_secs(machine.now);
        assert_eq!(
            tally(&mut machine, attempt).check(now, &Limits::DEFAULT),
            Ok(())
        );
    }
    assert_eq!(
        tally(&mut machine, &other).pair.failures,
        7,
        "another account's stay"
    );
}

#[test]
fn an_account_without_a_record_and_one_that_is_gone_are_unlocked_too() {
    let mut machine = Machine::new();
    let unrecorded = machine.state(|tx| tx.unknown_name("daemon").unwrap());
    fail(
        &mut machine,
        &attempt(unrecorded, "192.0.2.1", Budget::Codes),
        6,
    );
    let gone = gone(&mut machine);
    fail(
        &mut machine,
        &attempt(AccountKey::Known(gone.uid), "", Budget::Codes),
        5,
    );
    for (name, forgiven) in [("daemon", 6), ("long-gone", 5)] {
        let answer = machine.ok(UNLOCK, json!([name]));
        assert_eq!(answer["failures_forgiven"], forgiven, "{name}");
    }
    let reason = machine.refusal(UNLOCK, json!(["no-such-user"]));
    assert_eq!(reason, "[ENOENT] User 'no-such-user' does not exist");
}

/// A clock that was ahead left floors that refuse every code; only a clock that is kept right ends it.
#[test]
fn floors_in_the_future_are_reset_only_on_a_synchronised_clock() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true, "window": 1 }));
    let ids: Vec<i64> = (0..2)
        .map(|_| {
            machine.ok(
                "auth.twofactor.device.create",
                json!([{ "username": "root" }]),
            )
        })
        .map(|device| device["id"].as_i64().unwrap())
        .collect();
    let year_ahead = machine.now + 365 * 86_400;
    let real = machine.now;
    machine.now = year_ahead;
    let code = machine.code();
    assert!(machine.verify(json!(code)));
    machine.now = real;
    // The highest floor that an accepted code can leave now, and one second more.
    for (id, floor) in ids.iter().zip([real + 60, real + 61]) {
        machine.state(|tx| tx.set_floor(*id, UnixTime::from_secs(floor)).unwrap());
    }
    let code = machine.code();
    assert!(!machine.verify(json!(code)), "all codes count as used");
    machine.synchronised = false;
    let answer = machine.ok(UNLOCK, json!(["root"]));
    let expected =
        json!({ "failures_forgiven": 0, "floors_reset": 0, "clock_synchronised": false });
    assert_eq!(answer, expected);
    let latest = machine.state(|tx| tx.latest().unwrap());
    assert!(latest.as_secs() >= year_ahead - 60, "{latest}");
    machine.synchronised = true;
    let answer = machine.ok(UNLOCK, json!(["root"]));
    assert_eq!(answer["floors_reset"], 2);
    let message = &machine.alerts.last().unwrap().message;
    assert!(
        message.ends_with("devices whose used codes were in the future: 2"),
        "{message}"
    );
    let floors = machine.state(|tx| tx.devices(0).unwrap());
    let is_pending = |enrolment| enrolment != Enrolment::Active;
    assert!(
        floors.iter().skip(1).all(|it| is_pending(it.enrolment)),
        "{floors:?}"
    );
    assert!(
        floors.iter().all(|it| it.floor.as_secs() == real + 60),
        "{floors:?}"
    );
    let latest = machine.state(|tx| tx.latest().unwrap());
    assert_eq!(latest.as_secs(), real);
    let code = machine.code();
    assert!(
        !machine.verify(json!(code)),
        "no code up to now is good again"
    );
    machine.now += 61;
    let code = machine.code();
    assert!(machine.verify(json!(code)), "and the next ones are");
}

/// What helps somebody back in needs no secret, and so no master key.
#[test]
fn every_way_back_works_without_the_master_key() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    std::fs::remove_file(machine.dir.path().join("state/middlewared.key")).unwrap();
    let mut machine = machine.restarted();
    let until = machine.now + 86_400;
    for (name, params) in [
        (
            "bypass.create",
            json!([{ "username": "root", "reason": "x" }]),
        ),
        (
            "exemption.create",
            json!([{ "username": "root", "until": until, "reason": "x" }]),
        ),
        ("grace.create", json!([{ "username": "daemon" }])),
        ("invite.create", json!([{ "username": "daemon" }])),
        ("policy.update", json!([{ "unenrolled": "ALLOW" }])),
        ("recovery.remaining", json!(["root"])),
        ("unlock", json!(["root"])),
        ("device.query", json!([])),
        ("device.update", json!([1, { "name": "old" }])),
        ("device.delete", json!([1])),
        ("audit", json!([])),
        ("status", json!([])),
    ] {
        machine.ok(&format!("auth.twofactor.{name}"), params);
    }
    let device = json!([{ "username": "daemon" }]);
    let reason = machine.refusal("auth.twofactor.device.create", device);
    assert!(reason.starts_with("[ENOKEY]"), "{reason}");
}
