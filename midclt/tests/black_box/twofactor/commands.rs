//! The commands that ask the daemon once: words to params, a result to text and to JSON.

use serde_json::{Value, json};

use super::script::{Script, refuses, right};
use super::{QUERY, device, locked, said};

/// One command, its call, and its text.
pub(super) fn check(
    words: &[&str],
    (method, params): (&'static str, Value),
    result: &Value,
    text: &str,
) {
    let played = Script::new().on(method, right(result)).play();
    let run = |words: &[&str]| said(&played.midclt(words).output().unwrap());
    let words = [&["2fa"], words].concat();
    let printed = run(&words);
    assert_eq!(printed, (0, text.to_owned(), String::new()), "{words:?}");
    let mut asked = played.asked();
    // After a permission: whether anybody is asked at all.
    asked.retain(|(method, _)| method != "auth.twofactor.config");
    assert_eq!(asked, [(method.to_owned(), params)], "{words:?}");

    let (exit, stdout, stderr) = run(&[words.as_slice(), &["--json"]].concat());
    assert_eq!((exit, stderr.as_str()), (0, ""), "{words:?}");
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(&found, result, "{words:?}");
    assert_eq!(stdout.lines().count(), 1, "{words:?}");
}

#[test]
fn policies() {
    let policy = json!({"unenrolled": "DENY", "throttle": {"first_wait": 30}});
    let text = "unenrolled=DENY         accounts without a device: DENY or ALLOW\n\
                throttle.first_wait=30  seconds; each further one doubles it, up to 1 h\n";
    check(
        &["policy"],
        ("auth.twofactor.policy.config", json!([])),
        &policy,
        text,
    );
    let update = "auth.twofactor.policy.update";
    check(
        &["policy", "throttle.first_wait=30", "unenrolled=DENY"],
        (
            update,
            json!([{"throttle": {"first_wait": 30}, "unenrolled": "DENY"}]),
        ),
        &policy,
        text,
    );
    check(
        &["policy", "unenrolled=ALLOW", "--yes"],
        (update, json!([{"unenrolled": "ALLOW"}])),
        &policy,
        text,
    );
}

#[test]
fn accounts() {
    check(
        &["unlock", "alice"],
        ("auth.twofactor.unlock", json!(["alice"])),
        &json!({"failures_forgiven": 7, "floors_reset": 0, "clock_synchronised": true}),
        "alice need not wait any more: 7 wrong codes forgotten.\n",
    );
    check(
        &["reset", "alice", "--yes"],
        ("user.unset_2fa_secret", json!(["alice"])),
        &Value::Null,
        "alice has no second factor any more.\n\
         To set one up: midclt 2fa device add alice\n",
    );
}

#[test]
fn logs() {
    let entry = json!([{"id": 1, "at": 1_795_508_731, "uid": 0, "pid": 7, "login_uid": null,
                        "method": "auth.twofactor.authenticate", "outcome": "wrong",
                        "username": "alice", "service": "sshd", "source": "192.0.2.1",
                        "count": 3}]);
    let line = "2026-11-24 08:25:31  wrong  alice  sshd  192.0.2.1  x3\n";
    let audit = "auth.twofactor.audit";
    check(&["log"], (audit, json!([{"limit": 20}])), &entry, line);
    check(
        &["log", "alice", "--outcome", "wrong", "--limit", "5"],
        (
            audit,
            json!([{"username": "alice", "outcome": "wrong", "limit": 5}]),
        ),
        &entry,
        line,
    );
}

#[test]
fn qr_codes() {
    const URI: &str = "otpauth://totp/x?secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let played = Script::new()
        .on("user.provisioning_uri", right(&json!(URI)))
        .on(
            QUERY,
            right(&json!([
                device(1, "old", "PENDING"),
                device(2, "phone", "ACTIVE")
            ])),
        )
        .play();
    let run = |words: &[&str]| said(&played.midclt(words).output().unwrap());
    let (exit, stdout, stderr) = run(&["2fa", "qr", "alice"]);
    assert_eq!((exit, stderr.as_str()), (0, ""));
    assert!(
        stdout.ends_with(
            "secret: ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567\ndevice 2 (phone) of alice\n"
        ),
        "{stdout}"
    );
    let call = ("user.provisioning_uri".to_owned(), json!(["alice"]));
    assert_eq!(played.asked()[0], call);
    let json = run(&["2fa", "qr", "alice", "--json"]);
    assert_eq!(json, (0, format!("\"{URI}\"\n"), String::new()));

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("code.png").display().to_string();
    let words = ["2fa", "qr", "alice", "--png", &path];
    let warning = format!("midclt: {path} holds the secret: remove it once the phone has it\n");
    assert_eq!(run(&words), (0, String::new(), warning));
    let written = std::fs::read(&path).unwrap();
    assert!(written.starts_with(b"\x89PNG"));
    let refused = format!("midclt: {path} exists; a secret is written to a new file only\n");
    assert_eq!(run(&words), (1, String::new(), refused));
    assert_eq!(std::fs::read(&path).unwrap(), written);
}

/// Where there is no active device it says what there is, and what to do.
#[test]
fn no_qr_code() {
    let none = |errno: i32| {
        refuses(
            -32001,
            &json!({"error": errno, "errname": "E", "reason": "none"}),
        )
    };
    let check = |words: &[&str], pending: bool, on: bool, expected: &str| {
        let devices = if pending {
            vec![device(1, "phone", "PENDING")]
        } else {
            Vec::new()
        };
        let played = Script::new()
            .on("user.provisioning_uri", none(14))
            .on("auth.twofactor.provisioning_uri", none(2))
            .on(QUERY, right(&json!(devices)))
            .on("auth.twofactor.config", right(&json!({"enabled": on})))
            .play();
        let output = played.midclt(&[&["2fa", "qr"], words].concat()).output();
        assert_eq!(
            said(&output.unwrap()),
            (1, String::new(), expected.to_owned())
        );
    };
    let pending = "midclt: a secret that was shown for a pending device cannot be shown again\n";
    let add = "midclt: root has no active device: midclt 2fa device add root\n";
    check(
        &[],
        false,
        false,
        "midclt: root has no active device: midclt 2fa enable\n",
    );
    check(&[], false, true, add);
    check(&[], true, true, &format!("{add}{pending}"));
    check(
        &["bob"],
        false,
        false,
        "midclt: bob has no active device: midclt 2fa device add bob\n",
    );
}

/// A secret is not left in a file of no use, and nothing is asked that could not be kept.
#[test]
fn a_picture_that_cannot_be() {
    let played = Script::new().on("user.provisioning_uri", locked()).play();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("code.png");
    let run = |path: &std::path::Path| {
        let words = ["2fa", "qr", "alice", "--png", path.to_str().unwrap()];
        said(&played.midclt(&words).output().unwrap())
    };
    assert_eq!(run(&path).0, 1);
    assert!(!path.exists());
    assert_eq!(played.asked().len(), 1);
    assert_eq!(run(&directory.path().join("none/code.png")).0, 1);
    assert_eq!(played.asked().len(), 0);
}

/// Names that others chose must not drive the terminal.
#[test]
fn control_characters_of_a_name_are_shown() {
    let entry = json!([{"id": 1, "username": "a\u{1b}[2Jb", "expires": 0, "created": 0}]);
    let played = Script::new()
        .on("auth.twofactor.invite.query", right(&entry))
        .play();
    let (exit, stdout, _) = said(
        &played
            .midclt(&["2fa", "invite", "--list"])
            .output()
            .unwrap(),
    );
    assert_eq!(
        (exit, stdout.as_str()),
        (
            0,
            "ID  USER    UNTIL (UTC)\n1   a\\u{1b}[2Jb  1970-01-01 00:00\n"
        )
    );
}

#[test]
fn errors_are_those_of_a_call() {
    let played = Script::new().on("auth.twofactor.unlock", locked()).play();
    let run = |words: &[&str]| said(&played.midclt(words).output().unwrap());
    let error = "midclt: [EBUSY] Too many wrong codes; wait 30 s\n";
    assert_eq!(
        run(&["2fa", "unlock", "a"]),
        (1, String::new(), error.to_owned())
    );
    assert_eq!(
        run(&["-q", "2fa", "unlock", "a"]),
        (1, String::new(), String::new())
    );
    let played = Script::new()
        .on("auth.twofactor.unlock", right(&json!({"other": 1})))
        .play();
    let unknown =
        "midclt: the daemon's answer has an unknown form: are both of the same version?\n";
    let output = played.midclt(&["2fa", "unlock", "a"]).output().unwrap();
    assert_eq!(said(&output), (1, String::new(), unknown.to_owned()));
}
