//! A machine whose clocks jump, and beside it what people were promised, on clocks that nobody can set.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use twofactor::LookupSecret;

use super::happens::{Happens, Jump, Typed};
use super::waits::{MOST_OF_STRANGERS, Shown, Waits};
use super::*;
use crate::tests::ssh::report;

/// What right clocks show at the beginning.
pub(super) const START: u64 = 1_790_000_010;

/// How long the machine has been running then: a number like no other that is stored.
const UP: u64 = 77_000_000;

/// Longer than any code of now is good for, whatever window is tried.
const SOON: u64 = 120;

pub(super) struct World {
    pub(super) machine: Machine,
    secret: String,
    /// Seconds that have really passed, and since this boot.
    real: u64,
    up: u64,
    /// How far the wall clock went forward, all in all: what waits can have seen pass.
    forward: u64,
    /// Between which bounds the latest time lies that the machine remembers.
    seen: (u64, u64),
    /// Counters of the device whose codes were accepted.
    used: BTreeSet<u64>,
    waits: Waits,
    recovery: Vec<(String, bool)>,
    pub(super) permits: Permits,
    trial: Option<(u8, u64)>,
    is_noticed: bool,
    /// What the wall clock showed at the newest look at sshd.
    reported: u64,
    wrong: u64,
}

/// A machine on which somebody has a device and recovery codes, and sshd asks; what it has stored.
fn made() -> TempDir {
    let mut machine = Machine::new();
    machine.now = START;
    machine.up = Some(UP);
    machine.update(json!({ "enabled": true, "window": 1 }));
    machine.admit_everybody();
    machine.update(json!({ "services": { "ssh": true } }));
    let limits =
        json!({ "free_failures": 2, "source_failures": 5, "account_failures": MOST_OF_STRANGERS });
    machine.ok(
        "auth.twofactor.policy.update",
        json!([{ "throttle": limits }]),
    );
    let digits = json!({ "otp_digits": 8 });
    machine.ok("user.renew_2fa_secret", json!(["daemon", digits]));
    machine.give_recovery_codes(&recovery_secrets());
    let Machine { dir, .. } = machine;
    dir
}

fn recovery_secrets() -> [LookupSecret; 2] {
    [1, 2].map(|byte| LookupSecret::generate([byte; 10]))
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            fs::set_permissions(&to, entry.metadata().unwrap().permissions()).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

impl World {
    pub(super) fn new() -> Self {
        // Making it takes longer than most cases.
        static MADE: LazyLock<TempDir> = LazyLock::new(made);
        let dir = TempDir::new().unwrap();
        copy(MADE.path(), dir.path());
        let mut machine = Machine::on(dir);
        machine.now = START;
        machine.up = Some(UP);
        let uri = machine.ok("user.provisioning_uri", json!(["daemon"]));
        let (_, query) = uri.as_str().unwrap().split_once("?secret=").unwrap();
        let text = |secret: &LookupSecret| (secret.to_text().to_string(), false);
        Self {
            secret: query.split('&').next().unwrap().to_owned(),
            machine,
            real: 0,
            up: UP,
            forward: 0,
            seen: (START, START),
            used: BTreeSet::new(),
            waits: Waits::default(),
            recovery: recovery_secrets().iter().map(text).collect(),
            permits: Permits::default(),
            trial: None,
            is_noticed: false,
            reported: START,
            wrong: 0,
        }
    }

    pub(super) fn happens(mut self, what: Happens) -> Self {
        self.machine.up = Some(self.up);
        match what {
            Happens::Passes(secs) => self.pass(secs),
            Happens::Jumps(jump) => self.jump(jump),
            Happens::Restarts => self = self.restarted(0),
            Happens::Reboots => {
                self.up = 5;
                self = self.restarted(1);
            }
            Happens::Types(from, typed) => {
                self.types(from, typed);
            }
            Happens::WaitsOut(from) => {
                if let Some(secs) = self.types(from, Typed::Wrong) {
                    self.pass(secs);
                    assert_eq!(self.types(from, Typed::Wrong), None, "it was {secs} s");
                }
            }
            Happens::Replays(at) => {
                if let Some(counter) = self.used.iter().nth(at) {
                    self.jump(Jump::To(counter * 30));
                    self.types(0, Typed::Used(at));
                }
            }
            Happens::Strangers { first, count } => {
                for number in first..first + count {
                    self.types(SOURCES.len() + number, Typed::Wrong);
                }
            }
            Happens::Unlocks { is_synchronised } => {
                self.machine.synchronised = is_synchronised;
                self.unlock();
            }
            Happens::IsNoticed => {
                self.machine.change(|tx| {
                    tx.put_notice(Some(DAEMON.1), store::Audience::Both, "TEST", "it happened")
                });
                self.is_noticed = true;
            }
            Happens::Tries { secs } => self.tries(secs),
            Happens::IsReported => {
                self.machine.report_sshd(report(true));
                self.reported = self.machine.now;
            }
            Happens::IsLookedAfter => {
                self.machine.write(upkeep()).unwrap();
                self.machine.change(|tx| tx.delete_expired().map(drop));
                self.waits.clean(self.machine.now);
            }
            Happens::Looks => self.look(),
            permits => {
                self.saw();
                self.permits.happens(&mut self.machine, self.seen, permits);
            }
        }
        if !matches!(what, Happens::Passes(_) | Happens::Jumps(_)) {
            self.saw();
        }
        self.check_trial();
        self
    }

    /// The machine has seen what its clock shows.
    fn saw(&mut self) {
        self.machine.state(|_| ());
        let now = self.machine.now;
        self.seen = (self.seen.0.max(now), self.seen.1.max(now));
    }

    pub(super) fn pass(&mut self, secs: u64) {
        self.real += secs;
        self.up += secs;
        self.forward += secs;
        self.machine.now += secs;
        self.machine.up = Some(self.up);
    }

    fn jump(&mut self, jump: Jump) {
        let before = self.machine.now;
        self.machine.now = match jump {
            Jump::By(secs) => before.saturating_add_signed(secs),
            Jump::To(time) => time,
            Jump::Right => START + self.real,
        };
        self.forward += self.machine.now.saturating_sub(before);
    }

    fn restarted(mut self, boots: u8) -> Self {
        let machine = &self.machine;
        let (now, boot, is_kept) = (machine.now, machine.boot, machine.synchronised);
        self.machine = self.machine.restarted();
        self.machine.now = now;
        self.machine.boot = boot.wrapping_add(boots);
        self.machine.synchronised = is_kept;
        self.machine.up = Some(self.up);
        // It is stored once a minute.
        self.seen.0 = self.seen.0.saturating_sub(60);
        self
    }

    fn code(&self, counter: u64) -> String {
        let secret = twofactor::Secret::from_base32(&self.secret).unwrap();
        totp_rs::Builder::new()
            .with_secret(secret.bytes())
            .with_digits(8)
            .build_noncompliant()
            .generate(counter * 30)
            .to_string()
    }

    /// Seconds to wait, if that is the answer.
    fn types(&mut self, from: usize, typed: Typed) -> Option<u64> {
        let (counter, text) = match typed {
            Typed::Fresh => {
                let counter = self.machine.now / 30;
                (Some(counter), self.code(counter))
            }
            Typed::Used(at) if at >= self.used.len() => return None,
            // Before 1970 there is nothing.
            Typed::Off(secs) if self.machine.now < secs.unsigned_abs() => return None,
            Typed::Used(at) => {
                let counter = *self.used.iter().nth(at).unwrap();
                (Some(counter), self.code(counter))
            }
            Typed::Wrong => (None, self.wrong_code()),
            Typed::Off(secs) => {
                let shown = self.machine.now.saturating_add_signed(secs) / 30;
                (None, self.code(shown))
            }
            Typed::Recovery(at) => (None, self.recovery[at].0.clone()),
        };
        let stranger = format!("10.0.{}.{}", from / 256, from % 256);
        let source = SOURCES.get(from).copied().unwrap_or(&stranger);
        let answer = self.login(source, &text);
        self.saw();
        let verdict = answer["verdict"].as_str().unwrap();
        let budget = (from, matches!(typed, Typed::Recovery(_)));
        let wait = self.waits.answered(budget, &answer, self.shown());
        match (verdict, typed) {
            ("ACCEPTED", _) => self.accepted(typed, counter, &answer),
            ("REPLAYED" | "WRONG", Typed::Fresh) => self.check_refusal(&answer),
            ("WRONG", Typed::Recovery(at)) => assert!(self.recovery[at].1, "{answer}"),
            ("REPLAYED" | "WRONG" | "LOCKED", _) => {}
            _ => panic!("{typed:?}: {answer}"),
        }
        self.wrong += u64::from(verdict == "WRONG");
        wait
    }

    fn shown(&self) -> Shown {
        Shown {
            now: self.machine.now,
            forward: self.forward,
            seen: self.seen,
        }
    }

    fn login(&mut self, source: &str, token: &str) -> Value {
        let login = json!({
            "username": DAEMON.0, "uid": DAEMON.1, "service": "sudo", "factor": "password",
            "source": source, "token": token,
        });
        self.machine
            .ok("auth.twofactor.authenticate", json!([login]))
    }

    /// A code of no time that is near.
    fn wrong_code(&self) -> String {
        let now = self.machine.now / 30;
        let near: Vec<_> = (now.saturating_sub(30)..now + 30)
            .map(|counter| self.code(counter))
            .collect();
        let mut codes = (0..).map(|number| format!("{number:08}"));
        codes.find(|code| !near.contains(code)).unwrap()
    }

    /// Nothing that was used is accepted again, and what is to be told at a login is told once.
    fn accepted(&mut self, typed: Typed, counter: Option<u64>, answer: &Value) {
        match (typed, counter) {
            (Typed::Recovery(at), _) => {
                let was_used = std::mem::replace(&mut self.recovery[at].1, true);
                assert!(!was_used, "{answer}");
            }
            (_, Some(counter)) => {
                assert!(self.used.insert(counter), "{answer}");
                let skew = self.machine.state(|tx| {
                    let id = tx.devices(DAEMON.1).unwrap()[0].id;
                    tx.skew(id).unwrap()
                });
                assert_eq!(skew, None);
            }
            (_, None) => panic!("{answer}"),
        }
        let warnings = answer["warnings"].as_array().unwrap();
        let says = |line: &&Value, of: &str| line.as_str().unwrap().contains(of);
        let told = warnings.iter().any(|line| says(&line, "it happened"));
        let news = warnings.iter().filter(|line| says(line, " ago")).count();
        assert!(!told || self.is_noticed, "told twice: {answer}");
        assert!(told || !self.is_noticed || news >= 5, "not told: {answer}");
        self.is_noticed = false;
    }

    /// Whoever types what the phone shows and is refused may come in soon, or is told of the clock.
    fn check_refusal(&mut self, answer: &Value) {
        let floor = self
            .machine
            .state(|tx| tx.devices(DAEMON.1).unwrap()[0].floor);
        let (floor, now) = (floor.as_secs(), self.machine.now);
        assert!((now / 30 + 1) * 30 <= floor, "{answer}");
        let is_told = answer["message"].as_str().unwrap().contains("clock");
        assert!(is_told || floor <= now + SOON, "{floor} {now}: {answer}");
    }

    /// Always works. Where something keeps the clock, later codes are good again, and nothing earlier.
    pub(super) fn unlock(&mut self) {
        self.machine.ok("auth.twofactor.unlock", json!(["daemon"]));
        self.waits.forgive();
        if self.machine.synchronised {
            let now = self.machine.now;
            self.used.retain(|counter| (counter + 1) * 30 <= now + 30);
            self.seen = (now, now);
            self.waits.reset(now);
            self.permits.reset(now);
        }
    }

    fn tries(&mut self, secs: u64) {
        let tried = json!([{ "changes": { "window": 2 }, "seconds": secs }]);
        let begun = self.machine.call("auth.twofactor.try", tried);
        assert_eq!(begun.is_ok(), !self.is_tried(), "{begun:?}");
        if begun.is_ok() {
            self.trial = Some((self.machine.boot, self.up + secs));
        }
    }

    fn is_tried(&self) -> bool {
        let is_on = |(boot, end)| boot == self.machine.boot && self.up < end;
        self.trial.is_some_and(is_on)
    }

    fn check_trial(&mut self) {
        self.machine.up = Some(self.up);
        let window = if self.is_tried() { 2 } else { 1 };
        assert_eq!(self.machine.config()["window"], window);
    }

    /// Every list and the status can be read; a look at sshd that is old, or of a time to come, is named.
    pub(super) fn look(&mut self) {
        for noun in ["bypass", "exemption", "grace", "invite", "device"] {
            self.machine
                .ok(&format!("auth.twofactor.{noun}.query"), json!([]));
        }
        self.machine.ok("auth.twofactor.audit", json!([]));
        let (now, at) = (self.machine.now, self.reported);
        let is_named = self.machine.warns("Nobody has looked whether sshd asks");
        assert!(is_named || now.abs_diff(at) <= 2 * DAY, "{now} {at}");
    }

    /// Every wrong code is in the audit.
    pub(super) fn check_audit(&mut self) {
        let filter = store::AuditFilter {
            outcome: Some("wrong".to_owned()),
            ..Default::default()
        };
        let entries = self
            .machine
            .state(|tx| tx.audit_entries(&filter, 100_000).unwrap());
        let counted: u64 = entries.iter().map(|entry| u64::from(entry.count)).sum();
        assert_eq!(counted, self.wrong);
    }

    /// Once the clock is right and kept so, an unlock ends whatever it has done.
    pub(super) fn recover(&mut self) {
        self.jump(Jump::Right);
        self.machine.synchronised = true;
        self.unlock();
        self.pass(SOON);
        assert_eq!(self.types(0, Typed::Fresh), None);
        assert!(
            self.used.contains(&(self.machine.now / 30)),
            "{:?}",
            self.used
        );
        self.permits.recover(&mut self.machine, self.seen);
    }
}
