//! Calls: a blocking client with one total deadline.
#![forbid(unsafe_code)]
