//! A clock that is decades wrong.

use testkit::{binaries, faketime};

use super::scene::{Scene, UNLOCK};
use crate::support::stderr;

const DATES: [&str; 3] = [
    "@1970-01-01 00:00:10",
    "@2100-01-01 00:00:00",
    "@1999-12-31 23:59:59",
];

/// Of midclt, and of all that it starts.
#[test]
fn in_1970_and_in_2100() {
    let mut scene = Scene::new();
    // libfaketime leaves something there, whoever it runs as.
    scene.machine.run_ok(["chmod", "1777", "/dev/shm"]);
    let midclt = binaries::midclt();
    let midclt = midclt.to_str().unwrap();
    for date in DATES {
        scene.ask(
            "auth.twofactor.update",
            serde_json::json!([{"enabled": true}]),
        );
        assert!(scene.daemon.stop().success());
        let (library, date) = (
            format!("LD_PRELOAD={}", faketime().display()),
            format!("FAKETIME={date}"),
        );
        let monotonic = "FAKETIME_DONT_FAKE_MONOTONIC=1";
        let faked = ["env", &library, &date, monotonic, midclt];
        let output = scene.machine.run([&faked[..], &UNLOCK].concat());
        let (printed, said) = (String::from_utf8_lossy(&output.stdout), stderr(&output));
        assert!(
            printed.trim_end().ends_with(r#""enabled": false}"#),
            "{date}: {output:?}"
        );
        assert!(!said.contains("UNTIL THE NEXT REBOOT"), "{date}: {said}");
        assert!(!scene.is_stored_on(), "{date}");
        let status = [&faked[..], &["2fa", "status"]].concat();
        assert!(!scene.machine.run_ok(status).is_empty(), "{date}");
        scene.daemon.restart();
    }
    scene.assert_state_is_the_owners();
}
