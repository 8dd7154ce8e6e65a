//! `midclt 2fa kit`: a page to print and keep, for the day when nobody gets in.

use std::fmt::Write as _;
use std::fs;

use clap::Args;

use super::daemon::Daemon;
use super::wire::Device;
use super::{ROOT, device, recovery, time};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::output;

/// Print a page for the day when nobody gets in: how to reach root, what to type
#[derive(Debug, Args)]
#[command(after_help = "\
It has no secret: recovery codes are shown only when they are made. Print
it, write the address of the console (BMC, IPMI) on it, and keep it where
the phones are not.

Examples:
  midclt 2fa kit
  midclt 2fa kit alice
  midclt 2fa kit | lpr")]
pub(crate) struct KitArgs {
    /// Whose devices are listed
    #[arg(value_name = "USER", default_value = ROOT)]
    user: String,
}

/// Prints the page.
pub(super) fn run(connection: &Connection, args: &KitArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa kit");
    daemon.check_user(&args.user)?;
    let devices = device::query(&daemon, Some(&args.user))?;
    let kit = Kit {
        host: host(),
        consoles: consoles(&fs::read_to_string("/proc/consoles").unwrap_or_default()),
        today: time::minute(time::now()),
        user: &args.user,
        devices: devices.into_iter().filter(Device::is_active).collect(),
        codes_left: recovery::remaining(&daemon, &args.user)?.remaining,
    };
    output::page(&kit.page())
}

/// All that is on the page.
struct Kit<'a> {
    host: String,
    consoles: Vec<String>,
    today: String,
    user: &'a str,
    devices: Vec<Device>,
    codes_left: u32,
}

const WAY_BACK: &str = "\
2. Log in there as root, with the password. No code is asked for at a console.
   No login prompt? Boot into rescue mode: add systemd.unit=rescue.target.
3. To turn two-factor authentication off, for everybody, type exactly:

     midclt call auth.twofactor.update '{ \"enabled\":false }'

   Or, to let one person in once, and keep it on:

     midclt 2fa bypass USER --reason TEXT

   It says when it is done. How it stands: midclt 2fa status
   On again: midclt 2fa enable     Machine dead: midclt 2fa restore FILE
";

impl Kit<'_> {
    fn page(&self) -> String {
        let mut page = format!("Way back into {}, of {}\n\n", self.host, self.today);
        page.push_str("1. Get to a console: screen and keyboard, or the BMC:\n\n");
        page.push_str("     ipmitool -I lanplus -H ADDRESS -U USER sol activate\n\n");
        page.push_str("   BMC: ______________________________  its user: ______________________\n");
        if !self.consoles.is_empty() {
            // Writing to a `String` cannot fail.
            let _ = writeln!(
                page,
                "   The kernel's consoles: {}",
                self.consoles.join(", ")
            );
        }
        page.push_str(WAY_BACK);
        page.push_str(&self.account());
        page
    }

    fn account(&self) -> String {
        let user = self.user;
        let names: Vec<_> = self
            .devices
            .iter()
            .map(|device| device.name.as_str())
            .collect();
        let devices = match names.as_slice() {
            [] => format!("none: midclt 2fa device add {user}"),
            names => names.join(", "),
        };
        let codes = match self.codes_left {
            0 => format!("none: midclt 2fa recovery {user}"),
            left => format!("{left} left; they are kept at ______________________________"),
        };
        format!("\nDevices of {user}: {devices}\nRecovery codes: {codes}\n")
    }
}

/// As it calls itself.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "this machine".to_owned(),
        name => name.to_owned(),
    }
}

/// The names in proc(5)'s list of consoles.
fn consoles(list: &str) -> Vec<String> {
    let first_words = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    first_words.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kit(devices: Vec<Device>, codes_left: u32) -> String {
        let kit = Kit {
            host: "nas1".to_owned(),
            consoles: consoles(
                "ttyS0                -W- (EC  p a)    4:64\ntty0 -WU (E p  ) 4:1\n",
            ),
            today: "2026-11-24 12:58 UTC".to_owned(),
            user: "root",
            devices,
            codes_left,
        };
        kit.page()
    }

    fn device(name: &str) -> Device {
        let device = serde_json::json!({
            "id": 1, "username": "root", "name": name, "state": "ACTIVE", "otp_digits": 6,
            "interval": 30, "last_used": null, "expires": null,
        });
        serde_json::from_value(device).unwrap()
    }

    /// Whoever types it from paper must be able to: the plain quotes, on a line of its own.
    #[test]
    fn the_unlock_line_stands_by_itself() {
        let page = kit(vec![device("phone"), device("watch")], 8);
        let line = "     midclt call auth.twofactor.update '{ \"enabled\":false }'";
        assert!(page.lines().any(|found| found == line), "{page}");
        assert!(page.contains("\nDevices of root: phone, watch\n"), "{page}");
        assert!(page.contains("\nRecovery codes: 8 left"), "{page}");
        assert!(page.contains("consoles: ttyS0, tty0\n"), "{page}");
    }

    #[test]
    fn it_fits_one_screen_and_any_printer() {
        let page = kit(Vec::new(), 0);
        assert!(page.is_ascii(), "{page}");
        assert!(page.lines().count() <= 24, "{page}");
        assert!(page.lines().all(|line| line.len() <= 80), "{page}");
        assert!(page.contains("Devices of root: none: midclt 2fa device add root"));
        assert!(page.contains("Recovery codes: none: midclt 2fa recovery root"));
    }
}
