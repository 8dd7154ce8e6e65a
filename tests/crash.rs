//! `kill -9` in a loop: what was acknowledged is there, what was accepted is used up.
