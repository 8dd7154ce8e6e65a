//! Decides: the pure two-factor core, without I/O, clock or randomness.
#![forbid(unsafe_code)]
