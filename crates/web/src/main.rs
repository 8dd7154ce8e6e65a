//! Shows: the pages and the sign-in of the second factor, to the network.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    web::main()
}
