//! The product from outside, by topic: the built binaries, real sockets, real clients.
//!
//! Tests that need root, packages of Debian or `PyPI` are behind the feature `system`, which `./check`
//! turns on; plain `cargo test` needs neither.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod alarms;
mod api;
#[cfg(feature = "system")]
mod browser;
mod clocks;
mod codes;
mod contract;
mod crash;
mod doors;
mod faults;
mod guest;
mod interop;
mod lifecycle;
mod limits;
#[cfg(feature = "system")]
mod moving;
mod newcomer;
#[cfg(feature = "system")]
mod packages;
mod pages;
mod pam;
mod peers;
mod people;
#[cfg(feature = "system")]
mod python;
mod qr;
#[cfg(feature = "system")]
mod recovery;
mod recovery_codes;
mod remote;
mod site;
#[cfg(feature = "system")]
mod ssh;
mod support;
#[cfg(feature = "system")]
mod terminal;
mod throttle;
mod trial;
mod web;
mod wire;
mod words;
