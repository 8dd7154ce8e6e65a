//! The console from far away: serial over LAN through a management controller.

use std::time::Duration;

use testkit::guest::Bmc;

use super::{UNLOCK, debian, is_on};

#[test]
fn the_unlock_line_works_through_ipmi() {
    let mut bmc = Bmc::new();
    let _guest = debian().managed_by(&bmc).start();
    bmc.start();
    let mut console = bmc.open_console();
    // The prompt came before the session.
    console.type_line("");
    console.log_in();
    console.run_ok("midclt call auth.twofactor.update enabled=true");
    assert!(is_on(&mut console));
    console.run_ok(UNLOCK);
    assert!(!is_on(&mut console));
    console.type_line("exit");
    console.wait_for("guest login: ", Duration::from_secs(20));
    console.type_text("\r~.");
    console.wait_until_closed(Duration::from_secs(20));
}
