//! The wall clock, and what the kernel knows about its synchronisation.
