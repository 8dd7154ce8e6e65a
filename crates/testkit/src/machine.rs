//! A private machine: mounts, network and processes of its own, with an `/etc` that may be changed.
//!
//! What is done to it is seen by nobody else, and everything ends with it: accounts, passwords, sshd,
//! the logins. Programs, libraries and `/tmp` are the host's.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::login::Login;
use crate::process::{run_with_deadline, run_with_input};
use crate::sshd::Sshd;
use crate::{Builder, Daemon, Journal, Namespace};

/// How long one command may take on a loaded machine.
const COMMAND_LIMIT: Duration = Duration::from_mins(1);

/// Where the daemon listens, on a machine.
const SOCKET: &str = "/run/middleware/middlewared.sock";

/// What the machine shares is named in the module's comment. The rest is an overlay whose changes go
/// to memory, or empty; `/dev` has only what every program expects, so that `/dev/log` is free. A wrong
/// password is refused at once: the two seconds that it costs elsewhere are `pam_unix`'s.
const PREPARE: &str = r#"
ip link set lo up
mount -t tmpfs -o mode=755 machine /mnt
for directory in /etc /root /usr/lib/*/security; do
    mkdir -p "/mnt/up$directory" "/mnt/work$directory"
    mount -t overlay -o "lowerdir=$directory,upperdir=/mnt/up$directory,workdir=/mnt/work$directory" machine "$directory"
done
for directory in /home /run /var/log; do
    mount -t tmpfs -o mode=755 machine "$directory"
done
mkdir /mnt/dev /mnt/dev/pts /mnt/dev/shm
for device in null zero full random urandom tty; do
    touch "/mnt/dev/$device"
    mount --bind "/dev/$device" "/mnt/dev/$device"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 machine /mnt/dev/pts
ln -s pts/ptmx /mnt/dev/ptmx
ln -s /proc/self/fd /mnt/dev/fd
mount --rbind /mnt/dev /dev
mkdir -m 755 /run/sshd /run/middleware
rm -rf /root/.ssh /etc/ssh/sshd_config.d /etc/ssh/ssh_host_*
mkdir -m 755 /etc/ssh/sshd_config.d
cp /usr/share/openssh/sshd_config /etc/ssh/sshd_config
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
rm -f /etc/update-motd.d/* /etc/motd
awk -F: '$3 < 1000 || $3 == 65534' /etc/passwd > /mnt/passwd
cat /mnt/passwd > /etc/passwd
usermod -p '*' root
sed -i '/pam_unix/s/$/ nodelay/' /etc/pam.d/common-auth
"#;

/// A private machine. Needs root, and Debian's `openssh-server` and `iproute2`.
#[derive(Debug)]
pub struct Machine {
    // Ends before the machine does.
    sshd: Option<Sshd>,
    namespace: Arc<Namespace>,
    dir: TempDir,
    syslog: Arc<Mutex<String>>,
}

impl Machine {
    /// A machine without people and without sshd; its root has no password.
    pub fn new() -> Self {
        let namespace = Arc::new(Namespace::machine(PREPARE));
        let dir = tempfile::Builder::new()
            .prefix("machine-")
            .tempdir()
            .expect("create a private directory");
        let socket = UnixDatagram::bind(namespace.path(Path::new("/dev/log")));
        let syslog = collect(socket.expect("listen as syslogd"));
        Self {
            sshd: None,
            namespace,
            dir,
            syslog,
        }
    }

    /// A directory that exists inside by the same path: for keys and what logins leave behind.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The path by which the test reaches a file of the machine.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.namespace.path(inside.as_ref())
    }

    /// Writes a file of the machine; the directories come with it.
    pub fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        let parent = path.parent().expect("a directory");
        fs::create_dir_all(parent).unwrap_or_else(|error| panic!("{inside}: {error}"));
        fs::write(&path, text).unwrap_or_else(|error| panic!("{inside}: {error}"));
    }

    /// Reads a file of the machine.
    pub fn read(&self, inside: &str) -> String {
        let read = fs::read_to_string(self.path(inside));
        read.unwrap_or_else(|error| panic!("{inside}: {error}"))
    }

    /// A journal, for those who look for one from now on.
    pub fn journal(&self) -> Journal {
        Journal::bind(&self.namespace)
    }

    /// What programs have told syslog.
    pub fn syslog(&self) -> String {
        self.syslog.lock().expect("the log").clone()
    }

    /// A command that will run on the machine; add the program as its first argument.
    pub fn enter(&self) -> Command {
        self.namespace.enter()
    }

    /// Runs a command as one of the machine's own processes, as from its root's shell.
    pub fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Output {
        let mut command = self.namespace.enter_as_its_process();
        run_with_deadline(command.args(words), COMMAND_LIMIT)
    }

    /// The same of a command that must succeed, and what it printed.
    pub fn run_ok<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Adds accounts with their passwords, and with homes. Their uids begin at 1000.
    pub fn add_accounts(&self, accounts: &[(&str, &str)]) {
        let mut script = String::from("set -eu\n");
        for (name, _) in accounts {
            writeln!(script, "useradd --create-home --shell /bin/bash {name}").unwrap();
        }
        self.run_ok(["bash", "-c", &script]);
        self.set_passwords(accounts);
    }

    /// Gives accounts these passwords. The hash is a cheap one: what `pam_unix` computes is not what
    /// is tested.
    pub fn set_passwords(&self, accounts: &[(&str, &str)]) {
        let file = self.dir().join("passwords");
        let lines = accounts
            .iter()
            .map(|(name, word)| format!("{name}:{word}\n"));
        fs::write(&file, lines.collect::<String>()).expect("write the passwords");
        let mut command = self.namespace.enter();
        command.args(["chpasswd", "-c", "SHA512", "-s", "1000"]);
        command.stdin(Stdio::from(fs::File::open(&file).expect("read them")));
        let output = run_with_input(&mut command, COMMAND_LIMIT);
        assert!(output.status.success(), "{output:?}");
        fs::remove_file(file).expect("forget the passwords");
    }

    /// Gives an account a key of its own, and says where its private half is.
    pub fn add_key(&self, account: &str) -> PathBuf {
        let file = self.dir().join(format!("key-of-{account}"));
        let path = file.to_str().expect("a path in UTF-8");
        let script = "set -eu
            ssh-keygen -q -t ed25519 -N '' -C \"$1\" -f \"$2\"
            home=$(getent passwd \"$1\" | cut -d: -f6)
            mkdir -p -m 700 \"$home/.ssh\"
            cat \"$2.pub\" >> \"$home/.ssh/authorized_keys\"
            chown -R \"$1:\" \"$home/.ssh\"";
        self.run_ok(["bash", "-c", script, "bash", account, path]);
        file
    }

    /// Puts a PAM module where PAM looks for those that are named without a path.
    pub fn install_module(&self, module: &Path) {
        let file = "pam_middleware.so";
        let unix = "/usr/lib/*/security/pam_unix.so";
        let found = self.run_ok(["bash", "-c", &format!("dirname {unix}")]);
        let target = Path::new(found.trim()).join(file);
        fs::copy(module, self.path(&target)).expect("install the module");
    }

    /// Prepares a daemon on this machine, at the path where everybody looks for it.
    pub fn daemon(&self) -> Builder {
        Daemon::builder().on_machine(&self.namespace, Path::new(SOCKET))
    }

    /// Starts sshd as the machine's `/etc/ssh/sshd_config` and its drop-ins say, on port 2222, and
    /// waits until it listens. An earlier one is stopped.
    pub fn start_sshd(&mut self) {
        self.stop_sshd();
        self.sshd = Some(Sshd::start(&self.namespace));
    }

    /// Stops sshd; the sessions go on.
    pub fn stop_sshd(&mut self) {
        self.sshd = None;
    }

    /// Makes sshd read its configuration again, and waits until it has.
    pub fn reload_sshd(&self) {
        self.sshd.as_ref().expect("sshd runs").reload();
    }

    /// What sshd has logged.
    pub fn sshd_log(&self) -> String {
        fs::read_to_string(self.path(crate::sshd::LOG)).unwrap_or_default()
    }

    /// Somebody who is about to log in with the OpenSSH client.
    pub fn login(&self, account: &str) -> Login {
        Login::new(self.namespace.clone(), self.dir(), account)
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Machine {
    #[expect(clippy::print_stderr, reason = "part of a failed test's report")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- what sshd said\n{}---", self.sshd_log());
            eprintln!("--- what syslog heard\n{}---", self.syslog());
        }
    }
}

/// Opens a file to everybody.
pub(crate) fn make_executable(file: &Path) {
    fs::set_permissions(file, Permissions::from_mode(0o755)).expect("make a script executable");
}

/// Everything that comes, until the test ends.
fn collect(socket: UnixDatagram) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let ours = Arc::clone(&log);
    thread::spawn(move || {
        let mut message = vec![0; 65_536];
        while let Ok(length) = socket.recv(&mut message) {
            let line = String::from_utf8_lossy(message.get(..length).unwrap_or_default());
            let line = line.trim_end_matches(['\n', '\0']).to_owned();
            let mut log = ours.lock().expect("the log");
            log.push_str(&line);
            log.push('\n');
        }
    });
    log
}
