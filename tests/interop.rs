//! Clients that other people wrote.
