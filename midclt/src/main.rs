//! Speaks to people: the client of middlewared.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    midclt::run(std::env::args_os())
}
