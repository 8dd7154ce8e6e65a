//! The account phase: what came past the auth lines is stopped.

use serde_json::json;

use super::host::{Host, WORD};
use super::{AUTHINFO_UNAVAIL, PERM_DENIED, SERVICE_ERR, SUCCESS};
use crate::site::DAY;

/// Somebody deletes `AuthenticationMethods`: a key alone logs in, and PAM sees its account phase only.
#[test]
fn a_login_without_an_auth_phase_is_refused_where_a_factor_is_required() {
    let mut host = Host::new(&["alice", "bob", "carol"]);
    host.site.enrol("alice");
    let exempt = json!([{"username": "carol", "until": host.site.now() + DAY, "reason": "job"}]);
    host.site.call("auth.twofactor.exemption.create", exempt);
    let account = |host: &Host, user: &str| host.login(user).step("account").answer(&[WORD]);
    for (user, code) in [
        ("alice", PERM_DENIED),
        ("bob", PERM_DENIED),
        ("carol", SUCCESS),
    ] {
        let applied = account(&host, user);
        assert_eq!(applied.code(), code, "{user}: {applied:?}");
        assert_eq!(applied.prompts(), [""; 0], "{user}");
    }
    host.hears("came without a second factor", 2);
    host.site.stop();
    for user in ["alice", "bob"] {
        assert_eq!(account(&host, user).code(), AUTHINFO_UNAVAIL, "{user}");
    }
}

#[test]
fn what_the_auth_phase_found_holds_for_its_account_alone() {
    let mut host = Host::new(&["alice", "bob"]);
    let phone = host.site.enrol("alice");
    let code = host.code(&phone);
    let login = host.with_key("alice").step("authenticate").step("account");
    let applied = login.step("user=bob").step("account").answer(&[&code]);
    assert_eq!(
        applied.codes,
        [SUCCESS, SUCCESS, PERM_DENIED],
        "{applied:?}"
    );
}

/// Keys are sshd's to check. In another stack the line would let in whoever sets a variable.
#[test]
fn key_in_the_stack_of_another_service_refuses() {
    let mut host = Host::new(&["alice"]);
    let phone = host.site.enrol("alice");
    host.stack(
        "other",
        "auth [success=done ignore=ignore default=die] MODULE key\n",
    );
    let code = host.code(&phone);
    let applied = host
        .at("other", "alice")
        .step(super::KEY)
        .step("authenticate")
        .answer(&[&code]);
    assert_eq!((applied.code(), applied.prompts().len()), (SERVICE_ERR, 0));
    host.hears("the option 'key' is for the stack of sshd", 1);
}
