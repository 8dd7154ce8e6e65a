//! `midclt 2fa ssh` on a real machine: on trial, kept, put back, taken away.
// Long on purpose: one machine and its helpers, which every journey here needs.

use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ssh::{DROPIN, STACK, UNDO};
use testkit::{Algorithm, Daemon, Login, Machine, now, totp};

use super::door::{CODE, PASSWORD};

/// A machine where two-factor authentication is on and sshd does not ask yet. Alice has a phone and
/// recovery codes, root a key and a password; whoever else has an account here is not asked.
pub(super) struct Fresh {
    pub(super) machine: Machine,
    pub(super) daemon: Daemon,
    codes: Vec<String>,
}

/// What a command said.
pub(super) struct Said {
    pub(super) exit: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Fresh {
    pub(super) fn new() -> Self {
        let mut machine = Machine::new();
        machine.install_module(&testkit::pam_module());
        machine.add_accounts(&[("alice", "word-of-alice")]);
        machine.set_passwords(&[("root", "word-of-root")]);
        machine.add_key("root");
        machine.start_sshd();
        let daemon = machine.daemon().start();
        for user in ["root", "alice"] {
            let device = call(
                &daemon,
                "auth.twofactor.device.create",
                &json!({"username": user}),
            );
            let secret = device["secret"].as_str().unwrap();
            let code = totp(secret, 6, 30, now(), Algorithm::Sha1);
            let right = json!({"id": device["id"], "token": code});
            call(&daemon, "auth.twofactor.device.confirm", &right);
        }
        let sheet = call(&daemon, "auth.twofactor.recovery.generate", &json!("alice"));
        call(
            &daemon,
            "auth.twofactor.recovery.confirm_saved",
            &sheet["id"],
        );
        let codes = sheet["codes"].as_array().unwrap().iter();
        let codes = codes
            .map(|code| code.as_str().unwrap().to_owned())
            .collect();
        call(
            &daemon,
            "auth.twofactor.policy.update",
            &json!({"unenrolled": "ALLOW"}),
        );
        call(&daemon, "auth.twofactor.update", &json!({"enabled": true}));
        Self {
            machine,
            daemon,
            codes,
        }
    }

    pub(super) fn ssh(&self, words: &str) -> Said {
        let program = testkit::binaries::midclt();
        let words = words.split(' ');
        let all = [program.to_str().unwrap(), "2fa", "ssh"]
            .into_iter()
            .chain(words);
        said(&self.machine.run(all))
    }

    pub(super) fn done(&self, words: &str) -> Said {
        let said = self.ssh(words);
        assert_eq!(
            said.exit,
            Some(0),
            "{words}: {} {}",
            said.stdout,
            said.stderr
        );
        said
    }

    pub(super) fn status(&self) -> Value {
        let answer = self.daemon.midclt_ok(["call", "auth.twofactor.status"]);
        serde_json::from_str(&answer).unwrap()
    }

    pub(super) fn files(&self) -> (String, bool, bool) {
        let exists = |path| self.machine.path(path).exists();
        (self.machine.read(STACK), exists(DROPIN), exists(UNDO))
    }

    fn by_password(&self) -> Login {
        self.machine.login("alice").password("word-of-alice")
    }

    /// Whether a password alone lets alice in.
    #[track_caller]
    pub(super) fn asks(&self, expected: bool) {
        let outcome = self.by_password().run();
        assert_eq!(outcome.is_in, !expected, "{outcome:?}");
        assert_eq!(
            outcome.prompts.contains(&CODE.to_owned()),
            expected,
            "{outcome:?}"
        );
    }

    #[track_caller]
    pub(super) fn logs_in_with_a_code(&self, which: usize) {
        let outcome = self.by_password().code(&self.codes[which]).run();
        assert!(outcome.is_in, "{outcome:?}");
        assert_eq!(outcome.prompts, [PASSWORD, CODE]);
    }
}

fn call(daemon: &Daemon, method: &str, params: &Value) -> Value {
    let answer = daemon.midclt_ok(["call", method, &params.to_string()]);
    // Some answers are no JSON: True, a text.
    serde_json::from_str(&answer).unwrap_or(Value::Null)
}

fn said(output: &Output) -> Said {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Said {
        exit: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

#[test]
fn a_login_with_a_code_keeps_it() {
    let fresh = Fresh::new();
    let before = fresh.machine.read(STACK);
    assert_eq!(fresh.ssh("check").exit, Some(1));
    let said = fresh.done("enable --yes");
    for line in [
        "armed: a process of its own puts everything back after 305 s",
        "/etc/pam.d/sshd is written",
        "sshd -t takes it",
        "sshd on 127.0.0.1 port 2222 offers: keyboard-interactive, publickey",
        "a login as root with a key goes on to the code",
    ] {
        assert!(said.stderr.contains(line), "{line}: {}", said.stderr);
    }
    assert!(
        said.stdout.starts_with("On trial for 300 s, until "),
        "{}",
        said.stdout
    );
    assert!(fresh.status()["trial"].is_object());
    // A second one would forget how it was before the first.
    let again = fresh.ssh("enable --yes");
    assert!(
        again.stderr.contains("a trial is under way"),
        "{}",
        again.stderr
    );
    fresh.asks(true);
    assert!(fresh.status()["trial"].is_object(), "no code was right");
    fresh.logs_in_with_a_code(0);
    let status = fresh.status();
    assert_eq!(
        (&status["trial"], &status["ssh"]),
        (&Value::Null, &json!(true))
    );
    fresh.done("commit");
    fresh.done("check");
    assert_eq!((fresh.files().1, fresh.files().2), (true, false));
    fresh.asks(true);
    // And away again, exactly.
    fresh.done("disable --yes");
    assert_eq!(fresh.files(), (before, false, false));
    assert_eq!(fresh.status()["ssh"], json!(false));
    fresh.asks(false);
}

/// Nobody came in by a code: the settings and the files end by themselves, and sshd reads them.
#[test]
fn without_a_login_everything_is_put_back() {
    let fresh = Fresh::new();
    let before = fresh.files();
    fresh.done("enable --yes --seconds 30");
    fresh.asks(true);
    let began = Instant::now();
    while fresh.files() != before {
        assert!(
            began.elapsed() < Duration::from_secs(90),
            "{:?}",
            fresh.files()
        );
        thread::sleep(Duration::from_millis(200));
    }
    let status = fresh.status();
    assert_eq!(
        (&status["trial"], &status["ssh"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(status["rolled_back"]["why"], "deadline", "{status}");
    // The reload comes right after the files.
    let deadline = Instant::now() + Duration::from_secs(20);
    while !fresh
        .machine
        .login("alice")
        .option("BatchMode=yes")
        .run()
        .texts
        .contains("password")
    {
        assert!(Instant::now() < deadline, "sshd offers no password");
    }
    fresh.asks(false);
}

/// The daemon may be the reason why somebody is locked out.
#[test]
fn disable_works_without_the_daemon() {
    let mut fresh = Fresh::new();
    let before = fresh.files();
    fresh.done("enable --yes");
    fresh.daemon.stop();
    let locked = fresh.by_password().run();
    assert!(!locked.is_in, "{locked:?}");
    let said = fresh.done("disable --yes");
    assert!(
        said.stderr.contains("middlewared was not told"),
        "{}",
        said.stderr
    );
    assert_eq!(fresh.files(), before);
    let outcome = fresh.by_password().run();
    assert!(outcome.is_in, "{outcome:?}");
}

/// A restart ends a trial, and takes the job that would have put the files back with it.
#[test]
fn after_a_restart_the_check_puts_the_files_back() {
    let fresh = Fresh::new();
    let before = fresh.files();
    fresh.done("enable --yes");
    // What is in /run is gone then, and the daemon's own trial is over too.
    fresh.machine.run_ok(["rm", "/run/middlewared-ssh-boot"]);
    fresh.daemon.midclt_ok(["call", "auth.twofactor.rollback"]);
    fresh.done("check --report");
    assert_eq!(fresh.files(), before);
    fresh.asks(false);
}

#[test]
fn what_speaks_against_it_changes_nothing() {
    let mut fresh = Fresh::new();
    let before = fresh.files();
    let common = fresh.machine.read("/etc/pam.d/common-auth");
    let mut check = |change: &dyn Fn(&mut Fresh), expected: &[&str]| {
        change(&mut fresh);
        let said = fresh.ssh("enable --yes");
        assert_eq!(said.exit, Some(1), "{expected:?} {}", said.stderr);
        for line in expected {
            assert!(said.stderr.contains(line), "{line}: {}", said.stderr);
        }
        assert_eq!(fresh.files().1, before.1, "{expected:?}");
        assert_eq!(fresh.status()["ssh"], json!(false));
    };
    check(
        &|fresh| {
            fresh.machine.add_accounts(&[("bob", "word-of-bob")]);
            let deny = json!({"unenrolled": "DENY"});
            call(&fresh.daemon, "auth.twofactor.policy.update", &deny);
        },
        &[
            "! bob has no active device, and would be locked out",
            "nothing was changed",
        ],
    );
    check(
        &|fresh| {
            let allow = json!({"unenrolled": "ALLOW"});
            call(&fresh.daemon, "auth.twofactor.policy.update", &allow);
            fresh.machine.run_ok(["mv", "/root/.ssh", "/root/gone"]);
        },
        &["! root needs a key, and has none in /root/.ssh/authorized_keys"],
    );
    check(
        &|fresh| {
            fresh.machine.run_ok(["mv", "/root/gone", "/root/.ssh"]);
            let old = fresh.machine.read(STACK);
            fresh
                .machine
                .write(STACK, &old.replace("@include common-auth\n", ""));
        },
        &["! /etc/pam.d/sshd has no line \"@include common-auth\""],
    );
    check(
        &|fresh| {
            fresh.machine.write(STACK, &before.0);
            let around = "Match User alice\n  AuthenticationMethods publickey\n";
            fresh
                .machine
                .write("/etc/ssh/sshd_config.d/60-x.conf", around);
        },
        &["! \"Match User alice\" comes in with key alone\n  (/etc/ssh/sshd_config.d/60-x.conf:2)"],
    );
    check(
        &|fresh| {
            fresh.machine.write("/etc/ssh/sshd_config.d/60-x.conf", "");
            let goes_on = "auth \\\n  Required pam_unix.so\n";
            fresh.machine.write("/etc/pam.d/common-auth", goes_on);
        },
        &["! /etc/pam.d/common-auth:1: \"Required\" of pam_unix.so goes on to the code"],
    );
    check(
        &|fresh| {
            fresh.machine.write("/etc/pam.d/common-auth", &common);
            fresh.machine.run_ok(["passwd", "-l", "root"]);
        },
        &["without a console root needs recovery codes first: midclt 2fa recovery root"],
    );
}

/// Without systemd nothing starts sshd, and a trial that nobody can end by a login is none.
#[test]
fn an_sshd_that_does_not_run_is_not_waited_for() {
    let mut fresh = Fresh::new();
    let before = fresh.files();
    fresh.machine.stop_sshd();
    let said = fresh.ssh("enable --yes");
    assert_eq!(said.exit, Some(1));
    for line in [
        "sshd does not run, and there is no systemd to start it",
        "it was not turned on",
    ] {
        assert!(said.stderr.contains(line), "{line}: {}", said.stderr);
    }
    assert_eq!(fresh.files(), before);
    assert!(fresh.status()["trial"].is_null());
}

/// An option on its command line wins over all files: what sshd does is looked at, not what it reads.
#[test]
fn an_sshd_with_a_mind_of_its_own_is_noticed() {
    let mut fresh = Fresh::new();
    let before = fresh.files();
    fresh.machine.stop_sshd();
    fresh
        .machine
        .run_ok(["/usr/sbin/sshd", "-o", "AuthenticationMethods=publickey"]);
    let said = fresh.ssh("enable --yes");
    assert_eq!(said.exit, Some(1), "{}", said.stderr);
    for line in [
        "127.0.0.1 port 2222 offers publickey in place of keyboard-interactive, publickey",
        "/etc/pam.d/sshd is as it was before",
    ] {
        assert!(said.stderr.contains(line), "{line}: {}", said.stderr);
    }
    assert_eq!(fresh.files(), before);
}

#[test]
fn jobs_that_are_over_are_taken_away() {
    let fresh = Fresh::new();
    fresh.machine.run_ok([
        "useradd",
        "--system",
        "--create-home",
        "--shell",
        "/bin/sh",
        "job",
    ]);
    let key = fresh.machine.add_key("job");
    let public = format!("{}.pub", key.display());
    let date = fresh.machine.run_ok(["date", "-u", "-d", "30 days", "+%F"]);
    fresh.done(&format!(
        "exempt job --key {public} --until {} --reason x --yes",
        date.trim()
    ));
    let file = fresh.machine.read(ssh::JOBS);
    let line = file.lines().find(|line| line.starts_with("# job")).unwrap();
    let until = line.split(' ').nth(4).unwrap();
    fresh.machine.write(ssh::JOBS, &file.replace(until, "1"));
    let said = fresh.ssh("check");
    assert!(
        said.stderr.contains("the key of job is over, and removed"),
        "{}",
        said.stderr
    );
    assert!(!fresh.machine.path(ssh::JOBS).exists());
    assert!(!fresh.machine.path("/etc/ssh/middlewared-jobs/job").exists());
    let left = ["call", "auth.twofactor.exemption.query"];
    assert_eq!(fresh.daemon.midclt_ok(left), "[]");
}

/// Accounts of people are no jobs.
#[test]
fn whom_exempt_refuses() {
    let fresh = Fresh::new();
    fresh.machine.add_accounts(&[("bob", "word-of-bob")]);
    let key = fresh.machine.add_key("bob");
    let check = |account: &str, file: &str, expected: &str| {
        let words = format!("exempt {account} --key {file} --until 2027-06-01 --reason x --yes");
        let said = fresh.ssh(&words);
        assert_eq!(said.exit, Some(1), "{}", said.stderr);
        assert!(said.stderr.contains(expected), "{}", said.stderr);
        assert!(!fresh.machine.path(ssh::JOBS).exists());
    };
    let public = &format!("{}.pub", key.display());
    check("root", public, "root is root, who always needs a code");
    check("bob", public, "bob has a password, as people have");
    check("nosuch", public, "there is no account nosuch");
    check("a*", public, "a* is no plain name of an account");
    fresh.machine.run_ok(["passwd", "-l", "alice"]);
    check("alice", public, "alice has an active device");
    fresh.machine.run_ok(["passwd", "-l", "bob"]);
    check("bob", &key.display().to_string(), "this is a private key");
    check("bob", "/nowhere", "/nowhere: No such file");
}

/// An image that is not running: files only.
#[test]
fn an_image_is_prepared() {
    let fresh = Fresh::new();
    let script = "set -e
        mkdir -p /run/image/root /run/image/usr/lib/security
        cp -a /etc /run/image/
        cp -a /root/.ssh /run/image/root/
        touch /run/image/usr/lib/security/pam_middleware.so";
    fresh.machine.run_ok(["sh", "-c", script]);
    let before = fresh.files();
    let said = fresh.done("enable --yes --root /run/image");
    assert!(
        said.stdout.starts_with("sshd asks middlewared: "),
        "{}",
        said.stdout
    );
    assert!(
        fresh
            .machine
            .read(&format!("/run/image{STACK}"))
            .contains("pam_middleware.so")
    );
    assert_eq!(fresh.files(), before, "the machine itself is as it was");
    fresh.done("check --root /run/image");
    let said = fresh.done("disable --yes --root /run/image");
    assert_eq!(said.stdout, "The files are as they were before.\n");
    assert_eq!(fresh.machine.read(&format!("/run/image{STACK}")), before.0);
}
