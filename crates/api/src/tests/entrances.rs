//! The web's socket: what whoever is there may call, by how they have signed in.

mod hostile;
mod logins;
mod newcomers;
mod sessions;
mod table;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::*;

/// An account that every Debian has, and one that is its administrator here.
const PERSON: (&str, u32) = ("daemon", 1);
const OTHER: (&str, u32) = ("bin", 2);

/// Everybody's password.
const WORD: &str = "correct horse";

/// A machine with a web's socket: who signs in is asked about here.
struct Web {
    machine: Machine,
    sessions: Arc<Sessions>,
    answers: Arc<Mutex<PasswordAnswer>>,
    /// How many passwords were asked about.
    asked: Arc<AtomicUsize>,
}

impl Web {
    /// Members of this group are administrators.
    fn new(administrators: &str) -> Self {
        let answers = Arc::new(Mutex::new(PasswordAnswer::Right));
        let asked = Arc::new(AtomicUsize::new(0));
        let (theirs, count) = (Arc::clone(&answers), Arc::clone(&asked));
        let sessions = Sessions::new(SessionRules {
            administrators: administrators.to_owned(),
            check_password: Box::new(move |question| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(if *question.password == WORD {
                    *theirs.lock().unwrap()
                } else {
                    PasswordAnswer::Wrong
                })
            }),
        });
        let mut web = Self {
            machine: Machine::new(),
            sessions,
            answers,
            asked,
        };
        web.connect("192.0.2.1");
        web
    }

    /// A new connection, from here on.
    fn connect(&mut self, address: &str) {
        self.machine.session = Session::of_visit(self.sessions.visit(address, || ()));
    }

    /// Does something as root, on root's socket.
    fn as_root<T>(&mut self, run: impl FnOnce(&mut Machine) -> T) -> T {
        let root = Session::with_events().with_sessions(&self.sessions);
        let theirs = std::mem::replace(&mut self.machine.session, root);
        let done = run(&mut self.machine);
        self.machine.session = theirs;
        done
    }

    /// Gives an account a device. Its secret.
    fn enrol(&mut self, name: &str) -> twofactor::Secret {
        let renewed =
            self.as_root(|machine| machine.ok("user.renew_2fa_secret", json!([name, {}])));
        secret_in(&renewed["twofactor_config"]["provisioning_uri"])
    }

    /// Has everybody be asked for a code.
    fn enable(&mut self) {
        self.as_root(|machine| machine.update(json!({ "enabled": true })));
    }

    fn begin(&mut self, name: &str, password: &str) -> Value {
        let login = json!([{
            "mechanism": "PASSWORD_PLAIN", "username": name, "password": password,
        }]);
        self.machine.ok("auth.login_ex", login)
    }

    fn code(&mut self, code: &str) -> Value {
        let login = json!([{ "mechanism": "OTP_TOKEN", "otp_token": code }]);
        self.machine.ok("auth.login_ex_continue", login)
    }

    /// Signs in, with a code that this secret gives now, if there is one.
    fn sign_in(&mut self, name: &str, secret: Option<&twofactor::Secret>) {
        let mut answer = self.begin(name, WORD);
        if let Some(secret) = secret {
            assert_eq!(answer["response_type"], "OTP_REQUIRED");
            self.machine.now += 30;
            let code = code_of(secret, self.machine.now);
            answer = self.code(&code);
        }
        assert_eq!(answer["response_type"], "SUCCESS", "{answer}");
    }

    /// Gives a new code, perhaps for a call of one method.
    fn reauthenticate(&mut self, secret: &twofactor::Secret, method: Option<&str>) -> Value {
        self.machine.now += 30;
        let code = code_of(secret, self.machine.now);
        let params = match method {
            Some(method) => json!([code, method]),
            None => json!([code]),
        };
        self.machine.ok("auth.reauthenticate", params)
    }

    fn errno(&mut self, name: &str, params: Value) -> i64 {
        let error = self.machine.call(name, params).unwrap_err();
        error["data"]["error"].as_i64().unwrap()
    }
}

fn secret_in(uri: &Value) -> twofactor::Secret {
    let uri = uri.as_str().unwrap();
    let secret = uri
        .split("secret=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    twofactor::Secret::from_base32(secret).unwrap()
}

fn code_of(secret: &twofactor::Secret, now: u64) -> String {
    let totp = totp_rs::Builder::new()
        .with_secret(secret.bytes())
        .with_digits(6)
        .with_step_duration(30)
        .build_noncompliant();
    totp.generate(now).to_string()
}
