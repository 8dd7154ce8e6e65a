//! Talking to whoever sits at the terminal. All of it goes to stderr: stdout is for results.

use std::io::{BufRead, IsTerminal, Read, stderr, stdin};

use crate::failure::Failure;
use crate::output;

/// Nobody types more than this; the rest of such a line is left.
const LONGEST_LINE: u64 = 1_024;

/// Whether there is somebody to ask: one who reads the question and can type the answer.
pub(super) fn can_ask() -> bool {
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
    loop {
        match line(&format!("{question} [y/N] "))?
            .to_ascii_lowercase()
            .as_str()
        {
            "y" | "yes" => return Ok(true),
            "" | "n" | "no" => return Ok(false),
            _ => output::note("Type y or n."),
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

fn line(question: &str) -> Result<String, Failure> {
    output::question(question);
    let mut line = String::new();
    match stdin().lock().take(LONGEST_LINE).read_line(&mut line) {
        Ok(0) => {
            output::note("");
            Err(Failure::told("midclt: stopped"))
        }
        Ok(_) => Ok(line.trim().to_owned()),
        Err(error) => Err(Failure::told(format!(
            "midclt: cannot read the answer: {error}"
        ))),
    }
}
