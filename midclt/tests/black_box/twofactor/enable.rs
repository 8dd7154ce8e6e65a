//! `midclt 2fa enable`: nothing is on before a phone works.

use serde_json::json;

use super::pty::{CTRL_C, CTRL_D, Terminal};
use super::script::{Played, right};
use super::{
    CONFIRM, CREATE, GENERATE, QUERY, REMAINING, SAVED, STATUS, UPDATE, VERIFY, again, device,
    first_time, locked, new_device, status, wrong_code,
};

pub(super) const GO_ON: &str = "Go on? [y/N] ";
const SCAN: &str = "Scan it, then type the code that the app shows: ";
const SAVED_IT: &str = "Saved? From now on only these codes count. [y/n] ";
pub(super) const SECOND: &str = "Set up a second device now? [y/N] ";
pub(super) const SHOWS: &str = "Type the code that it shows now: ";

pub(super) const NOT_ON: &str = "midclt: two-factor authentication was not turned on\n";
const PENDING: &str = "midclt: device 3 (phone) of root stays pending until 2026-11-24 08:25 UTC\n\
                       midclt: to finish it: midclt 2fa device confirm 3\n";
const ACTIVE: &str = "midclt: kept: device 3 (phone) of root is active\n";
const UNSAVED: &str = "midclt: the new recovery codes do not count yet; the old ones, if any, still do\n\
     midclt: once they are saved: midclt 2fa recovery --saved 7\n";
const CODES: &str = "midclt: kept: the recovery codes of root\n";

pub(super) fn enable(played: &Played, words: &[&str]) -> Terminal {
    Terminal::start(&mut played.midclt(&[&["2fa", "enable"], words].concat()))
}

#[test]
fn the_first_time() {
    let played = first_time().play();
    let mut terminal = enable(&played, &[]);
    terminal.answer(GO_ON, "y");
    terminal.answer(SCAN, "123456");
    terminal.answer(SAVED_IT, "yes");
    terminal.answer(SECOND, "");
    let (exit, stdout, shown) = terminal.end();
    assert_eq!(exit, 0, "{shown}");
    assert!(
        stdout.starts_with(
            "Two-factor authentication is on.\n\
             Codes of one step before and after now are accepted: window is 1 now.\n\
             sshd does not ask for codes: midclt 2fa ssh enable\n"
        ),
        "{stdout}"
    );
    assert!(shown.contains("will be accepted (window 1)."), "{shown}");
    assert!(
        shown.contains("1 other account with a login shell has no active device"),
        "{shown}"
    );
    assert!(shown.contains("a grace allows it: alice\n"), "{shown}");
    assert!(
        shown.contains("secret: ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567\n"),
        "{shown}"
    );
    assert_eq!(
        shown.matches("    K-ABCD-EFGH-IJKL-MNOP\n").count(),
        10,
        "{shown}"
    );
    let user = json!({"username": "root"});
    let calls = [
        (STATUS, json!([])),
        (QUERY, json!([user])),
        (QUERY, json!([user])),
        (CREATE, json!([user])),
        (CONFIRM, json!([{"id": 3, "token": "123456"}])),
        (REMAINING, json!(["root"])),
        (GENERATE, json!(["root"])),
        (SAVED, json!([7])),
        (UPDATE, json!([{"enabled": true, "window": 1}])),
    ];
    let calls = calls.map(|(method, params)| (method.to_owned(), params));
    assert_eq!(played.asked(), calls);
}

/// The picture, the secret and the question are on a terminal of 80x24 at once.
#[test]
fn the_picture_fits_with_its_question() {
    let played = first_time().play();
    let mut terminal = enable(&played, &["--yes"]);
    terminal.answer(SCAN, CTRL_D);
    let (_, _, shown) = terminal.end();
    let begin = shown.find('\u{2588}').unwrap();
    let end = shown.find(SCAN).unwrap();
    assert_eq!(shown[begin..end].lines().count(), 23, "{shown}");
}

/// No room for a picture: the secret is typed.
#[test]
fn the_secret_alone() {
    let played = first_time().play();
    let mut terminal = enable(&played, &["--yes", "--ascii"]);
    terminal.asks("type this into\nthe app instead:\nsecret: ABCD EFGH");
    terminal.answer("\nThen type the code that the app shows: ", "123456");
    let (exit, _, shown) = terminal.end();
    assert_eq!(exit, 0, "{shown}");
    assert!(!shown.contains("###"), "{shown}");
}

/// Turning it on would make a device for root, which nobody has.
#[test]
fn another_account_and_then_root() {
    let played = first_time().play();
    let mut terminal = enable(&played, &["--user", "alice", "--yes"]);
    terminal.answer(SCAN, "123456");
    terminal.asks("Root has a device too while it is on, and has none yet: set it up now.\n");
    terminal.answer(SCAN, "123456");
    assert_eq!(terminal.end().0, 0);
    let (alice, root) = (
        json!([{"username": "alice"}]),
        json!([{"username": "root"}]),
    );
    let shown = json!([{"id": 3, "token": "123456"}]);
    let calls = [
        (STATUS, json!([])),
        (QUERY, alice.clone()),
        (QUERY, root.clone()),
        (QUERY, alice.clone()),
        (CREATE, alice),
        (CONFIRM, shown.clone()),
        (REMAINING, json!(["alice"])),
        (GENERATE, json!(["alice"])),
        (SAVED, json!([7])),
        (QUERY, root.clone()),
        (CREATE, root),
        (CONFIRM, shown),
        (UPDATE, json!([{"enabled": true, "window": 1}])),
    ];
    let calls = calls.map(|(method, params)| (method.to_owned(), params));
    assert_eq!(played.asked(), calls);
}

#[test]
fn another_account_where_root_has_a_device() {
    let roots = right(&json!([device(1, "phone", "ACTIVE")]));
    let played = first_time()
        .but(QUERY, vec![right(&json!([])), roots])
        .play();
    let mut terminal = enable(&played, &["--user", "alice", "--yes"]);
    terminal.answer(SCAN, "123456");
    assert_eq!(terminal.end().0, 0);
    let asked = played.methods();
    let made = asked.iter().filter(|method| *method == CREATE);
    assert_eq!(made.count(), 1, "{asked:?}");
}

#[test]
fn a_code_of_a_device_that_is_there() {
    let played = again()
        .but(VERIFY, vec![right(&json!(false)), right(&json!(true))])
        .play();
    let mut terminal = enable(&played, &[]);
    terminal.answer(GO_ON, "y");
    terminal.asks("root has an active device: phone. No new QR code is needed.");
    // It would be right, and be used up for nothing.
    terminal.answer(SHOWS, "K-ABCD-EFGH-IJKL-MNOP");
    terminal.asks("The code of a phone has only digits.");
    terminal.answer(SHOWS, "000000");
    terminal.asks("This code is wrong, or was used before: take the next one.\nRefused again?");
    terminal.answer(SHOWS, "123 456");
    terminal.answer(SECOND, "n");
    let (exit, _, shown) = terminal.end();
    assert_eq!(exit, 0, "{shown}");
    let expected = [STATUS, QUERY, VERIFY, VERIFY, REMAINING, UPDATE];
    let asked = played.asked();
    let methods: Vec<_> = asked.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!(methods, expected);
    assert_eq!(asked[3].1, json!(["root", "123 456"]));
}

#[test]
fn two_devices_are_enough() {
    let devices = json!([device(1, "phone", "ACTIVE"), device(2, "tablet", "ACTIVE")]);
    let played = again().but(QUERY, vec![right(&devices)]).play();
    let mut terminal = enable(&played, &[]);
    terminal.answer(GO_ON, "y");
    terminal.answer(SHOWS, "123456");
    assert_eq!(terminal.end().0, 0);
}

/// A pending device is none: it may be anybody's who saw the QR code.
#[test]
fn a_pending_device_proves_nothing() {
    let devices = json!([
        device(1, "phone", "PENDING"),
        device(2, "tablet", "PENDING")
    ]);
    let played = first_time()
        .but(QUERY, vec![right(&devices)])
        .on("auth.twofactor.device.delete", right(&json!(true)))
        .play();
    let mut terminal = enable(&played, &["--yes"]);
    terminal.answer(SCAN, "123456");
    assert_eq!(terminal.end().0, 0);
    let asked = played.asked();
    // The one that was never finished makes room, or eight of them would be the end of it.
    let delete = ("auth.twofactor.device.delete".to_owned(), json!([1]));
    assert_eq!(asked[3], delete);
    assert_eq!(asked[4].0, CREATE);
}

/// Typed ahead, Enter is no answer to a question that nobody has seen.
#[test]
fn what_is_typed_before_a_question_is_no_answer() {
    let played = first_time().play();
    let mut terminal = enable(&played, &[]);
    terminal.answer(GO_ON, "y");
    terminal.answer(SCAN, "111111\ny\ny");
    terminal.answer(SAVED_IT, "");
    terminal.answer(&format!("Type y or n.\n{SAVED_IT}"), "y");
    terminal.answer(SECOND, "n");
    let (exit, _, shown) = terminal.end();
    assert_eq!(exit, 0, "{shown}");
    assert!(!shown.contains("NO recovery codes"), "{shown}");
}

#[test]
fn a_second_device() {
    let played = first_time()
        .on(CREATE, right(&new_device(4, "phone-2")))
        .on(CONFIRM, right(&device(4, "phone-2", "ACTIVE")))
        .play();
    let mut terminal = enable(&played, &[]);
    terminal.answer(GO_ON, "y");
    terminal.answer(SCAN, "111111");
    terminal.answer(SAVED_IT, "y");
    terminal.answer(SECOND, "y");
    terminal.answer(SCAN, "222222");
    assert_eq!(terminal.end().0, 0);
    let asked = played.asked();
    assert_eq!(
        asked[10],
        (CONFIRM.to_owned(), json!([{"id": 4, "token": "222222"}]))
    );
    assert_eq!(asked[11].0, UPDATE);
}

#[test]
fn a_wrong_code_is_asked_again() {
    let right_at_last = right(&device(3, "phone", "ACTIVE"));
    let played = first_time()
        .but(CONFIRM, vec![wrong_code(), wrong_code(), right_at_last])
        .play();
    let mut terminal = enable(&played, &["--yes"]);
    terminal.answer(SCAN, "000000");
    terminal.asks("This code is wrong.\nRefused again? Compare the phone's clock: here it is 20");
    terminal.answer(SCAN, "000001");
    terminal.answer(SCAN, "123456");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn three_wrong_codes_are_the_end() {
    let played = first_time().but(CONFIRM, vec![wrong_code()]).play();
    let mut terminal = enable(&played, &["--yes"]);
    for _ in 0..3 {
        terminal.answer(SCAN, "000000");
    }
    let (exit, stdout, shown) = terminal.end();
    assert_eq!((exit, stdout.as_str()), (1, ""));
    let end = format!("midclt: 3 wrong codes\n{NOT_ON}{PENDING}");
    assert!(shown.ends_with(&end), "{shown}");
    assert_eq!(
        played.methods(),
        [STATUS, QUERY, QUERY, CREATE, CONFIRM, CONFIRM, CONFIRM]
    );
}

/// What is no wrong code is not asked again.
#[test]
fn an_error_at_the_code_is_the_end() {
    let played = first_time().but(CONFIRM, vec![locked()]).play();
    let mut terminal = enable(&played, &["--yes"]);
    terminal.answer(SCAN, "000000");
    let (exit, _, shown) = terminal.end();
    assert_eq!(exit, 1);
    let end = format!("midclt: [EBUSY] Too many wrong codes; wait 30 s\n{NOT_ON}{PENDING}");
    assert!(shown.ends_with(&end), "{shown}");
}

/// Ctrl-D or Ctrl-C at each of the questions: nothing is on, and what stays is said.
#[test]
fn the_end_of_the_input() {
    for (key, echo, status) in [(CTRL_D, "", 1), (CTRL_C, "^C", 130)] {
        stop_everywhere(key, echo, status);
    }
}

fn stop_everywhere(key: &str, echo: &str, status: i32) {
    let walk = [
        (GO_ON, "y", String::new()),
        (SCAN, "111111", PENDING.to_owned()),
        (SAVED_IT, "y", format!("{ACTIVE}{UNSAVED}")),
        (SECOND, "y", format!("{ACTIVE}{CODES}")),
        (
            SCAN,
            "222222",
            format!(
                "{ACTIVE}{CODES}{}",
                PENDING
                    .replace("e 3 (phone)", "e 4 (new)")
                    .replace("confirm 3", "confirm 4")
            ),
        ),
    ];
    for stop in 0..walk.len() {
        let played = first_time().on(CREATE, right(&new_device(4, "new"))).play();
        let mut terminal = enable(&played, &[]);
        for (question, keys, _) in &walk[..stop] {
            terminal.answer(question, keys);
        }
        let (question, _, kept) = &walk[stop];
        terminal.answer(question, key);
        let (exit, stdout, shown) = terminal.end();
        assert_eq!((exit, stdout.as_str()), (status, ""), "{shown}");
        let end = format!("{question}{echo}\nmidclt: stopped\n{NOT_ON}{kept}");
        assert!(shown.ends_with(&end), "{stop}\n{shown}\n--- not:\n{end}");
        assert!(!played.methods().contains(&UPDATE.to_owned()), "{stop}");
    }
}

#[test]
fn no_is_no() {
    for keys in ["n", "", "No"] {
        let played = first_time().play();
        let mut terminal = enable(&played, &[]);
        terminal.answer(GO_ON, keys);
        let (exit, _, shown) = terminal.end();
        assert_eq!(exit, 1);
        assert!(
            shown.ends_with(&format!("midclt: nothing was changed\n{NOT_ON}")),
            "{shown}"
        );
        assert_eq!(played.methods(), [STATUS, QUERY]);
    }
}

/// Codes that nobody saved do not count, which is said; a phone that works is enough to go on.
#[test]
fn unsaved_recovery_codes() {
    let played = first_time().play();
    let mut terminal = enable(&played, &[]);
    terminal.answer(GO_ON, "y");
    terminal.answer(SCAN, "111111");
    terminal.answer(SAVED_IT, "n");
    terminal.asks(UNSAVED);
    terminal.answer(SECOND, "n");
    let (exit, _, shown) = terminal.end();
    let last = "midclt: root has NO recovery codes: midclt 2fa recovery root\n";
    assert_eq!((exit, shown.ends_with(last)), (0, true), "{shown}");
    assert!(!played.methods().contains(&SAVED.to_owned()));
}

#[test]
fn an_unsynchronised_clock() {
    let off = json!({"clock": {"synchronised": false, "max_error": null}});
    let played = first_time().but(STATUS, vec![right(&status(&off))]).play();
    let (exit, _, shown) = enable(&played, &["--yes"]).end();
    assert_eq!(exit, 1);
    assert_eq!(
        shown,
        format!(
            "midclt: the clock of this machine is not synchronised; codes are judged by it\n\
             midclt: look at it with timedatectl, or turn it on all the same with --force\n{NOT_ON}"
        )
    );
    assert_eq!(played.methods(), [STATUS]);

    let mut forced = enable(&played, &["--yes", "--force"]);
    forced.answer(SCAN, "123456");
    assert_eq!(forced.end().0, 0);
}

#[test]
fn a_wider_window_is_kept() {
    let wide = right(&status(&json!({"window": 3})));
    let played = first_time().but(STATUS, vec![wide]).play();
    let mut terminal = enable(&played, &["--yes"]);
    terminal.answer(SCAN, "123456");
    assert_eq!(terminal.end().0, 0);
    let last = played.asked().pop().unwrap();
    assert_eq!(last.1, json!([{"enabled": true, "window": 3}]));
}
