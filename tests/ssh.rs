//! The door that strangers see: real logins through a real sshd, on machines that only the tests see.
#![cfg(feature = "system")]

mod parallel;
mod peers;
