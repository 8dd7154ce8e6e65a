//! `midclt 2fa export`: all that another machine needs so that the phones go on, in one file that only
//! its passphrase opens.

mod contents;
pub(super) mod file;

use std::path::{Path, PathBuf};

use clap::Args;

use super::daemon::{Daemon, Form};
use super::passphrase::{Passphrase, PassphraseArg};
use super::{JsonArg, YesArg};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::count;
use crate::{output, random, result};

pub(super) use contents::Contents;

/// Write all devices and settings to one file that only a passphrase opens
#[derive(Debug, Args)]
#[command(after_help = "\
The file has every secret of this machine. Keep it off this machine, and
away from its passphrase; export again after changes. It is for a
machine that died, one that is new, and a lost master key: midclt 2fa
restore.

In it: settings, policy, accounts, devices, exemptions, grace, and wrong
codes. Not in it: recovery codes, bypasses, invites, pending devices.

Examples:
  midclt 2fa export /media/usb/nas1.2fa
  midclt 2fa export --check /media/usb/nas1.2fa
  midclt 2fa export nas1.2fa --yes --passphrase-stdin < passphrase")]
pub(crate) struct ExportArgs {
    /// The file; with --yes one that is there is replaced
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only say what is in FILE; it needs no daemon
    #[arg(long, conflicts_with = "yes")]
    check: bool,
    #[command(flatten)]
    passphrase: PassphraseArg,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Writes the file, or looks at one.
pub(super) fn run(connection: &Connection, args: &ExportArgs) -> Result<(), Failure> {
    if args.check {
        return check(args);
    }
    file::check_new(&args.file, args.yes.yes)?;
    let daemon = Daemon::new(connection, "2fa export");
    let passphrase = args.passphrase.chosen()?;
    let contents = Contents::fetch(&daemon)?;
    let summary = contents.summary()?;
    let text = export::lock(passphrase.as_str(), contents.bytes(), &random::bytes()?);
    let text = text.map_err(|error| Failure::told(format!("midclt: {error}")))?;
    // Somebody may have made one meanwhile.
    file::check_new(&args.file, args.yes.yes)?;
    file::write(&args.file, &text)?;
    if !summary.unreadable.is_empty() {
        output::note(&format!(
            "midclt: not exported, since they cannot be read: devices of {}",
            summary.unreadable.join(", ")
        ));
    }
    if args.json.form() == Form::Json {
        return output::line(&result::to_json(&summary.json()));
    }
    output::page(&format!(
        "{} with {} are in {}.\n\
         Only its passphrase opens it: keep both, apart, and off this machine.\n\
         To look at it: midclt 2fa export --check {word}\n\
         To put it back: midclt 2fa restore {word}\n",
        count(summary.accounts, "account"),
        count(summary.devices, "device"),
        args.file.display(),
        word = word(&args.file.to_string_lossy())
    ))
}

/// How a shell, and midclt, take it as this one file name.
fn word(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(&byte);
    let plain = match name.strip_prefix('-') {
        Some(_) => format!("./{name}"),
        None => name.to_owned(),
    };
    if !plain.is_empty() && plain.bytes().all(is_plain) {
        return plain;
    }
    format!("'{}'", plain.replace('\'', r"'\''"))
}

fn check(args: &ExportArgs) -> Result<(), Failure> {
    let summary = open(&args.file, &args.passphrase)?.summary()?;
    match args.json.form() {
        Form::Json => output::line(&result::to_json(&summary.json())),
        Form::Text => output::page(&summary.page()),
    }
}

/// Opens a file. What is none is said before its passphrase is asked for.
pub(super) fn open(path: &Path, passphrase: &PassphraseArg) -> Result<Contents, Failure> {
    let file = file::read(path)?;
    let failed = |error: export::Error| {
        let path = path.display();
        Failure::told(format!("midclt: {path}: {error}; nothing was changed"))
    };
    export::look(&file).map_err(failed)?;
    let passphrase: Passphrase = passphrase.known()?;
    let opened = export::open(passphrase.as_str(), &file).map_err(failed)?;
    Ok(Contents::opened(opened))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_can_be_pasted() {
        for (name, expected) in [
            ("/media/usb/nas1.2fa", "/media/usb/nas1.2fa"),
            ("-x", "./-x"),
            ("my file", "'my file'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
        ] {
            assert_eq!(word(name), expected);
        }
    }
}
