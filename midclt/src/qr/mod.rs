//! `midclt 2fa qr`: the provisioning URI as something that a phone can read, and the secret as
//! something that a person can type.

mod draw;
mod encode;

use client::{Client, Deadline};

use self::draw::{Ink, Picture};
use self::encode::encode;
use crate::cli::{Connection, QrArgs};
use crate::failure::{Failure, Request};
use crate::terminal::{Screen, Size, is_utf8};
use crate::{output, result};

/// Beneath the picture: the secret, and the shell's next prompt. With more, the top would scroll away.
const LINES_BENEATH: usize = 2;

/// Draws the QR code of root's first device.
pub(crate) fn run(connection: &Connection, args: &QrArgs) -> Result<(), Failure> {
    let limit = connection.call_limit(None);
    let request = Request {
        command: "2fa qr",
        socket: &connection.socket,
        seconds: limit.as_secs(),
        quiet: connection.quiet,
    };
    let uri = Client::connect(&connection.socket, Deadline::after(limit))
        .and_then(|mut client| client.call("auth.twofactor.provisioning_uri", &[0; 0]))
        .map_err(|error| request.failed(&error))?;
    let ascii = args.ascii || !is_utf8();
    let page = page(&result::to_line(&uri), ascii, Screen::of_stdout());
    page.note.iter().for_each(|note| output::note(note));
    output::text(&page.text)
}

struct Page {
    /// Why there is no picture.
    note: Option<String>,
    text: String,
}

fn page(uri: &str, ascii: bool, screen: Screen) -> Page {
    let typed = typed_form(uri);
    match picture(uri, ascii, screen) {
        Ok(picture) => Page {
            note: None,
            text: format!("{picture}{typed}\n"),
        },
        Err(why) => {
            let note = format!("midclt: {why}; type this into the app instead:");
            Page {
                note: Some(note),
                text: format!("{typed}\n"),
            }
        }
    }
}

fn picture(uri: &str, ascii: bool, screen: Screen) -> Result<String, String> {
    let code = encode(uri).ok_or("the URI is too long for a QR code")?;
    let picture = |quiet| Picture::new(&code, quiet);
    let ink = |colours| match (ascii, colours) {
        (true, colours) => Ink::Ascii { colours },
        (false, colours) => Ink::HalfBlocks { colours },
    };
    let Screen::Terminal { size, colours } = screen else {
        return Ok(picture(4).draw(ink(false)));
    };
    // ISO 18004 wants 4 modules of quiet around; scanners are content with 2.
    let fitting = [4, 3, 2].into_iter().map(picture).find(|picture| {
        let needed = picture.size(ink(colours));
        needed.columns <= size.columns && needed.rows + LINES_BENEATH <= size.rows
    });
    let needed = picture(2).size(ink(colours));
    fitting
        .map(|picture| picture.draw(ink(colours)))
        .ok_or_else(|| too_small(needed, size, ascii))
}

fn too_small(needed: Size, size: Size, ascii: bool) -> String {
    let hint = if ascii {
        ", or a UTF-8 locale (LANG=C.UTF-8) without --ascii"
    } else {
        ""
    };
    format!(
        "the QR code needs {} columns and {} lines{hint}; this terminal has {} and {}",
        needed.columns,
        needed.rows + LINES_BENEATH,
        size.columns,
        size.rows
    )
}

/// The secret in groups of four, and what an app must know besides, where it is not the usual.
fn typed_form(uri: &str) -> String {
    let secret = param(uri, "secret").unwrap_or("unknown");
    let mut line = String::from("secret:");
    for (index, c) in secret.chars().enumerate() {
        if index % 4 == 0 {
            line.push(' ');
        }
        line.push(c);
    }
    for (name, unit) in [("algorithm", ""), ("digits", " digits"), ("period", " s")] {
        if let Some(value) = param(uri, name) {
            line = format!("{line}  {value}{unit}");
        }
    }
    line
}

fn param<'a>(uri: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = uri.split_once('?')?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    fn uri(tail: &str) -> String {
        format!("otpauth://totp/iXsystems:nas%40TrueNAS?secret={SECRET}&issuer=iXsystems{tail}")
    }

    fn terminal(columns: usize, rows: usize) -> Screen {
        Screen::Terminal {
            size: Size { columns, rows },
            colours: true,
        }
    }

    #[test]
    fn secrets_to_type() {
        let check = |tail: &str, expected: &str| {
            let groups = "secret: ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567";
            assert_eq!(typed_form(&uri(tail)), format!("{groups}{expected}"));
        };
        check("", "");
        check("&digits=8&period=60", "  8 digits  60 s");
        assert_eq!(typed_form("nonsense"), "secret: unkn own");
    }

    #[test]
    fn what_fits() {
        let check = |screen: Screen, ascii: bool, tail: &str, rows: Option<usize>, note: &str| {
            let page = page(&uri(tail), ascii, screen);
            let found = page.note.is_none().then(|| page.text.lines().count());
            assert_eq!(found, rows, "{screen:?} {ascii} {tail}");
            assert!(page.note.unwrap_or_default().contains(note));
            assert!(page.text.contains("secret: ABCD EFGH"));
        };
        // 22.12's URI: version 5, 37 modules; with the quiet zone of 3 it fills 24 lines exactly.
        check(terminal(80, 24), false, "", Some(23), "");
        check(terminal(80, 23), false, "", Some(22), "");
        check(terminal(80, 50), false, "", Some(24), "");
        check(Screen::Elsewhere, false, "", Some(24), "");
        check(
            terminal(80, 22),
            false,
            "",
            None,
            "needs 41 columns and 23 lines; this terminal has 80 and 22",
        );
        check(terminal(40, 50), false, "", None, "needs 41 columns");
        // Longer than one screen.
        let long = "&image=".to_owned() + &"x".repeat(60);
        check(
            terminal(80, 24),
            false,
            &long,
            None,
            "this terminal has 80 and 24",
        );
        check(terminal(80, 24), true, "", None, "or a UTF-8 locale");
        check(terminal(100, 50), true, "", Some(46), "");
        check(Screen::Elsewhere, true, "", Some(46), "");
    }
}
