//! The passphrase of an export: typed without being shown, or read from a script's pipe. Never an
//! argument: those are for everybody to see.

use clap::Args;
use zeroize::Zeroizing;

use super::talk;
use crate::failure::Failure;
use crate::{output, piped};

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
            return piped::line("passphrase").map(Passphrase);
        }
        talk::hidden("Its passphrase (it is not shown): ").map(Passphrase)
    }

    /// A passphrase for a new file, typed twice.
    pub(super) fn chosen(&self) -> Result<Passphrase, Failure> {
        self.check()?;
        if self.passphrase_stdin {
            let passphrase = piped::line("passphrase").map(Passphrase)?;
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
