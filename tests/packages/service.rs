//! The daemon as systemd runs it.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};
use testkit::{Container, Socket};

use crate::support::eventually;

use super::site::{SOCKET, installed};

#[test]
fn the_first_call_starts_the_daemon_as_its_own_user() {
    let container = installed();
    assert_eq!(
        container.property("middlewared.socket", "ActiveState"),
        "active"
    );
    assert_eq!(
        container.property("middlewared.service", "ActiveState"),
        "inactive"
    );
    let socket = fs::metadata(container.path(SOCKET)).unwrap();
    assert_eq!(
        (socket.uid(), socket.gid(), socket.mode() & 0o7777),
        (0, 0, 0o600)
    );

    // What only reads is answered before systemd is told of the start.
    assert_eq!(container.run_ok(["midclt", "ping"]), "pong");
    eventually("the start", || {
        container.property("middlewared.service", "ActiveState") == "active"
    });

    let user: u32 = container
        .run_ok(["id", "-u", "middlewared"])
        .parse()
        .unwrap();
    let pid = container.property("middlewared.service", "MainPID");
    let status = container.read(&format!("/proc/{pid}/status"));
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(field("Uid:"), format!("{user} {user} {user} {user}"));
    assert_eq!(field("Groups:"), field("Gid:").split(' ').next().unwrap());
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(capabilities), "0000000000000000", "{capabilities}");
    }
    assert_eq!(
        (field("NoNewPrivs:"), field("Seccomp:")),
        ("1".into(), "2".into())
    );
    let state = fs::metadata(container.path("/var/lib/middlewared")).unwrap();
    assert_eq!((state.uid(), state.mode() & 0o7777), (user, 0o700));
    let exposure = [
        "systemd-analyze",
        "security",
        "--threshold=10",
        "middlewared.service",
    ];
    container.run_ok(exposure);
}

/// What the unit leaves open, and for what: the kernel's word about the clock, the boot's id, and who
/// had logged in.
#[test]
fn shut_in_it_still_sees_what_it_judges_by() {
    let container = installed();
    let mut socket = Socket::connect(&container.path(SOCKET));
    let status = socket.call("auth.twofactor.status", json!([]));
    let refused_by_a_filter = json!(16);
    assert_ne!(
        status["clock"]["max_error"], refused_by_a_filter,
        "{status}"
    );

    let bypass = json!([{"username": "root", "reason": "test"}]);
    let bypass = socket.call("auth.twofactor.bypass.create", bypass);
    assert_eq!(bypass["username"], "root");
    let in_force = socket.call("auth.twofactor.bypass.query", json!([]));
    assert_eq!(in_force[0]["id"], bypass["id"], "of this boot: {in_force}");

    let as_1000 =
        "echo 1000 > /proc/self/loginuid; midclt call auth.twofactor.policy.update grace_days=9";
    container.script(as_1000);
    let audit = socket.call("auth.twofactor.audit", json!([]));
    let rows: &Vec<Value> = audit.as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["method"] == "auth.twofactor.policy.update");
    assert_eq!(row.unwrap()["login_uid"], 1000, "{audit}");
}

/// `auth.twofactor.config` of a daemon that has to be started first, say.
fn config(container: &Container) -> Value {
    Socket::connect(&container.path(SOCKET)).call("auth.twofactor.config", json!([]))
}

/// A change of the files that make sshd ask is looked at, and told.
#[test]
fn what_sshd_does_is_reported_when_its_files_change() {
    let container = installed();
    let mut socket = Socket::connect(&container.path(SOCKET));
    let mut reported = || socket.call("auth.twofactor.status", json!([]))["sshd"].clone();
    assert_eq!(reported(), Value::Null);
    container.script("ssh-keygen -A; mkdir -p /run/sshd");
    container.write("/etc/ssh/sshd_config.d/50-change.conf", "# nothing\n");
    eventually("a report", || reported()["ready"] == false);
    assert_eq!(
        container.property("middlewared-sshd.service", "Result"),
        "success"
    );
}

/// Each day too: other files decide as well, and jobs end on their day.
#[test]
fn what_sshd_does_is_reported_each_day() {
    let container = installed();
    for (unit, wanted) in [
        ("middlewared-sshd.timer", "active"),
        ("middlewared-sshd.path", "active"),
    ] {
        assert_eq!(container.property(unit, "ActiveState"), wanted, "{unit}");
    }
    for unit in ["path", "service", "timer"] {
        container.run_ok([
            "systemctl",
            "is-enabled",
            &format!("middlewared-sshd.{unit}"),
        ]);
    }
    assert_eq!(
        container.property("middlewared-sshd.timer", "Unit"),
        "middlewared-sshd.service"
    );
    assert_eq!(
        container.property("middlewared-sshd.timer", "Persistent"),
        "yes"
    );
}

/// A report that nobody took is tried again until the daemon has it.
#[test]
fn a_report_that_was_not_taken_is_told_again() {
    let container = installed();
    container.script("ssh-keygen -A; mkdir -p /run/sshd");
    // The daemon is in the midst of an upgrade, say.
    container.script(
        "mkdir -p /etc/systemd/system/middlewared-sshd.service.d
         printf '[Service]\\nRestartSec=1\\n' > /etc/systemd/system/middlewared-sshd.service.d/test.conf
         systemctl daemon-reload
         systemctl mask --runtime --now --quiet middlewared.socket middlewared.service
         systemctl start --no-block middlewared-sshd.service",
    );
    eventually("a second try", || {
        container.property("middlewared-sshd.service", "NRestarts") != "0"
    });
    container.script(
        "systemctl unmask --runtime --quiet middlewared.socket middlewared.service
         systemctl start middlewared.socket",
    );
    let mut socket = Socket::connect(&container.path(SOCKET));
    eventually("a report", || {
        socket.call("auth.twofactor.status", json!([]))["sshd"]["ready"] == false
    });
}

#[test]
fn a_daemon_that_hangs_is_killed_and_its_callers_are_answered() {
    let container = installed();
    container.script(
        "mkdir -p /etc/systemd/system/middlewared.service.d
         printf '[Service]\\nWatchdogSec=2\\n' > /etc/systemd/system/middlewared.service.d/test.conf
         systemctl daemon-reload
         midclt ping
         systemctl kill --signal=STOP --kill-whom=main middlewared.service",
    );
    // The connection waits in the socket: of the hung daemon first, then of its successor.
    assert_eq!(config(&container)["enabled"], false);
    let journal = container.journal("middlewared.service");
    assert!(journal.contains("Watchdog timeout"), "{journal}");
    assert_eq!(container.property("middlewared.service", "NRestarts"), "1");
}

/// The recipe of the documentation: the master key leaves the state directory.
#[test]
fn the_master_key_can_be_a_credential() {
    let container = installed();
    let mut socket = Socket::connect(&container.path(SOCKET));
    socket.call("auth.twofactor.update", json!([{"enabled": true}]));
    let before = config(&container)["secret"].clone();
    assert!(before.is_string());

    container.script(SEAL);
    container.script("rm /var/lib/middlewared/middlewared.key; systemctl restart middlewared");
    assert_eq!(config(&container)["secret"], before);

    // Without the credential the unit starts all the same, says what is missing, and can be turned off.
    container.script(
        "mv /etc/credstore.encrypted/middlewared.key /root/; systemctl restart middlewared",
    );
    let missing =
        Socket::connect(&container.path(SOCKET)).call_err("auth.twofactor.config", json!([]));
    assert_eq!(missing["data"]["errname"], "ENOKEY", "{missing}");
    let journal = container.journal("middlewared.service");
    assert!(journal.contains("middlewared.key is missing"), "{journal}");
    let off = container.run_ok(["midclt", "call", "auth.twofactor.update", "enabled=false"]);
    assert!(off.contains("\"enabled\": false"), "{off}");

    // One that this machine cannot decrypt stops the start; taken away, there is a start again.
    container.script(
        "head -c 300 /dev/urandom | base64 > /etc/credstore.encrypted/middlewared.key
         ! systemctl restart middlewared
         mv /root/middlewared.key /etc/credstore.encrypted/
         systemctl restart middlewared",
    );
    assert_eq!(config(&container)["secret"], before);
}

/// As middlewared(8) has it.
const SEAL: &str = "
mkdir -p /etc/credstore.encrypted
systemd-creds encrypt --with-key=auto --tpm2-pcrs= --name=middlewared.key \
    /var/lib/middlewared/middlewared.key /etc/credstore.encrypted/middlewared.key
systemctl restart middlewared
";
