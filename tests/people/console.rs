//! Somebody at a console of 80x24, with a phone: tmux is the console, and zbarimg the phone.

use std::process::Command;

use testkit::{Daemon, binaries};

use super::{early_in_a_step, fresh_code};
use crate::python::output_of;
use crate::qr::image::{Theme, read_back};
use crate::support::code_at;
use crate::terminal::{Screen, Terminal, Tmux};

const CONSOLE: Terminal = Terminal {
    columns: 80,
    rows: 24,
    locale: "C.UTF-8",
    term: "xterm",
};

const GO_ON: &str = "Go on? [y/N]";
const SCAN: &str = "Scan it, then type the code that the app shows:";
const SAVED: &str = "Saved? From now on only these codes count. [y/n]";
const SECOND: &str = "Set up a second device now? [y/N]";

/// A console where `midclt` is the built one, and its daemon.
fn console(daemon: &Daemon) -> Tmux {
    let tmux = Tmux::start(CONSOLE, daemon.dir());
    let socket = daemon.socket().display();
    let programs = binaries::directory().display();
    tmux.enter(&format!(
        "export MIDDLEWARED_SOCKET={socket} PATH={programs}:$PATH; clear"
    ));
    tmux.when(|text| text == Tmux::PROMPT);
    tmux
}

/// Waits until the screen ends with a question.
fn asked(tmux: &Tmux, question: &str) -> Screen {
    tmux.when(|text| text.ends_with(question))
}

fn secret_of(uri: &str) -> String {
    let (_, rest) = uri.split_once("secret=").unwrap();
    rest.chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect()
}

/// The recovery codes on the screen.
fn recovery_codes(screen: &Screen) -> Vec<String> {
    let text = screen.text();
    let is_code = |line: &&str| line.len() == 21 && line.matches('-').count() == 4;
    text.lines()
        .map(str::trim)
        .filter(is_code)
        .map(str::to_owned)
        .collect()
}

/// The caution, the QR code with its question and the recovery codes are each on one screen; a
/// phone reads the code; only then is it on.
#[test]
fn the_first_time() {
    let daemon = Daemon::start();
    let is_on = || daemon.midclt_ok(["call", "auth.two_factor_auth"]);
    let tmux = console(&daemon);
    tmux.enter("clear; midclt 2fa enable --force");
    let caution = asked(&tmux, GO_ON).text();
    assert!(
        caution.starts_with("Two-factor authentication will be on"),
        "{caution}"
    );
    assert!(caution.contains("midclt 2fa disable"), "{caution}");
    tmux.enter("y");

    let picture = asked(&tmux, SCAN);
    let uri = read_back(&picture, Theme::DARK).expect("a phone reads it");
    let secret = secret_of(&uri);
    tmux.enter("000000");
    tmux.when(|text| text.contains("Refused again?") && text.ends_with(SCAN));
    tmux.enter(&fresh_code(&secret));

    let codes = recovery_codes(&asked(&tmux, SAVED));
    assert_eq!(codes.len(), 10, "all on the screen");
    tmux.enter("y");
    asked(&tmux, SECOND);
    assert_eq!(is_on(), "False", "not before the end");
    tmux.enter("");
    tmux.when(|text| {
        text.ends_with(Tmux::PROMPT) && text.contains("Two-factor authentication is on.")
    });
    assert_eq!(is_on(), "True");
    let config = daemon.midclt_ok(["call", "auth.twofactor.config"]);
    assert!(config.contains("\"window\": 1"), "{config}");
    let verified = daemon.midclt_ok(["call", "user.verify_twofactor_token", "root", &codes[9]]);
    assert_eq!(verified, "True");
}

/// Turned off and on again, the phone is asked and keeps its secret.
#[test]
fn off_and_on_again() {
    let daemon = Daemon::start();
    let row = daemon.midclt_ok([
        "call",
        "auth.twofactor.update",
        r#"{"enabled": true, "window": 1}"#,
    ]);
    let row: serde_json::Value = serde_json::from_str(&row).unwrap();
    let secret = row["secret"].as_str().unwrap();
    let tmux = console(&daemon);

    tmux.enter("clear; midclt 2fa disable");
    let caution = asked(&tmux, "Turn it off for everybody? [y/N]").text();
    assert!(
        caution.contains("off for EVERYBODY on this machine"),
        "{caution}"
    );
    tmux.enter("y");
    tmux.when(|text| text.contains("off, for EVERYBODY.") && text.ends_with(Tmux::PROMPT));

    tmux.enter("clear; midclt 2fa enable --force");
    asked(&tmux, GO_ON);
    tmux.enter("y");
    let shown = asked(&tmux, "Type the code that it shows now:").text();
    assert!(shown.contains("No new QR code is needed."), "{shown}");
    // The step before: the codes of later ones stay good.
    tmux.enter(&code_at(secret, early_in_a_step() - 30));
    asked(&tmux, SAVED);
    tmux.enter("n");
    asked(&tmux, SECOND);
    tmux.enter("");
    tmux.when(|text| text.ends_with(Tmux::PROMPT) && text.contains("is on."));
    let verify = ["call", "auth.twofactor.verify", &fresh_code(secret)];
    assert_eq!(daemon.midclt_ok(verify), "True");
}

/// Ctrl-D at the code: it stays off, and what was begun can be finished.
#[test]
fn broken_off_and_finished() {
    let daemon = Daemon::start();
    let tmux = console(&daemon);
    tmux.enter("clear; midclt 2fa enable --force --yes");
    let uri = read_back(&asked(&tmux, SCAN), Theme::DARK).expect("a phone reads it");
    tmux.press("C-d");
    let end = tmux.when(|text| text.ends_with(Tmux::PROMPT)).text();
    assert!(
        end.contains("two-factor authentication was not turned on"),
        "{end}"
    );
    assert!(end.contains("midclt 2fa device confirm 1\n"), "{end}");
    assert_eq!(daemon.midclt_ok(["call", "auth.two_factor_auth"]), "False");

    tmux.enter("clear; midclt 2fa device confirm 1");
    asked(&tmux, "Type the code that the app shows:");
    tmux.enter(&fresh_code(&secret_of(&uri)));
    tmux.when(|text| text.contains("Device 1 (phone) of root is active."));
}

/// With the next prompt below it, nothing has scrolled away: what does not fit is counted.
#[test]
fn the_status_is_one_screen() {
    let daemon = Daemon::start();
    for number in 0..8 {
        let name = format!("phone {number}");
        daemon.midclt_ok(["2fa", "device", "add", "root", "--name", &name, "--json"]);
        daemon.midclt_ok(["2fa", "bypass", "root", "--reason", &name]);
    }
    let tmux = console(&daemon);
    tmux.enter("clear; midclt 2fa status");
    let is_done = |text: &str| text.contains("accounts known") || text.contains("account known");
    let screen = tmux.when(|text| is_done(text) && text.ends_with(Tmux::PROMPT));
    let text = screen.text();
    let head = "Two-factor authentication is OFF for EVERYBODY.";
    assert!(text.starts_with(head), "{text}");
    assert!(text.contains("more: midclt 2fa status | less"), "{text}");
    tmux.enter("clear; midclt 2fa status | tail -3");
    tmux.when(|text| text.contains("phone 7  pending  never"));
}

/// A file to print or to send is what a scanner reads.
#[test]
fn a_picture_in_a_file() {
    let daemon = Daemon::start();
    daemon.midclt_ok(["call", "auth.twofactor.update", r#"{"enabled": true}"#]);
    let uri = daemon.midclt_ok(["call", "user.provisioning_uri", "root"]);
    let file = daemon.dir().join("code.png").display().to_string();
    daemon.midclt_ok(["2fa", "qr", "root", "--png", &file]);
    let read = output_of(Command::new("zbarimg").args(["--raw", "--quiet", &file]));
    assert_eq!(read.trim_end(), uri);
}
