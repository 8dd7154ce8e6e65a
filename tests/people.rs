//! `midclt 2fa` on the real daemon: by scripts, and at a console of 80x24.

#[cfg(feature = "system")]
mod console;
#[cfg(feature = "system")]
mod doctor;
#[cfg(feature = "system")]
mod import;
mod scripts;
#[cfg(feature = "system")]
mod truenas;

use testkit::now;

use crate::support::code_at;

/// The account of each test: the only one that every machine has.
const USER: &str = "root";

/// A code that is good for some seconds more, whatever the window.
fn fresh_code(secret: &str) -> String {
    code_at(secret, early_in_a_step())
}

/// The time, once the next step is not near.
fn early_in_a_step() -> u64 {
    while now() % 30 > 25 {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    now()
}
