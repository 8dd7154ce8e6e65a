//! The product from outside, by topic.
#![forbid(unsafe_code)]
