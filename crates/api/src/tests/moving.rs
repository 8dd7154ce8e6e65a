//! `auth.twofactor.export` and `auth.twofactor.restore`.

mod pages;
mod told;

use super::devices::QUERY;
use super::*;

const EXPORT: &str = "auth.twofactor.export";
const PAGE: &str = "auth.twofactor.restore_page";
const RESTORE: &str = "auth.twofactor.restore";
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const OTHER: &str = "KRUGKIDROVUWG2ZAMJZG653OEBTG66BA";
const DAY: u64 = 86_400;

/// Of accounts that every machine has.
const DAEMON: u32 = 1;

fn export(machine: &mut Machine) -> Vec<Value> {
    let mut pages = vec![machine.ok(EXPORT, json!([]))];
    while let Some(next) = pages.last().unwrap()["next"].as_u64() {
        pages.push(machine.ok(EXPORT, json!([next])));
    }
    pages
}

fn hand_over(machine: &mut Machine, pages: &[Value]) {
    for (number, page) in pages.iter().enumerate() {
        assert_eq!(machine.ok(PAGE, json!([number, page])), number + 1);
    }
}

fn restore(machine: &mut Machine, pages: &[Value], options: Value) -> Value {
    hand_over(machine, pages);
    machine.ok(RESTORE, json!([options]))
}

fn import(machine: &mut Machine, username: &str, name: &str, secret: &str) {
    let known = json!({ "username": username, "secret": secret, "name": name });
    machine.ok("auth.twofactor.import", json!([known]));
}

/// Names of devices by account.
fn devices(machine: &mut Machine) -> Vec<(String, String)> {
    let found = machine.ok(QUERY, json!([]));
    let text = |device: &Value, key: &str| device[key].as_str().unwrap().to_owned();
    let named = |device| (text(device, "username"), text(device, "name"));
    found.as_array().unwrap().iter().map(named).collect()
}

fn verify(machine: &mut Machine, username: &str, code: &str) -> bool {
    machine.ok("user.verify_twofactor_token", json!([username, code])) == true
}

/// A machine with a device of `daemon`, and some time after that.
fn exporting() -> Machine {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true, "window": 1 }));
    import(&mut machine, "daemon", "phone", SECRET);
    machine.now += 600;
    machine
}

/// The phone goes on, on a machine that has nothing, and a code that may have been used does not.
#[test]
fn what_was_exported_is_there_again_and_what_was_used_is_not() {
    let mut old = exporting();
    let code = old.code_of(SECRET);
    assert!(verify(&mut old, "daemon", &code));
    let pages = export(&mut old);
    let mut new = Machine::new();
    new.now = old.now + 20;
    let report = restore(&mut new, &pages, json!({}));
    assert_eq!(report["devices_added"], 2);
    assert_eq!(report["accounts"], 2);
    assert_eq!(report["settings"]["after"]["enabled"], true);
    assert_eq!(new.config()["window"], 1);
    assert_eq!(new.config()["secret"], old.config()["secret"]);
    for ahead in [-30, 0, 30] {
        let code = Machine::code_at(SECRET, new.now.saturating_add_signed(ahead));
        assert!(!verify(&mut new, "daemon", &code), "{ahead}");
    }
    new.now += 120;
    let code = new.code_of(SECRET);
    assert!(verify(&mut new, "daemon", &code));
    assert!(!verify(&mut new, "daemon", &code), "twice");
}

/// Also where the clock of the new machine is behind, and where this machine knows of later codes.
#[test]
fn floors_are_the_latest_of_all_that_is_known() {
    let mut machine = exporting();
    let pages = export(&mut machine);
    let floor =
        |machine: &mut Machine| machine.state(|tx| tx.devices(DAEMON).unwrap()[0].floor.as_secs());
    let at = pages[0]["at"].as_u64().unwrap();
    let mut behind = Machine::new();
    behind.now = 1_000_000;
    restore(&mut behind, &pages, json!({}));
    assert!(floor(&mut behind) > at, "of the export");
    let later = UnixTime::from_secs(at + 10 * DAY);
    machine.state(|tx| {
        tx.set_floor(tx.devices(DAEMON).unwrap()[0].id, later)
            .unwrap();
    });
    restore(&mut machine, &pages, json!({}));
    assert_eq!(floor(&mut machine), later.as_secs(), "of this machine");
    let mut ahead = pages.clone();
    let page = ahead[0]["accounts"].as_array_mut().unwrap();
    let account = page.iter_mut().find(|account| account["uid"] == DAEMON);
    account.unwrap()["devices"][0]["floor"] = json!(at + 20 * DAY);
    restore(&mut machine, &ahead, json!({}));
    assert_eq!(floor(&mut machine), at + 20 * DAY, "of the export, later");
}

#[test]
fn a_dry_run_lists_what_a_restore_does_and_changes_nothing() {
    let mut machine = exporting();
    let pages = export(&mut machine);
    let ids = machine.ok(QUERY, json!([{ "username": "daemon" }]));
    machine.ok(
        "auth.twofactor.device.update",
        json!([ids[0]["id"], { "name": "old" }]),
    );
    import(&mut machine, "daemon", "tablet", OTHER);
    import(&mut machine, "bin", "phone", OTHER);
    let before = (devices(&mut machine), machine.config());
    let dry = restore(&mut machine, &pages, json!({ "dry_run": true }));
    assert_eq!((devices(&mut machine), machine.config()), before);
    let expected = json!([
        { "username": "daemon", "what": "DEVICE_REMOVED", "name": "tablet" },
        { "username": "daemon", "what": "DEVICE_CHANGED", "name": "phone" },
    ]);
    assert_eq!(dry["changes"], expected);
    assert_eq!(dry["accounts_left"], 1, "bin is not known to the export");
    assert_eq!(
        (&dry["devices_removed"], &dry["devices_changed"]),
        (&json!(1), &json!(1))
    );
    machine.alerts();
    assert_eq!(machine.events("auth.twofactor.device").len(), 5);
    let mut done = restore(&mut machine, &pages, json!({}));
    assert_eq!(done["dry_run"], false);
    done["dry_run"] = json!(true);
    assert_eq!(done, dry);
    let named = |name: &str, device: &str| (name.to_owned(), device.to_owned());
    let expected = [
        named("root", "phone"),
        named("daemon", "phone"),
        named("bin", "phone"),
    ];
    assert_eq!(devices(&mut machine), expected);
    assert_eq!(machine.alerts(), [AlertKind::Restored]);
    assert_eq!(machine.audited().1, "restored");
    let again = restore(&mut machine, &pages, json!({}));
    assert_eq!(
        again["changes"],
        json!([]),
        "a second time nothing is different"
    );
}

/// Each call is written down, the first is an alert, and none has a secret.
/// A name that was made anew, a uid of somebody else, a user who is not here: nothing is inherited.
#[test]
fn an_account_that_is_not_the_same_here_gets_nothing() {
    let mut pages = export(&mut exporting());
    let account = pages[0]["accounts"][1].clone();
    let accounts = pages[0]["accounts"].as_array_mut().unwrap();
    for (uid, username) in [(7777, "bin"), (DAEMON, "sync"), (4242, "no-such-user-here")] {
        let mut other = account.clone();
        (other["uid"], other["username"]) = (json!(uid), json!(username));
        accounts.push(other);
    }
    let mut machine = Machine::new();
    let alice = AccountName::new("no-daemon").unwrap();
    let record = twofactor::Account {
        uid: DAEMON,
        name: alice,
    };
    machine.state(|tx| tx.ensure_account(&record).unwrap());
    let report = restore(&mut machine, &pages, json!({}));
    let skipped = |username: &str, uid: u32, why: &str| json!({ "username": username, "uid": uid, "why": why });
    let expected = json!([
        skipped("daemon", DAEMON, "OTHER_RECORD"),
        skipped("bin", 7777, "OTHER_UID"),
        skipped("sync", DAEMON, "OTHER_UID"),
        skipped("no-such-user-here", 4242, "NO_SUCH_USER"),
    ]);
    assert_eq!(report["skipped"], expected);
    assert_eq!(report["accounts_skipped"], 4);
    assert_eq!(
        devices(&mut machine),
        [("root".to_owned(), "phone".to_owned())]
    );
}

/// What counts against an account is the stricter of both, on the old machine and on the new one.
#[test]
fn wrong_codes_are_not_forgotten_by_a_restore() {
    let failures = |machine: &mut Machine| {
        let key = AccountKey::Known(DAEMON);
        machine.state(|tx| {
            let streaks = tx.streaks(key).unwrap();
            let level = tx
                .account_level(key)
                .unwrap()
                .map_or(0, |level| level.parts / DAY);
            (
                streaks.first().map_or(0, |found| found.streak.failures),
                level,
            )
        })
    };
    let mut old = exporting();
    (0..4).for_each(|_| old.wrong("192.0.2.1", "daemon"));
    let pages = export(&mut old);
    let mut new = Machine::new();
    new.now = old.now;
    restore(&mut new, &pages, json!({}));
    assert_eq!(failures(&mut new), (4, 4));
    (0..2).for_each(|_| old.wrong("192.0.2.1", "daemon"));
    restore(&mut old, &pages, json!({}));
    assert_eq!(failures(&mut old), (6, 6), "it has more of its own");
}

#[test]
fn recovery_codes_are_void() {
    let mut machine = exporting();
    let set = machine.ok("auth.twofactor.recovery.generate", json!(["daemon"]));
    machine.ok("auth.twofactor.recovery.confirm_saved", json!([set["id"]]));
    let pages = export(&mut machine);
    assert_eq!(pages[0]["accounts"][1]["recovery_codes"], 10);
    let left = |machine: &mut Machine| {
        machine.ok("auth.twofactor.recovery.remaining", json!(["daemon"]))["remaining"].clone()
    };
    for mut machine in [Machine::new(), machine] {
        let report = restore(&mut machine, &pages, json!({}));
        assert_eq!(report["recovery_void"], 1);
        assert_eq!(left(&mut machine), 0);
    }
}

/// What was granted ends when it ended; what is over does not come back, whatever the clock says.
#[test]
fn exemptions_and_grace_come_back_with_their_ends() {
    let mut machine = exporting();
    for (days, reason) in [(2, "short"), (20, "long")] {
        let until = machine.now + days * DAY;
        let new = json!({ "username": "daemon", "until": until, "reason": reason });
        machine.ok("auth.twofactor.exemption.create", json!([new]));
    }
    machine.ok(
        "auth.twofactor.grace.create",
        json!([{ "username": "bin", "days": 10 }]),
    );
    machine.ok(
        "auth.twofactor.bypass.create",
        json!([{ "username": "bin", "reason": "x" }]),
    );
    machine.now += DAY;
    let pages = export(&mut machine);
    let reasons = |machine: &mut Machine| {
        let found = machine.ok("auth.twofactor.exemption.query", json!([]));
        let reason = |one: &Value| one["reason"].as_str().unwrap().to_owned();
        found
            .as_array()
            .unwrap()
            .iter()
            .map(reason)
            .collect::<Vec<_>>()
    };
    let mut later = Machine::new();
    later.now = machine.now + 3 * DAY;
    let report = restore(&mut later, &pages, json!({}));
    assert_eq!(reasons(&mut later), ["long"]);
    let what: Vec<_> = report["changes"].as_array().unwrap().iter().collect();
    assert!(
        what.iter()
            .any(|change| change["what"] == "EXEMPTION_ADDED"),
        "{what:?}"
    );
    assert!(
        what.iter().any(|change| change["what"] == "GRACE"),
        "{what:?}"
    );
    let grace = later.ok("auth.twofactor.grace.query", json!([]));
    assert_eq!(grace[0]["username"], "bin");
    assert_eq!(
        later.ok("auth.twofactor.bypass.query", json!([])),
        json!([])
    );
    // A clock from before all of it: the export itself says what time it is at least.
    let mut behind = Machine::new();
    behind.now = 1_000;
    let mut old = pages.clone();
    old[0]["at"] = json!(machine.now + 30 * DAY);
    let report = restore(&mut behind, &old, json!({}));
    assert_eq!(reasons(&mut behind), [""; 0]);
    assert!(!report["changes"].to_string().contains("GRACE"), "{report}");
    // One that was taken back since is there again, and one that was given since is not.
    let short = machine.ok("auth.twofactor.exemption.query", json!([]))[0]["id"].clone();
    machine.ok("auth.twofactor.exemption.delete", json!([short]));
    let new = json!({ "username": "daemon", "until": machine.now + DAY, "reason": "new" });
    machine.ok("auth.twofactor.exemption.create", json!([new]));
    restore(&mut machine, &pages, json!({}));
    let mut found = reasons(&mut machine);
    found.sort();
    assert_eq!(found, ["long", "short"]);
}

/// sshd does not ask because a file says so, and off stays off where root wants it.
#[test]
fn settings_come_back_as_far_as_nobody_is_locked_out() {
    let mut pages = export(&mut exporting());
    pages[0]["settings"]["ssh"] = json!(true);
    pages[0]["policy"]["unenrolled"] = json!("ALLOW");
    let mut machine = Machine::new();
    let switches = |enabled: bool, ssh: bool| json!({ "enabled": enabled, "ssh": ssh });
    let report = restore(&mut machine, &pages, json!({ "stay_off": true }));
    let expected = json!({
        "before": switches(false, false), "after": switches(false, false),
        "exported": switches(true, true), "changed": true, "still_lets_in": false,
    });
    assert_eq!(report["settings"], expected);
    assert_eq!(machine.config()["enabled"], false);
    let policy = machine.ok("auth.twofactor.policy.config", json!([]));
    assert_eq!(policy["unenrolled"], "ALLOW");
    let report = restore(&mut machine, &pages, json!({}));
    let expected = json!({
        "before": switches(false, false), "after": switches(true, false),
        "exported": switches(true, true), "changed": true, "still_lets_in": false,
    });
    assert_eq!(report["settings"], expected);
    assert_eq!(machine.config()["services"]["ssh"], false);
    // On a machine where it is on, this is no way to turn it off unless the export was off.
    restore(&mut machine, &pages, json!({ "stay_off": true }));
    assert_eq!(machine.config()["enabled"], true);
}

/// What a page may not say is refused as it comes, and nothing of it is repeated.
/// An account with all that it may have fits into a message, and a page of many too.
/// Pending devices, invites and bypasses are granted anew; what cannot be read is counted.
/// The first device is the one of the 22.12 API: a restore keeps the order.
#[test]
fn the_first_device_is_the_first_one_again() {
    let mut machine = exporting();
    import(&mut machine, "root", "tablet", OTHER);
    let secret = machine.config()["secret"].clone();
    let pages = export(&mut machine);
    let first = machine.ok(QUERY, json!([{ "username": "root" }]))[0]["id"].clone();
    machine.ok("auth.twofactor.device.delete", json!([first]));
    assert_eq!(machine.config()["secret"], OTHER);
    let report = restore(&mut machine, &pages, json!({}));
    assert_eq!(report["devices_added"], 1);
    assert_eq!(machine.config()["secret"], secret);
    let names: Vec<_> = devices(&mut machine);
    let of_root = names
        .iter()
        .filter(|(user, _)| user == "root")
        .map(|(_, name)| name.as_str());
    assert_eq!(of_root.collect::<Vec<_>>(), ["phone", "tablet"]);
}

#[test]
fn while_settings_are_on_trial_nothing_is_restored() {
    let mut machine = exporting();
    let pages = export(&mut machine);
    let trial = json!([{ "changes": { "window": 2 } }]);
    machine.ok("auth.twofactor.try", trial);
    hand_over(&mut machine, &pages);
    let reason = machine.refusal(RESTORE, json!([]));
    assert!(reason.contains("on trial"), "{reason}");
    assert_eq!(machine.config()["window"], 2);
}

/// A second key is never made: a state without its key is set aside first.
#[test]
fn without_the_master_key_nothing_is_exported_or_restored() {
    let mut machine = exporting();
    let pages = export(&mut machine);
    let key = machine.dir.path().join("state/middlewared.key");
    std::fs::remove_file(&key).unwrap();
    let mut machine = machine.restarted();
    machine.now = 1_700_001_000;
    assert!(machine.refusal(EXPORT, json!([])).starts_with("[ENOKEY]"));
    hand_over(&mut machine, &pages);
    let reason = machine.refusal(RESTORE, json!([]));
    assert!(reason.contains("set this state aside"), "{reason}");
    assert!(!key.exists());
    machine.update(json!({ "enabled": false }));
}
