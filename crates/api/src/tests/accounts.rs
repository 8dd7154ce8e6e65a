//! `auth.twofactor.account.query`.

use twofactor::Account;

use super::*;

fn find(machine: &mut Machine, name: &str) -> Value {
    let found = machine.ok(
        "auth.twofactor.account.query",
        json!([{ "username": name }]),
    );
    assert_eq!(found["matching"], 1, "{found}");
    assert_eq!(found["next"], Value::Null);
    found["accounts"][0].clone()
}

#[test]
fn what_doors_ask_for_follows_settings_policy_and_permits() {
    let mut machine = Machine::new();
    let root = find(&mut machine, "root");
    assert_eq!(
        (&root["ssh"], &root["others"]),
        (&json!("OFF"), &json!("OFF"))
    );
    assert_eq!(root["devices"], json!([]));
    machine.update(json!({ "enabled": true }));
    let root = find(&mut machine, "root");
    assert_eq!(
        (&root["ssh"], &root["others"]),
        (&json!("OFF"), &json!("CODE"))
    );
    assert_eq!(
        root["devices"],
        json!([{ "name": "phone", "state": "ACTIVE", "last_used": null }])
    );
    machine.ok(
        "auth.twofactor.grace.create",
        json!([{ "username": "daemon" }]),
    );
    let daemon = find(&mut machine, "daemon");
    assert_eq!(daemon["others"], "GRACE");
    assert!(daemon["grace_until"].as_u64() > Some(machine.now));
    machine.ok("auth.twofactor.grace.delete", json!(["daemon"]));
    assert_eq!(find(&mut machine, "daemon")["others"], "REFUSED");
    machine.ok(
        "auth.twofactor.policy.update",
        json!([{ "unenrolled": "ALLOW" }]),
    );
    assert_eq!(find(&mut machine, "daemon")["others"], "ALLOWED");
    let until = machine.now + 60;
    machine.ok(
        "auth.twofactor.exemption.create",
        json!([{ "username": "daemon", "until": until, "reason": "job" }]),
    );
    let daemon = find(&mut machine, "daemon");
    assert_eq!(
        (&daemon["others"], &daemon["exempt_until"]),
        (&json!("EXEMPT"), &json!(until))
    );
    let made = machine.ok(
        "auth.twofactor.bypass.create",
        json!([{ "username": "root", "reason": "phone lost" }]),
    );
    let root = find(&mut machine, "root");
    assert_eq!(
        (&root["others"], &root["bypass_until"]),
        (&json!("BYPASS"), &made["until"])
    );
}

#[test]
fn wrong_codes_and_their_end_show() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    assert_eq!(find(&mut machine, "root")["retry_after"], Value::Null);
    for _ in 0..5 {
        machine.wrong("192.0.2.1", "root");
    }
    assert_eq!(find(&mut machine, "root")["retry_after"], 30);
    machine.ok("auth.twofactor.unlock", json!(["root"]));
    assert_eq!(find(&mut machine, "root")["retry_after"], Value::Null);
}

#[test]
fn pages_go_by_name_and_hold_no_secret() {
    let mut machine = Machine::new();
    let secret = machine.update(json!({ "enabled": true }))["secret"].clone();
    for name in ["daemon", "bin", "sys"] {
        machine.ok("auth.twofactor.grace.create", json!([{ "username": name }]));
    }
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let mut filter = json!({ "limit": 1 });
        if !after.is_null() {
            filter["after"] = after;
        }
        let page = machine.ok("auth.twofactor.account.query", json!([filter]));
        assert!(!page.to_string().contains(secret.as_str().unwrap()));
        seen.push(page["accounts"][0]["username"].as_str().unwrap().to_owned());
        after = page["next"].clone();
        if after.is_null() {
            assert_eq!(page["matching"], seen.len());
            break;
        }
    }
    assert!(seen.is_sorted(), "{seen:?}");
    for name in ["root", "daemon", "bin", "sys"] {
        assert!(seen.iter().any(|seen| seen == name), "{name}: {seen:?}");
    }
    let found = machine.ok(
        "auth.twofactor.account.query",
        json!([{ "search": "AEMO" }]),
    );
    assert_eq!(found["accounts"][0]["username"], "daemon");
    let reason = machine.refusal("auth.twofactor.account.query", json!([{ "limit": 201 }]));
    assert_eq!(
        reason,
        "[EINVAL] account_query.limit: Should be between 1 and 200\n"
    );
}

#[test]
fn a_record_of_another_account_says_nothing_of_this_one() {
    let mut machine = Machine::new();
    machine.update(json!({ "enabled": true }));
    let other = Account {
        uid: 4_000_000,
        name: AccountName::new("root").unwrap(),
    };
    machine.state(|tx| {
        tx.forget_account(0).unwrap();
        tx.ensure_account(&other).unwrap();
    });
    let root = find(&mut machine, "root");
    assert_eq!(
        (&root["uid"], &root["others"]),
        (&json!(0), &json!("REFUSED"))
    );
}
