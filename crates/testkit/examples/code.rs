//! Prints the current code of a base32 secret: `code SECRET [DIGITS [INTERVAL]]`.
//!
//! The same as `cargo xtask code`, but small: it builds in seconds, where a newcomer
//! waits for it.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "printing is its job")]

use std::process::ExitCode;

use testkit::{Algorithm, now, totp};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default| match arguments.get(index) {
        Some(word) => word.parse().ok(),
        None => Some(default),
    };
    let (Some(secret), Some(digits), Some(interval)) =
        (arguments.first(), number(1, 6), number(2, 30))
    else {
        println!("usage: code SECRET [DIGITS [INTERVAL]]");
        return ExitCode::FAILURE;
    };
    let digits = u32::try_from(digits).unwrap_or(6);
    println!("{}", totp(secret, digits, interval, now(), Algorithm::Sha1));
    ExitCode::SUCCESS
}
