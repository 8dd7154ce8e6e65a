//! What lets in without a code passes in every stack as a success, and nothing else does.

use serde_json::json;

use super::host::{Host, PASSWORD, WORD};
use super::{CODE, PERM_DENIED, SUCCESS};
use crate::site::DAY;

/// By password and by key, and what is shown.
fn both_ways(host: &Host, user: &str, code: i64, words: &str) {
    let by_password = host
        .login(user)
        .step("authenticate")
        .step("account")
        .answer(&[WORD]);
    assert_eq!(by_password.prompts(), [PASSWORD], "{by_password:?}");
    let by_key = host
        .with_key(user)
        .step("authenticate")
        .step("account")
        .answer(&[]);
    assert_eq!(by_key.prompts(), [""; 0], "{by_key:?}");
    for applied in [by_password, by_key] {
        assert_eq!(applied.codes, [code, code], "{applied:?}");
        assert!(
            applied.shown().concat().contains(words),
            "'{words}' in {applied:?}"
        );
    }
}

/// `PAM_IGNORE` would refuse whoever comes with a key: nothing else in the stack has succeeded.
#[test]
fn whoever_is_not_asked_passes_by_password_and_by_key() {
    let mut host = Host::new(&["alice", "bob", "carol", "dave"]);
    let until = host.site.now() + DAY;
    host.site.enrol("alice");
    let exempt = json!([{"username": "bob", "until": until, "reason": "backup"}]);
    host.site.call("auth.twofactor.exemption.create", exempt);
    both_ways(&host, "bob", SUCCESS, "");
    let bypass = json!([{"username": "alice", "reason": "lost", "uses": 2}]);
    host.site.call("auth.twofactor.bypass.create", bypass);
    both_ways(&host, "alice", SUCCESS, "No code was asked for: a bypass");
    host.site.call(
        "auth.twofactor.grace.create",
        json!([{"username": "carol"}]),
    );
    both_ways(
        &host,
        "carol",
        SUCCESS,
        "This account has no second factor; from",
    );
    both_ways(
        &host,
        "dave",
        PERM_DENIED,
        "This account has no second factor",
    );
    host.site.call(
        "auth.twofactor.policy.update",
        json!([{"unenrolled": "ALLOW"}]),
    );
    both_ways(&host, "dave", SUCCESS, "set one up");
}

#[test]
fn with_the_door_of_ssh_off_nobody_is_asked() {
    let mut host = Host::new(&["alice"]);
    let phone = host.site.enrol("alice");
    host.change(&json!({"services": {"ssh": false}}));
    both_ways(&host, "alice", SUCCESS, "");
    // A key alone, past the auth phase.
    let applied = host.login("alice").step("account").answer(&[]);
    assert_eq!(applied.code(), SUCCESS, "{applied:?}");
    host.change(&json!({"services": {"ssh": true}}));
    let code = host.code(&phone);
    let applied = host.with_key("alice").step("authenticate").answer(&[&code]);
    assert_eq!((applied.code(), applied.prompts()), (SUCCESS, vec![CODE]));
    host.change(&json!({"enabled": false}));
    both_ways(&host, "alice", SUCCESS, "");
}
