//! What the daemon is asked, and what is shown of its answers.

use nix::unistd::geteuid;
use serde_json::{Value, json};

use super::fake::{Act, Fake, answer};
use super::{AUTH_ERR, CODE, MAXTRIES, SUCCESS};

fn told(verdict: &str, message: &str) -> Act {
    let mut answer = answer(verdict);
    answer["message"] = json!(message);
    Act::Result(answer)
}

fn warned(verdict: &str, warning: &str) -> Act {
    let mut answer = answer(verdict);
    answer["warnings"] = json!([warning]);
    Act::Result(answer)
}

/// What each call has asked.
fn questions(fake: &Fake) -> Vec<Value> {
    let mut heard = fake.heard();
    heard.iter_mut().map(|params| params[0].take()).collect()
}

#[test]
fn it_says_who_from_where_and_what_is_proven() {
    let cases = [
        (
            vec![super::KEY, "rhost=198.51.100.7", "tty=ssh"],
            json!({"username": "root", "uid": 0, "service": "sshd", "source": "198.51.100.7",
                "tty": "ssh", "factor": "publickey:ssh-ed25519 AAAAC3Nza"}),
        ),
        (
            vec!["rhost=2001:db8::1"],
            json!({"username": "root", "uid": 0, "service": "sshd", "source": "2001:db8::1"}),
        ),
        (
            vec![
                "rhost=",
                "tty=/dev/pts/3",
                "env=SSH_AUTH_INFO_0=keyboard-interactive/pam",
            ],
            json!({"username": "root", "uid": 0, "service": "sshd", "tty": "/dev/pts/3"}),
        ),
        (
            vec!["user=nobody-has-this-name", super::KEY],
            json!({"username": "nobody-has-this-name", "service": "sshd"}),
        ),
    ];
    for (steps, expected) in cases {
        let fake = Fake::start(&[told("NOT_REQUIRED", "")]);
        let mut application = fake.application("sshd");
        for step in &steps {
            application = application.step(step);
        }
        let applied = application.step("authenticate").answer(&[]);
        assert_eq!(applied.code(), SUCCESS, "{steps:?}");
        assert_eq!(questions(&fake), [expected], "{steps:?}");
    }
}

/// Only sshd checks keys: whatever another program has in PAM's environment proves nothing.
#[test]
fn a_key_that_another_service_names_is_not_proven() {
    let fake = Fake::start(&[told("NOT_REQUIRED", "")]);
    let other = fake.application("other").step(super::KEY);
    other.step("authenticate").answer(&[]);
    assert_eq!(
        questions(&fake),
        [json!({"username": "root", "uid": 0, "service": "other"})]
    );
}

#[test]
fn the_account_phase_asks_what_the_auth_phase_has_not() {
    let fake = Fake::start(&[told("EXEMPT", "until Friday")]);
    let applied = fake.login().step("account").answer(&[]);
    assert_eq!(
        (applied.code(), applied.shown()),
        (SUCCESS, vec!["until Friday"])
    );
    assert_eq!(questions(&fake)[0]["factor"], "session");
    // With a verdict of its own nothing is asked.
    let applied = fake
        .login()
        .step("authenticate")
        .step("account")
        .answer(&[]);
    assert_eq!(applied.codes, [SUCCESS, SUCCESS]);
    assert_eq!(questions(&fake).len(), 2);
    // It was another account's verdict.
    let applied = fake
        .login()
        .step("authenticate")
        .step("user=daemon")
        .step("account");
    assert_eq!(applied.answer(&[]).codes, [SUCCESS, SUCCESS]);
    assert_eq!(questions(&fake).len(), 4);
    assert_eq!(questions(&fake)[3]["username"], "daemon");
}

/// A refusal stays one, whatever the rest of the stack makes of it.
#[test]
fn what_the_auth_phase_refused_the_account_phase_refuses() {
    let fake = Fake::start(&[told("NOT_ENROLLED", ""), told("EXEMPT", "")]);
    let applied = fake
        .login()
        .step("authenticate")
        .step("account")
        .answer(&[]);
    assert_eq!(applied.codes, [6, 6]);
    // A handle that is used again begins anew.
    let applied = fake
        .login()
        .step("authenticate")
        .step("account")
        .answer(&[]);
    assert_eq!(applied.codes, [SUCCESS, SUCCESS]);
}

#[test]
fn the_prompt_is_echoed_and_may_be_another() {
    let fake = Fake::start(&[
        told("CODE_REQUIRED", "Verification code"),
        told("ACCEPTED", ""),
    ]);
    fake.stack(&format!(
        "[prompt=Code of your phone: ] peer_uid={}",
        geteuid()
    ));
    let applied = fake.login().step("authenticate").answer(&["012 345"]);
    assert_eq!(applied.code(), SUCCESS);
    let prompt = ("prompt".to_owned(), "Code of your phone: ".to_owned());
    assert_eq!(applied.said, [prompt]);
    assert_eq!(questions(&fake)[1]["token"], "012 345");
    assert!(questions(&fake)[0].get("token").is_none());
}

#[test]
fn there_are_three_tries_and_the_reason_between_them() {
    let fake = Fake::start(&[
        warned("CODE_REQUIRED", "mind the gap"),
        told("WRONG", "wrong, wait"),
        told("REPLAYED", "used already"),
        told("WRONG", "wrong again"),
        told("ACCEPTED", "never asked"),
    ]);
    let applied = fake
        .login()
        .step("authenticate")
        .answer(&["1", "2", "3", "4"]);
    assert_eq!(applied.code(), AUTH_ERR);
    let said: Vec<_> = applied
        .said
        .iter()
        .map(|(style, text)| (style.as_str(), text.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("info", "mind the gap"),
            ("prompt", CODE),
            ("error", "wrong, wait"),
            ("prompt", CODE),
            ("error", "used already"),
            ("prompt", CODE),
            ("error", "wrong again"),
        ]
    );
    assert_eq!(applied.waits.len(), 1, "{applied:?}");
    assert!(applied.waits[0].as_secs() >= 1, "{applied:?}");
}

/// Before that, a message would tell of the account.
#[test]
fn nothing_but_the_prompt_is_shown_before_the_first_factor() {
    let answers = [
        told("CODE_REQUIRED", "shown"),
        told("WRONG", "shown"),
        warned("CODE_REQUIRED", "shown"),
        told("LOCKED", "shown"),
    ];
    for (typed, prompts, code) in [(vec!["1", "2", "3"], 3, MAXTRIES), (vec!["1"], 2, 19)] {
        let fake = Fake::start(&answers);
        let applied = fake.stranger().step("authenticate").answer(&typed);
        assert_eq!(applied.code(), code, "{applied:?}");
        assert_eq!(applied.prompts(), vec![CODE; prompts]);
        assert_eq!(applied.shown(), [""; 0]);
    }
    let mut enrol = answer("NOT_ENROLLED");
    enrol["may_enrol"] = json!(true);
    for act in [
        told("ACCEPTED", "shown"),
        told("LOCKED", "shown"),
        Act::Result(enrol),
        Act::Drop,
    ] {
        let fake = Fake::start(&[act]);
        let applied = fake.stranger().step("authenticate").answer(&[]);
        assert_eq!(applied.shown(), [""; 0]);
        assert!(
            applied.prompts().iter().all(|prompt| *prompt == CODE),
            "{applied:?}"
        );
    }
}

/// Locked is locked for codes; recovery codes have waits of their own, so one may be typed.
#[test]
fn whoever_is_locked_out_may_type_a_recovery_code() {
    let locked = || told("LOCKED", "Try again in 30 s");
    let prompt = "Recovery code (Enter to give up): ";
    let cases = [
        ("", vec![locked()], MAXTRIES, vec!["Try again in 30 s"]),
        (
            "AAAA",
            vec![locked(), told("ACCEPTED", "")],
            SUCCESS,
            vec!["Try again in 30 s"],
        ),
        (
            "123456",
            vec![locked(), locked()],
            MAXTRIES,
            vec!["Try again in 30 s", "Try again in 30 s"],
        ),
        (
            "AAAA",
            vec![locked(), told("WRONG", "wrong")],
            AUTH_ERR,
            vec!["Try again in 30 s", "wrong"],
        ),
    ];
    for (typed, answers, code, shown) in cases {
        let fake = Fake::start(&answers);
        let applied = fake
            .login()
            .step("authenticate")
            .answer(&[typed, "again", "again"]);
        assert_eq!(applied.code(), code, "{typed}");
        assert_eq!(applied.prompts(), [prompt], "{typed}");
        assert_eq!(applied.shown(), shown, "{typed}");
        assert_eq!(applied.waits.len(), usize::from(code != SUCCESS), "{typed}");
    }
}

#[test]
fn what_no_code_can_be_stays_here() {
    let fake = Fake::start(&[told("CODE_REQUIRED", ""), told("ACCEPTED", "")]);
    let long = "1".repeat(129);
    let applied = fake.login().step("authenticate").answer(&[&long, "123456"]);
    assert_eq!(applied.code(), SUCCESS);
    assert_eq!(applied.shown(), ["This is no code. Nothing was counted"]);
    assert_eq!(questions(&fake).len(), 2);
}

/// `PAM_SILENT`: a program that wants to hear nothing but questions.
#[test]
fn a_silent_program_hears_only_prompts() {
    let fake = Fake::start(&[
        warned("CODE_REQUIRED", "shown"),
        told("WRONG", "shown"),
        warned("ACCEPTED", "shown"),
    ]);
    let login = fake.login().step("silent").step("authenticate");
    let applied = login.answer(&["1", "2"]);
    assert_eq!((applied.code(), applied.prompts().len()), (SUCCESS, 2));
    assert_eq!(applied.shown(), [""; 0]);
}

/// Otherwise a host whose root has no password has no way back.
#[test]
fn a_console_is_not_asked() {
    let fake = Fake::start(&[told("CODE_REQUIRED", "")]);
    let at = |steps: &[&str]| {
        let before = fake.connections();
        let mut application = fake.application("sshd");
        for step in steps {
            application = application.step(step);
        }
        let applied = application.step("authenticate").step("account").answer(&[]);
        (
            applied.codes == [SUCCESS, SUCCESS],
            fake.connections() > before,
        )
    };
    let is_let_in = (true, false);
    let is_asked = (false, true);
    let cases: &[(&[&str], _)] = &[
        (&["tty=/dev/tty1"], is_let_in),
        (&["tty=ttyS0", "rhost="], is_let_in),
        (&["tty=ttyS0", "rhost=198.51.100.7"], is_asked),
        (&["tty=tty1", "rhost=127.0.0.1"], is_asked),
        (&["tty=/dev/pts/1"], is_asked),
        (&["tty=ssh"], is_asked),
        (&[], is_asked),
    ];
    for (steps, expected) in cases {
        assert_eq!(at(steps), *expected, "{steps:?}");
    }
    fake.stack(&format!("console=ask peer_uid={}", geteuid()));
    for (steps, _) in cases {
        assert_eq!(at(steps), is_asked, "console=ask, {steps:?}");
    }
}
