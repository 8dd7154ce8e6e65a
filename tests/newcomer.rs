//! The two commands of a newcomer.
