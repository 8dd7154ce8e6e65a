//! Guards the door of sshd: what sshd and its PAM stack must say, writing it, taking it back, and
//! reading what sshd really does.
//!
//! No socket and no daemon: midclt asks that one. Every file is found below a [`Root`], so that a
//! directory can stand for the machine; files of others are read and never written. What may go
//! wrong has a [`Finding`] with the cure.
#![forbid(unsafe_code)]

mod arm;
mod boot;
mod error;
mod files;
mod finding;
mod lock;
mod program;
mod root;

pub mod accounts;
pub mod check;
pub mod config;
pub mod dropin;
pub mod guess;
pub mod jobs;
pub mod methods;
pub mod probe;
pub mod service;
pub mod sshd;
pub mod stack;
pub mod transaction;
pub mod undo;

pub use arm::disarm;
pub use boot::Boot;
pub use error::Error;
pub use files::{read, remove, write};
pub use finding::{Code, Finding, Severity};
pub use lock::Lock;
pub use root::Root;

/// What sshd reads first.
pub const SSHD_CONFIG: &str = "/etc/ssh/sshd_config";
/// Our settings, included by [`SSHD_CONFIG`] on every current distribution.
pub const DROPIN: &str = "/etc/ssh/sshd_config.d/10-middlewared.conf";
/// The accounts of jobs, after the drop-in and before most others.
pub const JOBS: &str = "/etc/ssh/sshd_config.d/11-middlewared-jobs.conf";
/// The keys of jobs, a file for each account.
pub const JOB_KEYS: &str = "/etc/ssh/middlewared-jobs";
/// The PAM stack of sshd.
pub const STACK: &str = "/etc/pam.d/sshd";
/// The stack as it was before the blocks came in.
pub const STACK_BACKUP: &str = "/etc/pam.d/sshd.before-middlewared";
/// What is needed to put everything back, while a trial of the files is under way.
pub const UNDO: &str = "/etc/ssh/middlewared-undo";
