//! Applies: a program that uses PAM as sshd does, for tests.
//!
//! ```text
//! pamtry DIRECTORY SERVICE USER STEP…
//! ```
//!
//! reads the stack `SERVICE` of a directory and takes the steps in their order: `rhost=TEXT`,
//! `tty=TEXT`, `user=TEXT`, `env=NAME=VALUE`, `silent`, `authenticate`, `account`, `setcred`. Each line
//! that it prints is an object: a message or prompt of the conversation, a wait that PAM asks for, or
//! what came of a step. For each prompt it reads a line; where there is none, the conversation fails.
#![deny(unsafe_code)]

mod ffi;

use std::ffi::CString;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use ffi::{Application, Item, Phase};

/// Takes the steps; fails where a step cannot be taken, not where PAM says no.
#[must_use]
pub fn run(words: &[String]) -> ExitCode {
    let [directory, service, user, steps @ ..] = words else {
        return ExitCode::FAILURE;
    };
    let Some(mut application) = Application::start(&text(directory), &text(service), &text(user))
    else {
        return ExitCode::FAILURE;
    };
    let mut is_silent = false;
    for step in steps {
        match step.split_once('=') {
            None if step == "silent" => is_silent = true,
            Some(("rhost", value)) => application.set(Item::RemoteHost, &text(value)),
            Some(("tty", value)) => application.set(Item::Tty, &text(value)),
            Some(("user", value)) => application.set(Item::User, &text(value)),
            Some(("env", value)) => application.put_environment(&text(value)),
            _ => {
                let Some(phase) = phase(step) else {
                    return ExitCode::FAILURE;
                };
                let code = application.run(phase, is_silent);
                say(&json!({"step": step, "code": code}));
            }
        }
    }
    ExitCode::SUCCESS
}

fn phase(step: &str) -> Option<Phase> {
    match step {
        "authenticate" => Some(Phase::Authenticate),
        "account" => Some(Phase::Account),
        "setcred" => Some(Phase::SetCredentials),
        _ => None,
    }
}

/// One message of the conversation; what is typed, where it asks.
fn converse(style: &str, text: &str) -> Option<Vec<u8>> {
    say(&json!({"style": style, "text": text}));
    if !matches!(style, "prompt" | "secret") {
        return Some(Vec::new());
    }
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line).ok()?;
    (line.pop() == Some(b'\n')).then_some(line)
}

/// PAM asks for a wait, which the tests do not have time for.
fn wait(micros: u32) {
    say(&json!({"wait_micros": micros}));
}

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn say(line: &Value) {
    println!("{line}");
    // Whoever does not listen any more misses it.
    let _ = io::stdout().flush();
}

/// An argument has no 0 byte.
fn text(word: &str) -> CString {
    CString::new(word).unwrap_or_default()
}
