//! Timed and counted permissions to skip the second factor.

use serde_json::{Value, json};

use crate::site::{DAY, Site, login, wrong_code};
use crate::support::reason;

fn bypass(site: &mut Site, params: &Value) -> Value {
    site.call("auth.twofactor.bypass.create", json!([params]))
}

fn passes(site: &mut Site, name: &str) -> bool {
    match site.verdict(&login(name)).as_str() {
        "BYPASSED" => true,
        "CODE_REQUIRED" | "NOT_ENROLLED" => false,
        other => panic!("{name}: {other}"),
    }
}

#[test]
fn each_use_of_a_bypass_is_counted_also_over_restarts_and_for_everybody() {
    let mut site = Site::new();
    site.enrol("alice");
    let of_one = bypass(
        &mut site,
        &json!({"username": "alice", "uses": 3, "reason": "a lost phone"}),
    );
    assert_eq!(of_one["uses_left"], 3);
    assert_eq!(of_one["until"], site.now() + 15 * 60);
    for uses_left in [2, 1, 0] {
        assert!(passes(&mut site, "alice"));
        assert!(!passes(&mut site, "bob"), "it is alice's");
        let listed = site.call("auth.twofactor.bypass.query", json!([]));
        let left = listed.as_array().unwrap().first();
        let left = left.map_or(json!(0), |row| row["uses_left"].clone());
        assert_eq!(left, uses_left);
        site.restart();
    }
    assert!(!passes(&mut site, "alice"));
    bypass(
        &mut site,
        &json!({"username": null, "uses": 2, "reason": "the clock is wrong"}),
    );
    assert!(passes(&mut site, "bob"));
    assert!(passes(&mut site, "alice"));
    for name in ["alice", "bob", "carol"] {
        assert!(!passes(&mut site, name), "{name}");
    }
}

/// Whoever has a code in hand is let in by the bypass all the same, and the code stays good.
#[test]
fn a_bypass_uses_up_no_code_and_counts_no_wrong_one() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    bypass(
        &mut site,
        &json!({"username": "alice", "uses": 8, "reason": "a lost phone"}),
    );
    let (good, wrong) = (phone.code(site.now()), wrong_code(&[&phone], 6, site.now()));
    for code in [
        &wrong, &wrong, &wrong, &wrong, &wrong, &wrong, &wrong, &good,
    ] {
        assert_eq!(site.verdict(&login("alice").code(code)), "BYPASSED");
    }
    assert_eq!(site.verdict(&login("alice").code(&good)), "ACCEPTED");
}

/// It ends by the wall clock, by the time since boot, and with the boot; whichever is first.
#[test]
fn a_bypass_ends_with_its_minutes_and_a_clock_set_back_does_not_revive_it() {
    let mut site = Site::new();
    site.enrol("alice");
    let begin = |site: &mut Site| {
        let params = json!({"username": "alice", "uses": 10, "reason": "a lost phone"});
        bypass(site, &params)["id"].clone()
    };
    let at = site.now();
    begin(&mut site);
    for (time, valid) in [
        (at, true),
        (at + 899, true),
        (at + 900, false),
        (at, false),
        (at - DAY, false),
    ] {
        site.set(time);
        assert_eq!(passes(&mut site, "alice"), valid, "{time}");
    }
    // A new one works on a clock that was set back, for its own minutes.
    begin(&mut site);
    assert!(passes(&mut site, "alice"));
    // As if its minutes had passed since boot, whatever the wall clock says; as if it were the next
    // boot.
    for (what, sql) in [
        ("boot time", "UPDATE bypasses SET boot_until = 1"),
        ("boot", "UPDATE bypasses SET boot_id = zeroblob(16)"),
    ] {
        let id = begin(&mut site);
        assert!(passes(&mut site, "alice"), "{what}");
        assert!(site.database().execute(sql, []).unwrap() > 0);
        assert!(!passes(&mut site, "alice"), "{what}");
        let listed = site.call("auth.twofactor.bypass.query", json!([]));
        let ids: Vec<&Value> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|row| &row["id"])
            .collect();
        assert!(!ids.contains(&&id), "{what}");
    }
    let id = begin(&mut site);
    assert!(passes(&mut site, "alice"));
    site.call("auth.twofactor.bypass.delete", json!([id]));
    assert!(!passes(&mut site, "alice"), "deleted");
}

/// At most 24 h and 10 uses, or what the policy says.
#[test]
fn a_bypass_has_bounds_and_the_policy_narrows_them() {
    let mut site = Site::new();
    let wrong = |site: &mut Site, field: &str, value: Value| {
        let mut params = json!({"username": "alice", "reason": "a lost phone"});
        params[field] = value;
        let error = site.refused("auth.twofactor.bypass.create", json!([params]));
        assert_eq!(error["code"], -32602, "{params}");
        let attribute = format!("bypass_create.{field}");
        assert!(reason(&error).contains(&attribute), "{params}: {error}");
    };
    for minutes in [0, -1, 1441] {
        wrong(&mut site, "minutes", json!(minutes));
    }
    for uses in [0, -1, 11] {
        wrong(&mut site, "uses", json!(uses));
    }
    wrong(&mut site, "reason", json!(""));
    site.call(
        "auth.twofactor.policy.update",
        json!([{"bypass_minutes_max": 60, "bypass_uses_max": 2}]),
    );
    wrong(&mut site, "minutes", json!(61));
    wrong(&mut site, "uses", json!(3));
    let most = json!({"username": "alice", "minutes": 60, "uses": 2, "reason": "a lost phone"});
    assert_eq!(bypass(&mut site, &most)["until"], site.now() + 3600);
    assert_eq!(
        site.number("SELECT count(*) FROM bypasses"),
        1,
        "the refused left nothing"
    );
}
