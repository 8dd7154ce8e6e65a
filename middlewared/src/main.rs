//! Listens: the daemon that owns the second factor of a machine.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    middlewared::main()
}
