//! The built midclt from outside, against a daemon that is played.
#![cfg(test)]

mod behaviour;
mod daemon;
mod shells;
mod twofactor;
