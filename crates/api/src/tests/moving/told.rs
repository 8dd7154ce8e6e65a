//! What is said of a restore: to subscribers, and before it is done.

use super::*;

/// Subscribers are told of each device that comes, goes or changes, and of no other.
#[test]
fn each_device_is_an_event() {
    let mut machine = exporting();
    let pages = export(&mut machine);
    let id = |machine: &mut Machine| {
        machine.ok(QUERY, json!([{ "username": "daemon" }]))[0]["id"].clone()
    };
    let told = |machine: &mut Machine| {
        machine.events.clear();
        restore(machine, &pages, json!({ "dry_run": true }));
        assert!(machine.events.is_empty(), "a dry run");
        restore(machine, &pages, json!({}));
        machine.events("auth.twofactor.device")
    };
    assert_eq!(told(&mut machine), [json!(null); 0]);
    let phone = id(&mut machine);
    let renamed = json!([phone, { "name": "old" }]);
    machine.ok("auth.twofactor.device.update", renamed);
    import(&mut machine, "daemon", "tablet", OTHER);
    let events = told(&mut machine);
    let seen: Vec<_> = events
        .iter()
        .map(|event| (&event["msg"], &event["fields"]["name"]))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!("removed"), &json!(null)),
            (&json!("changed"), &json!("phone"))
        ]
    );
    assert_eq!(events[1]["id"], phone);
    machine.ok("auth.twofactor.device.delete", json!([phone]));
    let events = told(&mut machine);
    assert_eq!(
        (&events[0]["msg"], &events[0]["id"]),
        (&json!("added"), &id(&mut machine))
    );
    assert_eq!(events[0]["fields"]["username"], "daemon");
    assert!(!events[0].to_string().contains(SECRET));
}

/// A dry run judges by what there would be: devices of the export let their owners in.
#[test]
fn a_dry_run_says_of_sshd_what_a_restore_does() {
    let mut old = exporting();
    let logins: Vec<_> = auth_twofactor::people::logins().unwrap();
    for login in &logins {
        if !devices(&mut old)
            .iter()
            .any(|(user, _)| *user == login.name)
        {
            import(&mut old, &login.name, "phone", SECRET);
        }
    }
    old.report_sshd(json!({ "ready": true, "mode": null, "findings": [], "doors": [] }));
    old.update(json!({ "services": { "ssh": true } }));
    old.ok(
        "auth.twofactor.policy.update",
        json!([{ "unenrolled": "DENY" }]),
    );
    let pages = export(&mut old);
    let mut new = Machine::new();
    new.now = old.now;
    new.report_sshd(json!({ "ready": true, "mode": null, "findings": [], "doors": [] }));
    let dry = restore(&mut new, &pages, json!({ "dry_run": true }));
    assert_eq!(devices(&mut new), [] as [(String, String); 0]);
    assert_eq!(new.config()["services"]["ssh"], false);
    let done = restore(&mut new, &pages, json!({}));
    assert_eq!(
        done["settings"]["after"],
        json!({ "enabled": true, "ssh": true })
    );
    assert_eq!(dry["settings"], done["settings"]);
}
