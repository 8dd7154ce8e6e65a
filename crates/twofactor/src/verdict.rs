//! The answer about a code.

/// What a [`Device`](crate::Device) says about a typed code.
///
/// Only [`Accepted`](Verdict::Accepted) lets anybody in. The other three are told apart because
/// they are not the same event: a wrong code is a guess, a replayed one is not, and a malformed
/// one was never compared with anything.
#[must_use = "a verdict that nobody looks at protects nothing"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The code is right and was not used before. It is burned now: the changed replay floor of the
    /// device must be durable before anybody hears of this answer.
    Accepted {
        /// The counter whose code it was (RFC 6238 §4.2).
        counter: u64,
    },
    /// The code is right, but its time step is used up: at or below the replay floor
    /// (RFC 6238 §5.2: a code is accepted once).
    Replayed,
    /// The code belongs to no time step in the window.
    Wrong,
    /// The text is no code: another number of digits, or something that is not a digit.
    Malformed,
}

impl Verdict {
    /// Whether the code opens the door.
    #[must_use]
    pub const fn is_accepted(self) -> bool {
        matches!(self, Verdict::Accepted { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn only_accepted_is_accepted() {
        assert!(Verdict::Accepted { counter: 0 }.is_accepted());
        for refusal in [Verdict::Replayed, Verdict::Wrong, Verdict::Malformed] {
            assert!(!refusal.is_accepted(), "{refusal:?}");
        }
    }
}
