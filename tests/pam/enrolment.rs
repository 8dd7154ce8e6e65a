//! A first device, set up at the login: the invite, the QR code that a scanner reads, the first code.

use serde_json::{Value, json};
use testkit::{Algorithm, Applied, totp};

use super::fake::{Act, Fake, answer};
use super::host::{Host, PASSWORD, WORD};
use super::{CODE, PERM_DENIED, SUCCESS};
use crate::qr::image::{Theme, read_back};
use crate::terminal::Screen;

const INVITE: &str = "Invite (Enter to skip): ";
const SECRET: &str = "HJDU2Q7IAO2GBS4KW2RWF3GD2GKMXYZS";
const URI: &str = "otpauth://totp/middlewared:alice%40vm?secret=HJDU2Q7IAO2GBS4KW2RWF3GD2GKMXYZS\
    &issuer=middlewared";

fn may_enrol(verdict: &str) -> Act {
    let mut answer = answer(verdict);
    answer["may_enrol"] = json!(true);
    Act::Result(answer)
}

fn issued() -> Act {
    Act::Result(json!({"id": 7, "secret": SECRET, "provisioning_uri": URI, "name": "phone"}))
}

fn confirmed() -> Act {
    Act::Result(json!({"id": 7, "username": "root", "name": "phone"}))
}

fn wrong(message: &str) -> Act {
    let extra = json!([["device_enrol.invite", message, 22]]);
    let data = json!({"error": 22, "errname": "EINVAL", "reason": "[EINVAL]", "extra": extra});
    Act::Error(json!({"code": -32602, "message": "Invalid params", "data": data}))
}

fn check(acts: &[Act], typed: &[&str], code: i64, prompts: &[&str]) -> (Applied, Vec<Value>) {
    let fake = Fake::start(acts);
    let applied = fake.login().step("authenticate").answer(typed);
    assert_eq!(applied.code(), code, "{applied:?}");
    assert_eq!(applied.prompts(), prompts, "{applied:?}");
    (applied, fake.heard())
}

#[test]
fn the_invite_and_the_first_code_let_in() {
    for verdict in ["NOT_ENROLLED", "NOT_REQUIRED"] {
        let acts = [may_enrol(verdict), issued(), confirmed()];
        let (applied, heard) = check(&acts, &[" abcd-efgh ", "123456"], SUCCESS, &[INVITE, CODE]);
        assert_eq!(
            heard[1],
            json!([{"username": "root", "uid": 0, "service": "sshd", "source": "198.51.100.7",
                "factor": "publickey:ssh-ed25519 AAAAC3Nza", "invite": "abcd-efgh"}])
        );
        assert_eq!(heard[2], json!([{"id": 7, "token": "123456"}]));
        let text = applied.shown().join("\n");
        assert!(
            text.contains("HJDU 2Q7I AO2G BS4K W2RW F3GD 2GKM XYZS"),
            "{text}"
        );
        assert_eq!(
            read_back(&Screen::parse(&text), Theme::DARK).as_deref(),
            Some(URI)
        );
        assert!(
            !text.contains('\x1b') && !text.contains("otpauth:"),
            "{text}"
        );
    }
}

/// Whatever goes wrong, the verdict stands: who was let in is, who was refused is.
#[test]
fn who_has_set_up_nothing_is_where_they_were() {
    let gone = Act::Drop;
    let cases: &[(&[Act], &[&str], &[&str])] = &[
        (&[], &[""], &[INVITE]),
        (&[], &["  "], &[INVITE]),
        (&[], &[], &[INVITE]),
        (&[wrong("no")], &["a", "b", "c", "d"], &[INVITE; 3]),
        (&[wrong("no")], &["a", ""], &[INVITE; 2]),
        (std::slice::from_ref(&gone), &["a"], &[INVITE]),
        (&[Act::Result(json!(true))], &["a"], &[INVITE]),
        (
            &[issued(), wrong("no")],
            &["a", "1", "2", "3"],
            &[INVITE, CODE, CODE, CODE],
        ),
        (&[issued()], &["a", "", "", ""], &[INVITE, CODE, CODE, CODE]),
        (&[issued()], &["a"], &[INVITE, CODE]),
        (&[issued(), gone.clone()], &["a", "1"], &[INVITE, CODE]),
    ];
    for (verdict, code) in [("NOT_ENROLLED", PERM_DENIED), ("NOT_REQUIRED", SUCCESS)] {
        for (acts, typed, prompts) in cases {
            let acts = [&[may_enrol(verdict)], *acts].concat();
            check(&acts, typed, code, prompts);
        }
    }
}

#[test]
fn a_wrong_invite_says_why_and_may_be_typed_again() {
    let acts = [
        may_enrol("NOT_ENROLLED"),
        wrong("This invite is over"),
        issued(),
        wrong("Look again"),
        confirmed(),
    ];
    let typed = ["aaaa", "bbbb", "111111", "222222"];
    let (applied, heard) = check(&acts, &typed, SUCCESS, &[INVITE, INVITE, CODE, CODE]);
    assert!(
        applied
            .said
            .contains(&("error".to_owned(), "This invite is over".to_owned()))
    );
    assert!(
        applied
            .said
            .contains(&("error".to_owned(), "Look again".to_owned()))
    );
    assert_eq!(heard[2][0]["invite"], "bbbb");
}

/// The code of the secret that was shown as groups of four.
fn code_of(shown: &Applied, now: u64) -> String {
    let text = shown.shown().join("\n");
    let (_, key) = text.split_once("or type this key: ").expect("a key");
    let secret = key.lines().next().unwrap().replace(' ', "");
    totp(&secret, 6, 30, now, Algorithm::Sha1)
}

#[test]
fn an_invite_of_our_daemon_sets_up_a_device_once() {
    let mut host = Host::new(&["bob"]);
    let made = host
        .site
        .call("auth.twofactor.invite.create", json!([{"username": "bob"}]));
    let invite = made["invite"].as_str().unwrap();
    let now = host.site.now();
    // A wrong password is not asked for an invite.
    let applied = host
        .login("bob")
        .step("authenticate")
        .answer(&["wrong", invite]);
    assert_eq!(applied.prompts(), [PASSWORD], "{applied:?}");
    let mut typed = 0;
    let applied = host
        .login("bob")
        .step("authenticate")
        .step("account")
        .converse(|so_far| {
            typed += 1;
            Some(match typed {
                1 => WORD.to_owned(),
                2 => "AAAA-AAAA-AAAA-AAAA".to_owned(),
                3 => invite.to_owned(),
                _ => code_of(so_far, now),
            })
        });
    assert_eq!(applied.codes, [SUCCESS, SUCCESS], "{applied:?}");
    assert_eq!(applied.prompts(), [PASSWORD, INVITE, INVITE, CODE]);
    assert!(
        applied.shown().concat().contains("This invite is wrong"),
        "{applied:?}"
    );
    let log = host.machine.syslog();
    for secret in [invite, &code_of(&applied, now), WORD] {
        assert!(!log.contains(secret), "'{secret}' in {log}");
    }
    // It is asked for from now on, and its first code is used up.
    host.site.pass(30);
    let code = code_of(&applied, host.site.now());
    let again = host
        .login("bob")
        .step("authenticate")
        .answer(&[WORD, &code]);
    assert_eq!(
        (again.code(), again.prompts()),
        (SUCCESS, vec![PASSWORD, CODE])
    );
}

/// A grace lets in, with an invite as well as without; a used invite is no invite.
#[test]
fn in_grace_an_invite_may_be_left_for_later() {
    let mut host = Host::new(&["bob"]);
    host.site
        .call("auth.twofactor.grace.create", json!([{"username": "bob"}]));
    host.site
        .call("auth.twofactor.invite.create", json!([{"username": "bob"}]));
    let applied = host
        .login("bob")
        .step("authenticate")
        .step("account")
        .answer(&[WORD, ""]);
    assert_eq!(applied.codes, [SUCCESS, SUCCESS], "{applied:?}");
    assert_eq!(applied.prompts(), [PASSWORD, INVITE]);
}
