//! The one verifier, through every method that asks it.

mod asked;
mod clocks;
mod enrol;
pub(super) mod keys;
mod throttle;

use twofactor::{LookupSecret, Salt, Secret};

use super::*;

/// Accounts that every Debian has.
pub(super) const DAEMON: (&str, u32) = ("daemon", 1);
pub(super) const BIN: (&str, u32) = ("bin", 2);

/// A machine that asks everybody, and an account with a device.
struct Doors {
    machine: Machine,
    secret: String,
}

impl Doors {
    fn new() -> Self {
        let mut machine = Machine::new();
        machine.update(json!({ "enabled": true, "window": 1 }));
        let secret = machine.enrol(DAEMON.0);
        Self { machine, secret }
    }

    fn code(&self) -> String {
        self.machine.code_of(&self.secret)
    }

    /// A code of the right form that is not right now.
    fn wrong(&self) -> &'static str {
        ["000000", "111111", "222222", "333333"]
            .into_iter()
            .find(|code| {
                [0, 30, 60].iter().all(|ahead| {
                    Machine::code_at(&self.secret, self.machine.now + ahead - 30) != *code
                })
            })
            .unwrap()
    }

    fn login(&mut self, changes: Value) -> Value {
        let mut login = json!({
            "username": DAEMON.0, "uid": DAEMON.1, "service": "sudo", "factor": "password",
        });
        for (key, value) in changes.as_object().unwrap() {
            login[key] = value.clone();
        }
        self.machine
            .ok("auth.twofactor.authenticate", json!([login]))
    }

    fn verdict(&mut self, changes: Value) -> String {
        self.login(changes)["verdict"].as_str().unwrap().to_owned()
    }

    fn fail(&mut self, times: usize, source: &str) {
        let wrong = self.wrong();
        for _ in 0..times {
            let verdict = self.verdict(json!({ "token": wrong, "source": source }));
            assert_eq!(verdict, "WRONG", "{source}");
        }
    }

    fn give_recovery_codes(&mut self, secrets: &[LookupSecret]) {
        self.machine.give_recovery_codes(secrets);
    }
}

impl Machine {
    /// Gives `daemon` recovery codes.
    pub(super) fn give_recovery_codes(&mut self, secrets: &[LookupSecret]) {
        let salt = Salt([9; 16]);
        let hashes: Vec<_> = secrets
            .iter()
            .map(|secret| secret.argon2id(&salt).unwrap())
            .collect();
        self.change(|tx| {
            let id = tx.add_recovery_set(DAEMON.1, &salt, &hashes)?;
            tx.confirm_recovery_set(id)
        });
    }

    /// Changes the state beneath the methods.
    pub(super) fn change<T>(
        &mut self,
        change: impl Fn(&mut store::WriteTx<'_>) -> Result<T, store::StoreError>,
    ) {
        let ran = self
            .writer
            .batch(&self.clocks(), Reserve::Keep, &[()], |(), tx| change(tx))
            .unwrap();
        assert!(matches!(ran.as_slice(), [Ran::Returned(Ok(_))]));
    }

    /// Gives an account a device. Its secret.
    pub(super) fn enrol(&mut self, username: &str) -> String {
        self.ok("user.renew_2fa_secret", json!([username, {}]));
        let uri = self.ok("user.provisioning_uri", json!([username]));
        let (_, query) = uri.as_str().unwrap().split_once("?secret=").unwrap();
        query.split('&').next().unwrap().to_owned()
    }

    pub(super) fn code_of(&self, secret: &str) -> String {
        Self::code_at(secret, self.now)
    }

    pub(super) fn code_at(secret: &str, at: u64) -> String {
        let secret = Secret::from_base32(secret).unwrap();
        totp_rs::Builder::new()
            .with_secret(secret.bytes())
            .build_noncompliant()
            .generate(at)
            .to_string()
    }
}

#[test]
fn an_account_without_a_uid_is_looked_up() {
    let mut doors = Doors::new();
    let code = doors.code();
    let login = json!([{ "username": DAEMON.0, "service": "su", "token": code }]);
    let answer = doors.machine.ok("auth.twofactor.authenticate", login);
    assert_eq!(answer["verdict"], "ACCEPTED");
}

/// A code that was seen in use opens no other door.
#[test]
fn a_code_that_one_door_took_is_refused_at_every_other() {
    for door in 0..3 {
        let mut doors = Doors::new();
        let code = doors.code();
        let mut ask = |door: usize| match door {
            0 => doors.verdict(json!({ "token": code })) == "ACCEPTED",
            1 => {
                doors.verdict(json!({ "token": code, "service": "login", "source": "192.0.2.1" }))
                    == "ACCEPTED"
            }
            _ => {
                let params = json!([DAEMON.0, code]);
                doors.machine.ok("user.verify_twofactor_token", params) == json!(true)
            }
        };
        assert!(ask(door), "door {door} first");
        for other in 0..3 {
            assert!(!ask(other), "door {other} after door {door}");
        }
    }
}

#[test]
fn a_recovery_code_works_once_as_people_type_it() {
    let mut doors = Doors::new();
    let secrets = [1, 2, 3].map(|byte| LookupSecret::generate([byte; 10]));
    doors.give_recovery_codes(&secrets);
    let texts = secrets.map(|secret| secret.to_text().to_string());
    let typed = texts[0].replace('-', " ").to_lowercase();
    let first = doors.login(json!({ "token": typed }));
    assert_eq!(first["verdict"], "ACCEPTED");
    assert_eq!(first["device"], "recovery code");
    assert!(
        first["warnings"][0]
            .as_str()
            .unwrap()
            .contains("2 recovery codes are left"),
        "{first}"
    );
    assert_eq!(doors.verdict(json!({ "token": texts[0] })), "WRONG");
    let at_verify = doors
        .machine
        .ok("user.verify_twofactor_token", json!([DAEMON.0, texts[1]]));
    assert_eq!(at_verify, json!(true));
    assert_eq!(doors.verdict(json!({ "token": texts[1] })), "WRONG");
    // They have a budget of their own; a failure of it is spent already.
    for _ in 0..4 {
        assert_eq!(doors.verdict(json!({ "token": texts[0] })), "WRONG");
    }
    let locked = doors.login(json!({ "token": texts[2] }));
    assert_eq!(locked["verdict"], "LOCKED", "{locked}");
    let code = doors.code();
    assert_eq!(
        doors.verdict(json!({ "token": code })),
        "ACCEPTED",
        "codes are not locked"
    );
}

#[test]
fn without_the_master_key_nobody_passes_by_a_code_but_recovery_codes_work() {
    let mut doors = Doors::new();
    let recovery = LookupSecret::generate([3; 10]);
    doors.give_recovery_codes(std::slice::from_ref(&recovery));
    let (code, now) = (doors.code(), doors.machine.now);
    std::fs::remove_file(doors.machine.dir.path().join("state/middlewared.key")).unwrap();
    let mut doors = Doors {
        machine: doors.machine.restarted(),
        secret: doors.secret,
    };
    doors.machine.now = now;
    let login = json!([{ "username": DAEMON.0, "uid": DAEMON.1, "service": "su", "factor": "password", "token": code }]);
    let reason = doors.machine.refusal("auth.twofactor.authenticate", login);
    assert!(reason.starts_with("[ENOKEY]"), "{reason}");
    assert_eq!(doors.verdict(json!({})), "CODE_REQUIRED");
    assert_eq!(
        doors.verdict(json!({ "token": *recovery.to_text() })),
        "ACCEPTED"
    );
}

#[test]
fn logins_are_audited_and_told_without_what_was_typed() {
    let mut doors = Doors::new();
    doors.machine.events.clear();
    let (code, wrong) = (doors.code(), doors.wrong());
    doors.login(json!({ "token": wrong, "source": "192.0.2.1" }));
    doors.login(json!({ "token": wrong, "source": "192.0.2.1" }));
    doors.login(json!({ "token": code, "source": "192.0.2.1" }));
    doors.login(
        json!({ "username": "hunter2", "uid": 4_000_000, "token": wrong, "source": "192.0.2.1" }),
    );
    let told: Vec<String> = doors
        .machine
        .events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    assert_eq!(
        told.len(),
        3,
        "nobody is told of an account that there is not: {told:?}"
    );
    let database =
        rusqlite::Connection::open(doors.machine.dir.path().join("state/middlewared.db")).unwrap();
    let row = |outcome: &str| {
        database
            .query_row(
                "SELECT ifnull(account, '-') || ' ' || service || ' ' || source || ' ' || count FROM audit \
                 WHERE outcome = ?1",
                [outcome],
                |row| row.get::<_, String>(0),
            )
            .unwrap()
    };
    assert_eq!(row("wrong"), "daemon sudo 192.0.2.1 2");
    assert_eq!(row("accepted"), "daemon sudo 192.0.2.1 1");
    assert_eq!(row("not enrolled"), "- sudo 192.0.2.1 1");
    for text in told {
        assert!(!text.contains(&code) && !text.contains(wrong), "{text}");
    }
}
