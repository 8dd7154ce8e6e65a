//! Development only: a real daemon in a private directory.
#![forbid(unsafe_code)]
