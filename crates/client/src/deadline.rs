//! One moment for everything that may wait.

use std::time::{Duration, Instant};

/// The moment by which everything must be done, or never.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Expires this long from now. A span beyond what the clock can hold means never.
    #[must_use]
    pub fn after(span: Duration) -> Self {
        Self(Instant::now().checked_add(span))
    }

    /// Waits for ever: for a subscription that a person ends.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// The earlier of this and `span` from now.
    #[must_use]
    pub fn at_most(self, span: Duration) -> Self {
        let other = Self::after(span);
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// Whether the moment has passed.
    #[must_use]
    pub fn expired(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// What a socket timeout may be: `Ok(None)` waits for ever, `Err` means that no time is left.
    ///
    /// # Errors
    /// [`std::io::ErrorKind::TimedOut`] once the deadline has passed.
    pub(crate) fn remaining(self) -> std::io::Result<Option<Duration>> {
        let Some(at) = self.0 else { return Ok(None) };
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        // A timeout that rounds to zero means "for ever" to the kernel.
        Ok(Some(left.max(Duration::from_millis(1))))
    }
}
