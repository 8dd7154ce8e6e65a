//! How many guesses are judged, from where, and what that costs others: nothing.
#![cfg(feature = "system")]

mod clocks;
mod flood;
mod hard_stop;
mod parallel;
mod sources;
mod waits;
