//! Clocks that are off: a phone's, or the machine's.
#![cfg(feature = "system")]

mod behind;
mod skew;
