//! What others do on the same cases: `pam_oath` and `google-authenticator`, set up as their manuals
//! say. The README shows these tables beside ours.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use testkit::{Login, Machine, now};

use crate::site::{Phone, wrong_code};

use super::parallel::{at_once, codes_at_once};

const PASSWORD: &str = "correct horse";

/// One way to have a second factor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    PamOath,
    GoogleAuthenticator,
}

impl Peer {
    /// Its line of the stack, as its manual has it.
    const fn line(self) -> &'static str {
        match self {
            Self::PamOath => {
                "auth required pam_oath.so usersfile=/etc/users.oath window=20 digits=6"
            }
            Self::GoogleAuthenticator => "auth required pam_google_authenticator.so",
        }
    }

    /// What its prompt contains.
    const fn prompt(self) -> &'static str {
        match self {
            Self::PamOath => "One-time password (OATH)",
            Self::GoogleAuthenticator => "Verification code:",
        }
    }

    /// Hands it a secret of this account.
    fn enrol(self, machine: &Machine, account: &str, secret: &[u8]) {
        match self {
            Self::PamOath => {
                let line = format!("HOTP/T30/6\t{account}\t-\t{}\n", HEXLOWER.encode(secret));
                let users = machine.path("/etc/users.oath");
                let before = fs::read_to_string(&users).unwrap_or_default();
                fs::write(&users, before + &line).unwrap();
                fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).unwrap();
            }
            // What its program writes where every question is answered with its advice.
            Self::GoogleAuthenticator => {
                let home = machine.path(format!("/home/{account}"));
                let file = home.join(".google_authenticator");
                let options = "\" RATE_LIMIT 3 30\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n";
                let secret = BASE32_NOPAD.encode(secret);
                fs::write(&file, format!("{secret}\n{options}")).unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
                let uid = machine
                    .run_ok(["id", "-u", account])
                    .trim()
                    .parse()
                    .unwrap();
                chown(&file, Some(uid), Some(uid)).unwrap();
            }
        }
    }
}

/// An account with its password, its key and its phone.
struct Person {
    name: String,
    phone: Phone,
    way: Way,
}

/// What is given besides the code.
#[derive(Clone)]
enum Way {
    Password,
    Key(std::path::PathBuf),
}

impl Person {
    fn login(&self, machine: &Machine) -> Login {
        let login = machine.login(&self.name);
        match &self.way {
            Way::Password => login.password(PASSWORD),
            Way::Key(file) => login.key(file),
        }
    }
}

/// Cases and whether they let somebody in, and how many of twelve came in at once.
type Table = (Vec<(&'static str, bool)>, usize);

/// Seventeen people with phones.
fn people(machine: &Machine, peer: Peer, with_key: bool) -> Vec<Person> {
    let names: Vec<String> = (1..=17).map(|number| format!("user{number}")).collect();
    let accounts: Vec<_> = names.iter().map(|name| (name.as_str(), PASSWORD)).collect();
    machine.add_accounts(&accounts);
    let person = |name: &String| {
        let secret = format!("{name:0>20}").into_bytes();
        peer.enrol(machine, name, &secret);
        Person {
            name: name.clone(),
            phone: Phone {
                id: 0,
                secret: BASE32_NOPAD.encode(&secret),
                digits: 6,
                interval: 30,
            },
            way: if with_key {
                Way::Key(machine.add_key(name))
            } else {
                Way::Password
            },
        }
    };
    names.iter().map(person).collect()
}

/// The stack and sshd's settings: the password is PAM's matter, the key is sshd's.
fn prepare(machine: &mut Machine, peer: Peer, with_key: bool) {
    let (auth, methods) = if with_key {
        (peer.line().to_owned(), "publickey,keyboard-interactive:pam")
    } else {
        let auth = format!("@include common-auth\n{}", peer.line());
        (auth, "keyboard-interactive:pam")
    };
    let stack = machine.read("/etc/pam.d/sshd");
    machine.write(
        "/etc/pam.d/sshd",
        &stack.replace("@include common-auth", &auth),
    );
    let settings = format!(
        "KbdInteractiveAuthentication yes\nPasswordAuthentication no\n\
         AuthenticationMethods {methods}\nMaxStartups 100\n"
    );
    machine.write("/etc/ssh/sshd_config.d/10-peer.conf", &settings);
    machine.start_sshd();
}

fn table(peer: Peer, with_key: bool) -> Table {
    let mut machine = Machine::new();
    prepare(&mut machine, peer, with_key);
    let people = people(&machine, peer, with_key);
    let [alice, bob, carol, dave, erin, ..] = &people[..] else {
        unreachable!("seventeen people")
    };
    let code = |person: &Person| person.phone.code(now());
    let prompt = peer.prompt();
    let with_code = |person: &Person| person.login(&machine).answer(prompt, &code(person));
    let alices = with_code(alice);
    let first = alices.run();
    assert!(first.is_in, "{first:?}");
    let wrong = wrong_code(&[&bob.phone, &erin.phone], 6, now());
    let carols = code(carol);
    let mistyped = machine.login(&carol.name).password("wrong");
    let outcomes = at_once(&[
        alices,
        bob.login(&machine).answer(prompt, &wrong),
        dave.login(&machine).answer(prompt, ""),
        mistyped.answer(prompt, &carols),
    ]);
    let [replay, wrong_code, no_code, mistyped] = &outcomes[..] else {
        unreachable!("four logins")
    };
    assert!(!mistyped.is_in, "{mistyped:?}");
    let mut cases = vec![
        ("a right code", first.is_in),
        ("the same code again", replay.is_in),
        ("a wrong code", wrong_code.is_in),
        ("no code", no_code.is_in),
    ];
    if !with_key {
        let again = carol.login(&machine).answer(prompt, &carols).run();
        cases.push((
            "the code that was typed after a wrong password",
            again.is_in,
        ));
    }
    let guess = erin.login(&machine).answer(prompt, &wrong);
    for _ in 0..4 {
        assert!(!guess.run().is_in);
    }
    let owner = with_code(erin).run();
    cases.push(("a right code after four wrong ones", owner.is_in));
    let twelve = people[5..]
        .iter()
        .map(|person| (person.login(&machine), code(person)));
    let twelve = codes_at_once(twelve.collect(), prompt);
    if with_key {
        machine.write("/etc/ssh/sshd_config.d/10-peer.conf", "");
        machine.reload_sshd();
        let alone = dave.login(&machine).option("BatchMode=yes").run();
        cases.push(("a key alone, without AuthenticationMethods", alone.is_in));
    }
    (cases, twelve.iter().filter(|it| it.is_in).count())
}

/// Both do the plain cases right. How many of twelve `pam_oath` lets in varies: who comes while another
/// holds the lock of its one file of users is refused, with the right code.
fn check(peer: Peer, with_key: bool) {
    let (cases, of_twelve) = table(peer, with_key);
    let mut expected = vec![
        ("a right code", true),
        ("the same code again", false),
        ("a wrong code", false),
        ("no code", false),
    ];
    if !with_key {
        expected.push(("the code that was typed after a wrong password", true));
    }
    // Its owner waits with whoever guessed.
    let is_kept_open = peer == Peer::PamOath;
    expected.push(("a right code after four wrong ones", is_kept_open));
    if with_key {
        expected.push(("a key alone, without AuthenticationMethods", true));
    }
    assert_eq!(cases, expected);
    match peer {
        // Of 22 rounds, 19 let all in, the worst nine.
        Peer::PamOath => assert!((1..=12).contains(&of_twelve), "{of_twelve}"),
        Peer::GoogleAuthenticator => assert_eq!(of_twelve, 12),
    }
}

#[test]
fn pam_oath_with_a_password() {
    check(Peer::PamOath, false);
}

#[test]
fn pam_oath_with_a_key() {
    check(Peer::PamOath, true);
}

#[test]
fn google_authenticator_with_a_password() {
    check(Peer::GoogleAuthenticator, false);
}

#[test]
fn google_authenticator_with_a_key() {
    check(Peer::GoogleAuthenticator, true);
}
