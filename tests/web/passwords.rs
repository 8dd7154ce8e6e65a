//! The program that knows passwords, with a real PAM and accounts of its own, behind the daemon.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Daemon, Keeper, Machine, Socket, pam_module};

use super::{HERE, begin, go_on};
use crate::support::code_at;

/// Everybody's password.
const WORD: &str = "correct horse";

/// As the package has it, with Debian's own lines.
const STACK: &str = include_str!("../../packaging/pam.d/middlewared");

struct Host {
    // End before the machine does.
    daemon: Daemon,
    _keeper: Keeper,
    machine: Machine,
}

impl Host {
    fn new(accounts: &[&str]) -> Self {
        let machine = Machine::new();
        let accounts: Vec<_> = accounts.iter().map(|&name| (name, WORD)).collect();
        machine.add_accounts(&accounts);
        machine.write("/etc/pam.d/middlewared", STACK);
        let builder = machine.daemon();
        let run = builder.dir().join("run");
        let keeper = Keeper::on(&machine, &run.join("password.sock"));
        let config = format!(
            "[web]\nsocket = \"{}\"\npassword = \"{}\"\n",
            run.join("web.sock").display(),
            run.join("password.sock").display(),
        );
        let daemon = builder.config(&config).start();
        Self {
            daemon,
            _keeper: keeper,
            machine,
        }
    }

    fn connect(&self) -> Socket {
        Socket::on_web(&self.daemon.dir().join("run/web.sock"), HERE)
    }

    fn tried(&self, name: &str, password: &str) -> String {
        let answer = begin(&mut self.connect(), name, password);
        answer["response_type"].as_str().unwrap().to_owned()
    }

    /// Asks the keeper itself.
    fn asked(&self, question: &[u8]) -> String {
        let path: PathBuf = self.daemon.dir().join("run/password.sock");
        let mut stream = UnixStream::connect(path).unwrap();
        stream.write_all(question).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn people_sign_in_with_the_passwords_of_the_machine() {
    let host = Host::new(&["alice", "carol"]);
    host.machine.run_ok(["usermod", "-aG", "sudo", "alice"]);
    let mut socket = host.connect();
    let answer = begin(&mut socket, "alice", WORD);
    assert_eq!(answer["response_type"], "SUCCESS", "{answer}");
    assert_eq!(
        answer["user_info"]["privilege"]["roles"],
        json!(["FULL_ADMIN"])
    );
    let mut socket = host.connect();
    let answer = begin(&mut socket, "carol", WORD);
    assert_eq!(
        answer["user_info"]["privilege"]["roles"],
        json!([]),
        "in no such group"
    );
    for (name, password) in [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice ", WORD),
        ("ALICE", WORD),
        ("nobody-of-that-name", WORD),
        ("nobody-of-that-name", ""),
        // No password will do.
        ("root", WORD),
        ("daemon", WORD),
    ] {
        assert_eq!(host.tried(name, password), "AUTH_ERR", "{name} {password}");
    }
    // With a code, where one is asked for.
    let mut root = host.daemon.connect();
    let renewed = root.call("user.renew_2fa_secret", json!(["carol", {}]));
    let uri = renewed["twofactor_config"]["provisioning_uri"]
        .as_str()
        .unwrap()
        .to_owned();
    let secret = uri
        .split("secret=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    root.call("auth.twofactor.update", json!([{"enabled": true}]));
    let asked = begin(&mut socket, "carol", WORD);
    assert_eq!(asked["response_type"], "OTP_REQUIRED");
    let answer = go_on(&mut socket, &code_at(secret, testkit::now()));
    assert_eq!(answer["response_type"], "SUCCESS", "{answer}");
    assert_eq!(
        host.tried("alice", WORD),
        "DENIED",
        "no device, and the policy says no"
    );
}

#[test]
fn expired_and_locked_accounts_are_refused_after_the_password() {
    let host = Host::new(&["alice", "bob", "carol", "dave"]);
    host.machine.run_ok(["chage", "-E", "1", "alice"]);
    host.machine.run_ok(["chage", "-d", "0", "bob"]);
    host.machine.run_ok(["usermod", "-L", "carol"]);
    host.machine.run_ok(["passwd", "-q", "-d", "dave"]);
    assert_eq!(host.tried("alice", WORD), "EXPIRED");
    assert_eq!(
        host.tried("bob", WORD),
        "EXPIRED",
        "a new password is wanted"
    );
    assert_eq!(host.tried("carol", WORD), "AUTH_ERR");
    for password in ["", WORD] {
        assert_eq!(
            host.tried("dave", password),
            "AUTH_ERR",
            "without a password nobody"
        );
    }
    for name in ["alice", "bob"] {
        assert_eq!(host.tried(name, "wrong"), "AUTH_ERR", "{name}");
    }
    host.machine.run_ok(["chage", "-E", "-1", "alice"]);
    assert_eq!(host.tried("alice", WORD), "SUCCESS");
    host.machine.write("/etc/nologin", "closed\n");
    assert_eq!(
        host.tried("alice", WORD),
        "DENIED",
        "closed for everybody but root"
    );
}

/// What is asked besides the password stays unanswered.
#[test]
fn a_stack_that_wants_more_lets_nobody_in() {
    let host = Host::new(&["alice"]);
    let pam_module = {
        let to = host.machine.dir().join("pam_middleware.so");
        fs::copy(pam_module(), &to).unwrap();
        to.to_str().unwrap().to_owned()
    };
    // Our own module asks nothing there: the daemon asks for the code itself.
    host.machine.write(
        "/etc/pam.d/middlewared",
        &format!("@include common-auth\nauth required {pam_module}\naccount required {pam_module}\n@include common-account\n"),
    );
    assert_eq!(host.tried("alice", WORD), "SUCCESS");
    host.daemon
        .connect()
        .call("user.renew_2fa_secret", json!(["root", {}]));
    host.daemon
        .connect()
        .call("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(
        host.tried("alice", WORD),
        "DENIED",
        "asked by the daemon, for a device there is not"
    );
    // A second prompt, of another module.
    host.machine
        .write("/etc/users.oath", "HOTP/T30\talice\t-\t00\n");
    host.machine.write(
        "/etc/pam.d/middlewared",
        "@include common-auth\nauth optional pam_oath.so usersfile=/etc/users.oath\n@include common-account\n",
    );
    let twice = host.asked(b"alice\0correct horse\0\0");
    assert_eq!(twice, "wrong\n");
    // Our module alone, which proves nothing.
    host.machine.write(
        "/etc/pam.d/middlewared",
        &format!("auth required {pam_module}\naccount required {pam_module}\n"),
    );
    assert_ne!(host.asked(b"alice\0correct horse\0\0"), "right\n");
    // No stack at all.
    host.machine.write(
        "/etc/pam.d/middlewared",
        "auth required pam_no_such_module.so\n",
    );
    assert_ne!(host.asked(b"alice\0correct horse\0\0"), "right\n");
}

#[test]
fn it_answers_one_question_to_root_and_nothing_to_a_pipe() {
    let host = Host::new(&["alice"]);
    assert_eq!(
        host.asked(b"alice\0correct horse\x00192.0.2.1\0"),
        "right\n"
    );
    for nonsense in [
        &b""[..],
        b"alice",
        b"alice\0correct horse",
        b"\0\0\0",
        &[b'x'; 10_000],
    ] {
        assert_eq!(host.asked(nonsense), "wrong\n");
    }
    let program = host.machine.dir().join("middlewared-password");
    let mut by_hand = host.machine.enter();
    let output = by_hand
        .arg(program)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
}

/// Equal for accounts that there are and those that there are not: a "no" waits for its second. Only that it
/// is not less is looked at, which no load changes.
#[test]
fn a_no_takes_as_long_for_everybody() {
    let host = Host::new(&["alice"]);
    let time = |name: &str| {
        let began = Instant::now();
        assert_eq!(host.tried(name, "wrong"), "AUTH_ERR");
        began.elapsed()
    };
    for name in ["alice", "nobody-of-that-name", "root", "a/b"] {
        assert!(time(name) >= Duration::from_secs(1), "{name}");
    }
}
