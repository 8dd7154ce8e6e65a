//! The verifier as a door uses it: load, settle, check, judge, count, store.

use std::collections::BTreeMap;

use twofactor::{
    AccountKey, Algorithm, Budget, Device, Digits, Enrolment, Identity, Judged, Level, Limits,
    LookupHash, LookupSecret, NameKey, PENDING_SECS, Policy, Requirement, Secret, Source, Standing,
    Streak, Tally, TimeStep, UnixTime, Window, counting, find, judge,
};

use crate::Answer;
use crate::case::{ACCOUNTS, Attempt, Case, Change, Typed, Types};

/// What is stored, in the form in which it is stored.
#[derive(Clone)]
pub(crate) struct World {
    policy: Policy,
    now: u64,
    latest: u64,
    window: u8,
    secrets_made: u8,
    accounts: Vec<Account>,
    streaks: BTreeMap<(i64, String, bool), Streak>,
    sources: BTreeMap<(String, bool), Level>,
    levels: BTreeMap<i64, Level>,
    known: BTreeMap<(i64, String), UnixTime>,
}

#[derive(Clone, Default)]
struct Account {
    devices: Vec<Device>,
    enrolments: Vec<Enrolment>,
    recovery: Vec<Option<LookupHash>>,
    grace_until: Option<UnixTime>,
    exempt_until: Option<UnixTime>,
}

/// What the devices of a test case are made from: the same in the world and in the model.
pub(crate) fn secret(number: u8) -> [u8; 20] {
    [number; 20]
}

pub(crate) fn code_of(secret: [u8; 20], counter: u64) -> String {
    totp_rs::Builder::new()
        .with_secret(secret)
        .with_digits(6)
        .with_step_duration(1)
        .build_noncompliant()
        .generate(counter)
        .to_string()
}

fn device(number: u8) -> Device {
    Device {
        secret: Secret::generate(secret(number)),
        algorithm: Algorithm::Sha1,
        digits: Digits::default(),
        step: TimeStep::default(),
        floor: UnixTime::EPOCH,
    }
}

fn code_of_device(device: &Device, counter: u64) -> Typed {
    let secret: [u8; 20] = device.secret.bytes().try_into().unwrap();
    Typed {
        text: code_of(secret, counter),
        code: Some((secret[0], device.step.as_secs(), counter)),
    }
}

fn recovery_code(account: usize, number: u8) -> LookupSecret {
    LookupSecret::generate([number + 10 * u8::try_from(account).unwrap(); 10])
}

impl World {
    /// Each account begins with one active device and two recovery codes.
    pub(crate) fn new(case: &Case) -> World {
        let mut world = World {
            policy: case.policy,
            now: case.start,
            latest: 0,
            window: 1,
            secrets_made: 0,
            accounts: vec![Account::default(); ACCOUNTS],
            streaks: BTreeMap::new(),
            sources: BTreeMap::new(),
            levels: BTreeMap::new(),
            known: BTreeMap::new(),
        };
        for account in 0..ACCOUNTS {
            let device = world.new_device();
            world.accounts[account].devices.push(device);
            world.accounts[account].enrolments.push(Enrolment::Active);
            world.accounts[account].recovery = (0..2)
                .map(|code| Some(recovery_code(account, code).sha256()))
                .collect();
        }
        world
    }

    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Everything anew, from numbers and texts.
    pub(crate) fn restarted(&self) -> World {
        let mut world = self.clone();
        for device in world
            .accounts
            .iter_mut()
            .flat_map(|account| &mut account.devices)
        {
            *device = Device {
                secret: Secret::from_base32(&device.secret.to_base32()).unwrap(),
                algorithm: Algorithm::parse(device.algorithm.as_str()).unwrap(),
                digits: Digits::new(device.digits.get()).unwrap(),
                step: TimeStep::from_secs(device.step.as_secs()).unwrap(),
                floor: UnixTime::from_secs(device.floor.as_secs()),
            };
        }
        for ((key, source, _), streak) in &mut world.streaks {
            assert_eq!(AccountKey::from_i64(*key).unwrap().to_i64(), *key);
            assert_eq!(Source::from_stored(source).unwrap().to_string(), *source);
            *streak = Streak {
                failures: streak.failures,
                last: streak.last,
            };
        }
        for level in world.sources.values_mut().chain(world.levels.values_mut()) {
            *level = Level {
                parts: level.parts,
                last: level.last,
            };
        }
        world
    }

    fn new_device(&mut self) -> Device {
        self.secrets_made += 1;
        device(self.secrets_made)
    }

    fn today(&mut self) -> UnixTime {
        self.latest = self.latest.max(self.now);
        UnixTime::from_secs(self.latest)
    }

    pub(crate) fn change(&mut self, change: &Change) {
        let today = self.today();
        match *change {
            Change::ClockMoves(secs) => self.now = self.now.saturating_add_signed(secs),
            Change::WindowBecomes(steps) => self.window = steps,
            Change::StepBecomes {
                account,
                device,
                step,
            } => {
                if let Some(device) = self.accounts[account].devices.get_mut(device) {
                    device.step = TimeStep::from_secs(step).unwrap();
                }
            }
            Change::IsAdded { account } => {
                let device = self.new_device();
                let until = today.saturating_add_secs(PENDING_SECS);
                self.accounts[account].devices.push(device);
                self.accounts[account]
                    .enrolments
                    .push(Enrolment::Pending { until });
            }
            Change::IsRenewed { account, device } => {
                let renewed = self.new_device();
                if let Some(device) = self.accounts[account].devices.get_mut(device) {
                    *device = renewed;
                }
            }
            Change::IsRemoved { account, device } => {
                if device < self.accounts[account].devices.len() {
                    self.accounts[account].devices.remove(device);
                    self.accounts[account].enrolments.remove(device);
                }
            }
            Change::GraceUntil { account, days } => {
                let until = today.saturating_add_secs(days * 86_400);
                self.accounts[account].grace_until = Some(until);
            }
            Change::ExemptUntil { account, days } => {
                let until = today.saturating_add_secs(days * 86_400);
                self.accounts[account].exempt_until = Some(until);
            }
        }
    }

    /// What somebody types.
    pub(crate) fn typed(&self, attempt: &Attempt) -> Typed {
        let text = match attempt.types {
            Types::CodeOf { device, steps } => {
                let devices = self
                    .accounts
                    .get(attempt.account)
                    .map(|account| &account.devices);
                if let Some(device) = devices.and_then(|devices| devices.get(device)) {
                    let counter = self.now / u64::from(device.step.as_secs());
                    return code_of_device(device, counter.saturating_add_signed(steps));
                }
                "271828".to_owned()
            }
            Types::Guess(number) => format!("{number:06}"),
            Types::RecoveryCode(number) => {
                recovery_code(attempt.account, number).to_text().to_string()
            }
            Types::Nonsense => "12345".to_owned(),
        };
        Typed { text, code: None }
    }

    pub(crate) fn answer(&mut self, attempt: &Attempt, typed: &str) -> Answer {
        let (now, today) = (UnixTime::from_secs(self.now), self.today());
        let nobody = Account::default();
        let account = self.accounts.get(attempt.account).unwrap_or(&nobody);
        let standing = Standing {
            is_asked: true,
            is_proven: attempt.is_proven,
            identity: Identity::Known,
            exempt_until: account.exempt_until,
            bypass: false,
            has_security_key: false,
            has_active_device: account.enrolments.contains(&Enrolment::Active),
            grace_until: account.grace_until,
        };
        match standing.requirement(&self.policy, today) {
            Requirement::NotRequired(_) | Requirement::Exempt { .. } | Requirement::Bypassed => {
                return Answer::NoCodeNeeded;
            }
            Requirement::NotEnrolled => return Answer::NotEnrolled,
            Requirement::Code => {}
        }
        let limits = self.policy.limits;
        let mut tally = self.load(attempt, today, &limits);
        if tally.settle(now) {
            self.store(attempt, &tally);
        }
        if tally.check(now, &limits).is_err() {
            return Answer::Locked;
        }
        let answer = match attempt.budget() {
            Budget::Codes => self.judge(attempt.account, typed, now, today),
            Budget::Recovery => self.look_up(attempt.account, typed),
        };
        match answer {
            Answer::Wrong => tally.failed(now, &limits),
            Answer::Accepted => tally.succeeded(),
            _ => return answer,
        }
        self.store(attempt, &tally);
        if answer == Answer::Accepted && attempt.source.can_be_known() {
            self.remember(attempt, today);
        }
        answer
    }

    fn judge(&mut self, account: usize, typed: &str, now: UnixTime, today: UnixTime) -> Answer {
        let window = Window::new(self.window).unwrap();
        // Nobody, and whoever has no device that counts, is judged by one whose secret nobody has.
        let decoy = device(0);
        let mut nobody = Account::default();
        let account = self.accounts.get_mut(account).unwrap_or(&mut nobody);
        let counts = counting(&account.enrolments, today);
        let which: Vec<usize> = (0..counts.len()).filter(|index| counts[*index]).collect();
        let mut devices: Vec<Device> = which
            .iter()
            .map(|index| account.devices[*index].clone())
            .collect();
        if devices.is_empty() {
            devices.push(decoy);
        }
        match judge(&mut devices, typed, now, window) {
            Judged::Accepted { devices: accepted } => {
                for index in accepted {
                    account.devices[which[index]] = devices[index].clone();
                    account.enrolments[which[index]] = Enrolment::Active;
                }
                Answer::Accepted
            }
            Judged::Replayed { .. } => Answer::Replayed,
            Judged::Wrong => Answer::Wrong,
            Judged::Malformed => Answer::Malformed,
        }
    }

    fn look_up(&mut self, account: usize, typed: &str) -> Answer {
        let Some(secret) = LookupSecret::parse(typed) else {
            return Answer::Malformed;
        };
        let Some(account) = self.accounts.get_mut(account) else {
            return Answer::Wrong;
        };
        match find(&account.recovery, &secret.sha256()) {
            Some(position) => {
                account.recovery[position] = None;
                Answer::Accepted
            }
            None => Answer::Wrong,
        }
    }

    fn load(&self, attempt: &Attempt, today: UnixTime, limits: &Limits) -> Tally {
        let (key, source) = (key(attempt), attempt.source.to_string());
        let last_accepted = self.known.get(&(key, source.clone())).copied();
        let has_stop = attempt.source != Source::Local
            && attempt.budget() == Budget::Codes
            && !limits.is_known(last_accepted, today);
        let has_level = attempt.source.has_level();
        let is_recovery = attempt.budget() == Budget::Recovery;
        let of_source = (source.clone(), is_recovery);
        let level = self.sources.get(&of_source).copied().unwrap_or_default();
        Tally {
            pair: self
                .streaks
                .get(&(key, source, is_recovery))
                .copied()
                .unwrap_or_default(),
            source: has_level.then_some(level),
            account: has_stop.then(|| self.levels.get(&key).copied().unwrap_or_default()),
        }
    }

    fn store(&mut self, attempt: &Attempt, tally: &Tally) {
        let (key, source) = (key(attempt), attempt.source.to_string());
        let is_recovery = attempt.budget() == Budget::Recovery;
        self.streaks
            .insert((key, source.clone(), is_recovery), tally.pair);
        self.streaks.retain(|_, streak| streak.failures > 0);
        if let Some(level) = tally.source {
            self.sources.insert((source, is_recovery), level);
        }
        if let Some(level) = tally.account {
            self.levels.insert(key, level);
        }
    }

    /// The eight newest are kept.
    fn remember(&mut self, attempt: &Attempt, today: UnixTime) {
        let key = key(attempt);
        let source = attempt.source.to_string();
        self.known.insert((key, source.clone()), today);
        let mut times: Vec<(bool, UnixTime, String)> = self
            .known
            .iter()
            .filter(|((of, _), _)| *of == key)
            .map(|((_, of), time)| (*of == source, *time, of.clone()))
            .collect();
        times.sort();
        let surplus = times.len().saturating_sub(Limits::KNOWN_SOURCES);
        for (_, _, source) in times.into_iter().take(surplus) {
            self.known.remove(&(key, source));
        }
    }
}

fn key(attempt: &Attempt) -> i64 {
    let key = if attempt.account < ACCOUNTS {
        AccountKey::Known(u32::try_from(attempt.account).unwrap())
    } else {
        AccountKey::unknown("nobody", &NameKey([0; 16]))
    };
    key.to_i64()
}
