//! What wrong codes cost, by a slow and obvious count: waits on a clock that only goes forward, and how many
//! codes strangers may try.

use std::collections::BTreeMap;

use super::*;

/// What is left of a guess for as long as it is not forgotten, ten of them a day.
const PARTS: u64 = 86_400;
const FORGETS_PER_DAY: u64 = 10;

/// Which wrong code from new sources is the last that is judged.
pub(super) const MOST_OF_STRANGERS: u64 = 10;

/// Who types: a source by its number, and whether it is a recovery code.
pub(super) type Budget = (usize, bool);

/// What the clocks of a machine have shown when somebody was answered.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    pub(super) now: u64,
    /// How far the wall clock went forward, all in all.
    pub(super) forward: u64,
    /// Between which bounds the latest time lies that the machine remembers.
    pub(super) seen: (u64, u64),
}

#[derive(Default)]
pub(super) struct Waits {
    /// Until where the wall clock has to have gone forward.
    until: BTreeMap<Budget, u64>,
    /// Wrong codes of devices in a row, which a right one forgives.
    failed: BTreeMap<usize, u64>,
    /// What is left of the strangers' guesses, at the latest time at which there was one.
    strangers: (u64, u64),
    /// The least that the latest time was when the first source was last accepted.
    known: Option<u64>,
}

impl Waits {
    /// Checks an answer and counts it. Seconds to wait, where it is a wait.
    pub(super) fn answered(&mut self, budget: Budget, answer: &Value, at: Shown) -> Option<u64> {
        let before = self.until.get(&budget).copied().unwrap_or(0);
        match answer["verdict"].as_str().unwrap() {
            "LOCKED" => self.locked(budget, answer, at),
            verdict => {
                assert!(at.forward >= before, "{budget:?}: {answer}");
                self.judged(budget, verdict, at);
                None
            }
        }
    }

    /// None is long without a word of the way out, and none is shortened by a clock that is set back.
    fn locked(&mut self, budget: Budget, answer: &Value, at: Shown) -> Option<u64> {
        let message = answer["message"].as_str().unwrap();
        if message.contains("midclt 2fa unlock daemon") {
            assert!(!budget.1 && SOURCES.get(budget.0) != Some(&""), "{answer}");
            let known = self.known.filter(|_| budget.0 == 0);
            let since = known.map(|known| at.seen.1 + 3600 - known);
            assert!(since.is_none_or(|since| since >= 30 * DAY), "{answer}");
            return None;
        }
        let secs = answer["retry_after"].as_u64().unwrap();
        assert!(secs <= 3600, "{answer}");
        let until = at.forward + secs;
        let before = self.until.insert(budget, until);
        assert!(
            before.is_none_or(|before| before <= until),
            "{budget:?}: {answer}"
        );
        Some(secs)
    }

    fn judged(&mut self, (from, is_recovery): Budget, verdict: &str, at: Shown) {
        let is_wrong = verdict == "WRONG" && !is_recovery;
        if verdict == "ACCEPTED" && from == 0 {
            self.known = Some(at.seen.0);
        }
        if verdict == "ACCEPTED" && !is_recovery {
            let forgiven = self.failed.remove(&from).unwrap_or(0) * PARTS;
            self.strangers.0 = self.strangers.0.saturating_sub(forgiven);
        } else if is_wrong {
            *self.failed.entry(from).or_default() += 1;
        }
        if is_wrong {
            let (parts, last) = self.strangers;
            // A clock that was behind and is right again has not seen that time pass.
            let left = parts.saturating_sub(at.now.saturating_sub(last) * FORGETS_PER_DAY);
            let is_stranger = from >= SOURCES.len();
            let may_be_judged = left <= (MOST_OF_STRANGERS - 1) * PARTS;
            assert!(may_be_judged || !is_stranger, "{left} {last} {}", at.now);
            self.strangers = if is_stranger {
                (left + PARTS, last.max(at.now))
            } else {
                // It may be counted with the strangers', or not: the least that there can be.
                (left, last)
            };
        }
    }

    /// What is forgotten by now is removed, and does not come back with a clock that is set back.
    pub(super) fn clean(&mut self, now: u64) {
        let (parts, last) = self.strangers;
        if parts <= now.saturating_sub(last) * FORGETS_PER_DAY {
            self.strangers = (0, 0);
        }
    }

    /// Nobody waits any longer; what the clock has shown since may be forgotten.
    pub(super) fn forgive(&mut self) {
        let known = self.known;
        *self = Self {
            known,
            ..Self::default()
        };
    }

    /// The latest time is now.
    pub(super) fn reset(&mut self, now: u64) {
        self.known = self.known.map(|known| known.min(now));
    }
}
