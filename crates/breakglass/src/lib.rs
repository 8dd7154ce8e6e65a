//! Overrides: the break-glass file, by which root lets people in while the daemon cannot.
//!
//! It is a few lines of text in a directory that only root can write to, and good for one boot.
//! Nothing in it is secret: what counts is who wrote it. Whatever is not exactly as it should be is
//! ignored, with the reason. Which boot it is, and what time, is for the caller to say.
#![forbid(unsafe_code)]

mod place;
mod text;

pub use place::{Place, Trouble};
pub use text::{Grant, LONGEST_BYPASS_SECS, Malformed, Moment, Override};

/// The directory, which the package makes at boot: root's, mode 0755.
pub const DIRECTORY: &str = "/run/middleware-override";

/// The file in it.
pub const FILE: &str = "override";

/// Which boot an override is for: the 16 bytes of the kernel's boot id, random(4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootId(pub [u8; 16]);
