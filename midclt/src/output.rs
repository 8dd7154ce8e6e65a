//! The only place that writes: results to stdout, everything else to stderr.

use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};

use crate::failure::Failure;
use crate::layout::wrap;

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

/// One message on stderr, safe for the terminal it appears on, and broken there between words. A
/// file or a pipe gets it as it is: programs look for whole lines.
pub(crate) fn note(text: &str) {
    let text = harmless(text);
    let text = if stderr().is_terminal() {
        text.split('\n').map(broken).collect::<Vec<_>>().join("\n")
    } else {
        text
    };
    // Where stderr is gone there is nobody to tell.
    let _ = writeln!(stderr().lock(), "{text}");
}

/// What every terminal has room for.
const COLUMNS: usize = 80;

/// One line in as many as it needs. The command at its end stays whole, to be copied.
fn broken(line: &str) -> String {
    if line.chars().count() <= COLUMNS {
        return line.to_owned();
    }
    let commands = [": midclt ", ": timedatectl", ": systemctl ", ": kill "];
    let at = commands
        .iter()
        .filter_map(|command| line.rfind(command))
        .max();
    let (text, command) = match at.and_then(|at| line.split_at_checked(at + 1)) {
        Some((text, command)) => (text, Some(command.trim_start())),
        None => (line, None),
    };
    let mut lines = wrap(text, COLUMNS);
    lines.extend(command.map(|command| format!("  {command}")));
    lines.join("\n")
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
    fn long_lines() {
        let check = |line: &str, expected: &str| assert_eq!(broken(line), expected);
        let short = "  as  it: midclt 2fa status";
        check(short, short);
        let words = "word ".repeat(17);
        check(
            words.trim(),
            &format!("{}\nword", "word ".repeat(16).trim()),
        );
        check(
            &format!("midclt: {words}again: midclt 2fa device list"),
            &format!(
                "midclt: {}\nword word word again:\n  midclt 2fa device list",
                "word ".repeat(14).trim()
            ),
        );
    }

    #[test]
    fn control_characters_are_shown() {
        let check = |text: &str, expected: &str| assert_eq!(harmless(text), expected);
        check("plain\n\tü€", "plain\n\tü€");
        check("\x1b[2Jx\r\u{7f}", "\\u{1b}[2Jx\\r\\u{7f}");
        check("\u{9b}31m", "\\u{9b}31m");
    }
}
