//! At the console: the way back in, the daemon down, somebody who is not root.

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Algorithm, Daemon, now, totp};

use super::{Said, sh};

/// The lines of the transcript, one after the other, on the real daemon.
#[test]
fn the_transcript() {
    let daemon = Daemon::start();
    let sh = |line: &str| sh(daemon.socket(), line);
    let row = |said: &Said| -> Value {
        assert_eq!(said.exit, Some(0), "{said:?}");
        assert_eq!(said.stdout.lines().count(), 1, "{said:?}");
        serde_json::from_str(&said.stdout).unwrap()
    };
    let said = sh(r#"midclt call auth.twofactor.update '{ "enabled":true }'"#);
    let on = row(&said);
    let secret = on["secret"].as_str().unwrap();
    assert_eq!(
        (&on["enabled"], secret.len(), said.stderr.as_str()),
        (&true.into(), 32, "")
    );
    check_order(&said.stdout);

    let verify = format!("midclt call auth.twofactor.verify {}", fresh_code(secret));
    assert_eq!(sh(&verify), Said::printed("True\n"));
    assert_eq!(sh(&verify), Said::printed("False\n"));

    for unlock in [
        r#"midclt call auth.twofactor.update '<"enabled":false>'"#,
        r#"midclt call auth.twofactor.update ‘{ "enabled":false }’"#,
        "midclt call auth.twofactor.update enabled=false",
    ] {
        row(&sh(
            r#"midclt call auth.twofactor.update '{"enabled":true}'"#,
        ));
        let began = Instant::now();
        let said = sh(unlock);
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "{unlock}: {:?}",
            began.elapsed()
        );
        let off = row(&said);
        assert_eq!(
            (&off["enabled"], &off["secret"]),
            (&false.into(), &secret.into()),
            "{unlock}"
        );
        // What was understood, and what it means.
        assert_eq!(said.stderr.lines().count(), 4, "{said:?}");
        assert!(said.stderr.contains("is off for EVERYBODY"), "{said:?}");
    }

    row(&sh(
        r#"midclt call auth.twofactor.update '{"enabled":true}'"#,
    ));
    let said = sh(r#"midclt call auth.twofactor.update '{"enabled":maybe}'"#);
    assert_eq!((said.exit, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.contains("character 12, enabled"), "{said:?}");
    assert!(
        said.stderr
            .contains(r#"midclt call auth.twofactor.update '{"enabled":false}'"#)
    );
    assert_eq!(
        row(&sh("midclt call auth.twofactor.config")),
        on,
        "nothing was changed"
    );
}

/// A code that is good for some seconds more.
fn fresh_code(secret: &str) -> String {
    while now() % 30 > 25 {
        std::thread::sleep(Duration::from_millis(200));
    }
    totp(secret, 6, 30, now(), Algorithm::Sha1)
}

fn check_order(row: &str) {
    let keys = [
        "id",
        "otp_digits",
        "secret",
        "window",
        "interval",
        "services",
        "enabled",
    ];
    let places: Vec<_> = keys
        .iter()
        .map(|key| row.find(&format!("\"{key}\": ")))
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{row}"
    );
}

/// The daemon is down: one line with the cure, after the one that old scripts look for.
#[test]
fn not_running() {
    let dir = tempfile::tempdir().unwrap();
    let absent = dir.path().join("absent.sock");
    let stale = dir.path().join("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    for (socket, why) in [(&absent, "no socket at"), (&stale, "nobody listens on")] {
        let cure = format!(
            "midclt: middlewared is not running ({why} {}): start it, or name another socket with -u\n",
            socket.display()
        );
        for line in [
            "midclt ping",
            "midclt 2fa qr",
            "midclt methods",
            "midclt subscribe x",
        ] {
            assert_eq!(sh(socket, line), Said::failed(1, &cure), "{line}");
        }
        let call = format!("Failed to run middleware call. Daemon not running?\n{cure}");
        for line in ["midclt call core.ping", "midclt -q call core.ping"] {
            assert_eq!(sh(socket, line), Said::failed(1, &call), "{line}");
        }
    }
}

/// Not a socket, or not ours: said in one line.
#[test]
fn something_else_answers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let said = sh(&file, "midclt ping");
    assert_eq!(
        (said.exit, said.stderr.lines().count()),
        (Some(1), 1),
        "{said:?}"
    );
}

#[cfg(feature = "system")]
mod system {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use tempfile::TempDir;
    use testkit::{Daemon, binaries, run_with_deadline};

    use super::super::{LIMIT, Said};

    /// A copy of midclt that everybody may run: the build directory may be closed.
    fn public_midclt() -> (TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let midclt = dir.path().join("midclt");
        fs::copy(binaries::midclt(), &midclt).unwrap();
        (dir, midclt)
    }

    fn as_nobody(midclt: &Path, socket: &Path, words: &[&str]) -> Said {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        command.arg(midclt).arg("-u").arg(socket).args(words);
        Said::of(&run_with_deadline(&mut command, LIMIT))
    }

    const CURE: &str = "midclt: needs root: sudo midclt ";

    /// The socket is closed to others: nothing is asked, one line says what to do.
    #[test]
    fn nobody_at_a_closed_socket() {
        let daemon = Daemon::start();
        let (_dir, midclt) = public_midclt();
        for words in [
            ["ping"].as_slice(),
            &["call", "auth.twofactor.config"],
            &["2fa", "qr"],
        ] {
            let said = as_nobody(&midclt, daemon.socket(), words);
            assert_eq!(
                said,
                Said::failed(1, &format!("{CURE}{}\n", words.join(" ")))
            );
        }
    }

    /// The socket is open by mistake: the daemon looks at the peer, and midclt says the same.
    #[test]
    fn nobody_at_an_open_socket() {
        let daemon = Daemon::start();
        let (_dir, midclt) = public_midclt();
        for (path, mode) in [
            (daemon.dir(), 0o755),
            (daemon.socket().parent().unwrap(), 0o755),
            (daemon.socket(), 0o666),
        ] {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        let said = as_nobody(&midclt, daemon.socket(), &["ping"]);
        assert_eq!((said.exit, said.stdout.as_str()), (Some(1), ""), "{said:?}");
        assert!(said.stderr.ends_with(&format!("{CURE}ping\n")), "{said:?}");
        let said = as_nobody(&midclt, daemon.socket(), &["call", "auth.twofactor.config"]);
        assert!(said.stderr.contains("Not authorized"), "{said:?}");
        assert!(said.stderr.contains(CURE), "{said:?}");
    }

    /// At a terminal, `-` would wait for ever for somebody who does not know that he is asked.
    #[test]
    fn a_dash_at_a_terminal_is_refused() {
        let (_dir, midclt) = public_midclt();
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-c"]);
        command.arg(format!("{} -u /nonexistent call a.b -", midclt.display()));
        command.arg("/dev/null");
        let said = Said::of(&run_with_deadline(&mut command, LIMIT));
        assert_eq!(said.exit, Some(1), "{said:?}");
        let expected = "Error: Cannot read from stdin when connected to a terminal.\r\n\
                        Please pipe input or provide the argument directly.\r\n";
        assert_eq!(said.stdout, expected);
    }
}
