//! A Debian guest whose SSH asks for codes, with root at the console and somebody who wants in.

use testkit::guest::{ACCOUNTS, Console, Guest};
use testkit::{Outcome, now};

use super::is_on;
use crate::support::code_at;

pub(super) struct Door {
    guest: Guest,
    pub(super) console: Console,
    /// Of alice's phone.
    secret: String,
}

impl Door {
    /// Turns everything on, as an administrator does: at the console, and kept by a login with a code.
    /// Root is logged in there already.
    pub(super) fn new(guest: Guest, console: Console) -> Self {
        let mut door = Self::on(guest, console);
        let console = &mut door.console;
        console.run_ok(r#"midclt call auth.twofactor.update '{"enabled":true,"window":1}'"#);
        let renewed = console.run_ok("midclt call user.renew_2fa_secret alice '{}'");
        let (_, secret) = renewed.split_once("?secret=").unwrap();
        secret
            .split('&')
            .next()
            .unwrap()
            .clone_into(&mut door.secret);
        console.run_ok("midclt 2fa ssh enable --yes --no-wait --root-password");
        let first = door.by_code();
        assert!(first.is_in, "{first:?}");
        door.asks();
        door
    }

    /// A guest on which everything is as it was left.
    pub(super) fn on(guest: Guest, console: Console) -> Self {
        Self {
            guest,
            console,
            secret: String::new(),
        }
    }

    /// Turns it on again.
    pub(super) fn turn_on(&mut self) {
        self.console
            .run_ok("midclt call auth.twofactor.update enabled=true");
        self.asks();
    }

    /// A password alone is not enough, and the console says that it is on.
    fn asks(&mut self) {
        assert!(is_on(&mut self.console));
        let outcome = self.by_password();
        assert!(!outcome.is_in && outcome.prompts.len() > 1, "{outcome:?}");
    }

    /// A password alone is not enough, whether anybody asks for more or not.
    pub(super) fn is_shut(&self) {
        let outcome = self.by_password();
        assert!(!outcome.is_in && !outcome.prompts.is_empty(), "{outcome:?}");
    }

    /// A password is enough.
    pub(super) fn is_open(&self) {
        let outcome = self.by_password();
        assert!(outcome.is_in, "{outcome:?}");
    }

    /// alice, with her password alone.
    fn by_password(&self) -> Outcome {
        let [_, (account, password)] = ACCOUNTS;
        self.guest.ssh(account).password(password).run()
    }

    /// alice, with her password and the code that her phone shows.
    fn by_code(&self) -> Outcome {
        let [_, (account, password)] = ACCOUNTS;
        let code = code_at(&self.secret, now());
        self.guest.ssh(account).password(password).code(&code).run()
    }

    /// Switches the guest off.
    pub(super) fn close(mut self) {
        self.console.type_line("poweroff");
        self.guest.wait_until_off();
    }
}
