//! A person at a terminal: stdin and stderr are a pty, stdout is a pipe, so that a result can be
//! told from the conversation.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};

use super::Said;
use crate::daemon::text;

/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What ends the input.
pub(super) const CTRL_D: &str = "\x04";

/// What ends a program.
pub(super) const CTRL_C: &str = "\x03";

/// A program on a terminal of 80x24.
pub(super) struct Terminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
    /// What was waited for already.
    seen: usize,
}

impl Terminal {
    /// Starts the program.
    pub(super) fn start(command: &mut Command) -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).unwrap();
        let child = command
            .stdin(Stdio::from(pty.slave.try_clone().unwrap()))
            .stderr(Stdio::from(pty.slave))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The command holds the other end too, and the reader would never see the end.
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let shown = Arc::new(Mutex::new(Vec::new()));
        let screen = File::from(pty.master);
        let keyboard = screen.try_clone().unwrap();
        let record = Arc::clone(&shown);
        let reader = thread::spawn(move || follow(screen, &record));
        Self {
            child,
            keyboard,
            shown,
            reader,
            seen: 0,
        }
    }

    /// Waits for a question, from where the last one ended.
    pub(super) fn asks(&mut self, question: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.shown();
            if let Some(at) = shown.get(self.seen..).and_then(|new| new.find(question)) {
                self.seen += at + question.len();
                return;
            }
            assert!(
                Instant::now() < deadline,
                "waited for {question:?}:\n{shown}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for a question and answers it.
    pub(super) fn answer(&mut self, question: &str, keys: &str) {
        self.asks(question);
        let end = if [CTRL_D, CTRL_C].contains(&keys) {
            ""
        } else {
            "\n"
        };
        self.keyboard
            .write_all(format!("{keys}{end}").as_bytes())
            .unwrap();
    }

    fn shown(&self) -> String {
        let bytes = self.shown.lock().unwrap();
        // A terminal makes each line end two characters.
        String::from_utf8_lossy(&bytes).replace('\r', "")
    }

    /// Waits for its end: the exit status, stdout, and all that was on the terminal.
    pub(super) fn end(mut self) -> Said {
        let mut result = Vec::new();
        let stdout = self.child.stdout.as_mut().unwrap();
        stdout.read_to_end(&mut result).unwrap();
        let status = self.child.wait().unwrap();
        self.reader.join().unwrap();
        let bytes = self.shown.lock().unwrap();
        let shown = String::from_utf8_lossy(&bytes).replace('\r', "");
        (status.code().unwrap(), text(&result), shown)
    }
}

/// Reads until the other end is closed, which is an error for a pty.
fn follow(mut screen: File, record: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = screen.read(&mut buffer) {
        record.lock().unwrap().extend_from_slice(&buffer[..length]);
    }
}
