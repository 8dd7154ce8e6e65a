//! A guest: a whole computer in software, with its serial console.
//!
//! QEMU computes every instruction (TCG), so nothing is needed of the host. The console is the one
//! that IPMI carries too (`ttyS0`), and it is used as a person does: read, and typed at its speed.
//! Needs root, and Debian's `qemu-system-x86`, `mmdebstrap` and `e2fsprogs`.

mod bmc;
mod cache;
mod console;
mod cpio;
mod image;

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use bmc::Bmc;
pub use console::Console;

use crate::Login;
use crate::process::{run_with_deadline, wait_for_exit};

/// The accounts of a Debian guest, and their passwords.
pub const ACCOUNTS: [(&str, &str); 2] = [("root", "root-password"), ("alice", "alice-password")];

/// How long a boot may take on a loaded machine.
const BOOT_LIMIT: Duration = Duration::from_mins(3);

/// How long one command may take.
const COMMAND_LIMIT: Duration = Duration::from_mins(1);

/// What a busybox guest's shell asks with.
const BUSYBOX_PROMPT: &str = "busybox# ";

/// What a Debian guest's shell asks with.
const DEBIAN_PROMPT: &str = "root@guest:~# ";

/// A computer that is off.
#[derive(Debug)]
pub struct Boot {
    dir: TempDir,
    arguments: Vec<String>,
    kernel_words: Vec<String>,
    programs: Vec<PathBuf>,
    serial_port: Option<u16>,
    ssh_port: Option<u16>,
}

/// A computer that is on. It is switched off, without a word to it, when this value goes.
#[derive(Debug)]
pub struct Guest {
    dir: TempDir,
    machine: Child,
    console: Option<Console>,
    ssh_port: Option<u16>,
}

impl Boot {
    /// Without any disk: busybox, and these programs in `/bin`. They need no shared libraries.
    pub fn busybox(programs: &[PathBuf]) -> Self {
        Self::new(programs.to_vec(), 256)
    }

    /// Debian with these packages installed, on a disk that forgets what is written. It can be reached
    /// by SSH.
    pub fn debian(packages: &[PathBuf]) -> Self {
        Self::from_disk(&image::debian(packages), "snapshot=on")
    }

    /// The same on a disk that keeps what is written; see [`debian_disk`].
    pub fn debian_again(disk: &Path) -> Self {
        Self::from_disk(disk, "cache=unsafe")
    }

    fn from_disk(disk: &Path, option: &str) -> Self {
        let mut boot = Self::new(Vec::new(), 512);
        boot.add_disk(disk, option);
        let port = free_port();
        boot.ssh_port = Some(port);
        let forward = format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-10.0.2.15:22");
        let arguments = ["-netdev", &forward, "-device", "virtio-net-pci,netdev=net"];
        boot.arguments.extend(arguments.map(str::to_owned));
        boot.kernel_word("guest=rw net.ifnames=0")
    }

    fn new(programs: Vec<PathBuf>, megabytes: u16) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("guest-")
            .tempdir()
            .expect("create a private directory");
        Self {
            dir,
            arguments: vec!["-m".to_owned(), megabytes.to_string()],
            kernel_words: Vec::new(),
            programs,
            serial_port: None,
            ssh_port: None,
        }
    }

    /// Attaches a disk that keeps what is written, mounted at `/mnt`. See [`empty_disk`].
    #[must_use]
    pub fn disk(mut self, file: &Path) -> Self {
        self.add_disk(file, "cache=writeback");
        self.kernel_word("guest=disk")
    }

    fn add_disk(&mut self, file: &Path, option: &str) {
        self.arguments.push("-drive".to_owned());
        let drive = format!("file={},if=virtio,format=raw,{option}", file.display());
        self.arguments.push(drive);
    }

    /// Adds to the kernel's command line. Where two words say different things, the later counts.
    #[must_use]
    pub fn kernel_word(mut self, word: &str) -> Self {
        self.kernel_words.push(word.to_owned());
        self
    }

    /// Sets the clock, by what QEMU's `-rtc base=` takes: `1970-01-02T00:00:00`.
    #[must_use]
    pub fn clock(mut self, time: &str) -> Self {
        let base = format!("base={time},clock=vm");
        self.arguments.extend(["-rtc".to_owned(), base]);
        self
    }

    /// Leads the serial line to a management controller instead of to the test.
    #[must_use]
    pub fn managed_by(mut self, bmc: &Bmc) -> Self {
        self.serial_port = Some(bmc.serial_port());
        self
    }

    /// Switches it on.
    pub fn start(self) -> Guest {
        let initramfs = self.dir.path().join("initramfs");
        image::write_initramfs(&initramfs, &self.programs);
        let socket = self.dir.path().join("serial");
        let serial = match self.serial_port {
            Some(port) => format!("tcp:127.0.0.1:{port},server=on,wait=off"),
            None => format!("unix:{},server=on,wait=on", socket.display()),
        };
        let words = self.kernel_words.join(" ");
        let log = fs::File::create(self.dir.path().join("log")).expect("create the log");
        let machine = Command::new("qemu-system-x86_64")
            .args([
                "-nodefaults",
                "-no-user-config",
                "-no-reboot",
                "-display",
                "none",
            ])
            .args([
                "-machine",
                "q35,accel=tcg",
                "-cpu",
                "qemu64,+rdrand",
                "-smp",
                "1",
            ])
            .args(["-serial", &serial, "-kernel"])
            .arg(image::kernel())
            .arg("-initrd")
            .arg(initramfs)
            .arg("-append")
            .arg(format!(
                "console=ttyS0,115200 quiet loglevel=3 panic=-1 mitigations=off {words}"
            ))
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("share the log"))
            .stderr(log)
            .spawn()
            .expect("run qemu-system-x86_64 (Debian: qemu-system-x86)");
        let mut guest = Guest {
            dir: self.dir,
            machine,
            console: None,
            ssh_port: self.ssh_port,
        };
        if self.serial_port.is_none() {
            guest.console = Some(guest.connect(&socket));
        }
        guest
    }
}

impl Guest {
    /// Its serial console.
    pub fn console(&mut self) -> &mut Console {
        self.console
            .as_mut()
            .expect("the serial line leads to a management controller")
    }

    /// The console, for somebody who keeps it.
    pub fn take_console(&mut self) -> Console {
        self.console
            .take()
            .expect("a console that nobody has taken")
    }

    /// Somebody who is about to log in from outside, with the OpenSSH client of the host.
    pub fn ssh(&self, account: &str) -> Login {
        let port = self.ssh_port.expect("a guest with a network");
        Login::to_port(port, self.dir.path(), account)
    }

    /// Waits until it has switched itself off.
    pub fn wait_until_off(mut self) {
        let ended = wait_for_exit(&mut self.machine, COMMAND_LIMIT);
        let shown = self.console.as_ref().map(Console::text);
        assert!(ended.is_some(), "still on:\n{}", shown.unwrap_or_default());
    }

    /// Cuts the power. What it had shown.
    pub fn cut_power(mut self) -> String {
        self.machine.kill().expect("kill qemu");
        self.machine.wait().expect("wait for qemu");
        self.console().wait_until_closed(COMMAND_LIMIT);
        self.console().text()
    }

    fn connect(&mut self, socket: &Path) -> Console {
        let deadline = Instant::now() + COMMAND_LIMIT;
        loop {
            if let Ok(stream) = UnixStream::connect(socket) {
                let screen = stream.try_clone().expect("share the serial line");
                return Console::new(screen, stream);
            }
            let ended = self.machine.try_wait().expect("wait for qemu");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "qemu did not start: {}",
                fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.machine.kill();
        let _ = self.machine.wait();
    }
}

/// What a person does at the console of a guest.
impl Console {
    /// Waits for the shell of a busybox guest.
    pub fn wait_for_busybox(&mut self) {
        self.wait_for(BUSYBOX_PROMPT, BOOT_LIMIT);
        self.set_prompt(BUSYBOX_PROMPT);
    }

    /// Logs in as root of a Debian guest: a name, a password, and nothing else is asked.
    pub fn log_in(&mut self) {
        let [(name, password), _] = ACCOUNTS;
        self.wait_for("guest login: ", BOOT_LIMIT);
        self.type_line(name);
        self.wait_for("Password: ", COMMAND_LIMIT);
        self.type_password(password);
        self.wait_for(DEBIAN_PROMPT, COMMAND_LIMIT);
        self.set_prompt(DEBIAN_PROMPT);
    }

    /// The same in the rescue shell, which asks for the password alone.
    pub fn log_in_to_rescue(&mut self) {
        let [(_, password), _] = ACCOUNTS;
        self.wait_for("(or press Control-D to continue): ", BOOT_LIMIT);
        self.type_password(password);
        self.wait_for(DEBIAN_PROMPT, COMMAND_LIMIT);
        self.set_prompt(DEBIAN_PROMPT);
    }

    /// After the prompt, what was typed before is thrown away.
    fn type_password(&mut self, password: &str) {
        thread::sleep(Duration::from_secs(1));
        self.type_line(password);
    }

    /// Types a command at the shell's prompt. What it printed, up to the next prompt.
    pub fn run(&mut self, line: &str) -> String {
        let prompt = self.prompt().to_owned();
        self.type_line(line);
        // The echo.
        self.wait_for("\n", COMMAND_LIMIT);
        self.wait_for(&prompt, COMMAND_LIMIT)
    }

    /// The same of a command that must succeed.
    pub fn run_ok(&mut self, line: &str) -> String {
        let printed = self.run(line);
        let status = self.run("echo $?");
        assert_eq!(status, "0\n", "{line}: {printed}");
        printed
    }
}

/// Makes a disk with Debian and these packages, for guests that come one after the other.
pub fn debian_disk(file: &Path, packages: &[PathBuf]) {
    let mut copy = Command::new("cp");
    copy.arg("--sparse=always").arg(image::debian(packages));
    let output = run_with_deadline(copy.arg(file), COMMAND_LIMIT);
    assert!(output.status.success(), "{output:?}");
}

/// Makes a disk with an empty file system, of a size like `64M`.
pub fn empty_disk(file: &Path, size: &str) {
    image::write_empty_disk(file, size);
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("find a free port");
    listener.local_addr().expect("its number").port()
}
