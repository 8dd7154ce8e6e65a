//! A daemon that hangs: it was stopped, perhaps in the midst of a write.

use serde_json::json;
use testkit::Signal;

use super::scene::Scene;
use crate::support::{WriteLock, eventually};

/// SQLite lets a second process write, and the daemon knows of it with its next answer.
#[test]
fn a_daemon_that_hangs() {
    let scene = Scene::new();
    scene.daemon.signal(Signal::SIGSTOP);
    let said = scene.unlock();
    assert!(
        said.contains("did not answer within 3 s; doing it without"),
        "{said}"
    );
    assert!(
        !said.contains("UNTIL THE NEXT REBOOT"),
        "it is stored: {said}"
    );
    assert!(!scene.is_stored_on());
    scene.daemon.signal(Signal::SIGCONT);
    let row = scene.ask("auth.twofactor.config", json!([]));
    assert_eq!(row["enabled"], false);
    assert_eq!(scene.verdict("alice"), "NOT_REQUIRED");
    scene.assert_state_is_the_owners();
}

/// Whoever holds the lock of the database keeps everybody from writing. Then the override counts: for
/// the daemon as soon as it runs on, and it is stored once that can be done.
#[test]
fn a_daemon_that_hangs_in_the_midst_of_a_write() {
    let scene = Scene::new();
    let lock = WriteLock::take(&scene.daemon);
    scene.daemon.signal(Signal::SIGSTOP);
    let said = scene.unlock();
    assert!(said.contains("UNTIL THE NEXT REBOOT"), "{said}");
    assert!(said.contains("another process is writing"), "{said}");
    assert_eq!(scene.overriding().as_deref(), Some("off"));
    scene.daemon.signal(Signal::SIGCONT);
    let row = scene.ask("auth.twofactor.config", json!([]));
    assert_eq!(row["enabled"], false, "obeyed while nothing can be written");
    assert_eq!(scene.verdict("alice"), "NOT_REQUIRED");
    assert!(scene.warnings().contains("UNTIL THE NEXT REBOOT"));
    drop(lock);
    // Whatever is written next brings it along.
    eventually("the call that midclt gave up", || {
        scene.ask("auth.twofactor.unlock", json!(["root"]));
        !scene.is_stored_on()
    });
    let warnings = scene.warnings();
    assert!(
        warnings.contains("counts only while middlewared does not"),
        "{warnings}"
    );
    scene.assert_state_is_the_owners();
}
