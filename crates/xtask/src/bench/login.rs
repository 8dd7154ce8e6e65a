//! What the PAM module costs: a login, a daemon that hangs, its size. The peer is the module that
//! does nothing, `pam_permit`, in the same place of the same stack.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::{Daemon, Machine, Signal};

use super::Options;
use super::figure::{Figure, Target, median_ms};
use super::server::Programs;

const LOGINS: usize = 40;
const TRANSACTIONS: usize = 200;

/// The account is exempt, so that neither side waits for somebody to type a code.
const ACCOUNT: &str = "bench";
/// A key first, so that no password's hash is part of what is measured.
const SETTINGS: &str = "\
KbdInteractiveAuthentication yes
AuthenticationMethods publickey,keyboard-interactive:pam
";

const OURS: &str = "auth required pam_middleware.so\naccount required pam_middleware.so\n";
const PEER: &str = "auth required pam_permit.so\naccount required pam_permit.so\n";
/// A failure that does not count, or `pam_fail_delay(3)` would be part of what is measured.
const HUNG: &str = "\
auth optional pam_middleware.so
auth required pam_permit.so
account required pam_permit.so
";
const SESSION: &str = "session required pam_permit.so\n";
const STACK: &str = "/etc/pam.d/sshd";

/// As sshd tells PAM of a key that it has checked.
const PROVEN: &str = "SSH_AUTH_INFO_0=publickey ssh-ed25519 AAAA";

/// Where each side's stack is.
struct Bench {
    // Ends before the machine does.
    daemon: Daemon,
    machine: Machine,
}

pub(super) fn login(_: &Programs, _: &Options) -> Result<Vec<Figure>> {
    let bench = Bench::new();
    let size = std::fs::metadata(testkit::pam_module())?.len();
    let row = |name, [ours, peer]: [f64; 2]| Figure {
        name,
        unit: "ms",
        ours,
        peer: Some(("pam_permit", peer)),
        target: Target::AddsAtMost(2.0),
    };
    Ok(vec![
        row("a login through sshd, p50 of 40", bench.logins()?),
        row("its PAM transaction, whole process", bench.transactions()?),
        Figure {
            name: "a hung daemon, whole PAM transaction",
            unit: "ms",
            ours: bench.hung()?,
            peer: None,
            target: Target::AtMost(2050.0),
        },
        Figure {
            name: "pam_middleware.so",
            unit: "KiB",
            ours: f64::from(u32::try_from(size)?) / 1024.0,
            peer: None,
            target: Target::AtMost(1024.0),
        },
    ])
}

impl Bench {
    fn new() -> Self {
        let mut machine = Machine::new();
        machine.install_module(&testkit::pam_module());
        machine.add_accounts(&[(ACCOUNT, "unused")]);
        machine.write("/etc/ssh/sshd_config.d/10-bench.conf", SETTINGS);
        machine.start_sshd();
        let daemon = machine.daemon().start();
        daemon.prepare_for_ssh();
        let mut socket = daemon.connect();
        let on = json!([{"enabled": true, "services": {"ssh": true}}]);
        socket.call("auth.twofactor.update", on);
        let until = testkit::now() + 3600;
        let exemption = json!([{"username": ACCOUNT, "until": until, "reason": "a benchmark"}]);
        socket.call("auth.twofactor.exemption.create", exemption);
        Self { daemon, machine }
    }

    /// Alternating, so that a busy moment of the machine meets both. The median of the peer, and the
    /// same with the median of the differences added.
    fn compare(&self, times: usize, once: impl Fn() -> Result<Duration>) -> Result<[f64; 2]> {
        let (mut added, mut peers) = (Vec::new(), Vec::new());
        let with = |stack: &str| {
            self.machine.write(STACK, &format!("{stack}{SESSION}"));
            once()
        };
        let _warm = (with(OURS)?, with(PEER)?);
        for _ in 0..times {
            let (ours, peer) = (with(OURS)?, with(PEER)?);
            added.push(ours.as_secs_f64() * 1000.0 - peer.as_secs_f64() * 1000.0);
            peers.push(peer);
        }
        added.sort_by(f64::total_cmp);
        let added = added.get(times / 2).copied().unwrap_or(f64::MAX);
        let peer = median_ms(peers);
        Ok([peer + added, peer])
    }

    fn logins(&self) -> Result<[f64; 2]> {
        let login = self.machine.login(ACCOUNT);
        let login = login.key(&self.machine.add_key(ACCOUNT));
        self.compare(LOGINS, || {
            let outcome = login.run();
            ensure!(outcome.is_in, "{outcome:?}");
            Ok(outcome.took)
        })
    }

    fn transactions(&self) -> Result<[f64; 2]> {
        self.compare(TRANSACTIONS, || self.transaction())
    }

    /// One authentication as sshd's, with the process that asks for it.
    fn transaction(&self) -> Result<Duration> {
        let mut command: Command = self.machine.enter();
        command.args(["pamtester", "-I", "rhost=192.0.2.1", "-E", PROVEN]);
        command.args(["sshd", ACCOUNT, "authenticate", "acct_mgmt"]);
        command.stdin(Stdio::null());
        let began = Instant::now();
        let output = command.output()?;
        let took = began.elapsed();
        ensure!(output.status.success(), "{output:?}");
        Ok(took)
    }

    fn hung(&self) -> Result<f64> {
        self.machine.write(STACK, HUNG);
        self.daemon.signal(Signal::SIGSTOP);
        let took = self.transaction();
        self.daemon.signal(Signal::SIGCONT);
        Ok(median_ms(vec![took?]))
    }
}
