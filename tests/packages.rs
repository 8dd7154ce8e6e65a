//! The Debian packages, and the daemon as systemd runs it: on a machine of its own, with systemd as its
//! first process.
//!
//! The packages hold the programs that the tests use, which are built for development: what is tested is
//! the packaging, and a build for release takes minutes.

mod doctor;
mod files;
mod lifecycle;
mod restarts;
mod service;
mod site;
mod sshd;
mod units;
mod unlock;
mod version;
mod web;

pub(crate) use site::packages;
