//! The passphrase of an export: typed without being shown, or read from a script's pipe. Never an
//! argument: those are for everybody to see.

use std::io::{Read, stdin};

use clap::Args;
use zeroize::Zeroizing;

use super::talk;
use crate::failure::Failure;
use crate::output;

/// More is not read. It is also what a terminal gives at most.
const MOST_BYTES: u64 = 1024;

/// Where the passphrase comes from.
#[derive(Debug, Args)]
pub(super) struct PassphraseArg {
    /// Take the passphrase from the first line of stdin
    #[arg(long)]
    passphrase_stdin: bool,
}

/// A passphrase; not `Debug`, it is a secret.
pub(super) struct Passphrase(Zeroizing<String>);

impl Passphrase {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn is_long_enough(&self) -> bool {
        self.0.chars().count() >= export::LEAST_CHARACTERS
    }
}

impl PassphraseArg {
    /// Whether somebody can be asked for it. Else it has to come by itself.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.passphrase_stdin || talk::can_ask() {
            return Ok(());
        }
        Err(Failure::usage(
            "this asks for a passphrase, and there is no terminal to ask on: --passphrase-stdin is \
             missing",
        ))
    }

    /// The passphrase of a file that there is.
    pub(super) fn known(&self) -> Result<Passphrase, Failure> {
        self.check()?;
        if self.passphrase_stdin {
            return piped();
        }
        talk::hidden("Its passphrase (it is not shown): ").map(Passphrase)
    }

    /// A passphrase for a new file, typed twice.
    pub(super) fn chosen(&self) -> Result<Passphrase, Failure> {
        self.check()?;
        if self.passphrase_stdin {
            let passphrase = piped()?;
            return if passphrase.is_long_enough() {
                Ok(passphrase)
            } else {
                Err(Failure::told(format!("midclt: {}", too_short())))
            };
        }
        output::note(
            "Whoever has the file and its passphrase has every second factor of this machine.\n\
             Take several words that belong to nothing else, and write them down.",
        );
        loop {
            let passphrase = talk::hidden("Passphrase (it is not shown): ").map(Passphrase)?;
            if !passphrase.is_long_enough() {
                output::note(&too_short());
            } else if talk::hidden("Once more: ")? == passphrase.0 {
                return Ok(passphrase);
            } else {
                output::note("These two are not the same.");
            }
        }
    }
}

fn too_short() -> String {
    let least = export::LEAST_CHARACTERS;
    format!("the passphrase is too short: at least {least} characters")
}

/// The first line of standard input.
fn piped() -> Result<Passphrase, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = stdin().take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::told(format!("midclt: cannot read the passphrase: {error}")))?;
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(text) if text.len() as u64 <= MOST_BYTES => {
            Ok(Passphrase(Zeroizing::new(text.to_owned())))
        }
        _ => Err(Failure::told(
            "midclt: the passphrase is no text of at most 1024 bytes",
        )),
    }
}
