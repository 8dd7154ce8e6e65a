//! Names: the only place where a method exists.
#![forbid(unsafe_code)]
