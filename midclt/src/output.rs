//! The only place that writes: results to stdout, everything else to stderr.

use std::io::{ErrorKind, Write, stderr, stdout};

use crate::failure::Failure;

/// One line of result. Flushed at once: who reads a pipe wants each event when it happens, and an
/// answer that could not be written is not a success.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    write(&[text, "\n"])
}

/// Text that brings its own line ends.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    write(&[text])
}

/// Text for people that has words of others in it, such as the names of devices: safe for the
/// terminal it appears on.
pub(crate) fn page(text: &str) -> Result<(), Failure> {
    write(&[&harmless(text)])
}

fn write(parts: &[&str]) -> Result<(), Failure> {
    let mut out = stdout().lock();
    let written = parts
        .iter()
        .try_for_each(|part| out.write_all(part.as_bytes()))
        .and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::reader_gone(),
        _ => Failure::told(format!("midclt: cannot write the result: {error}")),
    })
}

/// One message on stderr, safe for the terminal it appears on.
pub(crate) fn note(text: &str) {
    // Where stderr is gone there is nobody to tell.
    let _ = writeln!(stderr().lock(), "{}", harmless(text));
}

/// A question on stderr: the answer is typed behind it.
pub(crate) fn question(text: &str) {
    let mut err = stderr().lock();
    let _ = write!(err, "{}", harmless(text)).and_then(|()| err.flush());
}

/// A drawing on stderr, with the sequences that colour it.
pub(crate) fn drawing(text: &str) {
    let _ = write!(stderr().lock(), "{text}");
}

/// Shows control characters instead of sending them: a server's text must not drive a terminal.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && !matches!(c, '\n' | '\t') {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown() {
        let check = |text: &str, expected: &str| assert_eq!(harmless(text), expected);
        check("plain\n\tü€", "plain\n\tü€");
        check("\x1b[2Jx\r\u{7f}", "\\u{1b}[2Jx\\r\\u{7f}");
        check("\u{9b}31m", "\\u{9b}31m");
    }
}
