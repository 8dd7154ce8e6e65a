//! Power cuts: QEMU is killed in the middle of a stream of codes and updates.
//!
//! What the guest's kernel had not written to the disk is gone, as with a real one. Whatever the daemon
//! had answered must be there afterwards.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use testkit::binaries;
use testkit::guest::{Boot, Guest, empty_disk};

use crate::support::database;

const CUTS: u64 = 20;

/// How long one step may take on a loaded machine.
const LIMIT: Duration = Duration::from_mins(1);

/// The time step of the stream.
const INTERVAL: u64 = 30;

/// Noon of 1 January 2027, in time steps.
const BEGIN: u64 = 1_798_804_800 / INTERVAL;

/// What the guest was told until the power went.
#[derive(Debug)]
struct Told {
    /// The last code that was judged, by its counter.
    last: u64,
    accepted: usize,
    /// The last answer to an update.
    days: u64,
    updates: usize,
}

#[test]
fn a_power_cut_loses_nothing_that_was_answered_and_opens_no_code_again() {
    let place = tempfile::tempdir().unwrap();
    let disk = place.path().join("disk");
    empty_disk(&disk, "48M");
    let mut last = BEGIN;
    let mut days = None;
    let (mut accepted, mut updates) = (0, 0);
    for cut in 0..CUTS {
        let mut guest = boot(&disk, last);
        // Ever other moments, the first one soon after the begin.
        for _ in 0..cut % 9 {
            guest.console().wait_for("\ncode ", LIMIT);
        }
        thread::sleep(Duration::from_millis(cut * 37 % 100));
        let shown = guest.cut_power();
        let told = read(&shown, last, days);
        check_disk(&disk, &told, place.path());
        accepted += told.accepted;
        updates += told.updates;
        last = told.last;
        days = Some(told.days);
    }
    // Nothing would be proved without answers.
    assert!(
        accepted > 50 && updates > 50,
        "{accepted} codes, {updates} updates"
    );
}

/// A guest in which the stream has just begun.
fn boot(disk: &Path, last: u64) -> Guest {
    let mut guest = Boot::busybox(&binaries::statically_linked())
        .disk(disk)
        .start();
    let console = guest.console();
    console.wait_for_busybox();
    console.run("mkdir /run/middleware; middlewared --state-dir /mnt/state 2>/log &");
    console.type_line(&format!(
        "midclt waitready && stream /run/middleware/middlewared.sock {last}"
    ));
    console.wait_for("stream begins\n", LIMIT);
    guest
}

/// Holds what was shown after the boot against what had been answered before the cut.
fn read(shown: &str, last: u64, days: Option<u64>) -> Told {
    let (before, stream) = shown.split_once("stream begins\n").unwrap();
    let mut memory = before.lines().rev().map(words);
    let now = memory.find(|words| words[0] == "days").unwrap()[1];
    let again = memory.find(|words| words[0] == "again").unwrap();
    let is_first = days.is_none();
    let expected = ["again", &last.to_string(), &is_first.to_string()];
    assert_eq!(again, expected, "good again: {shown}");
    let now: u64 = now.parse().unwrap();
    if let Some(days) = days {
        let cut_off = 1 + days % 90;
        assert!(
            now == days || now == cut_off,
            "{days} became {now}: {shown}"
        );
    }
    // The power may have gone in the middle of a line.
    let stream = stream.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut told = Told {
        last,
        accepted: 0,
        days: now,
        updates: 0,
    };
    for line in stream.lines() {
        match words(line)[..] {
            ["code", counter, verdict] => {
                told.last = counter.parse().unwrap();
                // The one that was cut off may have been accepted.
                assert!(
                    verdict == "true" || told.last == last + 1,
                    "{line} in {shown}"
                );
                told.accepted += usize::from(verdict == "true");
            }
            ["days", days] => {
                told.days = days.parse().unwrap();
                told.updates += 1;
            }
            _ => panic!("{line} in {shown}"),
        }
    }
    told
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// Looks at a copy of the disk from outside, as a rescue system would: the file system mends itself,
/// the database is whole, and it has everything.
fn check_disk(disk: &Path, told: &Told, place: &Path) {
    let copy = place.join("copy");
    std::fs::copy(disk, &copy).unwrap();
    let check = Command::new("e2fsck")
        .args(["-f", "-p"])
        .arg(&copy)
        .output()
        .unwrap();
    assert!(
        check.status.code().is_some_and(|code| code <= 1),
        "{check:?}"
    );
    let state = place.join("state");
    let _ = std::fs::remove_dir_all(&state);
    let dump = format!("rdump /state {}", place.display());
    let dump = Command::new("debugfs")
        .args(["-R", &dump])
        .arg(&copy)
        .output()
        .unwrap();
    assert!(dump.status.success(), "{dump:?}");
    let database = database(&state);
    let verdict: String = database
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
    let floor: i64 = database
        .query_row("select max(floor) from devices", [], |row| row.get(0))
        .unwrap();
    assert!(
        floor.cast_unsigned() >= (told.last + 1) * INTERVAL,
        "floor {floor}, {told:?}"
    );
}
