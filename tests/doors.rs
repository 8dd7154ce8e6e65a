//! Who passes which door, and with what: every standing of an account, through the socket.
#![cfg(feature = "system")]

mod authenticators;
mod bypass;
mod devices;
mod everywhere;
mod identity;
mod keys;
mod standing;
mod strangers;
