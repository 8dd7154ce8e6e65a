//! Development only: contract, man pages, house rules, benchmarks.
#![forbid(unsafe_code)]

fn main() {}
