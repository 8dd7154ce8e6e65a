//! Talking to whoever sits at the terminal. All of it goes to stderr: stdout is for results.

use std::io::{self, IsTerminal, stderr, stdin};

use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::keyboard::{self, Typed};
use crate::output;

/// Whether there is somebody to ask: one who reads the question and can type the answer.
pub(crate) fn can_ask() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// What is agreed to without a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    /// The option `--yes` was given.
    Given,
    /// There is somebody to ask.
    Asked,
}

impl Consent {
    /// `missing`: what a script must say besides `--yes`, or nothing.
    pub(super) fn new(yes: bool) -> Result<Self, Failure> {
        if yes {
            Ok(Self::Given)
        } else if can_ask() {
            Ok(Self::Asked)
        } else {
            Err(Failure::usage(
                "this asks before it acts, and there is no terminal to ask on: --yes is missing",
            ))
        }
    }

    /// Says what will be done and asks whether to. A "no" ends the command.
    pub(super) fn to(self, what: &str, question: &str) -> Result<(), Failure> {
        if self == Self::Given {
            return Ok(());
        }
        output::note(what);
        if yes_or_no(question)? {
            Ok(())
        } else {
            Err(Failure::told("midclt: nothing was changed"))
        }
    }
}

/// Asks until the answer is one of the two; Enter alone is a no.
pub(super) fn yes_or_no(question: &str) -> Result<bool, Failure> {
    choose(&format!("{question} [y/N] "), Some(false))
}

/// The same where neither answer is harmless: Enter alone is none.
pub(super) fn yes_or_no_in_words(question: &str) -> Result<bool, Failure> {
    choose(&format!("{question} [y/n] "), None)
}

fn choose(question: &str, default: Option<bool>) -> Result<bool, Failure> {
    loop {
        let answer = match line(question)?.to_ascii_lowercase().as_str() {
            "y" | "yes" => Some(true),
            "n" | "no" => Some(false),
            "" => default,
            _ => None,
        };
        match answer {
            Some(answer) => return Ok(answer),
            None => output::note("Type y or n."),
        }
    }
}

/// Asks for a line that is not empty, without the spaces around it.
pub(super) fn text(question: &str) -> Result<String, Failure> {
    loop {
        let text = line(question)?;
        if !text.is_empty() {
            return Ok(text);
        }
    }
}

/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Asks for a line that is not shown, spaces and all.
pub(crate) fn hidden(question: &str) -> Result<Zeroizing<String>, Failure> {
    let typed = keyboard::read_hidden(|| output::question(question));
    output::note("");
    answered(typed).map(Zeroizing::new)
}

fn line(question: &str) -> Result<String, Failure> {
    answered(keyboard::read(|| output::question(question)))
}

fn answered(typed: io::Result<Typed>) -> Result<String, Failure> {
    let stopped = |exit| {
        output::note("");
        Err(Failure {
            exit,
            ..Failure::told("midclt: stopped")
        })
    };
    match typed {
        Ok(Typed::Line(line)) => Ok(line),
        Ok(Typed::End) => stopped(1),
        Ok(Typed::Interrupted) => stopped(INTERRUPTED),
        Err(error) => Err(Failure::told(format!(
            "midclt: cannot read the answer: {error}"
        ))),
    }
}
