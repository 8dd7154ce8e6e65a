//! The end of a trial where somebody is in the way: a daemon that is away, another command, one that is
//! stopped.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Stdio};

use nix::fcntl::{Flock, FlockArg};
use ssh::{DROPIN, UNDO};

use super::command::Fresh;

const LOCK: &str = "/run/middlewared-ssh.lock";
const AT_WORK: &str = "is at work: waiting for it";

impl Fresh {
    /// Has the machine's own tools find the state without the daemon.
    fn with_state_beside(self) -> Self {
        let state = self.daemon.dir().join("state");
        let config = format!("state_dir = {:?}\n", state.to_str().unwrap());
        self.machine.write("/etc/middlewared/config.toml", &config);
        self
    }

    /// As after a restart of the machine: what is on trial is over.
    fn time_is_up(&self) {
        self.machine.run_ok(["rm", "/run/middlewared-ssh-boot"]);
    }

    /// Another command of this family, from the first to the last of its changes.
    fn lock(&self) -> Flock<std::fs::File> {
        let path = self.machine.path(LOCK);
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path);
        Flock::lock(file.unwrap(), FlockArg::LockExclusive).unwrap()
    }

    /// Starts a command, and waits until it says that it waits for another one.
    fn waits(&self, words: &str) -> (Child, Vec<String>) {
        let program = testkit::binaries::midclt();
        let mut command = self.machine.enter();
        command
            .arg(program)
            .args(["2fa", "ssh"])
            .args(words.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = Vec::new();
        for line in BufReader::new(child.stderr.as_mut().unwrap()).lines() {
            said.push(line.unwrap());
            if said.last().unwrap().contains(AT_WORK) {
                return (child, said);
            }
        }
        panic!("{words} did not wait: {:?} {said:?}", child.wait());
    }
}

/// A login has kept it; only the files wait for their job. The daemon is gone then, and the state tells.
#[test]
fn what_was_kept_stays_where_the_daemon_is_away() {
    let mut fresh = Fresh::new().with_state_beside();
    fresh.done("enable --yes");
    fresh.logs_in_with_a_code(0);
    fresh.daemon.stop();
    fresh.time_is_up();
    fresh.done("check");
    let (_, dropin, undo) = fresh.files();
    assert!(dropin && !undo);
    fresh.daemon.restart();
    fresh.asks(true);
}

/// An administrator has begun another trial meanwhile, and root's override is on: neither says anything of
/// what was kept.
#[test]
fn what_was_kept_stays_whatever_else_is_tried() {
    let fresh = Fresh::new();
    fresh.done("enable --yes");
    fresh.logs_in_with_a_code(0);
    let other = r#"{"changes": {"window": 2}}"#;
    fresh
        .daemon
        .midclt_ok(["call", "auth.twofactor.try", other]);
    fresh
        .daemon
        .midclt_ok(["call", "auth.twofactor.update", r#"{"enabled": false}"#]);
    fresh.time_is_up();
    fresh.done("check");
    let (_, dropin, undo) = fresh.files();
    assert!(dropin && !undo);
}

/// Neither the daemon nor its state can say whether somebody has kept it. Nobody is shut out for that; but
/// it is not forgotten either.
#[test]
fn a_guess_is_shown_until_somebody_decides() {
    let mut fresh = Fresh::new();
    let before = fresh.files();
    fresh.done("enable --yes");
    fresh.logs_in_with_a_code(0);
    fresh.daemon.stop();
    fresh.time_is_up();
    let sign = "a trial was put back though middlewared could not";
    let said = fresh.ssh("check");
    assert_eq!(said.exit, Some(1), "{}", said.stderr);
    assert!(
        said.stderr
            .contains("nobody can say whether the trial was kept"),
        "{}",
        said.stderr
    );
    assert!(said.stdout.contains(sign), "{}", said.stdout);
    assert_eq!(fresh.files(), before);
    fresh.daemon.restart();
    fresh.done("check --report");
    let status = fresh.status();
    let warnings = status["warnings"].to_string();
    assert!(warnings.contains("put back though nobody"), "{warnings}");
    let program = testkit::binaries::midclt();
    let doctor = fresh
        .machine
        .run([program.to_str().unwrap(), "2fa", "doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("a trial was put back"), "{doctor}");
    fresh.done("disable --yes");
    let said = fresh.ssh("check");
    assert!(!said.stdout.contains(sign), "{}", said.stdout);
    assert!(!fresh.status()["warnings"].to_string().contains("put back"));
}

/// The job has found that the trial is over, and another command is at work: what that one has decided when
/// it ends is what counts.
#[test]
fn the_way_back_looks_again_after_it_has_waited() {
    let fresh = Fresh::new();
    fresh.done("enable --yes");
    fresh.daemon.midclt_ok(["call", "auth.twofactor.rollback"]);
    fresh.time_is_up();
    let lock = fresh.lock();
    let (mut check, said) = fresh.waits("check --report");
    // As commit does.
    fresh.machine.run_ok(["rm", "-r", UNDO]);
    drop(lock);
    assert!(check.wait().unwrap().success(), "{said:?}");
    assert!(fresh.machine.path(DROPIN).exists());
}

/// Whoever holds the lock may be stopped: commands that change things give up, ways back do not.
#[test]
fn a_command_that_is_stopped_is_no_obstacle_to_the_way_back() {
    let fresh = Fresh::new();
    let before = fresh.files();
    fresh.done("enable --yes");
    let lock = fresh.lock();
    let (commit, restore) = std::thread::scope(|scope| {
        let commit = scope.spawn(|| fresh.ssh("commit"));
        let restore = scope.spawn(|| fresh.ssh("restore"));
        (commit.join().unwrap(), restore.join().unwrap())
    });
    assert_eq!(commit.exit, Some(1), "{}", commit.stderr);
    for said in [&commit, &restore] {
        assert!(said.stderr.contains(AT_WORK), "{}", said.stderr);
        assert!(said.stderr.contains("and does not end"), "{}", said.stderr);
    }
    assert!(
        restore.stderr.contains("going on without it"),
        "{}",
        restore.stderr
    );
    assert_eq!(fresh.files(), before);
    drop(lock);
    fresh.asks(false);
}
