//! A machine that breaks in one way after the other, and the line at its console.

use std::time::Instant;

use testkit::guest::{Boot, debian_disk};

use super::door::Door;
use super::{UNLOCK, is_on};
use crate::packages::packages;

struct Fault {
    name: &'static str,
    /// A command that succeeds where it has broken it.
    breaks: &'static str,
    mends: &'static str,
    /// What the answer says of it.
    says: &'static str,
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "nothing",
        breaks: "true",
        mends: "true",
        says: "off for EVERYBODY",
    },
    Fault {
        name: "the daemon is masked",
        breaks: "systemctl mask --now middlewared.socket middlewared.service",
        mends: "systemctl unmask middlewared.socket middlewared.service && \
            systemctl start middlewared.socket",
        says: "is not running; doing it without",
    },
    Fault {
        name: "the daemon hangs",
        breaks: "kill -STOP $(pidof middlewared)",
        mends: "kill -KILL $(pidof middlewared)",
        says: "did not answer within 3 s; doing it without",
    },
    Fault {
        name: "the disk is full",
        breaks: "! su alice -c 'dd if=/dev/zero of=/tmp/fill bs=1M'",
        mends: "rm /tmp/fill",
        says: "off for EVERYBODY",
    },
    // What the daemon has set aside is of no use then: it is not root's.
    Fault {
        name: "the disk is full, and what ext4 keeps for root is used too",
        breaks: "! dd if=/dev/zero of=/fill bs=1M",
        mends: "rm /fill",
        says: "UNTIL THE NEXT REBOOT",
    },
    Fault {
        name: "the state is damaged",
        breaks: "cp -a /var/lib/middlewared /root/state && \
            dd if=/dev/urandom of=/var/lib/middlewared/middlewared.db bs=4k count=9 conv=notrunc && \
            kill -KILL $(pidof middlewared)",
        mends: "systemctl stop middlewared.socket middlewared.service; \
            rm -rf /var/lib/middlewared && mv /root/state /var/lib/middlewared && sync && \
            systemctl start middlewared.socket",
        says: "UNTIL THE NEXT REBOOT",
    },
];

/// As with a failing disk, which Debian then mounts read-only. It cannot be mended while it runs.
const DYING: Fault = Fault {
    name: "the disk dies",
    breaks: "mount -o remount,errors=remount-ro / && echo 1 > /sys/fs/ext4/vda/trigger_fs_error",
    mends: "true",
    says: "UNTIL THE NEXT REBOOT",
};

/// Booted with a disk that nobody can write to.
const READ_ONLY: Fault = Fault {
    name: "the file system is read-only",
    breaks: "true",
    mends: "mount -o remount,rw / && systemctl restart middlewared middlewared-sshd",
    says: "UNTIL THE NEXT REBOOT",
};

#[test]
fn whatever_breaks_the_line_at_the_console_opens_ssh() {
    let place = tempfile::tempdir().unwrap();
    let disk = place.path().join("disk");
    debian_disk(&disk, &packages(place.path(), 1));
    let mut guest = Boot::debian_again(&disk).start();
    let mut console = guest.take_console();
    console.log_in();
    let mut door = Door::new(guest, console);
    for fault in FAULTS {
        check(&mut door, fault);
        door.turn_on();
    }
    door.close();

    let boot = Boot::debian_again(&disk).kernel_word("systemd.unit=rescue.target");
    let mut guest = boot.start();
    let mut console = guest.take_console();
    console.log_in_to_rescue();
    assert!(is_on(&mut console));
    console.run_ok(UNLOCK);
    assert!(!is_on(&mut console));
    console.type_line("systemctl default");
    console.log_in();
    let mut door = Door::on(guest, console);
    door.is_open();
    door.turn_on();
    door.close();

    let mut guest = Boot::debian_again(&disk).kernel_word("guest=ro").start();
    let mut console = guest.take_console();
    console.log_in();
    let mut door = Door::on(guest, console);
    assert!(is_on(&mut door.console));
    door.is_shut();
    check(&mut door, &READ_ONLY);
    door.turn_on();
    check(&mut door, &DYING);
}

/// Breaks it, types the line, and mends it.
#[expect(
    clippy::print_stdout,
    reason = "how long the answer took is for people to read"
)]
fn check(door: &mut Door, fault: &Fault) {
    door.console.run_ok(fault.breaks);
    let begun = Instant::now();
    let said = door.console.run(UNLOCK);
    println!("{}: answered after {:?}", fault.name, begun.elapsed());
    for words in [fault.says, "off for EVERYBODY"] {
        assert!(said.contains(words), "{}: {said}", fault.name);
    }
    door.is_open();
    door.console.run_ok(fault.mends);
}
