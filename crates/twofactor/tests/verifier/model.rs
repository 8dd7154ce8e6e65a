//! The slow, obvious model: a list of everything that happened, read again from the start for each
//! question. It shares no arithmetic with the verifier: a level is a queue whose members leave one
//! after the other, a streak is a list, a burned code is one that is in the list of accepted ones.

use twofactor::{Budget, Limits, Policy, Source, Unenrolled};

use crate::Answer;
use crate::case::{ACCOUNTS, Attempt, Case, Change, Types};
use crate::queue::{Queue, SetBack};
use crate::world::{code_of, secret};

const DAY: i128 = 86_400;

pub(crate) struct Model {
    policy: Policy,
    now: u64,
    window: u64,
    secrets_made: u8,
    /// All readings of the clock at which anything happened.
    readings: Vec<u64>,
    accounts: Vec<Account>,
    past: Vec<Past>,
    accepted: Vec<AcceptedCode>,
    used_recovery: Vec<(usize, u8)>,
}

#[derive(Clone, Default)]
struct Account {
    devices: Vec<Device>,
    grace_until: u64,
    exempt_until: u64,
}

#[derive(Clone)]
struct Device {
    secret: u8,
    step: u64,
    /// Until when it is pending; `None` once it is active.
    pending_until: Option<u64>,
}

struct AcceptedCode {
    secret: u8,
    end: u64,
}

/// One attempt at which a code was asked for, and what came of it.
struct Past {
    at: i128,
    day: u64,
    account: usize,
    source: Source,
    budget: Budget,
    /// Whether the hard stop was looked at.
    has_stop: bool,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Failed,
    /// So many failures of this account from this source were forgiven.
    Succeeded(usize),
    CountedNothing,
}

impl Model {
    pub(crate) fn new(case: &Case) -> Model {
        let mut model = Model {
            policy: case.policy,
            now: case.start,
            window: 1,
            secrets_made: 0,
            readings: Vec::new(),
            accounts: vec![Account::default(); ACCOUNTS],
            past: Vec::new(),
            accepted: Vec::new(),
            used_recovery: Vec::new(),
        };
        for account in 0..ACCOUNTS {
            let secret = model.new_secret();
            model.accounts[account].devices.push(Device {
                secret,
                step: 30,
                pending_until: None,
            });
        }
        model
    }

    fn new_secret(&mut self) -> u8 {
        self.secrets_made += 1;
        self.secrets_made
    }

    fn today(&self) -> u64 {
        self.readings.iter().copied().max().unwrap_or_default()
    }

    pub(crate) fn change(&mut self, change: &Change) {
        self.readings.push(self.now);
        let today = self.today();
        match *change {
            Change::ClockMoves(secs) => self.now = self.now.saturating_add_signed(secs),
            Change::WindowBecomes(steps) => self.window = u64::from(steps),
            Change::StepBecomes {
                account,
                device,
                step,
            } => {
                if let Some(device) = self.accounts[account].devices.get_mut(device) {
                    device.step = u64::from(step);
                }
            }
            Change::IsAdded { account } => {
                let secret = self.new_secret();
                let pending_until = Some(today + 7 * 86_400);
                let device = Device {
                    secret,
                    step: 30,
                    pending_until,
                };
                self.accounts[account].devices.push(device);
            }
            Change::IsRenewed { account, device } => {
                let secret = self.new_secret();
                if let Some(device) = self.accounts[account].devices.get_mut(device) {
                    device.secret = secret;
                    device.step = 30;
                }
            }
            Change::IsRemoved { account, device } => {
                if device < self.accounts[account].devices.len() {
                    self.accounts[account].devices.remove(device);
                }
            }
            Change::GraceUntil { account, days } => {
                self.accounts[account].grace_until = today + days * 86_400;
            }
            Change::ExemptUntil { account, days } => {
                self.accounts[account].exempt_until = today + days * 86_400;
            }
        }
    }

    pub(crate) fn answer(&mut self, attempt: &Attempt, typed: &str) -> Answer {
        self.readings.push(self.now);
        if attempt.is_proven
            && let Some(answer) = self.answer_without_code(attempt.account)
        {
            return answer;
        }
        let forgivable = self.failures_in_a_row(attempt).0;
        let mut past = Past {
            at: i128::from(self.now),
            day: self.today(),
            account: attempt.account,
            source: attempt.source,
            budget: attempt.budget(),
            has_stop: self.has_stop(attempt),
            outcome: Outcome::CountedNothing,
        };
        let answer = if self.is_locked(attempt) {
            Answer::Locked
        } else if attempt.budget() == Budget::Recovery {
            self.look_up(attempt)
        } else {
            self.judge(attempt.account, typed)
        };
        past.outcome = match answer {
            Answer::Wrong => Outcome::Failed,
            Answer::Accepted => Outcome::Succeeded(forgivable),
            _ => Outcome::CountedNothing,
        };
        self.past.push(past);
        answer
    }

    fn answer_without_code(&self, account: usize) -> Option<Answer> {
        let today = self.today();
        let nobody = Account::default();
        let account = self.accounts.get(account).unwrap_or(&nobody);
        if today < account.exempt_until {
            return Some(Answer::NoCodeNeeded);
        }
        if account
            .devices
            .iter()
            .any(|device| device.pending_until.is_none())
        {
            return None;
        }
        let is_let_in = today < account.grace_until || self.policy.unenrolled == Unenrolled::Allow;
        Some(if is_let_in {
            Answer::NoCodeNeeded
        } else {
            Answer::NotEnrolled
        })
    }

    fn look_up(&mut self, attempt: &Attempt) -> Answer {
        let Types::RecoveryCode(number) = attempt.types else {
            return Answer::Malformed;
        };
        let code = (attempt.account, number);
        if attempt.account >= ACCOUNTS || number >= 2 || self.used_recovery.contains(&code) {
            return Answer::Wrong;
        }
        self.used_recovery.push(code);
        Answer::Accepted
    }

    fn judge(&mut self, account: usize, typed: &str) -> Answer {
        if typed.len() != 6 {
            return Answer::Malformed;
        }
        let (now, today, window) = (self.now, self.today(), self.window);
        let mut nobody = Account::default();
        let account = self.accounts.get_mut(account).unwrap_or(&mut nobody);
        let is_enrolled = account
            .devices
            .iter()
            .any(|device| device.pending_until.is_none());
        let mut right = Vec::new();
        for (index, device) in account.devices.iter().enumerate() {
            let counts = device
                .pending_until
                .is_none_or(|until| is_enrolled && today < until);
            let current = now / device.step;
            for counter in current.saturating_sub(window)..=current + window {
                if counts && code_of(secret(device.secret), counter) == typed {
                    right.push((index, device.secret, (counter + 1) * device.step));
                }
            }
        }
        if right.is_empty() {
            return Answer::Wrong;
        }
        let is_used = |(_, secret, end): &(usize, u8, u64)| {
            self.accepted
                .iter()
                .any(|code| code.secret == *secret && code.end >= *end)
        };
        if right.iter().any(is_used) {
            return Answer::Replayed;
        }
        for (index, secret, end) in right {
            account.devices[index].pending_until = None;
            self.accepted.push(AcceptedCode { secret, end });
        }
        Answer::Accepted
    }

    fn is_locked(&self, attempt: &Attempt) -> bool {
        let now = i128::from(self.now);
        let limits = &self.policy.limits;
        let (failures, last) = self.failures_in_a_row(attempt);
        let since = (now - last).max(0);
        if since < wait_after(failures, limits.free_failures, limits) {
            return true;
        }
        if attempt.source != Source::Local {
            let queue = self.queue((20, SetBack::Follows), |past| {
                past.source == attempt.source && past.budget == attempt.budget()
            });
            let failures = queue.waiting_at(queue.last);
            let since = (now - queue.last).max(0);
            if since < wait_after(failures, limits.source_failures, limits) {
                return true;
            }
        }
        let forgets = (limits.account_forgets_per_day, SetBack::Stays);
        let queue = self.queue(forgets, |past| {
            past.account == attempt.account && past.has_stop
        });
        self.has_stop(attempt)
            && queue.waiting_at(now.max(queue.last)) >= limits.account_failures as usize
    }

    /// How many there are, and when the last was.
    fn failures_in_a_row(&self, attempt: &Attempt) -> (usize, i128) {
        let (mut failures, mut last) = (0, 0);
        let mut see = |at: i128, outcome| {
            last = at.min(last);
            if at - last >= DAY {
                failures = 0;
            }
            match outcome {
                Outcome::Failed => (failures, last) = (failures + 1, at),
                Outcome::Succeeded(_) => failures = 0,
                Outcome::CountedNothing => {}
            }
        };
        for past in &self.past {
            let is_same = past.account == attempt.account
                && past.source == attempt.source
                && past.budget == attempt.budget();
            if is_same {
                see(past.at, past.outcome);
            }
        }
        see(i128::from(self.now), Outcome::CountedNothing);
        (failures, last)
    }

    /// The failures of the attempts that are meant, as a queue out of which one goes each
    /// 86,400 / `per_day` seconds.
    fn queue(&self, how: (u32, SetBack), is_meant: impl Fn(&Past) -> bool) -> Queue {
        let mut queue = Queue::new(how.0, how.1);
        for past in self.past.iter().filter(|past| is_meant(past)) {
            queue.clock_reads(past.at);
            match past.outcome {
                Outcome::Failed => queue.join(past.at),
                Outcome::Succeeded(forgiven) => {
                    queue.forgive(forgiven);
                }
                Outcome::CountedNothing => {}
            }
        }
        queue.clock_reads(i128::from(self.now));
        queue
    }

    fn has_stop(&self, attempt: &Attempt) -> bool {
        attempt.source != Source::Local
            && attempt.budget() == Budget::Codes
            && !self.is_known(attempt)
    }

    /// Whether it is one of the last eight sources with an accepted code, and that not long ago.
    fn is_known(&self, attempt: &Attempt) -> bool {
        let mut newest: Vec<Source> = Vec::new();
        let is_address = |source| !matches!(source, Source::Local | Source::Unplaced);
        for past in self.past.iter().rev() {
            let is_accepted = past.account == attempt.account
                && matches!(past.outcome, Outcome::Succeeded(_))
                && is_address(past.source);
            if !is_accepted || newest.contains(&past.source) {
                continue;
            }
            if past.source == attempt.source {
                let days = u64::from(self.policy.limits.known_days);
                return newest.len() < 8 && self.today() - past.day < days * 86_400;
            }
            newest.push(past.source);
        }
        false
    }
}

/// The wait after so many failures, of which some are free, in seconds.
pub(crate) fn wait_after(failures: usize, free: u32, limits: &Limits) -> i128 {
    let mut wait = 0;
    for number in free as usize..=failures {
        wait = if number == free as usize {
            i128::from(limits.first_wait_secs)
        } else {
            (2 * wait).min(3600)
        };
    }
    wait
}
