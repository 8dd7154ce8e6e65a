//! Knows passwords: one question about one, answered by PAM, and gone.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    password::main()
}
