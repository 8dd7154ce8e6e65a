//! Off for everybody: who says so, and what is said then.

use serde_json::json;

use super::pty::{CTRL_C, CTRL_D, Terminal};
use super::script::{Played, Script, right};
use super::{UPDATE, locked, said};

const OFF: &str = "midclt: two-factor authentication is off for EVERYBODY on this machine\n\
                   midclt: to turn it on again: midclt 2fa enable\n\
                   midclt: milder, for one person: midclt 2fa bypass USER --reason TEXT\n";
const JSON: &str = "{\"id\": 1, \"enabled\": false}\n";
const QUESTION: &str = "Turn it off for everybody? [y/N] ";

const DONE: &str = "Two-factor authentication is off, for EVERYBODY. On again: midclt 2fa enable\n";
const CONFIG: &str = "auth.twofactor.config";

fn script() -> Script {
    Script::new()
        .on(UPDATE, right(&json!({"id": 1, "enabled": false})))
        .on(CONFIG, right(&json!({"id": 1, "enabled": true})))
}

/// Its calls, without the look before.
fn changes(played: &Played) -> Vec<(String, serde_json::Value)> {
    let mut asked = played.asked();
    asked.retain(|(method, _)| method != CONFIG);
    asked
}

/// Nothing is asked where there is nothing to do; and where the look fails, it goes on.
#[test]
fn it_looks_first() {
    let off = json!({"id": 1, "secret": "ABCDEFGH", "enabled": false});
    let played = script().but(CONFIG, vec![right(&off)]).play();
    let (exit, stdout, shown) = Terminal::start(&mut played.midclt(&["2fa", "disable"])).end();
    let already = "It is off already.\n";
    assert_eq!((exit, stdout.as_str(), shown.as_str()), (0, already, ""));
    let output = played
        .midclt(&["2fa", "disable", "--yes", "--json"])
        .output();
    assert_eq!(said(&output.unwrap()), (0, JSON.to_owned(), String::new()));
    assert_eq!(played.methods(), [CONFIG, CONFIG]);

    let played = script().but(CONFIG, vec![locked()]).play();
    let output = played.midclt(&["2fa", "disable", "--yes"]).output();
    assert_eq!(said(&output.unwrap()), (0, DONE.to_owned(), String::new()));
    assert_eq!(played.methods(), [CONFIG, UPDATE]);
}

#[test]
fn in_a_script() {
    let check = |words: &str, exit: i32, stdout: &str, stderr: &str, calls: usize| {
        let played = script().play();
        let words: Vec<_> = words.split(' ').collect();
        let output = played.midclt(&words).output().unwrap();
        let expected = (exit, stdout.to_owned(), stderr.to_owned());
        assert_eq!(said(&output), expected, "{words:?}");
        let asked = changes(&played);
        assert_eq!(asked.len(), calls, "{words:?}");
        for (method, params) in asked {
            assert_eq!(
                (method.as_str(), params),
                (UPDATE, json!([{"enabled": false}]))
            );
        }
    };
    let missing =
        "midclt: this asks before it acts, and there is no terminal to ask on: --yes is missing\n";
    check("2fa disable", 2, "", missing, 0);
    check("2fa disable --json", 2, "", missing, 0);
    check("2fa disable --yes", 0, DONE, "", 1);
    check("2fa disable -y --json", 0, JSON, "", 1);
    check("-q 2fa disable -y", 0, DONE, "", 1);
    // The same, as the original's users type it.
    let call = "call auth.twofactor.update {\"enabled\":false}";
    check(call, 0, JSON, OFF, 1);
    check(&format!("{call} -q"), 0, JSON, "", 1);
}

#[test]
fn at_a_terminal() {
    let check = |keys: &[&str], exit: i32, end: &str, calls: usize| {
        let played = script().play();
        let mut terminal = Terminal::start(&mut played.midclt(&["2fa", "disable"]));
        terminal.asks("off for EVERYBODY on this machine");
        terminal.asks("midclt 2fa bypass USER --reason TEXT");
        for keys in keys {
            terminal.answer(QUESTION, keys);
        }
        let (found, _, shown) = terminal.end();
        assert_eq!(found, exit, "{shown}");
        assert!(shown.ends_with(end), "{keys:?}\n{shown}");
        assert_eq!(changes(&played).len(), calls, "{keys:?}");
    };
    check(&["y"], 0, "y\n", 1);
    check(&["Y"], 0, "Y\n", 1);
    check(&["perhaps", "yes"], 0, "yes\n", 1);
    check(&["n"], 1, "midclt: nothing was changed\n", 0);
    check(&[""], 1, "midclt: nothing was changed\n", 0);
    check(&[CTRL_D], 1, "\nmidclt: stopped\n", 0);
    check(&[CTRL_C], 130, "^C\nmidclt: stopped\n", 0);
}

/// Only what turns it off: a change of something else while it is off says nothing.
#[test]
fn other_updates_are_silent() {
    let played = script().play();
    let words = ["call", "auth.twofactor.update", "{\"window\":1}"];
    let output = played.midclt(&words).output().unwrap();
    assert_eq!(said(&output), (0, JSON.to_owned(), String::new()));
}
