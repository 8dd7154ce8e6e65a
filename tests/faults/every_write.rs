//! Each write and sync of each method that writes fails, once or for good: what was answered is so after a
//! power cut, what was refused is not, and the way back is open.

mod cases;

use std::fs::{self, DirBuilder};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Daemon, Errno};

use self::cases::{CASES, Case, Desk};
use crate::support::{database, enable, errno, reason};

/// A state on which a case can be tried again and again.
struct Stage<'a> {
    case: &'a Case,
    desk: Desk,
    /// It was ended; its directory is the state that every attempt begins with.
    before: Daemon,
    /// What the case changes, before it does.
    shown: String,
}

/// What came of one attempt.
struct Attempt {
    reply: Value,
    /// How many writes there were until then.
    writes: i32,
    /// What the case changes, after a power cut.
    shown: String,
}

impl<'a> Stage<'a> {
    fn new(case: &'a Case) -> Self {
        let mut daemon = Daemon::start();
        daemon.prepare_for_ssh();
        let mut socket = daemon.connect();
        let secret = enable(&mut socket);
        let ssh = json!([{"services": {"ssh": true}}]);
        socket.call("auth.twofactor.update", ssh);
        let made = (case.before)(&mut socket);
        drop(socket);
        assert!(daemon.stop().success());
        Self {
            case,
            desk: Desk { secret, made },
            shown: shown(&daemon.state_dir(), case.changes),
            before: daemon,
        }
    }

    /// Calls the method on a disk on which these writes fail, cuts the power, and looks.
    fn attempt(&self, which: &Range<i32>, error: Errno) -> Attempt {
        let place = TempDir::new().unwrap();
        let state = place.path().join("state");
        copy(&self.before.state_dir(), &state);
        let mut daemon = Daemon::builder().state_dir(&state).failing_disk().start();
        let mut socket = daemon.connect();
        // What a start leaves to be written is written.
        socket.call("auth.twofactor.update", json!([{}]));
        if let Some(page) = self.desk.made.get("page") {
            socket.call("auth.twofactor.restore_page", json!([0, page]));
        }
        daemon.disk().fail(which, error);
        let reply = socket.rpc(self.case.method, (self.case.params)(&self.desk));
        let writes = daemon.disk().seen();
        daemon.kill9();
        daemon.disk().heal();
        daemon.restart();
        let shown = shown(&state, self.case.changes);
        let row = daemon
            .connect()
            .call("auth.twofactor.update", json!([{"enabled": false}]));
        assert_eq!(row["enabled"], false, "the way back is open");
        Attempt {
            reply,
            writes,
            shown,
        }
    }
}

fn shown(state: &Path, select: &str) -> String {
    let found =
        database(state).query_row(select, [], |row| row.get::<_, rusqlite::types::Value>(0));
    format!("{found:?}")
}

fn copy(from: &Path, to: &Path) {
    DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Stage<'_> {
    /// What is answered is durable; else it is an error, and nothing was changed, or that is not known.
    fn assert_no_lie(&self) {
        let method = self.case.method;
        let plain = self.attempt(&(0..0), Errno::EIO);
        assert!(plain.reply.get("result").is_some(), "{}", plain.reply);
        assert_ne!(plain.shown, self.shown, "{method} changes nothing");
        for (error, lasts) in FAULTS {
            let mut refused = 0;
            for first in 1..=plain.writes {
                let which = first..if lasts { i32::MAX } else { first + 1 };
                let came = self.attempt(&which, error);
                let at = format!("{method}, {error} at {which:?}: {}", came.reply);
                if came.reply.get("result").is_some() {
                    assert_eq!(came.shown, plain.shown, "not durable: {at}");
                    continue;
                }
                refused += 1;
                assert!([5, 28].contains(&errno(&came.reply["error"])), "{at}");
                let is_unsure = reason(&came.reply["error"]).contains(UNSURE);
                assert!(!is_unsure || lasts, "{at}");
                if !is_unsure {
                    assert_eq!(came.shown, self.shown, "changed all the same: {at}");
                }
            }
            assert!(refused > 0, "{method} writes nothing");
        }
    }
}

const UNSURE: &str = "whether it was changed is not known";

/// An error, and whether it stays.
const FAULTS: [(Errno, bool); 3] = [
    (Errno::EIO, false),
    (Errno::EIO, true),
    (Errno::ENOSPC, true),
];

/// Which of the two halves, so that both cores have one.
fn half(which: usize) -> impl Iterator<Item = &'static Case> {
    CASES.iter().skip(which).step_by(2)
}

#[test]
fn what_is_answered_on_a_failing_disk_is_durable_or_an_error_1() {
    half(0).for_each(|case| Stage::new(case).assert_no_lie());
}

#[test]
fn what_is_answered_on_a_failing_disk_is_durable_or_an_error_2() {
    half(1).for_each(|case| Stage::new(case).assert_no_lie());
}

/// What may write, and does not.
const WRITE_NOTHING: &[(&str, &str)] = &[
    ("auth.twofactor.account.query", "[]"),
    ("auth.twofactor.preflight", "[]"),
    ("auth.twofactor.recovery.remaining", r#"["root"]"#),
    ("auth.twofactor.status", "[]"),
    ("user.provisioning_uri", r#"["root"]"#),
    ("user.twofactor_config", r#"["root"]"#),
];

/// Those of the web's socket, which root's refuses; see `web::signing`.
const OF_THE_WEB: &[(&str, &str)] = &[
    ("auth.login", r#"["root", "x"]"#),
    (
        "auth.login_ex",
        r#"[{"mechanism": "PASSWORD_PLAIN", "username": "root", "password": "x"}]"#,
    ),
    (
        "auth.login_ex_continue",
        r#"[{"mechanism": "OTP_TOKEN", "otp_token": "000000"}]"#,
    ),
    ("auth.reauthenticate", r#"["000000"]"#),
];

/// A new method has to be a case.
#[test]
fn every_method_that_may_write_was_tried() {
    let contract: Value = serde_json::from_str(include_str!("../../docs/api.json")).unwrap();
    let tried: Vec<&str> = CASES.iter().map(|case| case.method).collect();
    let daemon = Daemon::builder().failing_disk().start();
    let mut socket = daemon.connect();
    enable(&mut socket);
    for method in contract["methods"].as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        if let Some((_, params)) = OF_THE_WEB.iter().find(|(method, _)| *method == name) {
            let error = socket.call_err(name, serde_json::from_str(params).unwrap());
            assert_eq!(errno(&error), 95, "{name}: {error}");
            continue;
        }
        let may_write = ["write", "slow"].contains(&method["kind"].as_str().unwrap());
        let params = WRITE_NOTHING.iter().find(|(method, _)| *method == name);
        let is_case = may_write && params.is_none();
        assert_eq!(tried.contains(&name), is_case, "{name}");
        if let Some((_, params)) = params {
            let params = serde_json::from_str(params).unwrap();
            daemon.disk().fail(&(1..i32::MAX), Errno::EIO);
            let reply = socket.rpc(name, params);
            assert!(reply.get("result").is_some(), "{reply}");
        }
    }
}
