//! The console from far away: serial over LAN through a management controller.

use std::time::Duration;

use testkit::guest::Bmc;

use super::door::Door;
use super::{UNLOCK, debian};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn the_unlock_line_through_ipmi_opens_ssh_also_with_the_daemon_masked() {
    let mut bmc = Bmc::new();
    let guest = debian().managed_by(&bmc).start();
    bmc.start();
    let mut console = bmc.open_console();
    // The prompt came before the session.
    console.type_line("");
    console.log_in();
    let mut door = Door::new(guest, console);
    door.console.run_ok(UNLOCK);
    door.is_open();
    door.turn_on();
    door.console
        .run_ok("systemctl mask --now middlewared.socket middlewared.service");
    door.console.run_ok(UNLOCK);
    door.is_open();
    let console = &mut door.console;
    console.type_line("exit");
    console.wait_for("guest login: ", LIMIT);
    console.type_text("\r~.");
    console.wait_until_closed(LIMIT);
    println!("{}", console.text());
}
