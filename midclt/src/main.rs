//! Speaks to people: the client of middlewared.
#![forbid(unsafe_code)]

fn main() {}
