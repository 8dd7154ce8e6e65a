//! A machine with people and passwords, our daemon, and the stack of sshd, for a program that is no sshd.

use std::fs;

use nix::unistd::User;
use serde_json::json;
use testkit::{Application, Machine, pam_module};

use crate::site::{HOME, Phone, Site};
use crate::support::eventually;

/// Everybody's password.
pub(super) const WORD: &str = "correct horse";

/// What `pam_unix` asks.
pub(super) const PASSWORD: &str = "Password: ";

/// The stack of sshd, as the documentation has it.
const SSHD: &str = "\
auth [success=done ignore=ignore default=die] MODULE key
@include common-auth
auth [success=ok default=die] MODULE
account required MODULE
@include common-account
";

/// A code alone. Nobody should have this; but what nobody should have happens.
const BARE: &str = "\
auth [success=ok default=die] MODULE
account [success=ok default=die] MODULE
";

pub(super) struct Host {
    // Ends before the machine does.
    pub(super) site: Site,
    pub(super) machine: Machine,
}

impl Host {
    /// With these accounts besides root.
    pub(super) fn new(accounts: &[&str]) -> Self {
        let machine = Machine::new();
        fs::copy(pam_module(), machine.dir().join("pam_middleware.so")).unwrap();
        let accounts: Vec<_> = accounts.iter().map(|&name| (name, WORD)).collect();
        machine.add_accounts(&accounts);
        let site = Site::with(machine.daemon());
        let host = Self { site, machine };
        host.stack("sshd", SSHD);
        host.stack("bare", BARE);
        host
    }

    /// Writes a stack, in which `MODULE` is the module.
    pub(super) fn stack(&self, service: &str, text: &str) {
        let module = self.machine.dir().join("pam_middleware.so");
        let text = text.replace("MODULE", module.to_str().unwrap());
        self.machine.write(&format!("/etc/pam.d/{service}"), &text);
    }

    /// Somebody at sshd, from elsewhere.
    pub(super) fn login(&self, user: &str) -> Application {
        self.at("sshd", user)
    }

    /// Somebody with a proven key.
    pub(super) fn with_key(&self, user: &str) -> Application {
        self.login(user).step(super::KEY)
    }

    /// Somebody at a service, from elsewhere.
    pub(super) fn at(&self, service: &str, user: &str) -> Application {
        Application::on(&self.machine, service, user).step(&format!("rhost={HOME}"))
    }

    /// The code that a phone shows now.
    pub(super) fn code(&self, phone: &Phone) -> String {
        phone.code(self.site.now())
    }

    /// Waits until syslog has heard these words so many times.
    pub(super) fn hears(&self, words: &str, times: usize) {
        let heard = || self.machine.syslog().matches(words).count();
        eventually(words, || heard() >= times);
        assert_eq!(heard(), times, "{words}: {}", self.machine.syslog());
    }

    /// Turns sshd's door off, or all of it.
    pub(super) fn change(&mut self, change: &serde_json::Value) {
        // Turned on while somebody would be locked out, it is refused.
        self.site.daemon.unenrolled("ALLOW");
        self.site.call("auth.twofactor.update", json!([change]));
        self.site.daemon.unenrolled("DENY");
    }
}

/// A user who is not root, and has the name of nobody here.
pub(super) fn other_uid() -> u32 {
    let free = (60_001..60_100).find(|uid| User::from_uid((*uid).into()).unwrap().is_none());
    free.expect("a free uid")
}
