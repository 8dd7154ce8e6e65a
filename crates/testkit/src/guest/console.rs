//! A serial console from the side of the person: what it shows, and what is typed.

use std::fmt::{self, Debug, Display, Formatter, Write as _};
use std::io::{Read, Write};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// One character at 9600 baud. Faster than anybody types, and as fast as the line can be.
const PER_CHARACTER: Duration = Duration::from_micros(1042);

/// What is shown, and typed, on a serial line.
pub struct Console {
    shown: Arc<Shown>,
    keyboard: Box<dyn Write + Send>,
    /// How much of the text was waited for already.
    seen: usize,
    prompt: String,
    /// The program that carries it, if one does.
    carrier: Option<Child>,
}

impl Debug for Console {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

/// What came so far.
#[derive(Debug, Default)]
struct Shown {
    text: Mutex<Text>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Text {
    /// Without a terminal's control sequences (ECMA-48), with one line feed at a line's end.
    plain: Vec<u8>,
    sequence: Sequence,
    is_closed: bool,
}

/// How far a control sequence has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sequence {
    #[default]
    None,
    /// After ESC.
    Escape,
    /// After `ESC [`: up to a letter.
    Parameters,
}

impl Console {
    /// A console whose other end is read and written here. Somebody reads all the time, else the
    /// other side would stop at a full line.
    pub(super) fn new(
        mut screen: impl Read + Send + 'static,
        keyboard: impl Write + Send + 'static,
    ) -> Self {
        let shown = Arc::new(Shown::default());
        let ours = Arc::clone(&shown);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut bytes) {
                ours.add(bytes.get(..length).unwrap_or_default());
            }
            ours.close();
        });
        Self {
            shown,
            keyboard: Box::new(keyboard),
            seen: 0,
            prompt: String::new(),
            carrier: None,
        }
    }

    /// A console that a program carries, on its standard input and output.
    pub(super) fn of(mut carrier: Child) -> Self {
        let keyboard = carrier.stdin.take().expect("a piped stdin");
        let screen = carrier.stdout.take().expect("a piped stdout");
        let mut console = Self::new(screen, keyboard);
        console.carrier = Some(carrier);
        console
    }

    /// What the shell asks with, once there is one.
    pub(super) fn prompt(&self) -> &str {
        &self.prompt
    }

    pub(super) fn set_prompt(&mut self, prompt: &str) {
        prompt.clone_into(&mut self.prompt);
    }

    /// Waits until the console shows a text that was not waited for yet. What was shown before it,
    /// since the last wait.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> String {
        let (before, _) = self.wait_for_any(&[text], limit);
        before
    }

    /// The same of whichever text comes first, and which one it was.
    pub fn wait_for_any(&mut self, texts: &[&str], limit: Duration) -> (String, usize) {
        let deadline = Instant::now() + limit;
        let shown = Arc::clone(&self.shown);
        let mut text = shown.lock();
        loop {
            let new = text.plain.get(self.seen..).unwrap_or_default();
            let first = texts
                .iter()
                .enumerate()
                .filter_map(|(which, text)| Some((position(new, text)?, which, text.len())))
                .min();
            if let Some((at, which, length)) = first {
                let before = new.get(..at).unwrap_or_default();
                let before = String::from_utf8_lossy(before).into_owned();
                self.seen += at + length;
                return (before, which);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !text.is_closed,
                "waited for {texts:?} in vain; the console shows\n{}",
                tail(&text.to_string())
            );
            (text, _) = shown.grown.wait_timeout(text, left).expect("the screen");
        }
    }

    /// Everything that the console has shown.
    pub fn text(&self) -> String {
        self.shown.lock().to_string()
    }

    /// Waits until the other side closes.
    pub fn wait_until_closed(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut text = self.shown.lock();
        while !text.is_closed {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "not closed; it shows\n{}",
                tail(&text.to_string())
            );
            (text, _) = self
                .shown
                .grown
                .wait_timeout(text, left)
                .expect("the screen");
        }
    }

    /// Types as fast as a serial line of 9600 baud takes it.
    pub fn type_text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.keyboard
                .write_all(&[byte])
                .and_then(|()| self.keyboard.flush())
                .unwrap_or_else(|error| {
                    panic!("cannot type: {error}; it shows\n{}", tail(&self.text()))
                });
            thread::sleep(PER_CHARACTER);
        }
    }

    /// Types a line and Enter.
    pub fn type_line(&mut self, line: &str) {
        self.type_text(line);
        self.type_text("\r");
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let Some(carrier) = &mut self.carrier {
            let _ = carrier.kill();
            let _ = carrier.wait();
        }
    }
}

impl Shown {
    /// What is there is whole, also where a wait has failed meanwhile.
    fn lock(&self) -> MutexGuard<'_, Text> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.grown.notify_all();
    }

    fn add(&self, bytes: &[u8]) {
        let mut text = self.lock();
        for byte in bytes {
            text.add(*byte);
        }
        self.grown.notify_all();
    }
}

impl Text {
    fn add(&mut self, byte: u8) {
        self.sequence = match (self.sequence, byte) {
            (Sequence::None, 0x1b) => Sequence::Escape,
            (Sequence::Escape, b'[') | (Sequence::Parameters, 0x20..=0x3f) => Sequence::Parameters,
            (Sequence::Escape | Sequence::Parameters, _) | (Sequence::None, b'\r' | 0x07) => {
                Sequence::None
            }
            (Sequence::None, _) => {
                self.plain.push(byte);
                Sequence::None
            }
        };
    }
}

impl Display for Text {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.plain))
    }
}

fn position(text: &[u8], wanted: &str) -> Option<usize> {
    let wanted = wanted.as_bytes();
    text.windows(wanted.len()).position(|part| part == wanted)
}

/// The last lines, for a failed test's report.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(40);
    let mut tail = String::new();
    for line in lines.get(first..).unwrap_or_default() {
        writeln!(tail, "  | {line}").unwrap();
    }
    tail
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn control_sequences_are_not_text() {
        let cases = [
            ("\u{1b}[?2004hroot# \u{1b}[6nls\r\n", "root# ls\n"),
            ("\u{1b}c\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("half \u{1b}[1;3", "half "),
            ("ding\u{7} ‘dong’", "ding ‘dong’"),
        ];
        for (bytes, plain) in cases {
            let mut text = Text::default();
            bytes.bytes().for_each(|byte| text.add(byte));
            assert_eq!(text.to_string(), plain);
        }
    }
}
