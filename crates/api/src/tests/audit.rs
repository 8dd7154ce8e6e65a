//! `auth.twofactor.audit`.

use super::*;

#[test]
fn entries_are_filtered_and_paged() {
    let mut machine = Machine::new();
    machine.update(json!({ "window": 1 }));
    for name in ["daemon", "bin", "daemon"] {
        machine.now += 1;
        machine.ok("auth.twofactor.grace.create", json!([{ "username": name }]));
    }
    let mut check = |filter: Value, ids: &[i64]| {
        let listed = machine.ok("auth.twofactor.audit", json!([filter]));
        let found: Vec<_> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["id"].as_i64())
            .collect();
        let ids: Vec<_> = ids.iter().copied().map(Some).collect();
        assert_eq!(found, ids, "{filter}");
    };
    check(json!({}), &[4, 3, 2, 1]);
    check(json!({ "limit": 2 }), &[4, 3]);
    // The clock of the first entries is a second behind that of the last one, and so on.
    check(json!({ "since": 1_700_000_002 }), &[4, 3]);
    check(
        json!({ "since": 1_700_000_001, "until": 1_700_000_002 }),
        &[2],
    );
    check(json!({ "service": "sshd" }), &[]);
    check(json!({ "limit": 2, "before": 3 }), &[2, 1]);
    check(json!({ "username": "daemon" }), &[4, 2]);
    check(json!({ "username": "nobody-has-this-name" }), &[]);
    check(json!({ "outcome": "changed" }), &[1]);
    check(
        json!({ "method": "auth.twofactor.grace.create", "username": "bin" }),
        &[3],
    );
    let entry = json!({
        "id": 4, "at": machine.now, "uid": 0, "pid": 1, "login_uid": null,
        "method": "auth.twofactor.grace.create", "outcome": "granted", "username": "daemon",
        "service": null, "source": null, "count": 1,
    });
    assert_eq!(machine.ok("auth.twofactor.audit", json!([]))[0], entry);
}

#[test]
fn filters_have_bounds() {
    for (filter, line) in [
        (json!({ "limit": 0 }), "limit: Should be between 1 and 1000"),
        (
            json!({ "limit": 1001 }),
            "limit: Should be between 1 and 1000",
        ),
        (json!({ "before": "x" }), "before: Not an integer"),
        (
            json!({ "username": "" }),
            "username: Not a valid account name",
        ),
        (
            json!({ "since": -1 }),
            "since: Should be between 0 and 253402300799",
        ),
        (
            json!({ "service": "a/b" }),
            "service: Not a valid service name",
        ),
        (json!({ "from": 1 }), "from: Field was not expected"),
    ] {
        let reason = Machine::new().refusal("auth.twofactor.audit", json!([filter]));
        assert_eq!(reason, format!("[EINVAL] audit_query.{line}\n"));
    }
}
