//! The real sshd of a machine.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::Namespace;
use crate::namespace::only_child;
use crate::process::{signal, wait_for_exit};

/// Where it logs to, on the machine.
pub(crate) const LOG: &str = "/var/log/sshd.log";

/// What every machine's sshd is told, unless an earlier drop-in says otherwise. One address family:
/// then there is one line when it listens.
const SETTINGS: &str = "Port 2222\nAddressFamily inet\nLogLevel VERBOSE\n";

/// How long a start may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running sshd. It is killed, by its pid, when this value goes.
#[derive(Debug)]
pub(crate) struct Sshd {
    /// nsenter, whose only child is sshd.
    wrapper: Child,
    pid: u32,
    namespace: Arc<Namespace>,
}

impl Sshd {
    /// Starts it and waits until it listens.
    pub(crate) fn start(namespace: &Arc<Namespace>) -> Self {
        let settings = namespace.path(Path::new("/etc/ssh/sshd_config.d/50-machine.conf"));
        if !settings.exists() {
            fs::write(&settings, SETTINGS).expect("write sshd's settings");
        }
        let before = listened(namespace);
        let mut wrapper = namespace
            .enter_as_its_process()
            // Absolute, or it cannot start itself again on a reload.
            .args(["/usr/sbin/sshd", "-D", "-E", LOG])
            .stdin(Stdio::null())
            .spawn()
            .expect("run nsenter");
        wait_until_it_listens(namespace, before, || {
            let status = wait_for_exit(&mut wrapper, Duration::ZERO);
            status.map(|status| format!("sshd ended, {status}"))
        });
        Self {
            pid: only_child(wrapper.id()),
            wrapper,
            namespace: Arc::clone(namespace),
        }
    }

    /// Makes it read its configuration again, and waits until it has.
    pub(crate) fn reload(&self) {
        let before = listened(&self.namespace);
        signal(self.pid, Signal::SIGHUP);
        wait_until_it_listens(&self.namespace, before, || None);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if wait_for_exit(&mut self.wrapper, Duration::ZERO).is_none() {
            signal(self.pid, Signal::SIGTERM);
        }
        if wait_for_exit(&mut self.wrapper, PATIENCE).is_none() {
            let _ = self.wrapper.kill();
            let _ = self.wrapper.wait();
        }
    }
}

/// How often it has begun to listen.
fn listened(namespace: &Namespace) -> usize {
    let log = fs::read_to_string(namespace.path(Path::new(LOG))).unwrap_or_default();
    log.matches("Server listening on").count()
}

fn wait_until_it_listens(
    namespace: &Namespace,
    before: usize,
    mut failure: impl FnMut() -> Option<String>,
) {
    let deadline = Instant::now() + PATIENCE;
    while listened(namespace) == before {
        let failure = failure();
        assert!(
            failure.is_none() && Instant::now() < deadline,
            "sshd does not listen: {failure:?}: {}",
            fs::read_to_string(namespace.path(Path::new(LOG))).unwrap_or_default()
        );
        thread::sleep(Duration::from_millis(2));
    }
}
