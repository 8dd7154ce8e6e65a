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
    is_as_written(&console.text());
}

/// Each line that docs/recovery.md shows of the session was shown, in that order.
fn is_as_written(shown: &str) {
    let shown = without_secrets(shown);
    let mut rest = shown.lines();
    let (_, section) = include_str!("../../docs/recovery.md")
        .split_once("## Through IPMI\n")
        .unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let (_, session) = section.split_once("    [SOL ").unwrap();
    let written = session.lines().filter_map(|line| line.strip_prefix("    "));
    for line in written {
        assert!(
            rest.any(|shown| shown.trim_end() == line),
            "{line}\nis not, or not there, in\n{shown}"
        );
    }
}

fn without_secrets(shown: &str) -> String {
    let mut parts = shown.split("\"secret\": \"");
    let mut hidden = parts.next().unwrap().to_owned();
    for part in parts {
        let (_, after) = part.split_once('"').unwrap();
        hidden.push_str("\"secret\": \"…\"");
        hidden.push_str(after);
    }
    hidden
}
