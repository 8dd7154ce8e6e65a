//! A system that has only just begun: busybox, our two programs, no libraries, no `/etc`, no disk.

use testkit::binaries;
use testkit::guest::{Boot, Console};

use super::UNLOCK;

#[test]
fn the_unlock_line_works_where_there_is_nothing_but_busybox() {
    check(Boot::busybox(&binaries::statically_linked()));
}

#[test]
fn the_unlock_line_works_in_1970() {
    let boot = Boot::busybox(&binaries::statically_linked());
    check(boot.clock("1970-01-02T00:00:00"));
}

fn check(boot: Boot) {
    let mut guest = boot.start();
    let console = guest.console();
    console.wait_for_busybox();
    console.run_ok("mkdir -p /var/lib");
    console.run_ok("middlewared 2>/log &");
    console.run_ok("midclt waitready");
    console.run_ok("midclt call auth.twofactor.update enabled=true");
    assert!(is_on(console));
    let said = console.run_ok(UNLOCK);
    assert!(said.contains(r#""enabled": false}"#), "{said}");
    assert!(!is_on(console));
    console.type_line("poweroff -f");
    guest.wait_until_off();
}

fn is_on(console: &mut Console) -> bool {
    console.run_ok("midclt call auth.two_factor_auth") == "True\n"
}
