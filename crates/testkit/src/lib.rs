//! Development only: a real daemon in a private directory.
//!
//! Tests start the *built* programs and talk to them from outside, as a user's
//! shell or another program would:
//!
//! ```no_run
//! let daemon = testkit::Daemon::start();
//! let mut socket = testkit::Socket::connect(daemon.socket());
//! assert_eq!(socket.call("core.ping", serde_json::json!([])), "pong");
//! assert!(daemon.midclt(["ping"]).status.success());
//! ```
//!
//! A helper here panics with what it saw, since a test can do nothing else with it.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    reason = "test support: a panic is the failure report"
)]

mod accounts;
pub mod binaries;
mod builder;
mod clock;
mod container;
mod daemon;
mod disk;
pub mod guest;
mod journal;
mod keeper;
mod login;
mod machine;
mod namespace;
mod pam;
mod process;
mod raw;
mod socket;
mod sshd;
mod totp;
mod web;

pub use accounts::{Accounts, Hang};
pub use binaries::{pam_module, pam_module_that_panics};
pub use builder::Builder;
pub use clock::{FakeClock, faketime, now};
pub use container::Container;
pub use daemon::Daemon;
pub use disk::FailingDisk;
pub use journal::{Entry, Journal};
pub use keeper::Keeper;
pub use login::{Begun, Login, Outcome};
pub use machine::Machine;
pub use namespace::Namespace;
pub use nix::errno::Errno;
pub use nix::sys::signal::Signal;
pub use pam::{Application, Applied, write_stack};
pub use process::{run_with_deadline, run_with_input};
pub use raw::exchange;
pub use rustls;
pub use socket::Socket;
pub use totp::{Algorithm, totp};
pub use tungstenite;
pub use web::{Answer, Browser, TlsStream, Web};
