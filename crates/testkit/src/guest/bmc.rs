//! A management controller beside a guest: `OpenIPMI`'s simulator, reached with ipmitool.
//!
//! The serial line of the guest goes through it, as serial over LAN does with a real one.
//! Needs Debian's `openipmi` and `ipmitool`.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{Console, free_port};

/// Who may use it, with which password.
const USER: (&str, &str) = ("operator", "bmc-password");

/// What every board has: one controller with its log.
const BOARD: &str = "mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable 0x20 1000 0x0a
mc_enable 0x20
";

/// A management controller that is on.
#[derive(Debug)]
pub struct Bmc {
    dir: TempDir,
    serial_port: u16,
    lan_port: u16,
    simulator: Option<Child>,
}

impl Bmc {
    /// One whose guest is still off. It serves once [`Self::start`] was called.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("bmc-")
            .tempdir()
            .expect("create a private directory");
        let lan = UdpSocket::bind(("127.0.0.1", 0)).expect("find a free port");
        Self {
            dir,
            serial_port: free_port(),
            lan_port: lan.local_addr().expect("its number").port(),
            simulator: None,
        }
    }

    /// Where the guest has its serial line.
    pub(super) const fn serial_port(&self) -> u16 {
        self.serial_port
    }

    /// Begins to serve, with the guest's serial line behind it.
    pub fn start(&mut self) {
        let (user, password) = USER;
        let (lan, serial) = (self.lan_port, self.serial_port);
        let methods = "none md2 md5 straight";
        let configuration = format!(
            "name \"guest\"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {lan}
    priv_limit admin
    allowed_auths_callback {methods}
    allowed_auths_user {methods}
    allowed_auths_operator {methods}
    allowed_auths_admin {methods}
    guid a123456789abcdefa123456789abcdef
  endlan
  sol \"tcp:127.0.0.1:{serial}\" 115200
  startnow false
  user 1 true \"\" \"{password}\" user 10 {methods}
  user 2 true \"{user}\" \"{password}\" admin 10 {methods}
"
        );
        let path = |name| self.dir.path().join(name);
        fs::write(path("lan.conf"), configuration).expect("write the configuration");
        fs::write(path("board.emu"), BOARD).expect("write the board");
        fs::create_dir(path("state")).expect("create its memory");
        let log = File::create(path("log")).expect("create the log");
        let simulator = Command::new("ipmi_sim")
            .arg("-c")
            .arg(path("lan.conf"))
            .arg("-f")
            .arg(path("board.emu"))
            .arg("-s")
            .arg(path("state"))
            .arg("-n")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("share the log"))
            .stderr(log)
            .spawn()
            .expect("run ipmi_sim (Debian: openipmi)");
        self.simulator = Some(simulator);
    }

    /// Opens the serial line over the LAN, as an operator does from another machine. `~.` at the
    /// beginning of a line closes it.
    pub fn open_console(&self) -> Console {
        let command = self.command("sol activate");
        // ipmitool wants a terminal.
        let carrier = Command::new("script")
            .args([
                "--quiet",
                "--flush",
                "--echo",
                "never",
                "--command",
                &command,
            ])
            .arg("/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("run script (Debian: bsdutils)");
        let mut console = Console::of(carrier);
        console.wait_for("SOL Session operational", Duration::from_mins(1));
        console
    }

    /// What an operator types in another shell.
    pub fn command(&self, words: &str) -> String {
        let (user, password) = USER;
        let port = self.lan_port;
        format!("ipmitool -I lanplus -H 127.0.0.1 -p {port} -U {user} -P {password} {words}")
    }
}

impl Default for Bmc {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Bmc {
    fn drop(&mut self) {
        if let Some(simulator) = &mut self.simulator {
            let _ = simulator.kill();
            let _ = simulator.wait();
        }
    }
}
