//! The configuration: file, flags, environment; checked, reread, and never half understood.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;
use tempfile::TempDir;
use testkit::{Daemon, Signal};

use crate::support::{enable, eventually, stderr};

#[test]
fn check_config_prints_what_is_in_force_and_starts_nothing() {
    let elsewhere = TempDir::new().unwrap();
    let state = elsewhere.path().join("state");
    let file = "issuer = \"From file\"\nlog = \"warn\"\nmax_connections = 7\n";
    let builder = Daemon::builder().config(file).state_dir(&state);
    let printed = builder
        .arg("--check-config")
        .arg("--log")
        .arg("debug")
        .run_to_end();
    assert!(printed.status.success(), "{printed:?}");
    let text = String::from_utf8_lossy(&printed.stdout).into_owned();
    for line in [
        "issuer = \"From file\"",
        "log = \"debug\"",
        "max_connections = 7",
        "product = \"Linux\"",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert!(text.contains(&format!("state_dir = {state:?}")), "{text}");
    assert!(!state.exists(), "nothing was created");
}

/// Flags win over the environment, and that over the file.
#[test]
fn the_environment_stands_for_the_flags() {
    let check = |configure: fn(testkit::Builder) -> testkit::Builder| {
        let builder = Daemon::builder()
            .config("log = \"error\"\n")
            .arg("--check-config");
        let printed = configure(builder).run_to_end();
        String::from_utf8_lossy(&printed.stdout).into_owned()
    };
    assert!(check(|builder| builder).contains("log = \"error\""));
    assert!(check(|builder| builder.env("MIDDLEWARED_LOG", "warn")).contains("log = \"warn\""));
    let both = check(|builder| {
        builder
            .env("MIDDLEWARED_LOG", "warn")
            .arg("--log")
            .arg("info")
    });
    assert!(both.contains("log = \"info\""), "{both}");
    // The test support passes --socket and --state-dir, so these run the program as it is.
    let dir = Daemon::builder();
    let file = dir.dir().join("other.toml");
    fs::write(&file, "issuer = \"By environment\"\n").unwrap();
    let mut program = std::process::Command::new(testkit::binaries::middlewared());
    program
        .arg("--check-config")
        .env("MIDDLEWARED_CONFIG", &file);
    program
        .env("MIDDLEWARED_SOCKET", "/nowhere/s")
        .env("MIDDLEWARED_STATE_DIR", "/nowhere/d");
    let printed = testkit::run_with_deadline(&mut program, std::time::Duration::from_secs(20));
    let text = String::from_utf8_lossy(&printed.stdout).into_owned();
    for line in [
        "socket = \"/nowhere/s\"",
        "state_dir = \"/nowhere/d\"",
        "issuer = \"By environment\"",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

/// A security daemon with half a configuration does not start; it says where to look.
#[test]
fn a_mistake_stops_the_start_and_shows_the_line() {
    for (toml, shown) in [
        ("issuer = \"x\"\nsokcet = \"/a\"\n", "line 2"),
        ("sokcet = \"/a\"\n", "sokcet"),
        ("\n\nlog = 3\n", "line 3"),
        ("log = \"loud\"\n", "loud"),
        ("log = \"info\"\nlog = \"info\"\n", "line 2"),
        ("[server]\nport = 1\n", "server"),
        ("issuer = \"a:b\"\n", "without a colon"),
        ("issuer = \"\"\n", "issuer"),
        ("max_connections = 1\n", "between 2 and 100000"),
        ("max_connections = -1\n", "line 1"),
        ("= =\n", "line 1"),
        ("issuer = \"unfinished\n", "line 1"),
    ] {
        let elsewhere = TempDir::new().unwrap();
        let state = elsewhere.path().join("state");
        let builder = Daemon::builder().config(toml).state_dir(&state);
        let file = builder.dir().join("config.toml");
        let refused = builder.run_to_end();
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{toml}: {said}");
        assert!(said.contains(shown), "{shown} in: {said}");
        // The file is named where the mistake is in its text.
        assert!(
            said.contains(&*file.to_string_lossy()) || !said.contains("line"),
            "{said}"
        );
        assert!(!state.exists(), "{toml}: nothing was created");
    }
    let usage = Daemon::builder().arg("--log").arg("loud").run_to_end();
    assert_eq!(usage.status.code(), Some(2), "{usage:?}");
}

#[test]
fn a_file_that_cannot_be_read_stops_the_start_with_its_name() {
    let prepare: [fn(&std::path::Path); 4] = [
        |_missing| {},
        |directory| fs::create_dir(directory).unwrap(),
        |dangling| symlink("/nowhere/config.toml", dangling).unwrap(),
        |binary| fs::write(binary, b"issuer = \"\xff\"\n").unwrap(),
    ];
    for prepare in prepare {
        let builder = Daemon::builder();
        let file = builder.dir().join("elsewhere.toml");
        prepare(&file);
        let refused = builder.arg("--config").arg(&file).run_to_end();
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(&*file.to_string_lossy()), "{said}");
    }
}

/// As an ordinary user, since root reads everything.
#[cfg(feature = "system")]
#[test]
fn a_file_without_permission_stops_the_start() {
    let builder = Daemon::builder().config("issuer = \"x\"\n").uid(65_534);
    let file = builder.dir().join("config.toml");
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let said = stderr(&builder.run_to_end());
    assert!(
        said.contains("config.toml") && said.contains("Permission denied"),
        "{said}"
    );
}

#[test]
fn sighup_rereads_and_a_broken_file_changes_nothing() {
    let mut daemon = Daemon::builder()
        .config("issuer = \"First\"\nlog = \"info\"\n")
        .start();
    let mut socket = daemon.connect();
    enable(&mut socket);
    let file = daemon.dir().join("config.toml");
    let mut hangups = 0;
    let mut reread = |text: &str| {
        fs::write(&file, text).unwrap();
        daemon.signal(Signal::SIGHUP);
        hangups += 1;
        eventually("the reread", || {
            let log = daemon.log();
            let good = log.matches("read the configuration again").count();
            good + log.matches("the configuration is as it was").count() == hangups
        });
    };
    let mut issuer = || {
        let uri = socket.call("auth.twofactor.provisioning_uri", json!([]));
        let uri = uri.as_str().unwrap().to_owned();
        uri.split("issuer=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(issuer(), "First");
    reread("issuer = \"Second\"\n");
    assert_eq!(issuer(), "Second");
    for broken in [
        "issuer = \"Third\"\nunknown = 1\n",
        "= =",
        "issuer = \"a:b\"\n",
    ] {
        reread(broken);
        assert_eq!(issuer(), "Second", "{broken}");
    }
    // What cannot change while running does not, and does no harm.
    reread("issuer = \"Fourth\"\nlog = \"debug\"\nsocket = \"/nowhere/s\"\nmax_connections = 2\n");
    assert_eq!(issuer(), "Fourth");
    eventually("the new log level", || daemon.log().contains("DEBUG"));
    assert_eq!(daemon.connect().call("core.ping", json!([])), "pong");
    let log = daemon.log();
    assert!(
        log.contains("unknown") && log.contains("config.toml"),
        "the mistake is named: {log}"
    );
    assert!(daemon.stop().success());
}
