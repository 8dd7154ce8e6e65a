//! Sizes, numbers and slow clients: one hostile client never delays another.
