//! Reaches another machine, for midclt.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    remote::main()
}
