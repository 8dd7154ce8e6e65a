//! A machine with accounts, phones and doors, on a clock that stands still until the test moves it:
//! what the topics of the verifier share.
#![cfg(feature = "system")]

use std::net::Shutdown;

use rusqlite::Connection;
use serde_json::{Map, Value, json};
use testkit::{Algorithm, Builder, Daemon, Socket, totp};

use crate::support::database;

/// When a site begins: the start of a step of 30 s and of one of 60 s, later than any real start.
pub(crate) const START: u64 = 1_900_000_020;

pub(crate) const DAY: u64 = 86_400;

/// The accounts of a site, besides root.
pub(crate) const ACCOUNTS: [(&str, u32); 6] = [
    ("alice", 71_001),
    ("bob", 71_002),
    ("carol", 71_003),
    ("dave", 71_004),
    ("erin", 71_005),
    ("frank", 71_006),
];

/// Where logins come from, unless something else is said.
pub(crate) const HOME: &str = "198.51.100.7";

/// The uid of an account.
pub(crate) fn uid_of(name: &str) -> u32 {
    let found = ACCOUNTS.iter().find(|(account, _)| *account == name);
    found.map_or(0, |(_, uid)| *uid)
}

/// A daemon with two-factor authentication on, for sshd as well, and a connection of root.
pub(crate) struct Site {
    pub(crate) daemon: Daemon,
    pub(crate) socket: Socket,
    now: u64,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(Daemon::builder().accounts(&ACCOUNTS))
    }

    /// The same of a daemon with something special.
    pub(crate) fn with(builder: Builder) -> Self {
        Self::beginning(builder, START)
    }

    /// The same at another time: for programs beside it that look at the real clock.
    pub(crate) fn beginning(builder: Builder, start: u64) -> Self {
        let daemon = builder.fake_clock().start();
        daemon.clock().freeze_at(start);
        daemon.prepare_for_ssh();
        let mut socket = daemon.connect();
        let on = json!([{"enabled": true, "services": {"ssh": true}}]);
        socket.call("auth.twofactor.update", on);
        daemon.unenrolled("DENY");
        Self {
            daemon,
            socket,
            now: start,
        }
    }

    /// What the daemon's clock shows.
    pub(crate) const fn now(&self) -> u64 {
        self.now
    }

    /// Moves the clock to a time.
    pub(crate) fn set(&mut self, time: u64) {
        self.now = time;
        self.daemon.clock().freeze_at(time);
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, secs: u64) {
        self.set(self.now + secs);
    }

    /// Ends the daemon as a stop does, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start();
    }

    /// Ends the daemon as a power cut does, and starts it again.
    pub(crate) fn cut_power(&mut self) {
        self.daemon.kill9();
        self.start();
    }

    /// Ends the daemon as a stop does. The connection goes first, or the daemon would wait for it.
    pub(crate) fn stop(&mut self) {
        let _ = self.socket.stream().shutdown(Shutdown::Both);
        assert!(self.daemon.stop().success());
    }

    /// Starts the daemon that was ended, on the same state.
    pub(crate) fn start(&mut self) {
        self.daemon.restart();
        self.socket = self.daemon.connect();
    }

    /// One call that must succeed.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.socket.call(method, params)
    }

    /// One call that must fail, and its error object.
    pub(crate) fn refused(&mut self, method: &str, params: Value) -> Value {
        self.socket.call_err(method, params)
    }

    /// The whole answer to somebody at a door.
    pub(crate) fn ask(&mut self, login: &Login) -> Value {
        self.call("auth.twofactor.authenticate", login.params())
    }

    /// The verdict alone.
    pub(crate) fn verdict(&mut self, login: &Login) -> String {
        verdict_of(&self.ask(login))
    }

    /// Issues a device, and does not confirm it.
    pub(crate) fn issue(&mut self, username: &str, name: &str) -> Phone {
        self.issue_as(&json!({"username": username, "name": name}))
    }

    /// Issues a device as these params say.
    pub(crate) fn issue_as(&mut self, params: &Value) -> Phone {
        Phone::new(&self.call("auth.twofactor.device.create", json!([params])))
    }

    /// Gives the first code of a device, which is used up by it.
    pub(crate) fn confirm(&mut self, phone: &Phone) -> Value {
        let params = json!([{"id": phone.id, "token": phone.code(self.now)}]);
        self.call("auth.twofactor.device.confirm", params)
    }

    /// An active device, whose next code is good now.
    pub(crate) fn enrol(&mut self, username: &str) -> Phone {
        let phone = self.issue(username, "phone");
        self.confirm(&phone);
        self.pass(phone.interval);
        phone
    }

    /// An active device of each, whose next codes are good now.
    pub(crate) fn enrol_all<const N: usize>(&mut self, usernames: [&str; N]) -> [Phone; N] {
        let phones = usernames.map(|username| self.issue(username, "phone"));
        for phone in &phones {
            self.confirm(phone);
        }
        self.pass(30);
        phones
    }

    /// An active device of somebody's and one of root's, whose next codes are good now. Root has a "phone"
    /// already.
    pub(crate) fn enrol_with_root(&mut self, username: &str) -> [Phone; 2] {
        let phones = [self.issue(username, "phone"), self.issue("root", "tablet")];
        for phone in &phones {
            self.confirm(phone);
        }
        self.pass(30);
        phones
    }

    /// A set of recovery codes that is confirmed as saved.
    pub(crate) fn recovery_codes(&mut self, username: &str) -> Vec<String> {
        let set = self.call("auth.twofactor.recovery.generate", json!([username]));
        self.call("auth.twofactor.recovery.confirm_saved", json!([set["id"]]));
        codes_of(&set)
    }

    /// Wrong codes at a door, each of them judged.
    pub(crate) fn guess_wrong(&mut self, login: &Login, times: usize) {
        for _ in 0..times {
            assert_eq!(self.verdict(login), "WRONG", "{login:?}");
        }
    }

    /// The code that this device shows now, typed at the door of its owner.
    pub(crate) fn log_in(&mut self, username: &str, phone: &Phone) -> String {
        let code = phone.code(self.now);
        self.verdict(&login(username).code(&code))
    }

    /// The database, as another process opens it.
    pub(crate) fn database(&self) -> Connection {
        database(&self.daemon.state_dir())
    }

    /// One number out of the database.
    pub(crate) fn number(&self, select: &str) -> i64 {
        let found = self.database().query_row(select, [], |row| row.get(0));
        found.unwrap_or_else(|error| panic!("{select}: {error}"))
    }
}

/// The verdict of an answer.
pub(crate) fn verdict_of(answer: &Value) -> String {
    answer["verdict"].as_str().expect("a verdict").to_owned()
}

/// The codes of a new set.
pub(crate) fn codes_of(set: &Value) -> Vec<String> {
    let codes = set["codes"].as_array().expect("recovery codes");
    codes
        .iter()
        .map(|code| code.as_str().expect("a code").to_owned())
        .collect()
}

/// A device, as its owner has it.
#[derive(Clone, Debug)]
pub(crate) struct Phone {
    pub(crate) id: i64,
    pub(crate) secret: String,
    pub(crate) digits: u32,
    pub(crate) interval: u64,
}

impl Phone {
    /// Out of the answer of `device.create`.
    pub(crate) fn new(created: &Value) -> Self {
        Self {
            id: created["id"].as_i64().expect("an id"),
            secret: created["secret"].as_str().expect("a secret").to_owned(),
            digits: digits(&created["otp_digits"]),
            interval: created["interval"].as_u64().expect("an interval"),
        }
    }

    /// The code that it shows at this time.
    pub(crate) fn code(&self, time: u64) -> String {
        totp(
            &self.secret,
            self.digits,
            self.interval,
            time,
            Algorithm::Sha1,
        )
    }
}

fn digits(number: &Value) -> u32 {
    let number = number.as_u64().and_then(|number| number.try_into().ok());
    number.expect("digits")
}

/// A code of so many digits that is none of these devices', at this time or near it.
pub(crate) fn wrong_code(phones: &[&Phone], digits: usize, time: u64) -> String {
    let near = |phone: &Phone, code: &str| {
        (0..41).any(|step| phone.code(time + 20 * phone.interval - phone.interval * step) == code)
    };
    (0..1000)
        .map(|number: u32| format!("{number:0digits$}"))
        .find(|code| !phones.iter().any(|phone| near(phone, code)))
        .expect("there are more codes than 41 a device")
}

/// Somebody at a door: what PAM or the web asks about.
#[derive(Clone, Debug)]
pub(crate) struct Login(Map<String, Value>);

/// Somebody who has given the right password to sshd, and no code yet.
pub(crate) fn login(username: &str) -> Login {
    let fields = json!({
        "username": username, "service": "sshd", "source": HOME, "factor": "password",
    });
    match fields {
        Value::Object(fields) => Login(fields),
        _ => unreachable!("an object"),
    }
}

impl Login {
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    pub(crate) fn without(mut self, field: &str) -> Self {
        self.0.remove(field);
        self
    }

    /// What was typed.
    pub(crate) fn code(self, code: &str) -> Self {
        self.with("token", code)
    }

    pub(crate) fn from(self, source: &str) -> Self {
        self.with("source", source)
    }

    /// Nothing is proven yet.
    pub(crate) fn unproven(self) -> Self {
        self.without("factor")
    }

    pub(crate) fn params(&self) -> Value {
        json!([self.0])
    }
}
