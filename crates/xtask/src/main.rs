//! Development only: contract, man pages, house rules, benchmarks.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main()
}
