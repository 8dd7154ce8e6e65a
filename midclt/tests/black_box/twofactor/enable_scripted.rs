//! `midclt 2fa enable` where nobody answers questions, and as JSON.

use serde_json::json;

use super::enable::{GO_ON, NOT_ON, SECOND, SHOWS, enable};
use super::script::{Script, right};
use super::{QUERY, STATUS, UPDATE, VERIFY, again, device, first_time, locked, said, status};

#[test]
fn on_already() {
    let on = right(&status(&json!({"enabled": true})));
    let config = right(&json!({"id": 1, "enabled": true}));
    let played = first_time()
        .but(STATUS, vec![on])
        .on("auth.twofactor.config", config)
        .play();
    let output = played
        .midclt(&["2fa", "enable", "--yes", "--code", "1"])
        .output();
    let text = "It is on already.\nHow it stands: midclt 2fa status\n";
    assert_eq!(said(&output.unwrap()), (0, text.to_owned(), String::new()));
    assert_eq!(played.methods(), [STATUS, "auth.twofactor.config"]);
}

/// A script: nothing is asked, the option that is missing is named, and nothing is called before.
#[test]
fn without_a_terminal() {
    let check = |script: Script, words: &[&str], exit: i32, stderr: &str, methods: &[&str]| {
        let played = script.play();
        let output = played
            .midclt(&[&["2fa", "enable"], words].concat())
            .output();
        let (found, stdout, said) = said(&output.unwrap());
        assert_eq!((found, said.as_str()), (exit, stderr), "{words:?}");
        assert_eq!(stdout.is_empty(), exit != 0, "{words:?}");
        assert_eq!(played.methods(), methods, "{words:?}");
    };
    check(
        again(),
        &[],
        2,
        "midclt: this asks before it acts, and there is no terminal to ask on: --yes is missing\n",
        &[],
    );
    check(
        again(),
        &["--yes"],
        2,
        "midclt: there is no terminal to ask for a code on: --code is missing\n",
        &[],
    );
    check(
        first_time(),
        &["--yes", "--code", "123456"],
        1,
        &format!(
            "midclt: root has no active device\n\
             midclt: set one up on a terminal: midclt 2fa enable --user root\n\
             midclt: or in a script: midclt 2fa device add root --json\n{NOT_ON}"
        ),
        &[STATUS, QUERY],
    );
    let alices = right(&json!([device(1, "phone", "ACTIVE")]));
    check(
        again().but(QUERY, vec![alices, right(&json!([]))]),
        &["--user", "alice", "--yes", "--code", "123456"],
        1,
        &format!(
            "midclt: root has no active device\n\
             midclt: set one up on a terminal: midclt 2fa enable --user root\n\
             midclt: or in a script: midclt 2fa device add root --json\n{NOT_ON}"
        ),
        &[STATUS, QUERY, QUERY],
    );
    check(
        again(),
        &["--yes", "--code", "123456"],
        0,
        "",
        &[STATUS, QUERY, VERIFY, UPDATE],
    );
    check(
        again().but(VERIFY, vec![right(&json!(false))]),
        &["--yes", "--code", "000000"],
        1,
        &format!("midclt: This code is wrong, or was used before: take the next one.\n{NOT_ON}"),
        &[STATUS, QUERY, VERIFY],
    );
}

#[test]
fn json_is_the_result_alone() {
    // Root's secret is in the settings, and is nothing for a screen or a log.
    let settings = json!({"id": 1, "secret": "ABCDEFGH", "enabled": true, "window": 1});
    let played = again().but(UPDATE, vec![right(&settings)]).play();
    let words = ["2fa", "enable", "--yes", "--code", "123456", "--json"];
    let output = played.midclt(&words).output();
    let json = "{\"id\": 1, \"enabled\": true, \"window\": 1}\n";
    assert_eq!(said(&output.unwrap()), (0, json.to_owned(), String::new()));

    let mut terminal = enable(&played, &["--json"]);
    terminal.answer(GO_ON, "y");
    terminal.answer(SHOWS, "123456");
    terminal.answer(SECOND, "n");
    let (exit, stdout, _) = terminal.end();
    assert_eq!((exit, stdout.as_str()), (0, json));
}

/// The answer to the last call is lost: then nobody may say that it is not on.
#[test]
fn a_refused_update_is_not_called_off() {
    let played = again().but(UPDATE, vec![locked()]).play();
    let words = ["2fa", "enable", "--yes", "--code", "123456"];
    let (exit, _, stderr) = said(&played.midclt(&words).output().unwrap());
    assert_eq!(
        (exit, stderr.as_str()),
        (1, "midclt: [EBUSY] Too many wrong codes; wait 30 s\n")
    );
}
