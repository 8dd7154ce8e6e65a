//! What is special about a test's daemon, and the command line that comes of it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::run_with_deadline;
use crate::{Accounts, Daemon, FailingDisk, FakeClock, Journal, Namespace, binaries};

/// Makes standard input the first passed socket, of the process that this shell becomes.
const PASS_ON: &str = r#"exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID="$$"; exec "$@""#;

/// Makes standard output the first, which is the web's, and standard input the second.
const PASS_ON_BOTH: &str = r#"exec 4<&0 3<&1 0</dev/null 1>&2; export LISTEN_FDS=2 LISTEN_PID="$$"
export LISTEN_FDNAMES=web:middlewared.socket; exec "$@""#;

/// Everything that a start needs, kept for the next start.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) dir: TempDir,
    pub(crate) bound_at: PathBuf,
    /// The socket, by the path that the test reaches it.
    pub(crate) socket: PathBuf,
    pub(crate) state_dir: PathBuf,
    pub(crate) clock: Option<FakeClock>,
    pub(crate) disk: Option<FailingDisk>,
    pub(crate) accounts: Option<Accounts>,
    pub(crate) namespace: Option<Arc<Namespace>>,
    passed: Option<UnixListener>,
    passed_web: Option<UnixListener>,
    program: PathBuf,
    uid: Option<u32>,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

/// A daemon that is not started yet.
#[derive(Debug)]
pub struct Builder {
    setup: Setup,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("middlewared-test-")
            .tempdir()
            .expect("create a private directory");
        fs::create_dir(dir.path().join("run")).expect("create the socket's directory");
        let setup = Setup {
            bound_at: dir.path().join("run/middlewared.sock"),
            socket: dir.path().join("run/middlewared.sock"),
            state_dir: dir.path().join("state"),
            clock: None,
            disk: None,
            accounts: None,
            namespace: None,
            passed: None,
            passed_web: None,
            program: binaries::middlewared(),
            uid: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            dir,
        };
        Self { setup }
    }

    /// The private directory, for files that must exist before the start.
    pub fn dir(&self) -> &Path {
        self.setup.dir.path()
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.setup.arguments.push(argument.into());
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.setup.environment.push((name.into(), value.into()));
        self
    }

    /// A configuration file with this text.
    #[must_use]
    pub fn config(self, toml: &str) -> Self {
        let file = self.dir().join("config.toml");
        fs::write(&file, toml).expect("write the configuration");
        self.arg("--config").arg(file)
    }

    /// Another state directory, perhaps another daemon's.
    #[must_use]
    pub fn state_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.setup.state_dir = directory.into();
        self
    }

    /// Another socket, perhaps another daemon's.
    #[must_use]
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.setup.bound_at = path.into();
        self.setup.socket.clone_from(&self.setup.bound_at);
        self
    }

    /// Binds the socket here, and passes it to the daemon as systemd does; see `sd_listen_fds(3)`.
    #[must_use]
    pub fn pass_socket(mut self) -> Self {
        let listener = UnixListener::bind(&self.setup.bound_at).expect("bind the passed socket");
        self.setup.passed = Some(listener);
        self
    }

    /// The same, and the web's socket at this path, known by its name.
    #[must_use]
    pub fn pass_web_socket(mut self, path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("bind the passed socket");
        self.setup.passed_web = Some(listener);
        self.pass_socket()
    }

    /// A wall clock that the test moves, by libfaketime; see [`Daemon::clock`].
    #[must_use]
    pub fn fake_clock(mut self) -> Self {
        self.setup.clock = Some(FakeClock::create(self.dir().join("clock")));
        self
    }

    /// A state directory on a disk that fails when the test says so; see [`Daemon::disk`]. Not
    /// together with a clock: either is a library that is loaded first.
    #[must_use]
    pub fn failing_disk(mut self) -> Self {
        self.setup.disk = Some(FailingDisk::create(self.dir()));
        self
    }

    /// A user database of the daemon's own: root, and these names with their uids; see
    /// [`Daemon::accounts`]. Needs root.
    #[must_use]
    pub fn accounts(mut self, accounts: &[(&str, u32)]) -> Self {
        let etc = self.dir().join("etc");
        let accounts = Accounts::create(self.namespace(), &etc, accounts);
        self.setup.accounts = Some(accounts);
        self
    }

    /// Runs the daemon as this user. Needs root.
    #[must_use]
    pub fn uid(mut self, uid: u32) -> Self {
        self.setup.uid = Some(uid);
        self
    }

    /// Puts the state directory on a tmpfs of this size (`512k`, `2m`). Needs root; call it
    /// after [`Self::uid`].
    #[must_use]
    pub fn state_on_tmpfs(mut self, size: &str) -> Self {
        let directory = self.setup.state_dir.clone();
        fs::create_dir(&directory).expect("create the mount point");
        let uid = self.setup.uid.unwrap_or(0);
        let options = format!("size={size},mode=0700,uid={uid},gid={uid}");
        self.namespace().tmpfs(&directory, &options);
        self
    }

    /// A journal that hears this daemon alone. Needs root.
    #[must_use]
    pub fn journal(mut self) -> (Self, Journal) {
        let journal = Journal::listen(self.namespace());
        // systemd.exec(5): device and inode of the standard error that is the journal's.
        let log = File::create(self.setup.log_file()).expect("create the log");
        let log = log.metadata().expect("look at the log");
        let stream = format!("{}:{}", log.dev(), log.ino());
        (self.env("JOURNAL_STREAM", stream), journal)
    }

    fn namespace(&mut self) -> &Namespace {
        let new = || Arc::new(Namespace::create());
        self.setup.namespace.get_or_insert_with(new)
    }

    /// Puts the daemon on a machine, with its socket at this path there.
    pub(crate) fn on_machine(mut self, machine: &Arc<Namespace>, socket: &Path) -> Self {
        self.setup.socket = machine.path(socket);
        self.setup.bound_at = socket.to_path_buf();
        self.setup.accounts = Some(Accounts::of_machine(machine));
        self.setup.namespace = Some(Arc::clone(machine));
        self
    }

    /// Starts the daemon and waits until it answers.
    pub fn start(self) -> Daemon {
        Daemon::launch(self.prepared())
    }

    /// Runs a daemon that must refuse to start, or that only checks something.
    pub fn run_to_end(self) -> Output {
        let setup = self.prepared();
        run_with_deadline(&mut setup.command(), Duration::from_secs(30))
    }

    /// Hands everything to the daemon's user. The program is copied, since the build
    /// directory may be closed to that user.
    fn prepared(mut self) -> Setup {
        let Some(uid) = self.setup.uid else {
            return self.setup;
        };
        let program = self.dir().join("middlewared");
        fs::copy(&self.setup.program, &program).expect("copy the daemon");
        self.setup.program = program;
        let public = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.dir(), public).expect("open the directory");
        for path in [self.dir(), &self.dir().join("run")] {
            chown(path, Some(uid), Some(uid)).expect("give the directory away: are you root?");
        }
        self.setup
    }
}

impl Setup {
    pub(crate) fn log_file(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Starts the daemon; both its outputs are added to the log file.
    pub(crate) fn spawn(&self) -> Child {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file())
            .expect("open the log");
        let mut command = self.command();
        command
            .stdin(self.stdin())
            .stdout(self.stdout(&log))
            .stderr(log);
        command.spawn().expect("start middlewared")
    }

    /// Nothing, or the socket that is passed on as descriptor 3.
    fn stdin(&self) -> Stdio {
        match &self.passed {
            None => Stdio::null(),
            Some(listener) => OwnedFd::from(listener.try_clone().expect("share the socket")).into(),
        }
    }

    /// The log, or the web's socket that is passed on.
    fn stdout(&self, log: &File) -> Stdio {
        match &self.passed_web {
            None => log.try_clone().expect("share the log").into(),
            Some(listener) => OwnedFd::from(listener.try_clone().expect("share the socket")).into(),
        }
    }

    /// `[nsenter …] [sh -c PASS_ON] [setpriv …] middlewared --socket … --state-dir … ARGS`. Each
    /// wrapper ends in an exec, so the child's pid is the daemon's.
    fn command(&self) -> Command {
        let mut words: Vec<OsString> = Vec::new();
        if self.passed.is_some() {
            let pass_on = if self.passed_web.is_some() {
                PASS_ON_BOTH
            } else {
                PASS_ON
            };
            words.extend(["sh", "-c", pass_on, "sh"].map(OsString::from));
        }
        if let Some(uid) = self.uid {
            words.push("setpriv".into());
            words.push(format!("--reuid={uid}").into());
            words.push(format!("--regid={uid}").into());
            words.extend(["--clear-groups", "--"].map(OsString::from));
        }
        words.push(self.program.clone().into());
        let mut command = match &self.namespace {
            Some(namespace) => namespace.enter(),
            None => Command::new(words.remove(0)),
        };
        command.args(words);
        command.arg("--socket").arg(&self.bound_at);
        command.arg("--state-dir").arg(&self.state_dir);
        command.args(&self.arguments);
        self.set_environment(&mut command);
        command
    }

    /// The caller's own settings of the product must not reach a test.
    fn set_environment(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MIDDLEWARED_") {
                command.env_remove(name);
            }
        }
        command.env_remove("NOTIFY_SOCKET");
        if let Some(clock) = &self.clock {
            clock.apply(command);
        }
        if let Some(disk) = &self.disk {
            command.envs(disk.environment(&self.state_dir));
        }
        command.envs(self.environment.iter().cloned());
    }
}
