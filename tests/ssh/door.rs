//! A machine whose sshd asks our daemon, the people who log in there, and tables of their logins.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Output;

use ssh::dropin::{DropIn, Mode, RootDoor};
use ssh::stack::Stack;
use testkit::{Login, Machine, Outcome};

use crate::site::{Phone, Site};

use super::parallel::at_once;

pub(crate) const PASSWORD: &str = "Password: ";
pub(crate) const CODE: &str = "Verification code: ";

/// A key and a code, or a password and a code; root by its key.
pub(crate) const EITHER: DropIn = DropIn {
    mode: Mode::PasswordOrKey,
    root: RootDoor::Key,
};

/// What a machine's sshd says besides: crowds are not turned away, and refusals are not penalised.
const SETTINGS: &str = "MaxStartups 200\n";

/// The machine, and the daemon that runs on it with a clock that the test moves. Two-factor
/// authentication is on, for sshd too.
pub(crate) struct Door {
    // Ends before the machine does.
    pub(crate) site: Site,
    pub(crate) machine: Machine,
}

/// Somebody with a password and a key, and perhaps a phone.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) key: PathBuf,
}

impl Door {
    /// A machine with the drop-in and the stack as `midclt 2fa ssh enable` writes them.
    pub(crate) fn new(dropin: DropIn) -> Self {
        Self::with_files(&dropin.text(), str::to_owned)
    }

    /// The same with the files changed, as somebody might.
    pub(crate) fn with_files(dropin: &str, stack: impl Fn(&str) -> String) -> Self {
        let machine = guarded_machine(dropin, stack);
        let site = Site::with(machine.daemon());
        Self { site, machine }
    }

    /// The same where the daemon's clock stands still at the real time, for `midclt`, which looks at
    /// that.
    pub(crate) fn today(dropin: DropIn) -> Self {
        let machine = guarded_machine(&dropin.text(), str::to_owned);
        let site = Site::beginning(machine.daemon(), testkit::now());
        Self { site, machine }
    }

    /// A machine as Debian has it, where nobody has turned anything on for sshd.
    pub(crate) fn unguarded() -> Self {
        let mut machine = Machine::new();
        machine.install_module(&testkit::pam_module());
        machine.write("/etc/ssh/sshd_config.d/60-test.conf", SETTINGS);
        machine.start_sshd();
        let mut site = Site::beginning(machine.daemon(), testkit::now());
        let off = serde_json::json!([{"services": {"ssh": false}}]);
        site.call("auth.twofactor.update", off);
        Self { site, machine }
    }

    /// Runs midclt as root on the machine; what it printed.
    pub(crate) fn midclt(&self, words: &[&str]) -> String {
        let output = self.try_midclt(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same of one that may fail.
    pub(crate) fn try_midclt(&self, words: &[&str]) -> Output {
        let midclt = testkit::binaries::midclt();
        let midclt = midclt.to_str().unwrap();
        self.machine.run([&[midclt], words].concat())
    }

    /// Adds people without phones.
    pub(crate) fn people<const N: usize>(&self, names: [&str; N]) -> [Person; N] {
        let passwords = names.map(|name| format!("word-of-{name}"));
        let accounts = names.iter().zip(&passwords);
        let accounts: Vec<_> = accounts
            .map(|(name, word)| (*name, word.as_str()))
            .collect();
        self.machine.add_accounts(&accounts);
        names.map(|name| self.with_key(name))
    }

    /// Adds people, and enrols a phone of each, whose next code is good now.
    pub(crate) fn enrolled<const N: usize>(&mut self, names: [&str; N]) -> [(Person, Phone); N] {
        let people = self.people(names);
        let phones = self.site.enrol_all(names);
        let mut phones = phones.into_iter();
        people.map(|person| (person, phones.next().expect("a phone")))
    }

    /// Root, with a password and a key, and an enrolled phone.
    pub(crate) fn root(&mut self) -> (Person, Phone) {
        self.machine.set_passwords(&[("root", "word-of-root")]);
        // Turning it on has given root a device of another name.
        let phone = self.site.issue("root", "root's phone");
        self.site.confirm(&phone);
        self.site.pass(30);
        (self.with_key("root"), phone)
    }

    fn with_key(&self, name: &str) -> Person {
        Person {
            name: name.to_owned(),
            password: format!("word-of-{name}"),
            key: self.machine.add_key(name),
        }
    }

    /// Somebody who is about to log in with nothing yet.
    pub(crate) fn login(&self, person: &Person) -> Login {
        self.machine.login(&person.name)
    }

    /// With the password.
    pub(crate) fn by_password(&self, person: &Person) -> Login {
        self.login(person).password(&person.password)
    }

    /// With the key.
    pub(crate) fn by_key(&self, person: &Person) -> Login {
        self.login(person).key(&person.key)
    }

    /// The code that this phone shows now.
    pub(crate) fn code(&self, phone: &Phone) -> String {
        phone.code(self.site.now())
    }
}

/// A machine whose sshd runs with these files.
fn guarded_machine(dropin: &str, stack: impl Fn(&str) -> String) -> Machine {
    let mut machine = Machine::new();
    machine.install_module(&testkit::pam_module());
    let old = machine.read(ssh::STACK);
    let new = Stack::default().insert(&old).unwrap();
    machine.write(ssh::STACK, &stack(&new));
    machine.write(ssh::DROPIN, dropin);
    machine.write("/etc/ssh/sshd_config.d/60-test.conf", SETTINGS);
    machine.start_sshd();
    machine
}

/// One login and what must come of it.
pub(crate) struct Case<'a> {
    what: &'a str,
    login: Login,
    is_in: bool,
    prompts: &'a [&'a str],
    says: &'a [&'a str],
}

/// A login that must succeed after exactly these prompts.
pub(crate) fn passes<'a>(what: &'a str, login: Login, prompts: &'a [&'a str]) -> Case<'a> {
    Case {
        what,
        login,
        is_in: true,
        prompts,
        says: &[],
    }
}

/// A login that must be refused after exactly these prompts.
pub(crate) fn refused<'a>(what: &'a str, login: Login, prompts: &'a [&'a str]) -> Case<'a> {
    Case {
        is_in: false,
        ..passes(what, login, prompts)
    }
}

impl<'a> Case<'a> {
    /// With these words shown on the way.
    pub(crate) fn saying(mut self, says: &'a [&'a str]) -> Self {
        self.says = says;
        self
    }

    /// What is not as it must be.
    fn complaint(&self, outcome: &Outcome) -> Option<String> {
        let silent = self
            .says
            .iter()
            .find(|words| !outcome.texts.contains(**words));
        let is_right =
            outcome.is_in == self.is_in && outcome.prompts == self.prompts && silent.is_none();
        (!is_right).then(|| {
            let wanted = if self.is_in { "passes" } else { "refused" };
            format!(
                "{}: wanted {wanted} after {:?}, saying {:?}; got {outcome:#?}",
                self.what, self.prompts, self.says
            )
        })
    }
}

/// Runs all cases at the same time. How each went, in their order.
pub(crate) fn check(cases: &[Case<'_>]) -> Vec<Outcome> {
    let logins: Vec<_> = cases.iter().map(|case| case.login.clone()).collect();
    let outcomes = at_once(&logins);
    let mut complaints = String::new();
    for (case, outcome) in cases.iter().zip(&outcomes) {
        if let Some(complaint) = case.complaint(outcome) {
            writeln!(complaints, "{complaint}").unwrap();
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
    outcomes
}
