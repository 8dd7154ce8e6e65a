//! A dead battery: the machine wakes up in 1970, and somebody sets its clock by hand.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::binaries;
use testkit::guest::{Boot, Guest, empty_disk};

use super::UNLOCK;
use crate::support::code_at;

/// When the phone was set up.
const RIGHT: &str = "2027-01-15T08:00:00";

const BEHIND: &str = "clock is behind";

/// Somebody with root's password, at the network.
const DOOR: &str = r#"#!/bin/sh
exec midclt call auth.twofactor.authenticate "{\"username\":\"root\",\"service\":\"vpn\",\
\"source\":\"198.51.100.7\",\"factor\":\"password\"${1:+,\"token\":\"$1\"}}"
"#;

/// A machine that is nothing but the product, with its state on a disk.
struct Machine {
    guest: Guest,
}

impl Machine {
    fn boot(disk: &Path, programs: &[PathBuf], clock: &str) -> Self {
        let boot = Boot::busybox(programs).disk(disk).clock(clock);
        let mut guest = boot.start();
        let console = guest.console();
        console.wait_for_busybox();
        console.run_ok("mkdir -p /run/middleware");
        console.run_ok("middlewared --state-dir /mnt/state 2>/log &");
        console.run_ok("midclt waitready");
        Self { guest }
    }

    fn run(&mut self, line: &str) -> String {
        self.guest.console().run_ok(line)
    }

    /// What a call answers.
    fn json(&mut self, line: &str) -> Value {
        let said = self.run(line);
        let mut answers = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        answers
            .next_back()
            .unwrap_or_else(|| panic!("{line}: {said}"))
    }

    fn now(&mut self) -> u64 {
        self.run("date +%s").trim().parse().unwrap()
    }

    /// At the prompt, or with something typed: the verdict, and all that is said.
    fn log_in(&mut self, typed: &str) -> (String, String) {
        let answer = self.json(&format!("door {typed}"));
        let said = format!("{}{}", answer["message"], answer["warnings"]);
        (answer["verdict"].as_str().unwrap().to_owned(), said)
    }

    fn accepts(&mut self, typed: &str) {
        let (verdict, said) = self.log_in(typed);
        assert_eq!(verdict, "ACCEPTED", "{said}");
    }

    /// Refused, and not silently: the clock is named.
    fn refuses_by_clock(&mut self, typed: &str) {
        let (verdict, said) = self.log_in(typed);
        assert_ne!(verdict, "ACCEPTED");
        assert!(said.contains(BEHIND), "{verdict}: {said}");
    }

    fn status(&mut self) -> String {
        self.run("midclt call auth.twofactor.status")
    }

    /// Switched off as by a person, so that the disk has everything.
    fn off(mut self) {
        self.run("kill $(pidof middlewared); sync");
        self.guest.console().type_line("poweroff -f");
        self.guest.wait_until_off();
    }
}

#[test]
fn a_clock_that_begins_in_1970_and_is_set_by_hand() {
    let place = tempfile::tempdir().unwrap();
    let disk = place.path().join("disk");
    empty_disk(&disk, "64M");
    let programs = programs(place.path());

    let mut machine = Machine::boot(&disk, &programs, RIGHT);
    let on = machine.json(r#"midclt call auth.twofactor.update '{"enabled":true,"window":1}'"#);
    let secret = on["secret"].as_str().unwrap().to_owned();
    // By another name of the socket: by its own, midclt would take so slow an answer for none.
    machine.run("ln -s /run/middleware/middlewared.sock /run/slow.sock");
    let set =
        machine.json("midclt -u /run/slow.sock -t 60 call auth.twofactor.recovery.generate root");
    machine.run(&format!(
        "midclt call auth.twofactor.recovery.confirm_saved {}",
        set["id"]
    ));
    let used = code_at(&secret, machine.now());
    machine.accepts(&used);
    let then = machine.now();
    machine.off();

    let mut machine = Machine::boot(&disk, &programs, "1970-01-02T00:00:00");
    assert!(machine.now() < 10 * 86_400);
    let (verdict, said) = machine.log_in("");
    assert_eq!(verdict, "CODE_REQUIRED");
    assert!(said.contains(BEHIND), "{said}");
    // What the phone shows, and what it would show in 1970.
    machine.refuses_by_clock(&code_at(&secret, then + 3600));
    let here = machine.now();
    machine.refuses_by_clock(&code_at(&secret, here));
    machine.refuses_by_clock(&used);
    assert!(machine.status().contains("The clock is behind"));
    machine.accepts(set["codes"][0].as_str().unwrap());
    let said = machine.run(UNLOCK);
    assert!(said.contains("off for EVERYBODY"), "{said}");
    machine.run("midclt call auth.twofactor.update enabled=true");
    let unlocked = machine.json("midclt call auth.twofactor.unlock root");
    assert_eq!(unlocked["clock_synchronised"], false, "{unlocked}");
    assert_eq!(unlocked["floors_reset"], 0, "nobody knows what time it is");
    let here = machine.now();
    machine.refuses_by_clock(&code_at(&secret, here));
    // Whoever guesses waits, by a clock that shows 1970.
    for guess in ["000000", "111111", "222222", "333333", "444444"] {
        machine.log_in(guess);
    }
    assert_eq!(machine.log_in("555555").0, "LOCKED");
    machine.run("midclt 2fa bypass root --reason phone --yes");

    // By hand, and right: nothing of 1970 is left.
    machine.run(r#"date -s "2027-01-15 09:00:00""#);
    let status = machine.status();
    assert!(!status.contains("The clock is behind"), "{status}");
    let bypasses = machine.json("midclt call auth.twofactor.bypass.query");
    assert_eq!(
        bypasses,
        Value::Array(Vec::new()),
        "its quarter of an hour is over"
    );
    assert_ne!(machine.log_in(&used).0, "ACCEPTED");
    let code = code_at(&secret, machine.now());
    machine.accepts(&code);
    assert_ne!(machine.log_in(&code).0, "ACCEPTED", "twice");

    // By hand, and wrong: a code of 2040 is used.
    machine.run(r#"date -s "2040-01-01 00:00:00""#);
    let code = code_at(&secret, machine.now());
    machine.accepts(&code);
    machine.run(r#"date -s "2027-01-15 10:00:00""#);
    let here = machine.now();
    machine.refuses_by_clock(&code_at(&secret, here));
    assert!(
        machine
            .status()
            .contains("codes used that are still to come")
    );
    let unlocked = machine.json("midclt call auth.twofactor.unlock root");
    assert_eq!(unlocked["floors_reset"], 0, "{unlocked}");
    machine.run("kept");
    let unlocked = machine.json("midclt call auth.twofactor.unlock root");
    assert_eq!(unlocked["floors_reset"], 1, "{unlocked}");
    // What may have been used by now stays used.
    let here = machine.now();
    assert_ne!(machine.log_in(&code_at(&secret, here)).0, "ACCEPTED");
    machine.run(r#"date -s "2027-01-15 10:05:00""#);
    let code = code_at(&secret, machine.now());
    machine.accepts(&code);
    machine.off();
}

/// What is in the machine besides busybox.
fn programs(place: &Path) -> Vec<PathBuf> {
    let door = place.join("door");
    fs::write(&door, DOOR).unwrap();
    fs::set_permissions(&door, fs::Permissions::from_mode(0o755)).unwrap();
    let kept = place.join("kept");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/kept.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-static", "-o"]).arg(&kept).arg(source);
    assert!(compiler.status().unwrap().success());
    let mut programs = binaries::statically_linked();
    programs.extend([door, kept]);
    programs
}
