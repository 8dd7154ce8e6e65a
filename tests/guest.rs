//! Whole computers in software, seen and typed at on their serial consoles.
#![cfg(feature = "system")]

mod busybox;
mod powercut;

/// The line of the user's guide.
const UNLOCK: &str = r#"midclt call auth.twofactor.update '{ "enabled":false }'"#;
