//! Failures that are forgotten steadily, as a queue whose members leave one after the other.

const DAY: i128 = 86_400;

/// What a queue does when the clock is set back behind its last failure.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum SetBack {
    /// All of it happened that much earlier, so that no wait is longer than it should be.
    Follows,
    /// Nothing leaves, and nobody joins as of an earlier time, until the clock is there again.
    Stays,
}

/// Times are in parts of a second, so many that each stay in the queue is a whole number of them.
pub(crate) struct Queue {
    per_day: i128,
    set_back: SetBack,
    leaves: Vec<i128>,
    /// When the last one joined.
    pub(crate) last: i128,
}

impl Queue {
    pub(crate) fn new(per_day: u32, set_back: SetBack) -> Queue {
        Queue {
            per_day: i128::from(per_day),
            set_back,
            leaves: Vec::new(),
            last: 0,
        }
    }

    pub(crate) fn clock_reads(&mut self, at: i128) {
        if self.set_back == SetBack::Stays {
            return;
        }
        let back = (self.last - at).max(0);
        self.last -= back;
        for leaves in &mut self.leaves {
            *leaves -= back * self.per_day;
        }
    }

    pub(crate) fn join(&mut self, at: i128) {
        let at = at.max(self.last);
        let is_free = self.leaves.last().copied().unwrap_or(i128::MIN);
        self.leaves.push(is_free.max(at * self.per_day) + DAY);
        self.last = at;
    }

    pub(crate) fn forgive(&mut self, failures: usize) {
        let left = self.leaves.len().saturating_sub(failures);
        self.leaves.truncate(left);
        // Of an empty queue nothing is known, not even when it had a last one.
        if self.waiting_at(self.last) == 0 {
            self.leaves.clear();
            self.last = 0;
        }
    }

    pub(crate) fn waiting_at(&self, at: i128) -> usize {
        self.leaves
            .iter()
            .filter(|leaves| **leaves > at * self.per_day)
            .count()
    }
}
