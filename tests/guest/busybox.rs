//! A system that has only just begun: busybox, our two programs, no libraries, no `/etc`, no disk.

use testkit::binaries;
use testkit::guest::{Boot, Console};

use super::{UNLOCK, is_on, try_each_form};

#[test]
fn the_unlock_line_works_where_there_is_nothing_but_busybox() {
    let boot = Boot::busybox(&binaries::statically_linked());
    with_daemon(boot, try_each_form);
}

#[test]
fn the_unlock_line_works_in_1970() {
    let boot = Boot::busybox(&binaries::statically_linked());
    with_daemon(boot.clock("1970-01-02T00:00:00"), |console| {
        let year = console.run("date +%Y");
        assert_eq!(year, "1970\n");
        console.run_ok("midclt call auth.twofactor.update enabled=true");
        assert!(is_on(console));
        console.run_ok(UNLOCK);
        assert!(!is_on(console));
    });
}

fn with_daemon(boot: Boot, work: impl FnOnce(&mut Console)) {
    let mut guest = boot.start();
    let console = guest.console();
    console.wait_for_busybox();
    console.run_ok("mkdir -p /var/lib");
    console.run_ok("middlewared 2>/log &");
    console.run_ok("midclt waitready");
    work(console);
    console.type_line("poweroff -f");
    guest.wait_until_off();
}
