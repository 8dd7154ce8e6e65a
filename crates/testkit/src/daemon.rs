//! The running daemon of one test: started, talked to, stopped, killed, started again.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::builder::{Builder, Setup};
use crate::process::{self, run_with_deadline};
use crate::{Accounts, FailingDisk, FakeClock, Socket, binaries};

/// How long a start or a stop may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one `midclt` may take; its own time-outs are shorter.
const COMMAND_LIMIT: Duration = Duration::from_mins(1);

/// A built `middlewared` on a socket and a state directory of its own. It is killed, by its
/// pid, when this value goes; its directory goes with it.
#[derive(Debug)]
pub struct Daemon {
    setup: Setup,
    child: Child,
}

impl Daemon {
    /// Starts a daemon with nothing special and waits until it answers.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Prepares a daemon with something special.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn launch(setup: Setup) -> Self {
        let child = setup.spawn();
        let mut daemon = Self { setup, child };
        daemon.wait_until_it_answers();
        daemon
    }

    /// The daemon's socket, by the path that the test reaches it.
    pub fn socket(&self) -> &Path {
        &self.setup.socket
    }

    /// The daemon's state directory, by the path that the test reaches it.
    pub fn state_dir(&self) -> PathBuf {
        match &self.setup.namespace {
            Some(namespace) => namespace.path(&self.setup.state_dir),
            None => self.setup.state_dir.clone(),
        }
    }

    /// The private directory around both, for more files of the test.
    pub fn dir(&self) -> &Path {
        self.setup.dir.path()
    }

    /// The clock that [`Builder::fake_clock`] asked for.
    pub fn clock(&self) -> &FakeClock {
        self.setup
            .clock
            .as_ref()
            .expect("Builder::fake_clock was called")
    }

    /// The disk that [`Builder::failing_disk`] asked for.
    pub fn disk(&self) -> &FailingDisk {
        let disk = self.setup.disk.as_ref();
        disk.expect("Builder::failing_disk was called")
    }

    /// The accounts that [`Builder::accounts`] asked for.
    pub fn accounts(&self) -> &Accounts {
        self.setup
            .accounts
            .as_ref()
            .expect("Builder::accounts was called")
    }

    /// The daemon's process. Every wrapper (`setpriv`, `nsenter`) becomes the daemon itself.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that the daemon has written to stdout and stderr, over all its starts.
    pub fn log(&self) -> String {
        self.setup.log()
    }

    /// Opens a WebSocket.
    pub fn connect(&self) -> Socket {
        Socket::connect(self.socket())
    }

    /// Has the daemon believe that sshd asks it, as root's `midclt 2fa ssh check --report` tells it on a
    /// machine that is set up.
    pub fn report_sshd_ready(&self) {
        let report =
            json!([{"ready": true, "mode": "PASSWORD_OR_KEY", "findings": [], "doors": []}]);
        let told = self.connect().call("auth.twofactor.ssh.report", report);
        assert_eq!(told, true, "the report is taken");
    }

    /// Has SSH be a service that may be made to ask: sshd is reported to do so, and the policy lets in
    /// whoever has no device, so that nobody would be locked out.
    pub fn prepare_for_ssh(&self) {
        self.report_sshd_ready();
        self.unenrolled("ALLOW");
    }

    /// What happens to accounts without a device: `ALLOW` or `DENY`. That is refused where somebody would
    /// be locked out, so accounts of its own are away meanwhile.
    pub fn unenrolled(&self, fate: &str) {
        let _away = self.setup.accounts.as_ref().map(Accounts::away);
        let policy = json!([{"unenrolled": fate}]);
        self.connect().call("auth.twofactor.policy.update", policy);
    }

    /// Runs `midclt -u SOCKET ARGS…` to its end.
    pub fn midclt<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        run_with_deadline(self.midclt_command().args(args), COMMAND_LIMIT)
    }

    /// Runs a `midclt` that must succeed; its stdout without the last line end.
    pub fn midclt_ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let output = self.midclt(args);
        assert!(output.status.success(), "midclt failed: {output:?}");
        let text = String::from_utf8(output.stdout).expect("midclt prints UTF-8");
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }

    /// `midclt -u SOCKET`, to be given arguments, input and environment.
    pub fn midclt_command(&self) -> Command {
        let mut command = Command::new(binaries::midclt());
        command.arg("-u").arg(self.socket());
        command
    }

    /// Sends the daemon a signal.
    pub fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// Ends the daemon as a power cut would, and reaps it.
    pub fn kill9(&mut self) {
        self.child.kill().expect("kill the daemon");
        self.child.wait().expect("reap the daemon");
    }

    /// Asks the daemon to end and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait_for_exit(PATIENCE)
            .unwrap_or_else(|| panic!("SIGTERM did not end it: {}", self.log()))
    }

    /// Waits for the daemon to end. `None`: it still runs.
    pub fn wait_for_exit(&mut self, limit: Duration) -> Option<ExitStatus> {
        process::wait_for_exit(&mut self.child, limit)
    }

    /// Starts the daemon on the same state, after a stop where it still runs.
    pub fn restart(&mut self) {
        if self.wait_for_exit(Duration::ZERO).is_none() {
            self.stop();
        }
        self.child = self.setup.spawn();
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let failure = match Socket::try_connect(self.socket()) {
                Ok(mut socket) => return assert_eq!(socket.call("core.ping", json!([])), "pong"),
                Err(failure) => failure,
            };
            if let Some(status) = self.wait_for_exit(Duration::ZERO) {
                panic!("middlewared ended, {status}, and said: {}", self.log());
            }
            assert!(
                Instant::now() < deadline,
                "no answer ({failure}): {}",
                self.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            self.setup.show_log();
        }
    }
}

impl Setup {
    pub(crate) fn log(&self) -> String {
        fs::read(self.log_file()).map_or_else(
            |error| format!("(no log: {error})"),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    #[expect(clippy::print_stderr, reason = "part of a failed test's report")]
    fn show_log(&self) {
        eprintln!("--- what middlewared said\n{}---", self.log());
    }
}
