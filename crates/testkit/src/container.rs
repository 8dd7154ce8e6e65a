//! A container with systemd as its first process, on a copy of this host that nobody else sees.
//!
//! Packages can be installed in it: what is written goes to memory. Everything ends with it, also when
//! the test is killed. Needs root, and Debian's `systemd-container`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Namespace;
use crate::process::run_with_deadline;

/// How long one command may take on a loaded machine.
const COMMAND_LIMIT: Duration = Duration::from_mins(1);

/// How long it may take to boot.
const BOOT_LIMIT: Duration = Duration::from_secs(30);

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where cgroups may be: of version 2, or of version 1 with systemd's own beside the others.
const HIERARCHIES: [&str; 3] = [
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/systemd",
    "/sys/fs/cgroup/unified",
];

/// `$GROUP` is a cgroup of its own. The host's habits of a build machine are left behind: no service may
/// start there, and every package indexes the manual pages. The clock may be read, as on a machine.
const BOOT: &str = r#"
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ -e "$hierarchy/cgroup.procs" ] || continue
    mkdir "$hierarchy/$GROUP"
    echo 0 > "$hierarchy/$GROUP/cgroup.procs"
done
mount -t tmpfs -o mode=755 container /mnt
mkdir /mnt/up /mnt/work /mnt/root /mnt/run
mount -t overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work container /mnt/root
mount --bind /mnt/run /run
rm -f /mnt/root/usr/sbin/policy-rc.d /mnt/root/var/lib/man-db/auto-update
systemd-nspawn --quiet --register=no --keep-unit --machine=middlewared-test --directory=/mnt/root \
    --private-network --console=pipe --link-journal=no \
    --system-call-filter=@clock --capability=CAP_SYS_TIME \
    --boot systemd.unit=basic.target </dev/null >/mnt/console 2>&1 &
"#;

/// A booted container.
#[derive(Debug)]
pub struct Container {
    namespace: Option<Namespace>,
    /// Its first process.
    leader: u32,
    group: String,
}

impl Container {
    /// Boots one as far as `basic.target`: sockets are listened on, and services start when asked.
    pub fn boot() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        remove_groups_of_the_dead();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let group = format!("middlewared-test-{}-{number}", std::process::id());
        let namespace = Namespace::machine(&format!("GROUP={group}\n{BOOT}"));
        let supervisor = until("nspawn starts", || only_child(namespace.inside()));
        let leader = until("systemd starts", || {
            let child = only_child(supervisor)?;
            let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
            (name == "systemd\n").then_some(child)
        });
        let container = Self {
            namespace: Some(namespace),
            leader,
            group,
        };
        until("the container has booted", || {
            let state = container.run(["systemctl", "is-system-running"]);
            ["running\n", "degraded\n"]
                .iter()
                .any(|state_name| state.stdout == state_name.as_bytes())
                .then_some(())
        });
        container
    }

    /// The path by which the test reaches a file inside. A socket can be connected to by it.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        let root = format!("/proc/{}/root", self.leader);
        let inside = inside.as_ref();
        Path::new(&root).join(inside.strip_prefix("/").unwrap_or(inside))
    }

    /// Writes a file inside; the directories come with it.
    pub fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        let parent = path.parent().expect("a directory");
        fs::create_dir_all(parent).unwrap_or_else(|error| panic!("{inside}: {error}"));
        fs::write(&path, text).unwrap_or_else(|error| panic!("{inside}: {error}"));
    }

    /// Reads a file inside.
    pub fn read(&self, inside: &str) -> String {
        let read = fs::read_to_string(self.path(inside));
        read.unwrap_or_else(|error| panic!("{inside}: {error}"))
    }

    /// Runs a command inside, as from its root's shell.
    pub fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Output {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.leader));
        command.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]);
        // A shell of root has nothing of the test's environment.
        command.env_clear().env("PATH", PATH);
        // What has not ended in time ends with nsenter.
        command.args([
            "--",
            "setpriv",
            "--pdeathsig=KILL",
            "--",
            "env",
            "--chdir=/",
        ]);
        command.args(words);
        run_with_deadline(&mut command, COMMAND_LIMIT)
    }

    /// The same of a command that must succeed, and what it printed, without the last line end.
    pub fn run_ok<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim_end_matches('\n').to_owned()
    }

    /// Runs lines of a shell inside, of which each must succeed.
    pub fn script(&self, lines: &str) -> String {
        self.run_ok(["bash", "-euo", "pipefail", "-c", lines])
    }

    /// A property of a unit, as `systemctl show` has it.
    pub fn property(&self, unit: &str, property: &str) -> String {
        self.run_ok(["systemctl", "show", "-P", property, unit])
    }

    /// The lines that a unit has logged.
    pub fn journal(&self, unit: &str) -> String {
        self.run_ok(["journalctl", "--no-pager", "-o", "cat", "-u", unit])
    }
}

impl Drop for Container {
    #[expect(clippy::print_stderr, reason = "part of a failed test's report")]
    fn drop(&mut self) {
        if thread::panicking() {
            let journal = ["journalctl", "--no-pager", "-n", "60"];
            let mut command = Command::new("nsenter");
            command.arg(format!("--target={}", self.leader));
            command.args(["--mount", "--pid", "--"]).args(journal);
            if let Ok(output) = command.output() {
                let journal = String::from_utf8_lossy(&output.stdout);
                eprintln!("--- the container's journal\n{journal}---");
            }
        }
        self.namespace = None;
        for hierarchy in HIERARCHIES {
            remove_groups(&Path::new(hierarchy).join(&self.group));
        }
    }
}

/// The cgroups of tests that were killed.
fn remove_groups_of_the_dead() {
    let entries = HIERARCHIES
        .iter()
        .flat_map(fs::read_dir)
        .flatten()
        .flatten();
    for entry in entries {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix("middlewared-test-"));
        let pid = pid.and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove_groups(&entry.path());
        }
    }
}

/// A cgroup can be removed when its last process is gone for good, which takes a moment.
fn remove_groups(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_groups(&entry.path());
        }
    }
    for _ in 0..100 {
        if !group.exists() || fs::remove_dir(group).is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The pid of a process's only child, if it has just one.
fn only_child(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.trim().parse().ok()
}

/// Waits until there is an answer.
fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + BOOT_LIMIT;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
