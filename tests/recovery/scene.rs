//! A machine with its daemon, and root at its console.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Builder, Daemon, Machine, binaries};

use crate::support::{database, stderr};

/// The daemon's user.
pub(crate) const OWNER: u32 = 12_345;

/// What is promised.
const LIMIT: Duration = Duration::from_secs(5);

/// The line of the user's guide.
pub(crate) const UNLOCK: [&str; 3] = ["call", "auth.twofactor.update", r#"{ "enabled":false }"#];

const OVERRIDE: &str = "/run/middleware-override/override";

/// A machine on which two-factor authentication is on.
pub(crate) struct Scene {
    // Ends before the machine does.
    pub(crate) daemon: Daemon,
    pub(crate) machine: Machine,
    /// The state directory, on the machine and off it.
    pub(crate) state: PathBuf,
    pub(crate) secret: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(|_, builder| builder)
    }

    /// The same where the state is on a disk of its own, of this size.
    pub(crate) fn on_disk(size: &str) -> Self {
        Self::with(|_, builder| builder.state_on_tmpfs(size))
    }

    /// The same where the disk fails when it is told to.
    pub(crate) fn on_failing_disk() -> Self {
        Self::with(|_, builder| builder.failing_disk())
    }

    fn with(prepare: impl FnOnce(&Machine, Builder) -> Builder) -> Self {
        let machine = Machine::new();
        machine.add_accounts(&[("alice", "word-of-alice")]);
        let socket = machine.path("/run/middleware");
        chown(socket, Some(OWNER), Some(OWNER)).unwrap();
        let builder = prepare(&machine, machine.daemon().uid(OWNER));
        let state = builder.dir().join("state");
        let config = format!("state_dir = {:?}\n", state.to_str().unwrap());
        machine.write("/etc/middlewared/config.toml", &config);
        let daemon = builder.start();
        let row = daemon
            .connect()
            .call("auth.twofactor.update", json!([{"enabled": true}]));
        Self {
            daemon,
            machine,
            state,
            secret: row["secret"].as_str().unwrap().to_owned(),
        }
    }

    /// Runs midclt as root, as it is typed, and holds it to its promise of time.
    pub(crate) fn midclt(&self, words: &[&str]) -> Output {
        let midclt = binaries::midclt();
        let began = Instant::now();
        let output = self
            .machine
            .run([&[midclt.to_str().unwrap()], words].concat());
        let took = began.elapsed();
        // Ten hashes take their time in a program that is built for debugging.
        let is_heavy = words.contains(&"recovery");
        assert!(
            took < LIMIT || is_heavy,
            "{words:?} took {took:?}: {output:?}"
        );
        output
    }

    /// The same of a command that must succeed: what it printed, and what it said besides.
    pub(crate) fn midclt_ok(&self, words: &[&str]) -> (String, String) {
        let output = self.midclt(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        let printed = String::from_utf8(output.stdout.clone()).unwrap();
        (printed.trim_end().to_owned(), stderr(&output))
    }

    /// Types the line of the guide. What midclt said besides the answer.
    pub(crate) fn unlock(&self) -> String {
        let (printed, said) = self.midclt_ok(&UNLOCK);
        assert!(printed.ends_with(r#""enabled": false}"#), "{printed}");
        for line in [
            "midclt: two-factor authentication is off for EVERYBODY on this machine",
            "midclt: to turn it on again: midclt 2fa enable",
        ] {
            assert!(said.contains(line), "{said}");
        }
        said
    }

    /// What the database says, whoever answers for it.
    pub(crate) fn is_stored_on(&self) -> bool {
        // A copy, since SQLite resolves a path under /proc/PID/root to the host's.
        let copy = tempfile::TempDir::new().unwrap();
        for name in ["middlewared.db", "middlewared.db-wal"] {
            let _ = fs::copy(self.daemon.state_dir().join(name), copy.path().join(name));
        }
        let database = database(copy.path());
        let enabled = database.query_row("SELECT enabled FROM settings", [], |row| row.get(0));
        enabled.unwrap()
    }

    /// The last line of the override, if there is one.
    pub(crate) fn overriding(&self) -> Option<String> {
        let text = fs::read_to_string(self.machine.path(OVERRIDE)).ok()?;
        let found = fs::metadata(self.machine.path(OVERRIDE)).unwrap();
        assert_eq!((found.uid(), found.mode() & 0o7777), (0, 0o644), "{text}");
        Some(text.lines().last().unwrap_or_default().to_owned())
    }

    /// Nobody but the daemon's user owns anything of the state, and nobody else can read it.
    pub(crate) fn assert_state_is_the_owners(&self) {
        let state = self.daemon.state_dir();
        let mut paths = vec![state.clone()];
        paths.extend(
            fs::read_dir(&state)
                .unwrap()
                .map(|entry| entry.unwrap().path()),
        );
        for path in paths {
            let found = fs::symlink_metadata(&path).unwrap();
            let facts = (found.uid(), found.gid(), found.mode() & 0o077);
            assert_eq!(facts, (OWNER, OWNER, 0), "{}", path.display());
        }
    }

    /// What a door is told about alice, who has proven her password.
    pub(crate) fn verdict(&self, username: &str) -> Value {
        let login = json!([{"username": username, "service": "sshd-like", "factor": "password"}]);
        let answer = self
            .daemon
            .connect()
            .call("auth.twofactor.authenticate", login);
        answer["verdict"].clone()
    }

    /// What the running daemon says.
    pub(crate) fn ask(&self, method: &str, params: Value) -> Value {
        self.daemon.connect().call(method, params)
    }

    /// What the running daemon warns of.
    pub(crate) fn warnings(&self) -> String {
        self.ask("auth.twofactor.status", json!([]))["warnings"].to_string()
    }

    /// Puts a program in place of the daemon's beside a midclt of its own, and gives that midclt.
    pub(crate) fn midclt_beside(&self, script: &str) -> PathBuf {
        let directory = self.machine.dir().join("beside");
        fs::create_dir(&directory).unwrap();
        let midclt = directory.join("midclt");
        fs::copy(binaries::midclt(), &midclt).unwrap();
        let program = directory.join("middlewared");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        midclt
    }

    /// Removes or changes a file of the state, as its owner's.
    pub(crate) fn put(&self, name: &str, content: &[u8]) {
        let path = self.daemon.state_dir().join(name);
        fs::write(&path, content).unwrap();
        chown(&path, Some(OWNER), Some(OWNER)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        let path = self.daemon.state_dir().join(name);
        if Path::exists(&path) {
            fs::remove_file(path).unwrap();
        }
    }
}
