//! Calls: a blocking client of middlewared for midclt and the PAM module.
//!
//! One connection, one call at a time, one total [`Deadline`] for everything that may wait:
//! `connect(2)` on a full backlog, the HTTP upgrade, the call. No runtime, no thread. What the
//! other end sends is bounded ([`MAX_REPLY_BYTES`]) and not trusted: a reply that is not ours is
//! skipped, a text that is no JSON-RPC is an error, and nothing here can panic on it.
//!
//! Params and results may be secrets: they appear in no error and no `Debug` output of this crate.
#![forbid(unsafe_code)]

mod connection;
mod deadline;
mod dial;
mod error;
mod message;

pub use connection::{Client, Event, MAX_REPLY_BYTES};
pub use deadline::Deadline;
pub use error::{Absence, CallError, Error, Violation};

/// Where the packaged daemon listens.
pub const DEFAULT_SOCKET: &str = "/run/middleware/middlewared.sock";

#[cfg(test)]
mod tests;
