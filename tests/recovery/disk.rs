//! A disk that is full, read-only or failing: the override, which is stored when the disk is well again.

use std::fs::File;

use serde_json::json;
use testkit::{Errno, binaries};

use super::scene::{Scene, UNLOCK};
use crate::faults::fill;
use crate::support::stderr;

/// The daemon's reserve is used up, and the daemon does not start.
#[test]
fn a_full_disk_without_a_byte_in_reserve() {
    let mut scene = Scene::on_disk("4m");
    assert!(scene.daemon.stop().success());
    let ballast = scene.daemon.state_dir().join("ballast");
    File::options()
        .write(true)
        .open(ballast)
        .unwrap()
        .set_len(0)
        .unwrap();
    fill(&scene.daemon.state_dir(), "filler");
    let said = scene.unlock();
    assert!(said.contains("UNTIL THE NEXT REBOOT"), "{said}");
    assert!(
        said.contains("no space left") || said.contains("the disk is full"),
        "{said}"
    );
    assert_eq!(scene.overriding().as_deref(), Some("off"));
    scene.remove("filler");
    scene.daemon.restart();
    assert_eq!(scene.ask("auth.two_factor_auth", json!([])), false);
    crate::support::eventually("it is stored", || !scene.is_stored_on());
}

/// A full disk alone does not need it: the reserve is for this, whoever uses it.
#[test]
fn a_full_disk_with_the_reserve() {
    let mut scene = Scene::on_disk("4m");
    assert!(scene.daemon.stop().success());
    fill(&scene.daemon.state_dir(), "filler");
    let said = scene.unlock();
    assert!(!said.contains("UNTIL THE NEXT REBOOT"), "{said}");
    assert!(!scene.is_stored_on());
}

fn remount(scene: &Scene, how: &str) {
    let state = scene.state.to_str().unwrap();
    let remount = format!("remount,{how}");
    scene.machine.run_ok(["mount", "-o", &remount, state]);
}

#[test]
fn a_read_only_disk() {
    let mut scene = Scene::on_disk("4m");
    assert!(scene.daemon.stop().success());
    remount(&scene, "ro");
    let said = scene.unlock();
    assert!(said.contains("UNTIL THE NEXT REBOOT"), "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    assert_eq!(scene.overriding().as_deref(), Some("off"));
    // How it stands can be seen all the same, whoever ended how.
    let (status, _) = scene.midclt_ok(&["2fa", "status"]);
    assert!(status.contains("UNTIL THE NEXT REBOOT"), "{status}");
    let left = scene
        .machine
        .run_ok(["sh", "-c", "ls -d /dev/shm/* /tmp/middlewared-once-* || :"]);
    assert!(!left.contains("middlewared-once"), "{left}");
    // What needs the state says what does not.
    let refused = scene.midclt(&["2fa", "recovery", "alice", "--yes"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = stderr(&refused);
    assert!(said.contains("midclt 2fa bypass USER"), "{said}");
    remount(&scene, "rw");
    scene.daemon.restart();
    assert_eq!(scene.ask("auth.two_factor_auth", json!([])), false);
    crate::support::eventually("it is stored", || !scene.is_stored_on());
    let row = scene.ask("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(row["secret"], json!(scene.secret));
}

/// Every write and every sync fails, of whichever process.
#[test]
fn a_failing_disk() {
    for error in ["EIO", "EROFS", "ENOSPC"] {
        let mut scene = Scene::new();
        assert!(scene.daemon.stop().success());
        let program = binaries::middlewared();
        let calls = "pwrite64,fdatasync,fsync,ftruncate";
        let script = format!(
            "#!/bin/sh\nexec strace -f -o /dev/null -e trace={calls} \
             -e inject={calls}:error={error} {} \"$@\"\n",
            program.display()
        );
        // The override is written and synced too, to memory, which does not fail with the disk.
        let script = script.replace("strace -f", "strace -f -P STATE");
        let script = script.replace(
            "STATE",
            scene.state.join("middlewared.db").to_str().unwrap(),
        );
        let script = script.replacen(
            " -o /dev/null",
            &format!(
                " -P {} -o /dev/null",
                scene.state.join("middlewared.db-wal").display()
            ),
            1,
        );
        let midclt = scene.midclt_beside(&script);
        let output = scene
            .machine
            .run([&[midclt.to_str().unwrap()], &UNLOCK[..]].concat());
        assert!(output.status.success(), "{error}: {output:?}");
        let said = stderr(&output);
        assert!(said.contains("UNTIL THE NEXT REBOOT"), "{error}: {said}");
        assert_eq!(scene.overriding().as_deref(), Some("off"), "{error}");
        scene.daemon.restart();
        assert_eq!(scene.ask("auth.two_factor_auth", json!([])), false);
    }
}

/// The daemon runs, and answers an error. Whoever does it in its place meets the same disk.
#[test]
fn a_disk_that_begins_to_fail_under_the_daemon() {
    for error in [Errno::EIO, Errno::EROFS, Errno::ENOSPC] {
        let mut scene = Scene::on_failing_disk();
        let disk = scene.daemon.disk();
        disk.fail(&(1..i32::MAX), error);
        let midclt = binaries::midclt();
        let environment = disk.environment(&scene.state);
        let environment = environment.map(|(name, value)| format!("{name}={}", value.display()));
        let mut words = vec!["env"];
        words.extend(environment.iter().map(String::as_str));
        words.push(midclt.to_str().unwrap());
        let output = scene.machine.run([&words, &UNLOCK[..]].concat());
        assert!(output.status.success(), "{error}: {output:?}");
        let said = stderr(&output);
        assert!(said.contains("middlewared could not"), "{error}: {said}");
        assert!(said.contains("UNTIL THE NEXT REBOOT"), "{error}: {said}");
        assert_eq!(scene.overriding().as_deref(), Some("off"), "{error}");
        assert_eq!(scene.ask("auth.two_factor_auth", json!([])), false);
        assert_eq!(scene.verdict("alice"), "NOT_REQUIRED", "{error}");
        scene.daemon.kill9();
        scene.daemon.disk().heal();
        scene.daemon.restart();
        assert_eq!(scene.ask("auth.two_factor_auth", json!([])), false);
        crate::support::eventually("it is stored", || !scene.is_stored_on());
    }
}
