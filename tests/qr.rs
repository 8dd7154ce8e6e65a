//! The QR code on the terminal, read back by a real reader.
//!
//! tmux is the terminal: what its screen shows at once, with the next prompt on it, becomes an
//! image, and zbarimg must read the provisioning URI from that.
#![cfg(feature = "system")]

pub(crate) mod image;

use std::thread;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::sethostname;
use serde_json::json;
use testkit::{Daemon, binaries};

use self::image::{Theme, read_back};
use crate::terminal::{Screen, Terminal, Tmux};

/// A serial console, or a virtual one: what everything can show.
const CONSOLE: Terminal = Terminal {
    columns: 80,
    rows: 24,
    locale: "C.UTF-8",
    term: "xterm",
};

/// What a cleared terminal shows when `midclt WORDS` is done and the shell asks again.
fn screen_of(terminal: Terminal, daemon: &Daemon, words: &str) -> Screen {
    let tmux = Tmux::start(terminal, daemon.dir());
    let (midclt, socket) = (binaries::midclt(), daemon.socket());
    let line = format!(
        "TERM=xterm clear; {} -u {} {words}",
        midclt.display(),
        socket.display()
    );
    tmux.enter(&line);
    tmux.when(|text| {
        let is_cleared = text != Tmux::PROMPT && !text.contains("clear;");
        is_cleared && text.ends_with(Tmux::PROMPT)
    })
}

/// A daemon with a secret, on a machine of this name.
fn daemon_on(hostname: &str) -> (Daemon, String) {
    let hostname = hostname.to_owned();
    // The name belongs to the thread, and to the daemon that it starts.
    let started = thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWUTS).expect("a name of our own: are you root?");
        sethostname(hostname).unwrap();
        Daemon::start()
    });
    let daemon = started.join().unwrap();
    let mut socket = daemon.connect();
    socket.call("auth.twofactor.update", json!([{"enabled": true}]));
    let uri = socket.call("auth.twofactor.provisioning_uri", json!([]));
    (daemon, uri.as_str().unwrap().to_owned())
}

/// The secret as midclt writes it for people: in groups of four.
fn typed_secret(uri: &str) -> String {
    let (_, rest) = uri.split_once("secret=").unwrap();
    let secret: Vec<char> = rest
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    let groups: Vec<String> = secret
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    format!("secret: {}", groups.join(" "))
}

/// The code and the secret are on the screen at once, and a phone reads the URI from it whatever
/// the terminal's own colours are.
fn check_readable(terminal: Terminal, words: &str, hostname: &str) {
    let (daemon, uri) = daemon_on(hostname);
    let screen = screen_of(terminal, &daemon, &format!("2fa qr {words}"));
    let shown = screen.text();
    assert!(shown.contains(&typed_secret(&uri)), "{shown}");
    for theme in [Theme::DARK, Theme::LIGHT] {
        let read = read_back(&screen, theme);
        assert_eq!(read.as_deref(), Some(uri.as_str()), "{theme:?}\n{shown}");
    }
}

/// No room for a picture: one line says why, and the secret can be typed.
fn check_typed(terminal: Terminal, words: &str, hostname: &str, why: &str) {
    let (daemon, uri) = daemon_on(hostname);
    let screen = screen_of(terminal, &daemon, &format!("2fa qr {words}"));
    let shown = screen.text();
    assert!(shown.starts_with("midclt: the QR code needs "), "{shown}");
    assert!(shown.replace('\n', " ").contains(why), "{shown}");
    // A narrow terminal breaks the line.
    assert!(
        shown.replace('\n', "").contains(&typed_secret(&uri)),
        "{shown}"
    );
    assert_eq!(read_back(&screen, Theme::DARK), None);
}

#[test]
fn a_console_of_80_by_24() {
    check_readable(CONSOLE, "", "nas");
}

/// Whatever the letters of the secret; a longer name is a larger code.
#[test]
fn the_longest_name_that_fits_a_console() {
    check_readable(CONSOLE, "", "a-name-of-19-letter");
    check_typed(
        CONSOLE,
        "",
        "a-name-of-20-letters",
        "this terminal has 80 and 24",
    );
}

#[test]
fn a_large_terminal() {
    check_readable(
        Terminal {
            columns: 120,
            rows: 50,
            ..CONSOLE
        },
        "",
        "nas",
    );
}

#[test]
fn ascii_on_a_large_terminal() {
    let large = Terminal {
        columns: 100,
        rows: 50,
        ..CONSOLE
    };
    check_readable(large, "--ascii", "nas");
    check_readable(
        Terminal {
            locale: "C",
            ..large
        },
        "",
        "nas",
    );
}

/// `TERM=dumb` and `vt220` promise no colours: right on a dark screen.
#[test]
fn without_colours() {
    let (daemon, uri) = daemon_on("nas");
    let dumb = Terminal {
        term: "dumb",
        ..CONSOLE
    };
    let screen = screen_of(dumb, &daemon, "2fa qr");
    assert_eq!(
        read_back(&screen, Theme::DARK),
        Some(uri),
        "{}",
        screen.text()
    );
}

#[test]
fn ascii_without_colours() {
    let (daemon, uri) = daemon_on("nas");
    let dumb = Terminal {
        term: "dumb",
        columns: 100,
        rows: 50,
        ..CONSOLE
    };
    let screen = screen_of(dumb, &daemon, "2fa qr --ascii");
    assert_eq!(
        read_back(&screen, Theme::DARK_FROM_AFAR),
        Some(uri),
        "{}",
        screen.text()
    );
}

/// Into a file or a pipe there are no colours and no bounds.
#[test]
fn in_a_pipe() {
    let (daemon, uri) = daemon_on("nas");
    for (words, locale, theme) in [
        (["2fa", "qr"].as_slice(), "C.UTF-8", Theme::DARK),
        (&["2fa", "qr", "--ascii"], "C", Theme::DARK_FROM_AFAR),
    ] {
        let output = daemon
            .midclt_command()
            .args(words)
            .env("LC_ALL", locale)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains('\x1b'), "{text}");
        let screen = Screen::parse(&text);
        assert_eq!(
            read_back(&screen, theme).as_ref(),
            Some(&uri),
            "{words:?}\n{text}"
        );
    }
}

#[test]
fn no_room_for_ascii_on_a_console() {
    let why = "or a UTF-8 locale (LC_ALL=C.UTF-8) without --ascii; this terminal has 80 and 24";
    check_typed(CONSOLE, "--ascii", "nas", why);
    check_typed(
        Terminal {
            locale: "C",
            ..CONSOLE
        },
        "",
        "nas",
        why,
    );
}

#[test]
fn a_long_name() {
    let name = "a-machine-with-a-name-of-more-than-forty-letters.example";
    check_typed(CONSOLE, "", name, "this terminal has 80 and 24");
    check_readable(
        Terminal {
            rows: 30,
            ..CONSOLE
        },
        "",
        name,
    );
}

#[test]
fn a_narrow_terminal() {
    check_typed(
        Terminal {
            columns: 40,
            rows: 40,
            ..CONSOLE
        },
        "",
        "nas",
        "this terminal has 40 and 40",
    );
}

/// Other settings make the URI longer, and are said beside the secret.
#[test]
fn other_settings() {
    let (daemon, _) = daemon_on("nas");
    daemon.midclt_ok([
        "call",
        "auth.twofactor.update",
        "otp_digits=8",
        "interval=60",
    ]);
    let uri = daemon.midclt_ok(["call", "auth.twofactor.provisioning_uri"]);
    let large = Terminal {
        rows: 30,
        ..CONSOLE
    };
    let screen = screen_of(large, &daemon, "2fa qr");
    let shown = screen.text();
    assert_eq!(
        read_back(&screen, Theme::DARK).as_ref(),
        Some(&uri),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("{}  8 digits  60 s", typed_secret(&uri))),
        "{shown}"
    );
}

/// Before there is a secret: one error with the cure, and no picture.
#[test]
fn before_there_is_a_secret() {
    let daemon = Daemon::start();
    let output = daemon.midclt(["2fa", "qr"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.ends_with(": midclt 2fa enable\n"), "{said}");
}
