//! A disk that is full, and a daemon that is killed in the midst of it: all of a restore, or nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

use testkit::Socket;

use super::crowd::{crowd, restore_pages};
use super::*;
use crate::faults::disk::{SIZE, fill};

#[test]
fn on_a_full_disk_nothing_is_restored() {
    let builder = Daemon::builder().accounts(&ACCOUNTS).state_on_tmpfs(SIZE);
    let mut site = Site::with(builder);
    let phone = site.enrol("alice");
    let file = export(&site.daemon);
    for device in site
        .call("auth.twofactor.device.query", json!([]))
        .as_array()
        .unwrap()
    {
        site.call("auth.twofactor.device.delete", json!([device["id"]]));
    }
    fill(&site.daemon.state_dir(), "filler");
    // What is free within the database and its log is used up as well.
    let words = ["2fa", "restore", file.to_str().unwrap(), "--yes"];
    for round in 0.. {
        let guess = crate::support::stray_guess(round);
        if site.socket.rpc("auth.twofactor.authenticate", guess)["error"] != Value::Null {
            break;
        }
    }
    let output = midclt(&site.daemon, &words, PASSPHRASE);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("[ENOSPC]"), "{output:?}");
    assert_eq!(
        site.call("auth.twofactor.device.query", json!([])),
        json!([])
    );
    fs::remove_file(site.daemon.state_dir().join("filler")).unwrap();
    restore(&site.daemon, &["--yes"]);
    site.pass(60);
    let web = login("alice")
        .with("service", "web")
        .code(&oathtool(&phone, site.now()));
    assert_eq!(site.verdict(&web), "ACCEPTED");
}

/// Killed at ever later moments of a restore: there are the devices from before, or those of the export,
/// and never some of both.
#[test]
fn a_restore_that_is_cut_off_has_happened_or_not() {
    const MANY: u16 = 400;
    let (names, page) = crowd(MANY.into());
    let accounts: Vec<_> = names
        .iter()
        .map(|(name, uid)| (name.as_str(), *uid))
        .collect();
    let mut site = Site::with(Daemon::builder().accounts(&accounts));
    let pages = page(&pages(&mut site)[0]);
    let devices = "SELECT count(*) FROM devices";
    let whole = i64::from(MANY) + 1;
    let begun = Instant::now();
    restore_pages(&mut site.socket, &pages);
    let takes = begun.elapsed();
    assert_eq!(site.number(devices), whole);
    let mut cut_off = 0;
    for round in 0..12 {
        let mut without = pages.clone();
        for page in &mut without {
            for account in page["accounts"].as_array_mut().unwrap() {
                account["devices"] = json!([]);
            }
        }
        let goal = if site.number(devices) == 0 {
            &pages
        } else {
            &without
        };
        let (socket, goal) = (site.daemon.socket().to_owned(), goal.clone());
        let restoring = thread::spawn(move || {
            let restore = || restore_pages(&mut Socket::connect(&socket), &goal);
            catch_unwind(AssertUnwindSafe(restore)).is_ok()
        });
        thread::sleep(takes * round / 10);
        site.daemon.kill9();
        cut_off += usize::from(!restoring.join().unwrap());
        site.start();
        let found = site.number(devices);
        assert!([0, whole].contains(&found), "{found} devices");
    }
    assert!(cut_off > 0, "none was cut off, so this proves nothing");
}
