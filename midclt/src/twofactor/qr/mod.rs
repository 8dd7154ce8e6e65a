//! `midclt 2fa qr`: the provisioning URI as something that a phone can read, and the secret as
//! something that a person can type.

mod draw;
mod encode;
mod png;

use std::path::PathBuf;

use clap::Args;
use client::{CallError, Error};
use nix::errno::Errno;
use serde_json::json;

use self::draw::{Ink, Picture};
use self::encode::encode;
use self::png::PngFile;
use super::daemon::{Daemon, Form, read};
use super::wire::Device;
use super::{JsonArg, ROOT, device, off};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::shorten;
use crate::output;
use crate::terminal::{Screen, Size, is_utf8};

/// Beneath the picture: the secret, and the next prompt. With more, the top would scroll away.
const LINES_BENEATH: usize = 2;

/// The same where a line says whose it is.
const LINES_BENEATH_A_RESULT: usize = 3;

/// Show the QR code and the secret for an authenticator app
#[derive(Debug, Args)]
#[command(after_help = "\
The code and the line below it are the secret: whoever sees them can make
codes.

Examples:
  midclt 2fa qr
  midclt 2fa qr alice
  midclt 2fa qr alice --png /root/alice.png")]
pub(crate) struct QrArgs {
    /// Whose first device [default: root]
    #[arg(value_name = "USER")]
    user: Option<String>,
    #[command(flatten)]
    picture: PictureArgs,
    #[command(flatten)]
    png: PngArg,
    #[command(flatten)]
    json: JsonArg,
}

/// How a QR code is to be shown.
#[derive(Debug, Args)]
pub(super) struct PictureArgs {
    /// Draw with # instead of blocks; needs a larger terminal
    #[arg(long)]
    ascii: bool,
}

/// Where to put a QR code instead.
#[derive(Debug, Args)]
pub(super) struct PngArg {
    /// Write the QR code to this new file, mode 0600
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ascii", "json"])]
    png: Option<PathBuf>,
}

/// Shows the QR code of an account's first device.
pub(super) fn run(connection: &Connection, args: &QrArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa qr");
    let file = args.png.file()?;
    let answer = match &args.user {
        Some(user) => daemon.try_call("user.provisioning_uri", &[json!(user)]),
        None => daemon.try_call("auth.twofactor.provisioning_uri", &[]),
    };
    let user = args.user.as_deref().unwrap_or(ROOT);
    let answer = answer.map_err(|error| nothing_to_show(&daemon, user, &error))?;
    if args.json.form() == Form::Json {
        return Form::Json.print(&answer, |uri: String| uri);
    }
    let uri: String = read(&answer)?;
    if let Some(file) = file {
        return file.write(&uri, &daemon);
    }
    args.picture.show(&uri, Place::Result)?;
    output::page(&shown(&daemon, user))
}

/// Whose secret that was, and on which device it is.
fn shown(daemon: &Daemon<'_>, user: &str) -> String {
    let devices = device::query(daemon, Some(user)).unwrap_or_default();
    let line = match devices.iter().find(|device| device.is_active()) {
        Some(device) => format!("device {} ({}) of {user}", device.id, device.name),
        None => format!("the first device of {user}"),
    };
    shorten(&line, 80) + "\n"
}

/// An account without an active device: what there is instead, and what to do.
fn nothing_to_show(daemon: &Daemon<'_>, user: &str, error: &Error) -> Failure {
    let is_none = |error: &CallError| {
        let none = [Errno::ENOENT, Errno::EFAULT].map(|errno| Some(errno as i32));
        none.contains(&error.errno())
    };
    let devices = match error {
        Error::Call(error) if is_none(error) => device::query(daemon, Some(user)).ok(),
        _ => None,
    };
    let Some(devices) = devices.filter(|devices| !devices.iter().any(Device::is_active)) else {
        return daemon.failure(error);
    };
    let pending = "midclt: a secret that was shown for a pending device cannot be shown again";
    let is_off = daemon
        .settings()
        .is_some_and(|settings| off::is_off(&settings));
    let cure = if user == ROOT && is_off && devices.is_empty() {
        "midclt 2fa enable".to_owned()
    } else {
        format!("midclt 2fa device add {user}")
    };
    Failure::told(format!("midclt: {user} has no active device: {cure}"))
        .with((!devices.is_empty()).then(|| pending.to_owned()))
}

/// What could be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The QR code, and the secret.
    Picture,
    /// Only the secret: there was no room.
    Secret,
}

/// Where a QR code is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On stdout: it is what was asked for.
    Result,
    /// On stderr, as the rest of a conversation.
    Conversation,
}

impl PngArg {
    /// The file for the picture, made before there is anything to lose.
    pub(super) fn file(&self) -> Result<Option<PngFile>, Failure> {
        self.png.as_deref().map(PngFile::create).transpose()
    }
}

impl PictureArgs {
    /// Draws the code, with the secret below it.
    pub(super) fn show(&self, uri: &str, place: Place) -> Result<Shown, Failure> {
        let ascii = self.ascii || !is_utf8();
        let screen = match place {
            Place::Result => Screen::of_stdout(),
            Place::Conversation => Screen::of_stderr(),
        };
        let beneath = match place {
            Place::Result => LINES_BENEATH_A_RESULT,
            Place::Conversation => LINES_BENEATH,
        };
        let page = page(uri, ascii, screen, beneath);
        page.note.iter().for_each(|note| output::note(note));
        match place {
            Place::Result => output::text(&page.text)?,
            Place::Conversation => output::drawing(&page.text),
        }
        Ok(match page.note {
            None => Shown::Picture,
            Some(_) => Shown::Secret,
        })
    }
}

struct Page {
    /// Why there is no picture.
    note: Option<String>,
    text: String,
}

fn page(uri: &str, ascii: bool, screen: Screen, beneath: usize) -> Page {
    let typed = typed_form(uri);
    match picture(uri, ascii, screen, beneath) {
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

fn picture(uri: &str, ascii: bool, screen: Screen, beneath: usize) -> Result<String, String> {
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
        needed.columns <= size.columns && needed.rows + beneath <= size.rows
    });
    let smallest = picture(2).size(ink(colours));
    let needed = Size {
        rows: smallest.rows + beneath,
        ..smallest
    };
    fitting
        .map(|picture| picture.draw(ink(colours)))
        .ok_or_else(|| too_small(needed, size, ascii))
}

fn too_small(needed: Size, size: Size, ascii: bool) -> String {
    let hint = if ascii {
        ", or a UTF-8 locale (LC_ALL=C.UTF-8) without --ascii"
    } else {
        ""
    };
    format!(
        "the QR code needs {} columns and {} lines{hint}; this terminal has {} and {}",
        needed.columns, needed.rows, size.columns, size.rows
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
            let page = page(&uri(tail), ascii, screen, LINES_BENEATH);
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
