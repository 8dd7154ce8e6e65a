//! Listens: the daemon that owns the second factor of a machine.
#![forbid(unsafe_code)]

fn main() {}
