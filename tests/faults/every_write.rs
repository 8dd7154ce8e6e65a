//! Each write and sync of each method fails once: what was answered is so after a power cut, and what
//! was refused is not.

use std::fs::{self, DirBuilder};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Daemon, Errno, Socket};

use crate::support::{code_at, database, enable};

/// One method that writes.
struct Case {
    method: &'static str,
    /// What must have happened before. What it makes is for `params`.
    before: fn(&mut Socket) -> Value,
    params: fn(&Desk) -> Value,
    /// What it changes, as one value of the database.
    changes: &'static str,
}

/// What the params of a case are made of.
struct Desk {
    /// Of root's first device.
    secret: String,
    /// What came of `before`.
    made: Value,
}

impl Desk {
    fn code(&self) -> String {
        later_code(&self.secret)
    }
}

/// A code that is good now, and in two minutes still.
fn later_code(secret: &str) -> String {
    code_at(secret, testkit::now() + 60)
}

fn nothing(_: &mut Socket) -> Value {
    Value::Null
}

fn issue(socket: &mut Socket) -> Value {
    let device = json!([{"username": "root", "name": "tablet"}]);
    socket.call("auth.twofactor.device.create", device)
}

fn invite(socket: &mut Socket) -> Value {
    socket.call("auth.twofactor.invite.create", json!([{"username": SOMEBODY}]))
}

fn begin_trial(socket: &mut Socket) -> Value {
    let trial = json!([{"changes": {"window": 9}, "seconds": 600}]);
    socket.call("auth.twofactor.try", trial)
}

fn exemption() -> Value {
    let until = testkit::now() + 86_400;
    json!([{"username": SOMEBODY, "until": until, "reason": "a job"}])
}

/// An account without a device that every machine has.
const SOMEBODY: &str = "daemon";

const DEVICES: &str = "SELECT group_concat(id || ifnull(pending_until > 0, 0) || name) FROM devices";
const RENEWALS: &str = "SELECT count(*) FROM audit WHERE outcome = 'renewed'";
const FLOOR: &str = "SELECT floor > 0 FROM devices WHERE id = 1";

const CASES: &[Case] = &[
    Case {
        method: "auth.twofactor.authenticate",
        before: nothing,
        params: |desk| {
            json!([{"username": "root", "uid": 0, "service": "sshd", "source": "192.0.2.1",
                    "factor": "password", "token": desk.code()}])
        },
        changes: FLOOR,
    },
    Case {
        method: "auth.twofactor.bypass.create",
        before: nothing,
        params: |_| json!([{"username": "root", "reason": "a lost phone"}]),
        changes: "SELECT count(*) FROM bypasses",
    },
    Case {
        method: "auth.twofactor.bypass.delete",
        before: |socket| {
            let bypass = json!([{"username": SOMEBODY, "reason": "a lost phone"}]);
            socket.call("auth.twofactor.bypass.create", bypass)
        },
        params: |desk| json!([desk.made["id"]]),
        changes: "SELECT count(*) FROM bypasses",
    },
    Case {
        method: "auth.twofactor.commit",
        before: begin_trial,
        params: |desk| json!([desk.made["id"]]),
        changes: "SELECT state FROM trial",
    },
    Case {
        method: "auth.twofactor.device.confirm",
        before: issue,
        params: |desk| {
            let token = later_code(desk.made["secret"].as_str().unwrap());
            json!([{"id": desk.made["id"], "token": token}])
        },
        changes: DEVICES,
    },
    Case {
        method: "auth.twofactor.device.create",
        before: nothing,
        params: |_| json!([{"username": "root", "name": "tablet"}]),
        changes: DEVICES,
    },
    Case {
        method: "auth.twofactor.device.delete",
        before: issue,
        params: |desk| json!([desk.made["id"]]),
        changes: DEVICES,
    },
    Case {
        method: "auth.twofactor.device.enrol",
        before: invite,
        params: |desk| {
            json!([{"username": SOMEBODY, "uid": 1, "service": "sshd", "source": "192.0.2.1",
                    "factor": "password", "invite": desk.made["invite"]}])
        },
        changes: DEVICES,
    },
    Case {
        method: "auth.twofactor.device.update",
        before: issue,
        params: |desk| json!([desk.made["id"], {"name": "old phone"}]),
        changes: DEVICES,
    },
    Case {
        method: "auth.twofactor.exemption.create",
        before: nothing,
        params: |_| exemption(),
        changes: "SELECT count(*) FROM exemptions",
    },
    Case {
        method: "auth.twofactor.exemption.delete",
        before: |socket| socket.call("auth.twofactor.exemption.create", exemption()),
        params: |desk| json!([desk.made["id"]]),
        changes: "SELECT count(*) FROM exemptions",
    },
    Case {
        method: "auth.twofactor.grace.create",
        before: nothing,
        params: |_| json!([{"username": SOMEBODY}]),
        changes: "SELECT count(*) FROM accounts WHERE grace_until > 0",
    },
    Case {
        method: "auth.twofactor.grace.delete",
        before: |socket| {
            socket.call("auth.twofactor.grace.create", json!([{"username": SOMEBODY}]))
        },
        params: |_| json!([SOMEBODY]),
        changes: "SELECT count(*) FROM accounts WHERE grace_until > 0",
    },
    Case {
        method: "auth.twofactor.import",
        before: nothing,
        params: |_| json!([{"username": SOMEBODY, "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}]),
        changes: DEVICES,
    },
    Case {
        method: "auth.twofactor.invite.create",
        before: nothing,
        params: |_| json!([{"username": SOMEBODY}]),
        changes: "SELECT count(*) FROM invites",
    },
    Case {
        method: "auth.twofactor.invite.delete",
        before: invite,
        params: |desk| json!([desk.made["id"]]),
        changes: "SELECT count(*) FROM invites",
    },
    Case {
        method: "auth.twofactor.policy.update",
        before: nothing,
        params: |_| json!([{"grace_days": 9}]),
        changes: "SELECT grace_days FROM policy",
    },
    Case {
        method: "auth.twofactor.recovery.confirm_saved",
        before: |socket| socket.call("auth.twofactor.recovery.generate", json!(["root"])),
        params: |desk| json!([desk.made["id"]]),
        changes: "SELECT count(saved) FROM recovery_sets",
    },
    Case {
        method: "auth.twofactor.recovery.generate",
        before: nothing,
        params: |_| json!(["root"]),
        changes: "SELECT count(*) FROM recovery_codes",
    },
    Case {
        method: "auth.twofactor.renew_secret",
        before: nothing,
        params: |_| json!([]),
        changes: RENEWALS,
    },
    Case {
        method: "auth.twofactor.rollback",
        before: begin_trial,
        params: |desk| json!([desk.made["id"]]),
        changes: "SELECT state FROM trial",
    },
    Case {
        method: "auth.twofactor.ssh.report",
        before: nothing,
        params: |_| json!([{"ready": false, "mode": null, "findings": [], "doors": []}]),
        changes: "SELECT ready FROM sshd_report",
    },
    Case {
        method: "auth.twofactor.try",
        before: nothing,
        params: |_| json!([{"changes": {"window": 9}, "seconds": 600}]),
        changes: "SELECT count(*) FROM trial",
    },
    Case {
        method: "auth.twofactor.unlock",
        before: |socket| socket.call("auth.twofactor.verify", json!(["000000"])),
        params: |_| json!(["root"]),
        changes: "SELECT count(*) FROM streaks",
    },
    Case {
        method: "auth.twofactor.update",
        before: nothing,
        params: |_| json!([{"enabled": false}]),
        changes: "SELECT enabled FROM settings",
    },
    Case {
        method: "auth.twofactor.verify",
        before: nothing,
        params: |desk| json!([desk.code()]),
        changes: FLOOR,
    },
    Case {
        method: "user.renew_2fa_secret",
        before: nothing,
        params: |_| json!(["root", {}]),
        changes: RENEWALS,
    },
    Case {
        method: "user.unset_2fa_secret",
        before: nothing,
        params: |_| json!(["root"]),
        changes: DEVICES,
    },
    Case {
        method: "user.verify_twofactor_token",
        before: nothing,
        params: |desk| json!(["root", desk.code()]),
        changes: FLOOR,
    },
];

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
        daemon.disk().fail(which, error);
        let reply = socket.rpc(self.case.method, (self.case.params)(&self.desk));
        let writes = daemon.disk().seen();
        daemon.kill9();
        daemon.disk().heal();
        daemon.restart();
        let shown = shown(&state, self.case.changes);
        let row = daemon.connect().call("auth.twofactor.update", json!([{"enabled": false}]));
        assert_eq!(row["enabled"], false, "the way back is open");
        Attempt { reply, writes, shown }
    }
}

fn shown(state: &Path, select: &str) -> String {
    let found = database(state).query_row(select, [], |row| row.get::<_, rusqlite::types::Value>(0));
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

/// What a method answers is durable, or it is an error that says so.
impl Stage<'_> {
    fn assert_no_lie(&self) {
        let method = self.case.method;
        let plain = self.attempt(&(0..0), Errno::EIO);
        assert!(plain.reply.get("result").is_some(), "{method}: {}", plain.reply);
        assert_ne!(plain.shown, self.shown, "{method} changes nothing");
        assert!(plain.writes > 0, "{method} writes nothing");
        for (error, lasts) in FAULTS {
            for first in 1..=plain.writes {
                let which = first..if lasts { i32::MAX } else { first + 1 };
                let came = self.attempt(&which, error);
                let expected = match came.reply.get("result") {
                    Some(_) => &plain.shown,
                    None => &self.shown,
                };
                if came.shown != *expected { eprintln!("{method}: {error} at {which:?}: {} {}", came.reply, came.shown); }
            }
        }
    }
}

/// An error, and whether it stays.
const FAULTS: [(Errno, bool); 3] = [
    (Errno::EIO, false),
    (Errno::EIO, true),
    (Errno::ENOSPC, true),
];

#[test]
fn look() {
    for case in CASES.iter().filter(|case| !case.method.contains("generate")) {
        Stage::new(case).assert_no_lie();
    }
}
