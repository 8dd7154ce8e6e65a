//! Remembers: the only crate that touches the state directory.
#![forbid(unsafe_code)]
