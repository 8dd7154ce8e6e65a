//! The door that strangers see: real logins through a real sshd, on machines that only the tests see.
#![cfg(feature = "system")]

mod clients;
mod command;
mod console;
mod crowds;
mod door;
mod enabling;
mod first_login;
mod guessing;
mod jobs;
mod outages;
mod parallel;
mod peers;
mod root;
mod standing;
mod switching;
mod trials;

mod ways;
