//! Codes in a real stack, with real passwords and our daemon.

use serde_json::json;
use testkit::{Applied, Daemon};

use crate::site::{login, wrong_code};

use super::host::{Host, PASSWORD, WORD, other_uid};
use super::{AUTH_ERR, AUTHINFO_UNAVAIL, CODE, MAXTRIES, PERM_DENIED, SUCCESS};

const BOTH: [&str; 2] = [PASSWORD, CODE];

fn check(applied: &Applied, code: i64, prompts: &[&str]) {
    assert_eq!(applied.codes[0], code, "{applied:?}");
    assert_eq!(applied.prompts(), prompts, "{applied:?}");
}

fn says(applied: &Applied, words: &str) {
    assert!(
        applied.shown().concat().contains(words),
        "'{words}' in {applied:?}"
    );
}

#[test]
fn a_password_and_a_code_pass_once() {
    let mut host = Host::new(&["alice"]);
    let phone = host.site.enrol("alice");
    let code = host.code(&phone);
    let all = |host: &Host| {
        let steps = ["authenticate", "account", "setcred"];
        steps
            .iter()
            .fold(host.login("alice"), |login, step| login.step(step))
    };
    let applied = all(&host).answer(&[WORD, &code]);
    check(&applied, SUCCESS, &BOTH);
    assert_eq!(applied.codes, [SUCCESS; 3]);
    // With echo: sshd's method `password` never answers such a prompt.
    assert_eq!(applied.said[1].0, "prompt");
    let applied = host
        .login("alice")
        .step("authenticate")
        .answer(&[WORD, &code, &code, &code]);
    check(&applied, AUTH_ERR, &[PASSWORD, CODE, CODE, CODE]);
    says(&applied, "already used");
}

#[test]
fn a_key_and_a_code_pass_once() {
    let mut host = Host::new(&["alice"]);
    let phone = host.site.enrol("alice");
    let code = host.code(&phone);
    let applied = host
        .with_key("alice")
        .step("authenticate")
        .step("account")
        .answer(&[&code]);
    check(&applied, SUCCESS, &[CODE]);
    let applied = host
        .with_key("alice")
        .step("authenticate")
        .answer(&[code.as_str(); 3]);
    check(&applied, AUTH_ERR, &[CODE; 3]);
    // A wrong code does not lead to the password's line.
    let wrong = wrong_code(&[&phone], 6, host.site.now());
    let applied = host
        .with_key("alice")
        .step("authenticate")
        .answer(&[&wrong, &wrong, &wrong, WORD]);
    check(&applied, AUTH_ERR, &[CODE; 3]);
    says(&applied, "This code is wrong");
}

/// `pam_unix required` would let it burn the code.
#[test]
fn a_wrong_password_is_never_asked_for_a_code() {
    let mut host = Host::new(&["alice"]);
    let phone = host.site.enrol("alice");
    let code = host.code(&phone);
    let applied = host
        .login("alice")
        .step("authenticate")
        .answer(&["wrong", &code]);
    check(&applied, AUTH_ERR, &[PASSWORD]);
    let applied = host
        .login("alice")
        .step("authenticate")
        .answer(&[WORD, &code]);
    check(&applied, SUCCESS, &BOTH);
}

#[test]
fn the_second_and_third_try_count() {
    let mut host = Host::new(&["alice"]);
    let phone = host.site.enrol("alice");
    let wrong = wrong_code(&[&phone], 6, host.site.now());
    let code = host.code(&phone);
    let applied = host
        .login("alice")
        .step("authenticate")
        .answer(&[WORD, &wrong, "", &code]);
    check(&applied, SUCCESS, &[PASSWORD, CODE, CODE, CODE]);
    says(&applied, "1 wrong code was typed since your last login");
}

#[test]
fn whoever_is_locked_out_hears_it_and_has_their_recovery_codes() {
    let mut host = Host::new(&["alice"]);
    let phone = host.site.enrol("alice");
    let saved = host.site.recovery_codes("alice");
    let wrong = wrong_code(&[&phone], 6, host.site.now());
    let typed = [WORD, &wrong, &wrong, &wrong];
    check(
        &host.login("alice").step("authenticate").answer(&typed),
        AUTH_ERR,
        &[PASSWORD, CODE, CODE, CODE],
    );
    let applied = host.login("alice").step("authenticate").answer(&typed);
    check(&applied, MAXTRIES, &[PASSWORD, CODE, CODE, CODE]);
    says(&applied, "Too many wrong codes");
    let recovery = "Recovery code (Enter to give up): ";
    let code = host.code(&phone);
    let applied = host
        .login("alice")
        .step("authenticate")
        .answer(&[WORD, &code]);
    check(&applied, MAXTRIES, &[PASSWORD, recovery]);
    let applied = host
        .login("alice")
        .step("authenticate")
        .answer(&[WORD, &saved[0]]);
    check(&applied, SUCCESS, &[PASSWORD, recovery]);
    // Once.
    let applied = host
        .login("alice")
        .step("authenticate")
        .answer(&[WORD, &saved[0]]);
    assert_ne!(applied.code(), SUCCESS, "{applied:?}");
}

#[test]
fn a_recovery_code_passes_once() {
    let mut host = Host::new(&["alice"]);
    host.site.enrol("alice");
    let saved = host.site.recovery_codes("alice");
    for (expected, tries) in [(SUCCESS, 1), (AUTH_ERR, 3)] {
        let mut typed = vec![WORD];
        typed.extend(std::iter::repeat_n(saved[0].as_str(), tries));
        let applied = host.login("alice").step("authenticate").answer(&typed);
        assert_eq!(applied.code(), expected, "{applied:?}");
    }
}

/// The canonical name counts, and not what was typed; an account that is not enrolled is told.
#[test]
fn whoever_has_no_device_is_refused() {
    let host = Host::new(&["bob"]);
    let applied = host.login("bob").step("authenticate").answer(&[WORD]);
    check(&applied, PERM_DENIED, &[PASSWORD]);
    says(&applied, "This account has no second factor");
    assert_eq!(applied.waits.len(), 1);
}

/// Before a password or a key is proven, there is nothing to tell accounts apart by.
#[test]
fn strangers_see_the_same_for_every_name() {
    let mut host = Host::new(&["alice", "bob"]);
    host.site.enrol("alice");
    let seen: Vec<_> = ["alice", "bob", "nobody-has-this-name", "root"]
        .iter()
        .map(|user| {
            let application = host.at("bare", user).step("authenticate");
            let applied = application.answer(&["000000", "abc", "000000"]);
            (applied.codes, applied.said, applied.waits.len())
        })
        .collect();
    assert_eq!(seen[0].0, [AUTH_ERR]);
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
}

#[test]
fn logs_name_the_verdict_and_nothing_that_was_typed() {
    let mut host = Host::new(&["alice"]);
    let phone = host.site.enrol("alice");
    let wrong = wrong_code(&[&phone], 6, host.site.now());
    let code = host.code(&phone);
    host.login("alice")
        .step("authenticate")
        .answer(&[WORD, &wrong, &wrong, &wrong]);
    host.login("alice")
        .step("authenticate")
        .answer(&[WORD, &code]);
    // Somebody who has typed the password where the name belongs.
    host.at("bare", WORD)
        .step("authenticate")
        .answer(&["000000", "000000", "000000"]);
    host.site.stop();
    host.login("alice").step("authenticate").answer(&[WORD]);
    host.hears("alice at sshd: refused: middlewared is not running", 1);
    let log = host.machine.syslog();
    let own: Vec<_> = log
        .lines()
        .filter(|line| line.contains("pam_middleware"))
        .collect();
    let own = own.join("\n");
    for words in [
        "alice at sshd: refused: Wrong",
        "alice at sshd: let in: Accepted",
        "an unknown account at bare: refused: Wrong",
    ] {
        assert!(own.contains(words), "'{words}' in {own}");
    }
    for secret in [WORD, &wrong, &code, "000000", &phone.secret, "AAAAC3Nza"] {
        assert!(!own.contains(secret), "'{secret}' in {own}");
    }
    // 10 is authpriv; syslog(3).
    assert!(
        own.lines()
            .all(|line| matches!(priority(line), Some(number) if number / 8 == 10)),
        "{own}"
    );
}

fn priority(line: &str) -> Option<u32> {
    let (number, _) = line.strip_prefix('<')?.split_once('>')?;
    number.parse().ok()
}

/// One code is good once, at whatever door and however many come at once.
#[test]
fn a_code_that_was_used_elsewhere_is_used_here() {
    let mut host = Host::new(&["alice"]);
    let phone = host.site.enrol("alice");
    let code = host.code(&phone);
    assert_eq!(host.site.verdict(&login("alice").code(&code)), "ACCEPTED");
    let applied = host
        .login("alice")
        .step("authenticate")
        .answer(&[WORD, &code, &code, &code]);
    check(&applied, AUTH_ERR, &[PASSWORD, CODE, CODE, CODE]);
}

/// The daemon of a user who is not root is believed where it is named, and only there.
#[test]
fn the_daemon_of_another_user_is_believed_only_where_it_is_named() {
    let uid = other_uid();
    let daemon = Daemon::builder().uid(uid).start();
    let stacks = daemon.dir().join("pam.d");
    std::fs::create_dir(&stacks).unwrap();
    let asked = |options: &str| {
        let socket = daemon.socket().display();
        let line = format!("auth [success=ok default=die] MODULE socket={socket} {options}");
        testkit::write_stack(&stacks.join("door"), &[&line]);
        let root = testkit::Application::new(&stacks, "door", "root").step("rhost=198.51.100.7");
        root.step("authenticate").answer(&["123456"])
    };
    let named = asked(&format!("peer_uid={uid}"));
    // Two-factor authentication is off.
    check(&named, SUCCESS, &[]);
    for options in ["", "peer_uid=0", &format!("peer_uid={}", uid + 1)] {
        check(&asked(options), AUTHINFO_UNAVAIL, &[]);
    }
    let told = daemon.connect().call("auth.twofactor.audit", json!([]));
    assert_eq!(told, json!([]));
}
