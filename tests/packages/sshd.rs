//! `midclt 2fa ssh` where systemd is the first process: it starts sshd, and a timer puts things back.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use ssh::{DROPIN, STACK, UNDO};
use testkit::{Algorithm, Container, now, totp};

use super::site::installed;

const TIMER: &str = "middlewared-ssh-undo.timer";

/// Two-factor authentication is on, root has a phone, a password and a key, nobody else is asked, and
/// sshd neither runs nor would start by itself.
fn prepared() -> Container {
    let container = installed();
    container.script(
        "systemctl disable --now --quiet ssh.service
         echo root:word-of-root | chpasswd
         mkdir -p -m 700 /root/.ssh
         ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
         cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys",
    );
    let call = |words: &[&str]| {
        let answer = container.run_ok([&["midclt", "call"], words].concat());
        serde_json::from_str(&answer).unwrap_or(Value::Null)
    };
    let device = call(&["auth.twofactor.device.create", r#"{"username": "root"}"#]);
    let code = totp(
        device["secret"].as_str().unwrap(),
        6,
        30,
        now(),
        Algorithm::Sha1,
    );
    let right = format!(r#"{{"id": {}, "token": "{code}"}}"#, device["id"]);
    call(&["auth.twofactor.device.confirm", &right]);
    call(&["auth.twofactor.policy.update", r#"{"unenrolled": "ALLOW"}"#]);
    call(&["auth.twofactor.update", "enabled=true"]);
    container
}

fn is(container: &Container, question: &str, unit: &str) -> bool {
    let answer = container.run(["systemctl", question, "--quiet", unit]);
    answer.status.success()
}

#[track_caller]
fn enable(container: &Container) {
    let words = "midclt 2fa ssh enable --yes --seconds 30";
    let output = container.run(words.split(' '));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for line in [
        "ssh.service does not run now: it is started",
        "ssh.service does not start with the machine now: it is enabled",
        "armed: a timer of systemd puts everything back after 35 s",
        "ssh.service did not run: it is started",
        "ssh.service is enabled: it starts with the machine",
        "ssh.service reads its configuration again",
        "offers: keyboard-interactive, publickey",
        "a login as root with a key goes on to the code",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(is(container, "is-active", TIMER));
    assert!(is(container, "is-active", "ssh.service"));
}

/// After a restart the timer is gone: without the unit that looks then, there is no way back.
#[test]
fn without_a_way_back_after_a_restart_nothing_is_tried() {
    let container = prepared();
    let before = container.read(STACK);
    container.run_ok([
        "systemctl",
        "disable",
        "--quiet",
        "middlewared-sshd.service",
    ]);
    let output = container.run("midclt 2fa ssh enable --yes".split(' '));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for line in [
        "! middlewared-sshd.service is not enabled",
        "systemctl enable middlewared-sshd.service",
        "nothing was changed",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(container.read(STACK), before);
    assert!(!is(&container, "is-active", "ssh.service"));
}

/// Nobody logged in: the timer puts back the files and sshd. Then again, and kept.
#[test]
fn a_timer_puts_things_back_and_commit_stops_it() {
    let container = prepared();
    let before = container.read(STACK);
    enable(&container);
    let began = Instant::now();
    while container.path(UNDO).exists() || is(&container, "is-active", "ssh.service") {
        assert!(
            began.elapsed() < Duration::from_secs(90),
            "it was not put back"
        );
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(container.read(STACK), before);
    assert!(!container.path(DROPIN).exists());
    assert!(!is(&container, "is-enabled", "ssh.service"));

    enable(&container);
    container.run_ok(["midclt", "2fa", "ssh", "commit"]);
    assert!(!is(&container, "is-active", TIMER));
    container.run_ok(["midclt", "2fa", "ssh", "check"]);
    // The setting alone leaves the files as they are, which is said.
    let off = "midclt call auth.twofactor.update services.ssh=false";
    let said = container.run(off.split(' '));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        said.contains("batch clients (BatchMode) stay refused"),
        "{said}"
    );
    assert!(said.contains("midclt 2fa ssh disable"), "{said}");
    // The unit that watches the files tells of what somebody takes away.
    container.run_ok(["rm", DROPIN]);
    let status = || {
        let status = container.run_ok(["midclt", "call", "auth.twofactor.status"]);
        serde_json::from_str::<Value>(&status).unwrap()
    };
    let began = Instant::now();
    while status()["sshd"]["ready"] != false {
        assert!(began.elapsed() < Duration::from_mins(1), "{}", status());
        thread::sleep(Duration::from_millis(200));
    }
    container.run_ok(["midclt", "2fa", "ssh", "disable", "--yes"]);
    assert_eq!(container.read(STACK), before);
    assert!(is(&container, "is-active", "ssh.service"));
    let said = container.run(off.split(' '));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.contains("refused"), "nothing is left to lift: {said}");
}
