//! What is promised, whatever happens, as seen from outside: no code twice, no more guesses than the
//! budgets allow over any stretch of time, and nobody who did nothing wrong is locked.

use std::collections::HashSet;

use twofactor::{Budget, Limits, Source};

use crate::Answer;
use crate::case::{Attempt, Typed};
use crate::model::wait_after;

const DAY: u64 = 86_400;

pub(crate) struct Promises {
    limits: Limits,
    reading: Option<u64>,
    /// How far the clock went forward, all in all. What is forgotten with time follows the clock, so
    /// this is what it can have seen pass.
    forward: u64,
    guesses: Vec<Guess>,
    accepted: HashSet<(usize, Typed)>,
}

/// A code that was judged and was wrong or right.
struct Guess {
    forward: u64,
    account: usize,
    source: Source,
    budget: Budget,
    is_right: bool,
}

impl Guess {
    fn is_same_pair(&self, other: &Guess) -> bool {
        let is_same_source = self.source == other.source && self.budget == other.budget;
        self.account == other.account && is_same_source
    }
}

impl Promises {
    pub(crate) fn new(limits: Limits) -> Promises {
        Promises {
            limits,
            reading: None,
            forward: 0,
            guesses: Vec::new(),
            accepted: HashSet::new(),
        }
    }

    pub(crate) fn clock_reads(&mut self, now: u64) {
        self.forward += now.saturating_sub(self.reading.unwrap_or(now));
        self.reading = Some(now);
    }

    /// Whether an attempt must be judged: nothing wrong ever came from this source on this budget, and the hard stop
    /// cannot apply or cannot be reached.
    pub(crate) fn is_in_good_standing(&self, attempt: &Attempt) -> bool {
        let is_local = attempt.source == Source::Local;
        let mut wrong = self.guesses.iter().filter(|guess| !guess.is_right);
        let is_clean = !wrong.clone().any(|guess| {
            guess.source == attempt.source
                && guess.budget == attempt.budget()
                && (!is_local || guess.account == attempt.account)
        });
        let accepted: HashSet<Source> = self
            .guesses
            .iter()
            .filter(|guess| guess.account == attempt.account && guess.is_right)
            .filter(|guess| guess.forward == self.forward && guess.source.can_be_known())
            .map(|guess| guess.source)
            .collect();
        let is_known = accepted.contains(&attempt.source) && accepted.len() <= 8;
        let has_stop = !is_local && !is_known && attempt.budget() == Budget::Codes;
        let reaches_stop = wrong
            .by_ref()
            .filter(|guess| guess.account == attempt.account)
            .nth(self.limits.account_failures as usize - 1)
            .is_some();
        is_clean && !(has_stop && reaches_stop)
    }

    pub(crate) fn saw(&mut self, attempt: &Attempt, typed: &Typed, answer: Answer) {
        if !matches!(answer, Answer::Accepted | Answer::Wrong) {
            return;
        }
        let is_right = answer == Answer::Accepted;
        if is_right {
            let is_new = self.accepted.insert((attempt.account, typed.clone()));
            assert!(is_new, "{typed:?} was accepted twice");
        }
        self.guesses.push(Guess {
            forward: self.forward,
            account: attempt.account,
            source: attempt.source,
            budget: attempt.budget(),
            is_right,
        });
    }

    /// Counts what was judged in every stretch of time.
    pub(crate) fn check(&self) {
        for start in 0..self.guesses.len() {
            self.check_pair(start);
            self.check_source(start);
            self.check_account(start);
        }
    }

    /// Of an account and source, in a row and within a day: before each further failure lies at least
    /// the wait that is due.
    fn check_pair(&self, start: usize) {
        let first = &self.guesses[start];
        let same = self.guesses[start..]
            .iter()
            .filter(|guess| guess.is_same_pair(first));
        let (mut failures, mut waits) = (0, 0);
        for guess in same.take_while(|guess| !guess.is_right) {
            let passed = guess.forward - first.forward;
            if passed >= DAY {
                break;
            }
            waits += wait_after(failures, self.limits.free_failures, &self.limits);
            failures += 1;
            assert!(
                i128::from(passed) >= waits,
                "{failures} of a pair in {passed} s"
            );
        }
    }

    /// Of a source and budget, in an hour: what is free, what is forgotten (one), what was forgiven, the first
    /// of the hour, and one for each wait that fits into it (at most six: 30 to 960 s).
    fn check_source(&self, start: usize) {
        let first = &self.guesses[start];
        if first.source == Source::Local {
            return;
        }
        let (mut failures, mut most) = (0, self.limits.source_failures + 1 + 1 + 6);
        for (index, guess) in self.guesses.iter().enumerate().skip(start) {
            if guess.forward - first.forward >= 3600 {
                break;
            }
            let is_same = guess.source == first.source && guess.budget == first.budget;
            if is_same && guess.is_right {
                most += self.forgiven_by(index);
            } else if is_same {
                failures += 1;
                assert!(failures <= most, "{failures} of a source in an hour");
            }
        }
    }

    /// Of an account, from sources that never had a right code, over any time: what the hard stop
    /// allows, what it forgets, and what others were forgiven.
    fn check_account(&self, start: usize) {
        let first = &self.guesses[start];
        let has_stop = |guess: &Guess| {
            let is_charged = guess.budget == Budget::Codes && guess.source != Source::Local;
            guess.account == first.account && is_charged
        };
        let is_stranger = |guess: &Guess| {
            let is_same =
                |other: &Guess| other.account == guess.account && other.source == guess.source;
            !self
                .guesses
                .iter()
                .any(|other| other.is_right && is_same(other))
        };
        let (mut failures, mut most) = (0_u32, self.limits.account_failures);
        for (index, guess) in self.guesses.iter().enumerate().skip(start) {
            if has_stop(guess) && guess.is_right {
                most += self.forgiven_by(index);
            } else if has_stop(guess) && is_stranger(guess) {
                failures += 1;
                let passed = guess.forward - first.forward;
                let forgotten = passed * u64::from(self.limits.account_forgets_per_day) / DAY + 1;
                let is_kept = u64::from(failures) <= u64::from(most) + forgotten;
                assert!(is_kept, "{failures} of an account in {passed} s");
            }
        }
    }

    /// How many failures the right code forgave at most: those of its pair since the one before.
    fn forgiven_by(&self, index: usize) -> u32 {
        let right = &self.guesses[index];
        let before = self.guesses[..index].iter().rev();
        let failures = before
            .filter(|guess| guess.is_same_pair(right))
            .take_while(|guess| !guess.is_right);
        u32::try_from(failures.count()).unwrap()
    }
}
