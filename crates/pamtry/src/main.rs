//! `pamtry DIRECTORY SERVICE USER STEP…`; see the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    pamtry::run(&words)
}
