//! Devices and recovery codes: what is shown, asked and kept.

use serde_json::{Value, json};

use super::pty::{CTRL_D, Terminal};
use super::script::{Played, Script, right};
use super::{
    CONFIRM, CREATE, GENERATE, QUERY, REMAINING, SAVED, codes, device, new_device, said, wrong_code,
};

const SCAN: &str = "Scan it, then type the code that the app shows: ";
const SAVED_IT: &str = "Saved? From now on only these codes count. [y/n] ";
const PENDING: &str = "midclt: device 3 (phone) of root stays pending until 2026-11-24 08:25 UTC\n\
                       midclt: to finish it: midclt 2fa device confirm 3\n";
const SECRET: &str = "secret: ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567\n";
const DELETE: &str = "auth.twofactor.device.delete";

fn script() -> Script {
    Script::new()
        .on(CREATE, right(&new_device(3, "phone")))
        .on(CONFIRM, right(&device(3, "phone", "ACTIVE")))
        .on(
            QUERY,
            right(&json!([
                device(1, "phone", "ACTIVE"),
                device(3, "new", "PENDING")
            ])),
        )
        .on(GENERATE, right(&codes()))
        .on(SAVED, right(&json!({"username": "root", "remaining": 10})))
        .on(
            REMAINING,
            right(&json!({"remaining": 2, "unsaved": true, "created": 0})),
        )
}

fn run(played: &Played, words: &[&str]) -> super::Said {
    said(&played.midclt(&[&["2fa"], words].concat()).output().unwrap())
}

fn at_terminal(played: &Played, words: &[&str]) -> Terminal {
    Terminal::start(&mut played.midclt(&[&["2fa"], words].concat()))
}

#[test]
fn add_at_a_terminal() {
    let played = script().play();
    let mut terminal = at_terminal(&played, &["device", "add", "root", "--name", "phone"]);
    terminal.asks(SECRET);
    terminal.answer(SCAN, "123456");
    let (exit, stdout, _) = terminal.end();
    assert_eq!(
        (exit, stdout.as_str()),
        (0, "Device 3 (phone) of root is active.\n")
    );
    let request = json!([{"username": "root", "name": "phone"}]);
    let confirm = json!([{"id": 3, "token": "123456"}]);
    assert_eq!(
        played.asked(),
        [
            (QUERY.to_owned(), json!([{"username": "root"}])),
            (CREATE.to_owned(), request),
            (CONFIRM.to_owned(), confirm)
        ]
    );
}

#[test]
fn add_and_leave() {
    for keys in [&[CTRL_D][..], &["000000", CTRL_D], &["0"; 3]] {
        let played = script().but(CONFIRM, vec![wrong_code()]).play();
        let mut terminal = at_terminal(&played, &["device", "add", "root"]);
        for keys in keys {
            terminal.answer(SCAN, keys);
        }
        let (exit, _, shown) = terminal.end();
        assert_eq!(exit, 1);
        assert!(shown.ends_with(PENDING), "{shown}");
    }
}

/// The result is the picture, or JSON with the secret; the code is given later.
#[test]
fn add_without_a_terminal() {
    let played = script().play();
    let invite = "K-ABCD-EFGH-IJKL-MNOP";
    let words = ["device", "add", "root", "--invite", invite];
    let (exit, stdout, stderr) = run(&played, &words);
    assert_eq!((exit, stderr.as_str()), (0, PENDING));
    assert!(stdout.ends_with(SECRET), "{stdout}");
    let request = json!([{"username": "root", "invite": invite}]);
    assert_eq!(played.asked()[1], (CREATE.to_owned(), request));

    let (exit, stdout, stderr) = run(&played, &["device", "add", "root", "--json"]);
    assert_eq!((exit, stderr.as_str()), (0, ""));
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(answer, new_device(3, "phone"));
}

#[test]
fn add_as_a_file() {
    let played = script().play();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("code.png").display().to_string();
    let words = ["device", "add", "root", "--png", &path];
    let mut terminal = at_terminal(&played, &words);
    terminal.asks("holds the secret");
    let (exit, stdout, shown) = terminal.end();
    assert_eq!((exit, stdout.as_str()), (0, ""));
    assert!(shown.ends_with(PENDING), "{shown}");
    assert!(!shown.contains("ABCD"), "{shown}");
    played.asked();
    // No device is made that nobody could be shown.
    assert_eq!(run(&played, &words).0, 1);
    assert_eq!(played.asked(), []);
}

#[test]
fn confirm() {
    let played = script().play();
    let active = "Device 3 (phone) of root is active.\n";
    let done = run(&played, &["device", "confirm", "3", "--code", "012345"]);
    assert_eq!(done, (0, active.to_owned(), String::new()));
    let call = json!([{"id": 3, "token": "012345"}]);
    assert_eq!(played.asked(), [(CONFIRM.to_owned(), call)]);

    let mut terminal = at_terminal(&played, &["device", "confirm", "3"]);
    terminal.answer("Type the code that the app shows: ", "123456");
    assert_eq!(terminal.end().1, active);
    played.asked();

    let missing = "midclt: there is no terminal to ask for the code on: --code is missing\n";
    let refused = run(&played, &["device", "confirm", "3"]);
    assert_eq!(refused, (2, String::new(), missing.to_owned()));
    assert_eq!(played.asked(), []);

    let played = script().but(CONFIRM, vec![wrong_code()]).play();
    let wrong = run(&played, &["device", "confirm", "3", "--code", "000000"]);
    assert_eq!(
        wrong,
        (1, String::new(), "midclt: This code is wrong.\n".to_owned())
    );
}

#[test]
fn a_code_is_not_asked_for_nothing() {
    let played = script().play();
    let check = |id: &str, said: &str| {
        let (exit, _, shown) = at_terminal(&played, &["device", "confirm", id]).end();
        assert_eq!((exit, shown.as_str()), (1, said));
        assert_eq!(played.methods(), [QUERY]);
    };
    check(
        "9",
        "midclt: there is no device 9: midclt 2fa device list\n",
    );
    check("1", "midclt: device 1 (phone) of root is active already\n");
    let (exit, _, stderr) = run(&played, &["device", "confirm", "x"]);
    let wrong = "a device number, see midclt 2fa device list";
    assert_eq!((exit, stderr.contains(wrong)), (2, true), "{stderr}");
}

#[test]
fn lists_and_names() {
    let played = script()
        .on(
            "auth.twofactor.device.update",
            right(&device(1, "tablet", "ACTIVE")),
        )
        .play();
    let (exit, stdout, _) = run(&played, &["device", "list", "root"]);
    assert_eq!(exit, 0);
    assert_eq!(
        stdout,
        "ID  USER  NAME   STATE    CODES   LAST USED (UTC)\n\
         1   root  phone  active   6/30 s  never\n\
         3   root  new    pending  6/30 s  expires 2026-11-24 08:25\n"
    );
    let renamed = run(&played, &["device", "rename", "1", "tablet"]);
    let text = "Device 1 of root is now called tablet.\n";
    assert_eq!(renamed, (0, text.to_owned(), String::new()));
    let asked = played.asked();
    assert_eq!(asked[0].1, json!([{"username": "root"}]));
    assert_eq!(asked[1].1, json!([1, {"name": "tablet"}]));
}

#[test]
fn remove() {
    let played = script().on(DELETE, right(&json!(true))).play();
    let missing =
        "midclt: this asks before it acts, and there is no terminal to ask on: --yes is missing\n";
    let refused = run(&played, &["device", "remove", "1"]);
    assert_eq!(refused, (2, String::new(), missing.to_owned()));
    let done = run(&played, &["device", "remove", "1", "--yes"]);
    assert_eq!(
        done,
        (0, "Device 1 is removed.\n".to_owned(), String::new())
    );
    assert_eq!(played.asked(), [(DELETE.to_owned(), json!([1]))]);

    for (keys, exit, calls) in [("y", 0, 3), ("n", 1, 2), (CTRL_D, 1, 2)] {
        let mut terminal = at_terminal(&played, &["device", "remove", "1"]);
        terminal.asks("Device 1 (phone) of root, active: its codes end at once.");
        // Nobody can say that it is off, so it may be on.
        terminal.asks("It is the last one: the account then counts as not enrolled, and a service");
        terminal.answer("Remove it? [y/N] ", keys);
        assert_eq!(terminal.end().0, exit);
        assert_eq!(played.asked().len(), calls, "{keys:?}");
    }
}

#[test]
fn renew() {
    let played = script().play();
    let mut terminal = at_terminal(&played, &["renew"]);
    terminal.answer(SCAN, "123456");
    assert_eq!(terminal.end().0, 0);
    let request = json!([{"username": "root", "replaces": 1}]);
    let asked = played.asked();
    assert_eq!(asked[0], (QUERY.to_owned(), json!([{"username": "root"}])));
    assert_eq!(asked[1], (CREATE.to_owned(), request));
    assert_eq!(asked[2].0, CONFIRM);

    let mut terminal = at_terminal(&played, &["renew", "root", "phone"]);
    terminal.answer(SCAN, CTRL_D);
    let (exit, _, shown) = terminal.end();
    assert_eq!(exit, 1);
    assert!(shown.ends_with(PENDING), "{shown}");
}

#[test]
fn renew_which() {
    let several = json!([device(1, "phone", "ACTIVE"), device(2, "tablet", "ACTIVE")]);
    let played = script().but(QUERY, vec![right(&several)]).play();
    let which = "midclt: root has several such devices; say which: midclt 2fa renew root DEVICE\n\
                 midclt:   1 phone\nmidclt:   2 tablet\n";
    assert_eq!(
        run(&played, &["renew"]),
        (2, String::new(), which.to_owned())
    );
    let (exit, ..) = run(&played, &["renew", "root", "tablet", "--json"]);
    assert_eq!(exit, 0);
    assert_eq!(played.asked().pop().unwrap().1[0]["replaces"], 2);
}

#[test]
fn recovery_at_a_terminal() {
    let later = "midclt: the new recovery codes do not count yet; the old ones, if any, still do\n\
                 midclt: once they are saved: midclt 2fa recovery --saved 7\n";
    for (keys, exit, end, calls) in [
        ("y", 0, "root has 10 recovery codes.\n", 2),
        ("n", 1, later, 1),
        (CTRL_D, 1, later, 1),
    ] {
        let played = script().play();
        let mut terminal = at_terminal(&played, &["recovery"]);
        terminal.answer(SAVED_IT, keys);
        let (found, stdout, shown) = terminal.end();
        assert_eq!(found, exit, "{shown}");
        assert_eq!(
            stdout.matches("K-ABCD-EFGH-IJKL-MNOP\n").count(),
            10,
            "{stdout}"
        );
        assert!(shown.ends_with(end), "{shown}");
        assert_eq!(played.asked().len(), calls);
    }
}

#[test]
fn recovery_in_a_script() {
    let played = script().play();
    let missing =
        "midclt: this asks before it acts, and there is no terminal to ask on: --yes is missing\n";
    assert_eq!(
        run(&played, &["recovery"]),
        (2, String::new(), missing.to_owned())
    );
    assert_eq!(played.asked(), []);

    let (exit, stdout, stderr) = run(&played, &["recovery", "root", "--yes"]);
    assert_eq!(
        (exit, stderr.as_str()),
        (0, "root has 10 recovery codes.\n")
    );
    assert!(stdout.starts_with("Recovery codes of root.\n"), "{stdout}");
    assert_eq!(played.methods(), [GENERATE, SAVED]);

    let (exit, stdout, stderr) = run(&played, &["recovery", "--json"]);
    assert_eq!(exit, 0);
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), codes());
    assert!(
        stderr.ends_with("midclt 2fa recovery --saved 7\n"),
        "{stderr}"
    );
    assert_eq!(played.methods(), [GENERATE]);

    let (exit, stdout, stderr) = run(&played, &["recovery", "--json", "--yes"]);
    assert_eq!((exit, stderr.as_str()), (0, ""));
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), codes());
    assert_eq!(played.methods(), [GENERATE, SAVED]);

    let saved = run(&played, &["recovery", "--saved", "7"]);
    assert_eq!(
        saved,
        (0, "root has 10 recovery codes.\n".to_owned(), String::new())
    );
    assert_eq!(played.asked(), [(SAVED.to_owned(), json!([7]))]);

    let (exit, stdout, _) = run(&played, &["recovery", "--remaining"]);
    assert_eq!(exit, 0);
    assert!(
        stdout.starts_with("root has 2 recovery codes left, made 1970"),
        "{stdout}"
    );
}
