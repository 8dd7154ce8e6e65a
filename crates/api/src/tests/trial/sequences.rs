//! Whatever happens in whatever order: what counts is what somebody has asked for, and off is off.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Happens {
    Try {
        ssh: Option<bool>,
        window: Option<u8>,
    },
    Commit,
    RollBack,
    Sets {
        ssh: Option<bool>,
        window: Option<u8>,
    },
    SetsPolicy(u16),
    TurnsOff,
    TurnsOn,
    LogsIn,
    Passes(u64),
    ClockIsSet(u64),
    Crashes,
    Reboots,
    IsLookedAfter,
}

fn happens() -> impl Strategy<Value = Happens> {
    let changes = || (any::<Option<bool>>(), proptest::option::of(0_u8..=3));
    prop_oneof![
        4 => changes().prop_map(|(ssh, window)| Happens::Try { ssh, window }),
        1 => Just(Happens::Commit),
        1 => Just(Happens::RollBack),
        3 => changes().prop_map(|(ssh, window)| Happens::Sets { ssh, window }),
        1 => (1_u16..90).prop_map(Happens::SetsPolicy),
        1 => Just(Happens::TurnsOff),
        2 => Just(Happens::TurnsOn),
        3 => Just(Happens::LogsIn),
        3 => (1_u64..200).prop_map(Happens::Passes),
        // Never so far that the grace of those who run the test is over.
        1 => (0_u64..1_900_000_000).prop_map(Happens::ClockIsSet),
        1 => Just(Happens::Crashes),
        1 => Just(Happens::Reboots),
        2 => Just(Happens::IsLookedAfter),
    ]
}

/// What counts, as a person would keep it in mind.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rules {
    enabled: bool,
    ssh: bool,
    window: u8,
    grace_days: u16,
}

/// The whole machine in a few lines: what is stored, and what is tried until when.
struct Model {
    stored: Rules,
    tried: Option<(Option<bool>, Option<u8>, u64)>,
}

impl Model {
    fn live(&self) -> Rules {
        let (ssh, window, _) = self.tried.unwrap_or_default();
        Rules {
            ssh: ssh.unwrap_or(self.stored.ssh),
            window: window.unwrap_or(self.stored.window),
            ..self.stored
        }
    }

    fn keep(&mut self) {
        self.stored = self.live();
        self.tried = None;
    }
}

/// The machine and the model side by side. `up` is how long the machine runs, which no clock changes.
struct World {
    machine: Machine,
    model: Model,
    secret: String,
    up: u64,
}

impl World {
    fn new() -> Self {
        let mut machine = Machine::prepared();
        let secret = machine.enrol(DAEMON.0);
        let stored = Rules {
            enabled: true,
            ssh: false,
            window: 1,
            grace_days: 14,
        };
        Self {
            up: machine.now,
            model: Model {
                stored,
                tried: None,
            },
            machine,
            secret,
        }
    }

    fn changes(ssh: Option<bool>, window: Option<u8>) -> Value {
        let mut changes = json!({});
        if let Some(ssh) = ssh {
            changes["services"] = json!({ "ssh": ssh });
        }
        if let Some(window) = window {
            changes["window"] = window.into();
        }
        changes
    }

    fn happens(&mut self, what: Happens) {
        let (machine, model) = (&mut self.machine, &mut self.model);
        machine.up = Some(self.up);
        match what {
            Happens::Try { ssh, window } => {
                let params = json!([{ "changes": Self::changes(ssh, window), "seconds": 300 }]);
                let begun = machine.call(TRY, params);
                assert_eq!(begun.is_ok(), model.tried.is_none(), "{begun:?}");
                if begun.is_ok() {
                    model.tried = Some((ssh, window, self.up + 300));
                }
            }
            Happens::Commit => {
                let kept = machine.call("auth.twofactor.commit", json!([]));
                assert_eq!(kept.is_ok(), model.tried.is_some());
                model.keep();
            }
            Happens::RollBack => {
                let ended = machine.call("auth.twofactor.rollback", json!([]));
                assert_eq!(ended.is_ok(), model.tried.is_some());
                model.tried = None;
            }
            Happens::Sets { ssh, window } => {
                machine.update(Self::changes(ssh, window));
                model.stored.ssh = ssh.unwrap_or(model.stored.ssh);
                model.stored.window = window.unwrap_or(model.stored.window);
                if let Some((tried_ssh, tried_window, _)) = &mut model.tried {
                    *tried_ssh = tried_ssh.filter(|_| ssh.is_none());
                    *tried_window = tried_window.filter(|_| window.is_none());
                }
            }
            Happens::SetsPolicy(grace_days) => {
                let params = json!([{ "grace_days": grace_days }]);
                machine.ok("auth.twofactor.policy.update", params);
                model.stored.grace_days = grace_days;
            }
            Happens::TurnsOff => {
                machine.update(json!({ "enabled": false }));
                model.stored.enabled = false;
                model.tried = None;
            }
            Happens::TurnsOn => {
                machine.update(json!({ "enabled": true }));
                model.stored.enabled = true;
            }
            Happens::LogsIn => self.logs_in(),
            Happens::Passes(secs) => self.passes(secs),
            Happens::ClockIsSet(wall) => machine.now = 1_000_000 + wall,
            Happens::Crashes => self.restarts(0),
            Happens::Reboots => {
                self.model.tried = None;
                self.up = 5;
                self.restarts(1);
            }
            Happens::IsLookedAfter => {
                machine.write(upkeep()).unwrap();
            }
        }
    }

    fn logs_in(&mut self) {
        // A later step each time, so that no code is used twice.
        self.passes(60);
        let code = self.machine.code_of(&self.secret);
        let verdict = self.machine.at_sshd(json!({ "token": code }))["verdict"].clone();
        let live = self.model.live();
        let asks = live.enabled && live.ssh;
        assert!(asks || verdict == "NOT_REQUIRED", "{verdict}");
        if asks && verdict == "ACCEPTED" && !self.model.stored.ssh {
            self.model.keep();
        }
    }

    fn passes(&mut self, secs: u64) {
        self.up += secs;
        self.machine.now += secs;
        self.machine.up = Some(self.up);
        let is_over = |(_, _, until): &(_, _, u64)| self.up >= *until;
        if self.model.tried.as_ref().is_some_and(is_over) {
            self.model.tried = None;
        }
    }

    fn restarts(&mut self, boots: u8) {
        let machine = std::mem::replace(&mut self.machine, Machine::new());
        let (now, boot) = (machine.now, machine.boot);
        self.machine = machine.restarted();
        self.machine.now = now;
        self.machine.boot = boot.wrapping_add(boots);
        self.machine.up = Some(self.up);
    }

    fn check(&mut self) {
        let live = self.model.live();
        let config = self.machine.config();
        let policy = self.machine.ok("auth.twofactor.policy.config", json!([]));
        let shown = Rules {
            enabled: config["enabled"].as_bool().unwrap(),
            ssh: config["services"]["ssh"].as_bool().unwrap(),
            window: u8::try_from(config["window"].as_u64().unwrap()).unwrap(),
            grace_days: u16::try_from(policy["grace_days"].as_u64().unwrap()).unwrap(),
        };
        assert_eq!(shown, live);
        let verdict = self.machine.at_sshd(json!({}))["verdict"].clone();
        assert_eq!(verdict != "NOT_REQUIRED", live.enabled && live.ssh);
        let status = self.machine.ok("auth.twofactor.status", json!([]));
        assert_eq!(status["trial"].is_object(), self.model.tried.is_some());
        let stored = self.machine.state(|tx| tx.stored_settings().unwrap());
        let stored = (stored.enabled, stored.ssh, stored.window.steps());
        let expected = self.model.stored;
        assert_eq!(stored, (expected.enabled, expected.ssh, expected.window));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn never_a_state_that_nobody_asked_for(events in prop::collection::vec(happens(), 1..25)) {
        let mut world = World::new();
        for event in events {
            world.happens(event);
            world.check();
        }
    }
}
