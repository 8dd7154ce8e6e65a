//! Clients that other people wrote.

mod jsonrpsee;

#[cfg(feature = "system")]
mod curl;
#[cfg(feature = "system")]
mod original;
#[cfg(feature = "system")]
mod pytruenas;
#[cfg(feature = "system")]
mod remote;
