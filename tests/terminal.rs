//! A terminal, and what it shows: tmux, with one window and nothing of its own on the screen.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::python::output_of;

/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What kind of terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
    pub(crate) locale: &'static str,
    pub(crate) term: &'static str,
}

/// One place of a screen. No colour: the terminal's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) glyph: char,
    pub(crate) ink: Option<u8>,
    pub(crate) paper: Option<u8>,
}

/// What a terminal shows at one moment.
pub(crate) struct Screen {
    pub(crate) rows: Vec<Vec<Cell>>,
}

impl Screen {
    /// Text with SGR sequences (ECMA-48 8.3.117), the only ones in it.
    pub(crate) fn parse(text: &str) -> Self {
        let (mut ink, mut paper) = (None, None);
        let mut rows = vec![Vec::new()];
        let mut rest = text.chars();
        while let Some(glyph) = rest.next() {
            match glyph {
                '\x1b' => {
                    let sequence: String = rest.by_ref().take_while(|c| *c != 'm').collect();
                    set_colours(&sequence, &mut ink, &mut paper);
                }
                '\n' => rows.push(Vec::new()),
                glyph => rows.last_mut().unwrap().push(Cell { glyph, ink, paper }),
            }
        }
        Self { rows }
    }

    /// The text alone.
    pub(crate) fn text(&self) -> String {
        let line = |row: &Vec<Cell>| row.iter().map(|cell| cell.glyph).collect::<String>();
        let lines: Vec<String> = self.rows.iter().map(line).collect();
        lines
            .iter()
            .map(|line| line.trim_end())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn set_colours(sequence: &str, ink: &mut Option<u8>, paper: &mut Option<u8>) {
    let codes = sequence.strip_prefix('[').expect("an SGR sequence");
    for code in codes.split(';').map(|code| code.parse().unwrap_or(0)) {
        match code {
            0 => (*ink, *paper) = (None, None),
            1 | 2 | 22 => {}
            30..=37 => *ink = Some(code - 30),
            39 => *ink = None,
            40..=47 => *paper = Some(code - 40),
            49 => *paper = None,
            90..=97 => *ink = Some(code - 90),
            100..=107 => *paper = Some(code - 100),
            _ => panic!("an unknown SGR code: {code}"),
        }
    }
}

/// A tmux server of its own with a shell in it. It ends with this value.
pub(crate) struct Tmux {
    socket: String,
}

impl Tmux {
    /// What the shell prints when it waits for a line.
    pub(crate) const PROMPT: &str = "ready$";

    /// Starts a shell on this kind of terminal; files go into `dir`.
    pub(crate) fn start(terminal: Terminal, dir: &Path) -> Self {
        let config = dir.join("tmux.conf");
        std::fs::write(
            &config,
            "set -g status off\nset -g default-terminal xterm\n",
        )
        .unwrap();
        let tmux = Self {
            socket: dir.join("tmux.sock").display().to_string(),
        };
        let (columns, rows) = (terminal.columns.to_string(), terminal.rows.to_string());
        let shell = format!(
            "env PS1='{} ' LC_ALL={} TERM={} sh",
            Self::PROMPT,
            terminal.locale,
            terminal.term
        );
        let mut command = tmux.command();
        command
            .arg("-f")
            .arg(config)
            .args(["new-session", "-d", "-x", &columns, "-y", &rows]);
        output_of(command.arg(shell));
        tmux.when(|text| text == Self::PROMPT);
        tmux
    }

    /// The client must know UTF-8 to hand it out, whatever the shell inside knows.
    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-u", "-S", &self.socket]).env_remove("TMUX");
        command
    }

    fn run(&self, words: &[&str]) -> String {
        output_of(self.command().args(words))
    }

    /// Types a line.
    pub(crate) fn enter(&self, line: &str) {
        if !line.is_empty() {
            self.run(&["send-keys", "-l", line]);
        }
        self.run(&["send-keys", "Enter"]);
    }

    /// Presses a key that is no letter, by tmux's name for it.
    pub(crate) fn press(&self, key: &str) {
        self.run(&["send-keys", key]);
    }

    /// The screen, once its text is so. What was typed shows up later than one may think, so the
    /// last prompt alone is no sign of anything.
    pub(crate) fn when(&self, is_so: impl Fn(&str) -> bool) -> Screen {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.run(&["capture-pane", "-p"]);
            if is_so(text.trim_end()) {
                return Screen::parse(&self.run(&["capture-pane", "-p", "-e", "-N"]));
            }
            assert!(Instant::now() < deadline, "waited in vain:\n{text}");
            thread::sleep(Duration::from_millis(30));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command().arg("kill-server").output();
    }
}
