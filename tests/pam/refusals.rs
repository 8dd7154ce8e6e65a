//! Whatever is not exactly an answer of the daemon refuses: `PAM_AUTHINFO_UNAVAIL`, in time.

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use nix::unistd::geteuid;
use serde_json::{Value, json};

use super::fake::{Act, Fake, answer};
use super::{AUTHINFO_UNAVAIL, CODE, CONV_ERR, SERVICE_ERR, SUCCESS};

/// The deadline of these tests.
const DEADLINE: Duration = Duration::from_millis(700);

const TOLD: &str = "The second factor cannot be checked now, so the login is refused. Try again \
    later, or ask the administrator";

/// A result in the reply to the question, as text.
fn reply(result: &str) -> Act {
    Act::Text(format!(r#"{{"jsonrpc":"2.0","result":{result},"id":ID}}"#))
}

fn with(change: impl FnOnce(&mut Value)) -> Act {
    let mut answer = answer("ACCEPTED");
    change(&mut answer);
    Act::Result(answer)
}

/// Everything that is no answer, but comes at once.
fn no_answers() -> Vec<Act> {
    vec![
        Act::Drop,
        Act::DropAfterRequest,
        Act::Bytes(b"ACCEPTED\r\n\r\n"),
        Act::Bytes(b"HTTP/1.1 200 OK\r\n\r\n"),
        Act::Bytes(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
        Act::Bytes(&[0xff; 4096]),
        Act::Frames(&[0xff; 64]),
        // A text of 2^63 - 1 bytes is announced.
        Act::Frames(b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff{\"jsonrpc\""),
        Act::Binary,
        Act::Close,
        Act::Text(String::new()),
        Act::Text("ACCEPTED".to_owned()),
        Act::Text("null".to_owned()),
        Act::Text("[]".to_owned()),
        Act::Text(r#"{"jsonrpc":"2.0","id":ID}"#.to_owned()),
        Act::Text(r#"{"jsonrpc":"2.0","result":{"verdict":"ACC"#.to_owned()),
        Act::Text(r#"{"jsonrpc":"2.0","result":{"verdict":"ACCEPTED"},"id":ID}"#.to_owned()),
        reply("null"),
        reply("true"),
        reply(r#""ACCEPTED""#),
        reply(r#"["ACCEPTED","",null,null,[]]"#),
        with(|answer| answer["verdict"] = json!("accepted")),
        with(|answer| answer["verdict"] = json!("WELCOME")),
        with(|answer| answer["verdict"] = json!(null)),
        with(|answer| answer["verdict"] = json!({"ACCEPTED": null})),
        with(|answer| answer["message"] = json!(7)),
        with(|answer| answer["warnings"] = json!(null)),
        with(|answer| answer["padding"] = json!("x".repeat(5 << 20))),
        Act::Error(json!({"code": -32001, "message": "Method call error"})),
        Act::Error(json!({"code": -32602, "message": "Invalid params", "data": {"error": 22}})),
        Act::Error(json!("ACCEPTED")),
    ]
}

/// Everything that would wait for ever: that a login ends at all is the module's own doing.
const SILENCES: [Act; 3] = [Act::Hang, Act::HangAfterUpgrade, Act::Trickle];

/// With a deadline that the test can wait for.
fn patient(fake: &Fake) {
    fake.stack(&format!("peer_uid={} timeout_ms=700", geteuid()));
}

#[test]
fn nobody_is_there() {
    let fake = Fake::nobody();
    for is_bound in [false, true] {
        if is_bound {
            drop(UnixListener::bind(fake.socket()).unwrap());
        }
        let applied = fake.login().step("authenticate").answer(&[]);
        assert_eq!(applied.code(), AUTHINFO_UNAVAIL);
        assert_eq!(applied.shown(), [TOLD]);
        // Nobody is kept waiting for what they did not do.
        assert!(applied.waits.is_empty(), "{:?}", applied.waits);
    }
    fs::remove_file(fake.socket()).unwrap();
    fs::write(fake.socket(), "ACCEPTED").unwrap();
    let applied = fake.login().step("authenticate").answer(&[]);
    assert_eq!(applied.code(), AUTHINFO_UNAVAIL);
}

#[test]
fn what_is_no_answer_refuses() {
    for act in no_answers() {
        let fake = Fake::start(std::slice::from_ref(&act));
        let applied = fake.login().step("authenticate").answer(&["123456"]);
        let what = format!("{act:.200?}");
        assert_eq!(applied.code(), AUTHINFO_UNAVAIL, "{what}: {applied:?}");
        assert_eq!(applied.prompts(), [""; 0], "{what}");
        let applied = fake.login().step("account").answer(&[]);
        assert_eq!(applied.code(), AUTHINFO_UNAVAIL, "account phase, {what}");
    }
}

#[test]
fn what_is_no_answer_refuses_in_mid_conversation_too() {
    for act in no_answers() {
        let fake = Fake::start(&[Act::Result(answer("CODE_REQUIRED")), act.clone()]);
        let applied = fake.login().step("authenticate").answer(&["123456"]);
        let what = format!("{act:.200?}");
        assert_eq!(applied.code(), AUTHINFO_UNAVAIL, "{what}: {applied:?}");
        assert_eq!(applied.prompts(), [CODE], "{what}");
        // What was typed is sent once, whatever became of it.
        let heard = fake.heard();
        let times = heard.iter().filter(|sent| sent[0]["token"] == "123456");
        assert!(times.count() <= 1, "{what}: {heard:?}");
    }
}

/// `UnixStream::connect` blocks for ever on a full backlog; a read has a new time limit for each byte.
#[test]
fn a_daemon_that_hangs_is_not_waited_for() {
    for act in SILENCES {
        let fake = Fake::start(std::slice::from_ref(&act));
        patient(&fake);
        let applied = fake.login().step("authenticate").answer(&[]);
        assert_eq!(applied.code(), AUTHINFO_UNAVAIL, "{act:?}");
        assert_eq!(fake.connections(), 1, "{act:?}");
    }
    let (fake, _held) = Fake::full();
    patient(&fake);
    let applied = fake.login().step("authenticate").answer(&[]);
    assert_eq!(applied.code(), AUTHINFO_UNAVAIL);
}

#[test]
fn a_daemon_that_hangs_in_mid_conversation_is_not_waited_for() {
    for act in SILENCES {
        let fake = Fake::start(&[Act::Result(answer("CODE_REQUIRED")), act.clone()]);
        patient(&fake);
        let applied = fake.login().step("authenticate").answer(&["123456"]);
        assert_eq!(applied.code(), AUTHINFO_UNAVAIL, "{act:?}");
    }
}

#[test]
fn a_daemon_that_chatters_is_not_heard_out() {
    let fake = Fake::start(&[Act::Chatter]);
    patient(&fake);
    let applied = fake.login().step("authenticate").answer(&[]);
    assert_eq!(applied.code(), AUTHINFO_UNAVAIL);
}

/// The deadline is the daemon's: whoever types takes the time that they need.
#[test]
fn the_time_of_typing_is_nobodys_deadline() {
    let answers = ["CODE_REQUIRED", "ACCEPTED"].map(|verdict| Act::Result(answer(verdict)));
    let fake = Fake::start(&answers);
    patient(&fake);
    let applied = fake.login().step("authenticate").converse(|_| {
        std::thread::sleep(DEADLINE * 2);
        Some("123456".to_owned())
    });
    assert_eq!(applied.code(), SUCCESS, "{applied:?}");
}

/// Whoever serves the socket hears the codes, so it has to be root, or the user who is named.
#[test]
fn a_socket_of_another_user_is_not_believed() {
    let fake = Fake::start(&[Act::Result(answer("ACCEPTED"))]);
    let own = geteuid().as_raw();
    fake.stack(&format!("peer_uid={own}"));
    assert_eq!(
        fake.login().step("authenticate").answer(&[]).code(),
        SUCCESS
    );
    let before = fake.heard().len();
    fake.stack(&format!("peer_uid={}", own + 1));
    let applied = fake.login().step("authenticate").answer(&[]);
    if own == 0 {
        // Root needs no naming; the tests of the feature `system` have a socket that is not root's.
        assert_eq!(applied.code(), SUCCESS);
        return;
    }
    assert_eq!(applied.code(), AUTHINFO_UNAVAIL);
    assert_eq!(
        fake.heard().len(),
        before,
        "something was said to a stranger"
    );
}

#[test]
fn an_option_that_is_not_known_refuses() {
    let fake = Fake::start(&[Act::Result(answer("ACCEPTED"))]);
    for options in [
        "panic",
        "nullok",
        "timeout_ms=soon",
        "Key",
        "console=maybe",
        "key key",
    ] {
        fake.stack(&format!("peer_uid={} {options}", geteuid()));
        for step in ["authenticate", "account"] {
            let applied = fake.login().step(step).answer(&[]);
            assert_eq!(applied.code(), SERVICE_ERR, "{options}, {step}");
        }
    }
    assert_eq!(fake.connections(), 0);
}

/// The line of keys belongs to sshd, which has checked them.
#[test]
fn key_is_refused_for_another_service_than_sshd() {
    let fake = Fake::start(&[Act::Result(answer("ACCEPTED"))]);
    fake.stack(&format!("peer_uid={} key", geteuid()));
    let other = fake.application("other").step(super::KEY);
    assert_eq!(other.step("authenticate").answer(&[]).code(), SERVICE_ERR);
    assert_eq!(
        fake.login().step("authenticate").answer(&[]).code(),
        SUCCESS
    );
    // The account phase knows no keys.
    assert_eq!(fake.login().step("account").answer(&[]).code(), SERVICE_ERR);
}

#[test]
fn a_prompt_that_nobody_answers_refuses() {
    let fake = Fake::start(&[Act::Result(answer("CODE_REQUIRED"))]);
    let applied = fake.login().step("authenticate").answer(&[]);
    assert_eq!(applied.code(), CONV_ERR);
    assert_eq!(applied.prompts(), [CODE]);
}

/// sshd ends a login whose modules all ignore `pam_setcred(3)`.
#[test]
fn credentials_are_always_granted() {
    let fake = Fake::nobody();
    assert_eq!(fake.login().step("setcred").answer(&[]).code(), SUCCESS);
}
