//! One line from whoever sits at the terminal.
//!
//! What was typed before the question is thrown away: it was no answer to it. Ctrl-C ends the line
//! instead of the program, so that what was done by then can still be said.

use std::io::{self, BufRead, ErrorKind, Stdin};

use nix::sys::termios::{
    FlushArg, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcflush, tcgetattr, tcsetattr,
};

/// Nobody types more than this; the rest of such a line is left.
const LONGEST_LINE: usize = 1_024;

/// What Ctrl-C sends.
const CTRL_C: u8 = 3;

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// A line.
    Line(String),
    /// Ctrl-D.
    End,
    /// Ctrl-C.
    Interrupted,
}

/// Reads a line that was typed after `ask`.
pub(crate) fn read(ask: impl FnOnce()) -> io::Result<Typed> {
    Ok(match read_line(Echo::AsItIs, ask)? {
        Typed::Line(line) => Typed::Line(line.trim().to_owned()),
        other => other,
    })
}

/// Reads a line that is not shown, with the spaces around it.
pub(crate) fn read_hidden(ask: impl FnOnce()) -> io::Result<Typed> {
    read_line(Echo::Off, ask)
}

/// Whether the terminal shows what is typed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    AsItIs,
    Off,
}

fn read_line(echo: Echo, ask: impl FnOnce()) -> io::Result<Typed> {
    let input = io::stdin();
    let _modes = Modes::for_a_line(&input, echo);
    ask();
    typed(&mut input.lock())
}

fn typed(input: &mut impl BufRead) -> io::Result<Typed> {
    let mut line = Vec::new();
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        let end = chunk.iter().position(|byte| [b'\n', CTRL_C].contains(byte));
        let (text, is_interrupted, used) = match end {
            Some(at) => (chunk.get(..at), chunk.get(at) == Some(&CTRL_C), at + 1),
            None => (Some(chunk), false, chunk.len()),
        };
        line.extend_from_slice(text.unwrap_or_default());
        input.consume(used);
        if is_interrupted {
            return Ok(Typed::Interrupted);
        }
        if used == 0 && line.is_empty() {
            return Ok(Typed::End);
        }
        if used == 0 || end.is_some() || line.len() >= LONGEST_LINE {
            let text = String::from_utf8_lossy(&line);
            return Ok(Typed::Line(text.into_owned()));
        }
    }
}

/// The terminal's modes as they were, put back when the line is read.
struct Modes<'a> {
    input: &'a Stdin,
    before: Option<Termios>,
}

impl<'a> Modes<'a> {
    /// Ctrl-C ends a line like Enter does, and is no signal. Without a terminal there is nothing to
    /// change.
    fn for_a_line(input: &'a Stdin, echo: Echo) -> Self {
        let before = tcgetattr(input).ok().filter(|before| {
            let mut modes = before.clone();
            set(&mut modes, SpecialCharacterIndices::VINTR, 0);
            set(&mut modes, SpecialCharacterIndices::VEOL, CTRL_C);
            if echo == Echo::Off {
                modes.local_flags.remove(LocalFlags::ECHO);
            }
            // What is in the way of this must not be in the way of the answer.
            let _ = tcflush(input, FlushArg::TCIFLUSH);
            tcsetattr(input, SetArg::TCSANOW, &modes).is_ok()
        });
        Self { input, before }
    }
}

impl Drop for Modes<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Where the terminal is gone there are no modes to put back.
            let _ = tcsetattr(self.input, SetArg::TCSANOW, before);
        }
    }
}

fn set(modes: &mut Termios, which: SpecialCharacterIndices, to: u8) {
    if let Some(character) = modes.control_chars.get_mut(which as usize) {
        *character = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_line() {
        let check = |mut input: &[u8], expected: &[Typed]| {
            for expected in expected {
                assert_eq!(&typed(&mut input).unwrap(), expected, "{input:?}");
            }
        };
        let line = |text: &str| Typed::Line(text.to_owned());
        check(b"", &[Typed::End]);
        check(
            b" 123 456 \n\nx",
            &[line(" 123 456 "), line(""), line("x"), Typed::End],
        );
        check(b"12\x03y\n", &[Typed::Interrupted, line("y")]);
        check(b"\xff\n", &[line("\u{fffd}")]);
        check(&[b'x'; 5_000], &[line(&"x".repeat(5_000)), Typed::End]);
    }
}
