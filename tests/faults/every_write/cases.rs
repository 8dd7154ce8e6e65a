//! Every method that writes, what must have happened before it, and what it changes.

use serde_json::{Value, json};
use testkit::Socket;

use crate::support::code_at;

/// One method that writes.
pub(super) struct Case {
    pub(super) method: &'static str,
    /// What must have happened before. What it makes is for `params`.
    pub(super) before: fn(&mut Socket) -> Value,
    pub(super) params: fn(&Desk) -> Value,
    /// What it changes, as one value of the database.
    pub(super) changes: &'static str,
}

/// What the params of a case are made of.
pub(super) struct Desk {
    /// Of root's first device.
    pub(super) secret: String,
    /// What came of `before`.
    pub(super) made: Value,
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
    socket.call(
        "auth.twofactor.invite.create",
        json!([{"username": SOMEBODY}]),
    )
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

const DEVICES: &str =
    "SELECT group_concat(id || ifnull(pending_until > 0, 0) || name) FROM devices";
const RENEWALS: &str = "SELECT count(*) FROM audit WHERE outcome = 'renewed'";
const FLOOR: &str = "SELECT floor > 0 FROM devices WHERE id = 1";

pub(super) const CASES: &[Case] = &[
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
        method: "auth.twofactor.device.explain",
        before: nothing,
        params: |_| json!(["root", "000000"]),
        changes: "SELECT count(*) FROM audit WHERE outcome = 'code explained'",
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
        method: "auth.twofactor.export",
        before: nothing,
        params: |_| json!([]),
        changes: "SELECT count(*) FROM audit WHERE outcome = 'exported'",
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
            socket.call(
                "auth.twofactor.grace.create",
                json!([{"username": SOMEBODY}]),
            )
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
        method: "auth.twofactor.restore",
        before: |socket| {
            let page = socket.call("auth.twofactor.export", json!([]));
            socket.call("auth.twofactor.policy.update", json!([{"grace_days": 9}]));
            json!({"page": page})
        },
        params: |_| json!([{}]),
        changes: "SELECT grace_days FROM policy",
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
