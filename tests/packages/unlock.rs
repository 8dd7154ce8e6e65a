//! The unlock line of the user's guide where systemd has the daemon in its hands, and something is wrong
//! with it. The promise of time is held in each case.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Container, Socket};

use super::site::{SOCKET, installed};

/// What is promised.
const LIMIT: Duration = Duration::from_secs(5);

const UNLOCK: [&str; 4] = [
    "midclt",
    "call",
    "auth.twofactor.update",
    r#"{ "enabled":false }"#,
];

/// What is done to the daemon, what midclt says of it, and how it is undone.
struct Case {
    what: &'static str,
    before: &'static str,
    said: Option<&'static str>,
    after: &'static str,
}

const CASES: &[Case] = &[
    Case {
        what: "stopped: the socket starts it",
        before: "systemctl stop middlewared.service",
        said: None,
        after: "",
    },
    Case {
        what: "stopped, and its socket",
        before: "systemctl stop middlewared.socket middlewared.service",
        said: Some("middlewared is not running; doing it without"),
        after: "systemctl start middlewared.socket",
    },
    Case {
        what: "masked, both of them",
        before: "systemctl mask --now --quiet middlewared.socket middlewared.service",
        said: Some("middlewared is not running; doing it without"),
        after: "systemctl unmask --quiet middlewared.socket middlewared.service
            systemctl start middlewared.socket",
    },
    Case {
        what: "masked behind its socket",
        before: "systemctl stop middlewared.service
            systemctl mask --quiet middlewared.service
            systemctl start middlewared.socket",
        said: Some("doing it without"),
        after: "systemctl unmask --quiet middlewared.service
            systemctl reset-failed
            systemctl restart middlewared.socket",
    },
    Case {
        what: "ending at once, again and again",
        before: "mkdir -p /etc/systemd/system/middlewared.service.d
            printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' \
                > /etc/systemd/system/middlewared.service.d/crash.conf
            systemctl daemon-reload
            systemctl restart --no-block middlewared.service",
        said: Some("middlewared did not answer within 3 s; doing it without"),
        after: "rm /etc/systemd/system/middlewared.service.d/crash.conf
            systemctl daemon-reload
            systemctl restart middlewared.service",
    },
    Case {
        what: "a configuration that stops it",
        before: "echo '= =' > /etc/middlewared/config.toml
            systemctl restart --no-block middlewared.service",
        said: Some("the configuration was left out"),
        after: "rm /etc/middlewared/config.toml; systemctl restart middlewared.service",
    },
    Case {
        what: "hung",
        before: "midclt ping
            systemctl kill --signal=STOP --kill-whom=main middlewared.service",
        said: Some("middlewared did not answer within 3 s; doing it without"),
        after: "systemctl kill --signal=CONT --kill-whom=main middlewared.service",
    },
];

fn ask(container: &Container, method: &str, params: Value) -> Value {
    Socket::connect(&container.path(SOCKET)).call(method, params)
}

/// Nothing of the state is anybody's but the daemon's.
fn assert_owned(container: &Container) {
    let state = container.path("/var/lib/middlewared");
    let owner = fs::metadata(&state).unwrap().uid();
    assert_ne!(owner, 0);
    for entry in fs::read_dir(&state).unwrap() {
        let entry = entry.unwrap();
        let found = entry.metadata().unwrap();
        assert_eq!(found.uid(), owner, "{}", entry.path().display());
    }
}

#[test]
fn whatever_is_wrong_with_the_unit() {
    let container = installed();
    for case in CASES {
        let what = case.what;
        let on = json!([{"enabled": true}]);
        assert_eq!(
            ask(&container, "auth.twofactor.update", on)["enabled"],
            true
        );
        container.script(case.before);
        let began = Instant::now();
        let output = container.run(UNLOCK);
        let took = began.elapsed();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{what}: {said}");
        assert!(took < LIMIT, "{what} took {took:?}: {said}");
        assert!(printed.contains(r#""enabled": false"#), "{what}: {printed}");
        assert!(said.contains("off for EVERYBODY"), "{what}: {said}");
        match case.said {
            Some(words) => assert!(said.contains(words), "{what}: {said}"),
            None => assert!(!said.contains("without"), "{what}: {said}"),
        }
        assert_owned(&container);
        container.script(case.after);
        let is_on = ask(&container, "auth.two_factor_auth", json!([]));
        assert_eq!(is_on, false, "{what}: afterwards");
    }
}
