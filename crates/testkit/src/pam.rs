//! A program that uses PAM, as sshd is one: its stack, what it knows, what it shows and is told.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::signal;
use crate::{Machine, binaries};

/// How long one program may take, with all that it waits for.
const LIMIT: Duration = Duration::from_mins(1);

/// A program that is about to ask PAM, in its own stack.
#[derive(Debug)]
pub struct Application {
    command: Command,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Applied {
    /// What was shown and asked: `info`, `error`, `prompt` (echo on) or `secret`, and the text.
    pub said: Vec<(String, String)>,
    /// The PAM code of each step that has one.
    pub codes: Vec<i64>,
    /// The waits that PAM asked for after failures.
    pub waits: Vec<Duration>,
}

impl Application {
    /// On this machine, with the stack of this name in a directory; the lines are written there.
    pub fn new(directory: &Path, service: &str, user: &str) -> Self {
        Self::of(Command::new(binaries::pamtry()), directory, service, user)
    }

    /// On a private machine, with the stack of this name in its `/etc/pam.d`.
    pub fn on(machine: &Machine, service: &str, user: &str) -> Self {
        // The build directory may be one that the machine does not share.
        let program = machine.dir().join("pamtry");
        if !program.exists() {
            fs::copy(binaries::pamtry(), &program).expect("copy pamtry");
        }
        let mut command = machine.enter();
        command.arg(program);
        Self::of(command, Path::new("/etc/pam.d"), service, user)
    }

    fn of(mut command: Command, directory: &Path, service: &str, user: &str) -> Self {
        command.arg(directory).args([service, user]);
        Self { command }
    }

    /// The next step: `rhost=…`, `tty=…`, `user=…`, `env=…=…`, `silent`, `authenticate`, `account`,
    /// `setcred`.
    #[must_use]
    pub fn step(mut self, word: &str) -> Self {
        self.command.arg(word);
        self
    }

    /// Takes the steps, and types these lines where it is asked; then nothing more.
    pub fn answer(self, lines: &[&str]) -> Applied {
        let mut lines = lines.iter().map(|&line| line.to_owned());
        self.converse(|_| lines.next())
    }

    /// Takes the steps, and asks at each prompt what to type after all that was said so far. `None`:
    /// nobody is there any more.
    pub fn converse(mut self, mut typed: impl FnMut(&Applied) -> Option<String>) -> Applied {
        let child = self.command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = child.spawn().expect("run pamtry");
        let guard = kill_after(child.id(), LIMIT);
        let mut stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a piped stdout"));
        let mut applied = Applied::default();
        for line in stdout.lines() {
            let line = line.expect("read what it prints");
            let line = serde_json::from_str(&line).expect("one object a line");
            if !applied.note(&line) {
                continue;
            }
            match (typed(&applied), &mut stdin) {
                (Some(answer), Some(stdin)) => writeln!(stdin, "{answer}").expect("type"),
                _ => stdin = None,
            }
        }
        let status = child.wait().expect("wait for pamtry");
        drop(guard);
        assert!(status.success(), "{:?} {status}: {applied:?}", self.command);
        applied
    }
}

impl Applied {
    /// The code of the only step, or of the last.
    pub fn code(&self) -> i64 {
        *self.codes.last().expect("a step with a code")
    }

    /// The prompts, in their order.
    pub fn prompts(&self) -> Vec<&str> {
        self.of_style(|style| style == "prompt" || style == "secret")
    }

    /// Everything else that was shown.
    pub fn shown(&self) -> Vec<&str> {
        self.of_style(|style| style == "info" || style == "error")
    }

    fn of_style(&self, wanted: fn(&str) -> bool) -> Vec<&str> {
        let said = self.said.iter().filter(|(style, _)| wanted(style));
        said.map(|(_, text)| text.as_str()).collect()
    }

    /// Keeps one line; whether it waits for somebody to type.
    fn note(&mut self, line: &Value) -> bool {
        let text = |name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| line.get(name).and_then(Value::as_u64);
        if let (Some(style), Some(text)) = (text("style"), text("text")) {
            let waits = style == "prompt" || style == "secret";
            self.said.push((style, text));
            return waits;
        }
        if let Some(micros) = number("wait_micros") {
            self.waits.push(Duration::from_micros(micros));
        }
        if let Some(code) = line.get("code") {
            self.codes.push(code.as_i64().expect("a code"));
        }
        false
    }
}

/// Kills a process unless the guard is dropped before.
fn kill_after(pid: u32, limit: Duration) -> mpsc::Sender<()> {
    let (guard, dropped) = mpsc::channel();
    thread::spawn(move || {
        if dropped.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            signal(pid, Signal::SIGKILL);
        }
    });
    guard
}

/// Writes a stack: lines of `pam.d(5)`, in which `MODULE` is the built module.
pub fn write_stack(file: &Path, lines: &[&str]) {
    let module = binaries::pam_module();
    let module = module.to_str().expect("a path in UTF-8");
    let mut text = String::new();
    for line in lines {
        writeln!(text, "{}", line.replace("MODULE", module)).expect("write to a string");
    }
    fs::write(file, text).expect("write the stack");
}
