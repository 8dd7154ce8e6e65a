//! Codes by authenticators that other people wrote, with the clock moved.
