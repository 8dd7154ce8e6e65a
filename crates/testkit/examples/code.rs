//! Prints the current code of the base32 secret on standard input: `code [DIGITS [INTERVAL]]`.
//!
//! As `cargo xtask code`, but small: it builds in seconds, where a newcomer waits for it.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "printing is its job")]

use std::error::Error;
use std::io;

use testkit::{Algorithm, now, totp};

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u32>());
    let digits = numbers.next().transpose()?.unwrap_or(6);
    let interval = numbers.next().transpose()?.unwrap_or(30);
    let mut secret = String::new();
    io::stdin().read_line(&mut secret)?;
    let code = totp(
        secret.trim(),
        digits,
        interval.into(),
        now(),
        Algorithm::Sha1,
    );
    println!("{code}");
    Ok(())
}
