//! The override, and the daemon that obeys it at every door.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use serde_json::json;

use super::scene::{OWNER, Scene};
use crate::support::{WriteLock, audited};

const FILE: &str = "/run/middleware-override/override";

/// A daemon that runs and cannot write says so; midclt goes on to the override.
#[test]
fn a_daemon_that_cannot_write_obeys_what_it_cannot_store() {
    let scene = Scene::new();
    assert_eq!(scene.verdict("alice"), "NOT_ENROLLED");
    let lock = WriteLock::take(&scene.daemon);
    let said = scene.unlock();
    assert!(said.contains("middlewared could not: [EBUSY]"), "{said}");
    assert!(said.contains("UNTIL THE NEXT REBOOT"), "{said}");
    assert_eq!(scene.verdict("alice"), "NOT_REQUIRED");
    assert_eq!(scene.ask("auth.two_factor_auth", json!([])), false);
    let (status, _) = scene.midclt_ok(&["2fa", "status"]);
    assert!(status.contains("UNTIL THE NEXT REBOOT"), "{status}");
    drop(lock);
    // Turning it on again is one command, and is the last word.
    let row = scene.ask("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(row["enabled"], true);
    assert_eq!(scene.verdict("alice"), "NOT_ENROLLED");
    assert!(
        scene.overriding().is_some(),
        "root's file, which the daemon cannot remove"
    );
    assert!(
        scene
            .warnings()
            .contains("counts only while middlewared does not")
    );
    let state = scene.daemon.state_dir();
    assert_eq!(
        (audited(&state, "disabled"), audited(&state, "enabled")),
        (1, 2)
    );
    let (printed, _) = scene.midclt_ok(&["call", "auth.twofactor.update", "enabled=true"]);
    assert!(printed.ends_with(r#""enabled": true}"#), "{printed}");
    assert_eq!(scene.overriding(), None, "midclt is root's");
}

/// One account, for a time, and nobody else.
#[test]
fn a_bypass_that_cannot_be_stored() {
    let scene = Scene::new();
    let lock = WriteLock::take(&scene.daemon);
    let words = [
        "2fa",
        "bypass",
        "alice",
        "--reason",
        "phone lost",
        "--minutes",
        "30",
    ];
    let (printed, said) = scene.midclt_ok(&words);
    assert!(printed.contains("alice without a code"), "{printed}");
    assert!(printed.contains(&format!("rm {FILE}")), "{printed}");
    assert!(said.contains("UNTIL THE NEXT REBOOT"), "{said}");
    let line = scene.overriding().unwrap();
    assert!(line.starts_with("bypass alice "), "{line}");
    for _ in 0..3 {
        assert_eq!(scene.verdict("alice"), "BYPASSED", "logins are not counted");
    }
    let mut socket = scene.daemon.connect();
    let root = json!([{"username": "root", "service": "x", "factor": "password"}]);
    let others = socket.rpc("auth.twofactor.authenticate", root);
    assert_ne!(others["result"]["verdict"], "BYPASSED", "{others}");
    let unproven = json!([{"username": "alice", "service": "x"}]);
    let unproven = socket.rpc("auth.twofactor.authenticate", unproven);
    assert_ne!(unproven["result"]["verdict"], "BYPASSED", "{unproven}");
    assert_eq!(scene.ask("auth.two_factor_auth", json!([])), true);
    let refused = scene.midclt(&["2fa", "bypass", "nobody-here", "--reason", "x"]);
    let said = crate::support::stderr(&refused);
    assert!(said.contains("'nobody-here' does not exist"), "{said}");
    drop(lock);
}

/// What anybody but root can have written is no override.
#[test]
fn an_override_that_is_not_roots_alone_is_ignored() {
    let scene = Scene::new();
    let lock = WriteLock::take(&scene.daemon);
    scene.unlock();
    let directory = scene.machine.path("/run/middleware-override");
    let file = scene.machine.path(FILE);
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let is_on = || scene.ask("auth.two_factor_auth", json!([])) == json!(true);
    assert!(!is_on());
    mode(&file, 0o664);
    assert!(is_on(), "the group can write to it");
    mode(&file, 0o644);
    assert!(!is_on());
    mode(&directory, 0o777);
    assert!(is_on(), "everybody can put another in its place");
    mode(&directory, 0o755);
    chown(&file, Some(OWNER), Some(OWNER)).unwrap();
    assert!(is_on(), "the daemon's user does not turn it off");
    chown(&file, Some(0), Some(0)).unwrap();
    assert!(!is_on());
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("boot ", "boot 0")).unwrap();
    assert!(is_on(), "of another boot");
    assert!(
        scene.daemon.log().contains("is ignored: "),
        "{}",
        scene.daemon.log()
    );
    drop(lock);
}
